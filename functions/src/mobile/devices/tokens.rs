//! A user's devices, and what vendors call them.

use super::{Call, no_device, no_user};
use gateway::ApiError;
use gateway::Reply;
use gateway::envelope::mobile::success;
use model::device::Device;
use serde_json::{Map, Value, json};

impl Call<'_> {
    /// DELETE, POST /user/token/unbind
    pub(super) async fn unbind(&self) -> Result<Reply, ApiError> {
        let sn = self.sn("deviceSn")?;
        match self.store.devices.unbind(&self.app.id, self.user, sn).await? {
            true => Ok(success(true)),
            false => Err(no_device("deviceSn")),
        }
    }

    /// GET /user/device/list
    pub(super) async fn list(&self) -> Result<Reply, ApiError> {
        let user = self.store.devices.user(&self.app.id, self.user).await?.ok_or_else(no_user)?;
        Ok(success(user.devices.iter().map(shown).collect::<Vec<_>>()))
    }

    /// DELETE, POST /user/device/remove
    pub(super) async fn remove(&self) -> Result<Reply, ApiError> {
        let sn = self.sn("device_sn")?;
        match self.store.devices.remove(&self.app.id, self.user, sn).await? {
            true => Ok(success(true)),
            false => Err(no_device("device_sn")),
        }
    }
}

/// A device, with which vendors it is bound to. Their tokens are nobody's business.
fn shown(device: &Device) -> Value {
    let bound: Map<String, Value> =
        device.bindings.iter().map(|(channel, binding)| (channel.to_string(), json!(binding.notifier))).collect();
    json!({
        "device_sn": device.sn,
        "device_guid": device.guid,
        "push_token": device.push_token,
        "platform": device.platform,
        "notifiers": bound,
        "last_seen": device.seen_ms.seconds(),
    })
}
