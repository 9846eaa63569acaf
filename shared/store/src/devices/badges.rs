//! The number on an app's icon. It stands on the device's card in the audience, and nowhere else.
//!
//! A message to everybody writes one number, the app's [`Ledger`], and none per device. A message to some writes the
//! counter of each device whose vendor must be told the number.

use super::cards;
use crate::db::{Update, Updated};
use crate::item::{Reader, n};
use crate::keys::Key;
use crate::keys::mobile as keys;
use crate::rounds::Rounds;
use crate::{Store, StoreError};
use model::device::{Counter, Ledger};
use model::ids::{DeviceId, MobileAppId, TaskId};
use model::notification::badge::Badge;

capability! {
    /// Counts badges.
    Badges: [("dynamodb:GetItem", Users), ("dynamodb:UpdateItem", Users)]
}

impl Badges {
    /// What messages to everybody have done so far.
    pub async fn ledger(&self, app: &MobileAppId) -> Result<Ledger, StoreError> {
        Ok(ledger(&self.0, app).await?.0)
    }

    /// Notes that `task` is to everybody; answers the ledger after it. No two messages get the same. A repeat of the task
    /// that was noted last changes nothing.
    pub async fn note(&self, app: &MobileAppId, badge: Badge, task: TaskId) -> Result<Ledger, StoreError> {
        let mut rounds = Rounds::of("counting badges");
        loop {
            rounds.next().await?;
            let (before, noted) = ledger(&self.0, app).await?;
            if noted == Some(task) {
                return Ok(before);
            }
            let after = before.after(badge);
            let update = Update::default()
                .set("adds", n(after.adds))
                .set("sets", n(after.sets))
                .set("set_to", n(after.set_to))
                .set("set_at", n(after.set_at))
                .set("task", n(task))
                .when("attribute_not_exists(#adds) OR (#adds = :was AND #sets = :were)")
                .value(":was", n(before.adds))
                .value(":were", n(before.sets));
            if self.0.update(&self.0.names().users, keys::ledger(app), update).await?.is_done() {
                return Ok(after);
            }
        }
    }

    /// The device's number after `task` has done `badge` to it. One atomic step: of two messages at once the second counts
    /// on from the first. A repeat of the same task changes nothing.
    pub async fn count(
        &self,
        app: &MobileAppId,
        (shard, device): (u16, DeviceId),
        ledger: Ledger,
        badge: Badge,
        task: TaskId,
    ) -> Result<u32, StoreError> {
        let table = &self.0.names().users;
        let key = key(app, shard, device);
        let mut standing = self.0.get(table, key.clone(), true).await?;
        let mut rounds = Rounds::of("counting a badge");
        loop {
            rounds.next().await?;
            let item = standing.unwrap_or_default();
            let reader = Reader::new("card", &item);
            let counter = cards::counter(&reader)?;
            if reader.some_number("badge_task")? == Some(task.get()) {
                return Ok(counter.count);
            }
            let after = ledger.counter(badge.counter(ledger.number(counter)));
            let update = set(after)
                .set("badge_task", n(task))
                .when("attribute_exists(#user)")
                .when("attribute_not_exists(#badge) OR (#badge = :was AND #badge_adds = :adds AND #badge_sets = :sets)")
                .value(":was", n(counter.count))
                .value(":adds", n(counter.adds))
                .value(":sets", n(counter.sets));
            match self.0.update(table, key.clone(), update).await? {
                Updated::Done(_) => return Ok(after.count),
                // Gone meanwhile: nobody will see the number.
                Updated::Refused(None) => return Ok(after.count),
                Updated::Refused(item) => standing = item,
            }
        }
    }

    /// Sets a device's number, as it stands on the phone: the app was opened.
    pub async fn set(
        &self,
        app: &MobileAppId,
        (shard, device): (u16, DeviceId),
        number: u32,
    ) -> Result<(), StoreError> {
        begin(&self.0, app, (shard, device), number).await
    }
}

/// Writes a device's number, also before its card is written: a new device does not inherit what was sent before it came.
pub(super) async fn begin(
    store: &Store,
    app: &MobileAppId,
    (shard, device): (u16, DeviceId),
    number: u32,
) -> Result<(), StoreError> {
    let counter = ledger(store, app).await?.0.counter(number);
    store.update(&store.names().users, key(app, shard, device), set(counter)).await.map(drop)
}

fn key(app: &MobileAppId, shard: u16, device: DeviceId) -> Key {
    Key { pk: keys::audience(app, shard), sk: keys::card_sort(device.get()) }
}

fn set(counter: Counter) -> Update {
    Update::default()
        .set("badge", n(counter.count))
        .set("badge_adds", n(counter.adds))
        .set("badge_sets", n(counter.sets))
}

/// The ledger, and which task was noted in it last.
async fn ledger(store: &Store, app: &MobileAppId) -> Result<(Ledger, Option<TaskId>), StoreError> {
    let Some(item) = store.get(&store.names().users, keys::ledger(app), true).await? else {
        return Ok((Ledger::default(), None));
    };
    let reader = Reader::new("badge ledger", &item);
    let ledger = Ledger {
        adds: reader.number("adds")?,
        sets: reader.number("sets")?,
        set_to: reader.number("set_to")?,
        set_at: reader.number("set_at")?,
    };
    Ok((ledger, reader.some_number("task")?.map(TaskId::new)))
}
