//! A user's devices, and what vendors call them.

use super::{Call, no_device, no_user};
use gateway::ApiError;
use gateway::Reply;
use gateway::envelope::mobile::{parameter, success};
use model::channel::ChannelKind;
use model::device::{Binding, Device, TOKEN_BYTES};
use model::ids::DeviceToken;
use provider::apns;
use serde_json::{Map, Value, json};

impl Call<'_> {
    /// PUT, POST /user/token/bind
    ///
    /// `notifier_name` is the name of a certificate of the app, which says vendor and environment. The token replaces the
    /// one that the device had with this vendor; whoever had it before has it no longer. Apple's are hexadecimal digits.
    pub(super) async fn bind(&self) -> Result<Reply, ApiError> {
        let body = self.body()?;
        let body = body.object();
        let sn = body.integer("device_sn")?.ok_or_else(|| parameter("device_sn", "is missing"))?;
        let sn = i32::try_from(sn).map_err(|_| no_device("device_sn"))?;
        let token = body.required("device_token", TOKEN_BYTES)?;
        if token.len() > TOKEN_BYTES || !token.bytes().all(|byte| byte.is_ascii_graphic()) || token.contains(',') {
            return Err(parameter("device_token", "has not the form of a vendor's token"));
        }
        let notifier = body.required("notifier_name", 128)?;
        let (provider, environment) = self
            .store
            .certificates
            .find(&self.app.id, &notifier)
            .await?
            .ok_or_else(|| parameter("notifier_name", "names no certificate of the app"))?;
        if provider.channel() == ChannelKind::Apns && !apns::is_token(&token) {
            return Err(parameter("device_token", "is not hexadecimal, as a token of Apple's is"));
        }
        let bound = self.context.clock.now();
        let binding = Binding { token: DeviceToken::new(token), bound, environment, notifier };
        let bound = self.store.devices.bind(&self.app.id, self.user, sn, provider.channel(), binding).await?;
        bound.map(|_| success(true)).ok_or_else(|| no_device("device_sn"))
    }

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
