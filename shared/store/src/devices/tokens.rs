//! Vendors' tokens: bound to a device, moved with a phone that was handed over, forgotten when dead.

use super::users::Devices;
use super::{change, load};
use crate::item::{Item, Reader, n};
use crate::keys::mobile as keys;
use crate::{Store, StoreError};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::device::{Binding, PushUser};
use model::ids::{DeviceId, DeviceToken, MobileAppId, PushUserId};

capability! {
    /// Forgets dead tokens.
    DeadTokens: [("dynamodb:GetItem", Users), ("dynamodb:UpdateItem", Users), ("dynamodb:DeleteItem", Users)]
}

/// Who has a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) user: PushUserId,
    pub(super) device: DeviceId,
}

impl DeadTokens {
    /// Forgets that a device has `token` on `channel`, if it was bound before `before` (a death that is older than the
    /// binding is not this binding's). `false` when nobody has it, or has it since later. Twice is once.
    pub async fn forget(
        &self,
        app: &MobileAppId,
        channel: ChannelKind,
        token: &DeviceToken,
        before: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let Some(holder) = holder(&self.0, app, channel, token).await? else { return Ok(false) };
        let removed =
            change(&self.0, app, holder.user, |user| remove(user, holder.device, channel, token, before)).await?;
        let removed = removed.is_some_and(|(removed, _)| removed);
        if removed {
            release(&self.0, app, channel, token, holder).await?;
        }
        Ok(removed)
    }
}

impl Devices {
    /// Binds a vendor's token to a device of `user`: it replaces what the device had on that channel, and whoever had the
    /// token before has it no longer. `None` when the user has no such device.
    pub async fn bind(
        &self,
        app: &MobileAppId,
        user: PushUserId,
        sn: i32,
        channel: ChannelKind,
        binding: Binding,
    ) -> Result<Option<PushUser>, StoreError> {
        let store = &self.0;
        let token = &binding.token;
        let Some(kept) = load(store, app, user).await? else { return Ok(None) };
        let Some(device) = kept.user.device(sn).map(|device| device.id) else { return Ok(None) };
        let ours = Holder { user, device };
        // Away from the old holder first: a process that dies here leaves the token with nobody, not with two.
        if let Some(other) = holder(store, app, channel, token).await?.filter(|holder| *holder != ours) {
            change(store, app, other.user, |user| remove(user, other.device, channel, token, None)).await?;
        }
        let key = keys::vendor_token(app, channel, token);
        let item = Item::keyed(key.pk, key.sk).with("whose", n(user)).with("device", n(device)).build();
        store.put(&store.names().users, item).await?;
        let bound = change(store, app, user, |user| {
            let device = user.devices.iter_mut().find(|known| known.id == device)?;
            Some(device.bindings.insert(channel, binding.clone()))
        });
        let Some((Some(replaced), changed)) = bound.await? else { return Ok(None) };
        if let Some(old) = replaced.filter(|old| old.token != *token) {
            release(store, app, channel, &old.token, ours).await?;
        }
        // Somebody may have bound it at the same moment: whom the pointer names has it.
        if holder(store, app, channel, token).await? != Some(ours) {
            change(store, app, user, |user| remove(user, device, channel, token, None)).await?;
        }
        Ok(Some(changed))
    }

    /// Takes all vendors' tokens from a device. `false` when the user has no such device.
    pub async fn unbind(&self, app: &MobileAppId, user: PushUserId, sn: i32) -> Result<bool, StoreError> {
        let taken = change(&self.0, app, user, |user| {
            let device = user.devices.iter_mut().find(|known| known.sn == sn)?;
            Some((device.id, std::mem::take(&mut device.bindings)))
        });
        let Some((Some((device, bindings)), _)) = taken.await? else { return Ok(false) };
        for (channel, binding) in bindings {
            release(&self.0, app, channel, &binding.token, Holder { user, device }).await?;
        }
        Ok(true)
    }
}

/// Takes a token from a device of a user, if it has it, and has it since before `before`.
fn remove(
    user: &mut PushUser,
    device: DeviceId,
    channel: ChannelKind,
    token: &DeviceToken,
    before: Option<Timestamp>,
) -> bool {
    let Some(device) = user.devices.iter_mut().find(|known| known.id == device) else { return false };
    let binding = device.bindings.get(&channel).filter(|binding| binding.token == *token);
    let is_dead = binding.is_some_and(|binding| before.is_none_or(|before| binding.bound < before));
    if is_dead {
        device.bindings.remove(&channel);
    }
    is_dead
}

async fn holder(
    store: &Store,
    app: &MobileAppId,
    channel: ChannelKind,
    token: &DeviceToken,
) -> Result<Option<Holder>, StoreError> {
    let item = store.get(&store.names().users, keys::vendor_token(app, channel, token), true).await?;
    let read = |item| {
        let reader = Reader::new("vendor token", &item);
        Ok(Holder { user: PushUserId::new(reader.number("whose")?), device: DeviceId::new(reader.number("device")?) })
    };
    item.map(read).transpose()
}

/// Removes the pointer from a token to a device, unless it leads to somebody else by now.
pub(super) async fn release(
    store: &Store,
    app: &MobileAppId,
    channel: ChannelKind,
    token: &DeviceToken,
    held: Holder,
) -> Result<(), StoreError> {
    let values = [(":held".to_owned(), n(held.device))].into();
    store.delete_if(&store.names().users, keys::vendor_token(app, channel, token), "device = :held", values).await
}
