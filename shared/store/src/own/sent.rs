//! Messages that were sent on our own channel, until they are acknowledged.
//!
//! Whoever sends a message writes it down here afterwards, and the client acknowledges it, often before that: then the
//! acknowledgement stands there alone, and the sender finds it and counts it in its place. Either way it is counted, and
//! counting is idempotent; an acknowledgement of what nobody was sent counts nowhere and goes by itself, and one of no task
//! of the app is not written at all.

use crate::StoreError;
use crate::db::{Ask, Put, Range, Update, sort_key};
use crate::item::{Attributes, Item, Reader, n, s};
use crate::keys::own as keys;
use model::batch::BatchId;
use model::clock::Timestamp;
use model::ids::{DeviceId, MobileAppId, TaskId};
use model::notification::DEFAULT_TTL;
use model::own::Offer;

capability! {
    /// Writes down what a device was sent.
    Outbox: [("dynamodb:GetItem", Users), ("dynamodb:PutItem", Users)]
}

capability! {
    /// Says what a device has not acknowledged, and notes its acknowledgements.
    Waiting: [
        ("dynamodb:GetItem", Users),
        ("dynamodb:PutItem", Users),
        ("dynamodb:UpdateItem", Users),
        ("dynamodb:Query", Users),
    ]
}

/// Pages of 1 MB, of some 7,000 messages each, that are looked through for what was not acknowledged.
const MOST_PAGES: usize = 4;

/// What became of writing down a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It stands there, now or already.
    Waiting,
    /// The client has acknowledged it already. Nobody has counted that.
    Acknowledged,
}

/// What an acknowledgement means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acked {
    /// The message was sent: it is to be counted in this batch, and then [`Waiting::finish`] is to be called.
    Sent {
        /// The batch.
        batch: BatchId,
        /// When what is counted there is forgotten.
        expires: Timestamp,
    },
    /// Its sender has not written it down yet, if there is one, and will count it.
    Early,
    /// It was acknowledged before.
    Again,
}

impl Outbox {
    /// Whether `device` was sent the message of `task`. Strongly consistent.
    pub async fn was_sent(&self, app: &MobileAppId, device: DeviceId, task: TaskId) -> Result<bool, StoreError> {
        let item = self.0.get(&self.0.names().users, keys::sent_task(app, device, task), true).await?;
        Ok(item.is_some_and(|item| item.contains_key("batch")))
    }

    /// Writes down that `device` was sent a message. A repeat changes nothing.
    pub async fn keep(&self, app: &MobileAppId, device: DeviceId, offer: &Offer) -> Result<Kept, StoreError> {
        let key = keys::sent_task(app, device, offer.task);
        let item = Item::keyed(key.pk, key.sk)
            .with("batch", s(offer.batch.to_string()))
            .with("until_ms", n(offer.until.millis()))
            .with("task_expires", n(offer.expires.seconds()))
            .with_flag("silent", offer.silent)
            .with_flag("hidden", offer.hidden)
            .expiring(offer.until)
            .build();
        match self.0.put_new(&self.0.names().users, item).await? {
            Put::Written => Ok(Kept::Waiting),
            Put::Refused(standing) => {
                let early = standing.is_some_and(|item| !item.contains_key("batch"));
                Ok(if early { Kept::Acknowledged } else { Kept::Waiting })
            }
        }
    }
}

impl Waiting {
    /// What the device was sent and has not acknowledged, oldest first, and whether there is more than `limit`, or may be:
    /// at most four pages of a megabyte are looked through.
    pub async fn offers(
        &self,
        app: &MobileAppId,
        device: DeviceId,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Offer>, bool), StoreError> {
        let ask = Ask::new(&self.0.names().users, keys::sent(app, device), Range::All);
        let (mut offers, mut start, mut unread) = (Vec::new(), None, false);
        for looked in 1.. {
            let page = self.0.query_page(&ask, start).await?;
            for item in &page.items {
                if let Some(offer) = read(item)?.filter(|offer| offer.until > now) {
                    offers.push(offer);
                }
            }
            match page.more {
                Some(_) if looked == MOST_PAGES => {
                    unread = true;
                    break;
                }
                Some(more) if offers.len() <= limit => start = Some(more),
                _ => break,
            }
        }
        let more = unread || offers.len() > limit;
        offers.truncate(limit);
        Ok((offers, more))
    }

    /// The device says that it has a message; `None` when nothing is known of it here, and then
    /// [`Waiting::acknowledge_early`] is to be called if it can be one of the app's.
    pub async fn acknowledge(
        &self,
        app: &MobileAppId,
        device: DeviceId,
        task: TaskId,
    ) -> Result<Option<Acked>, StoreError> {
        let item = self.0.get(&self.0.names().users, keys::sent_task(app, device, task), true).await?;
        item.as_ref().map(acked).transpose()
    }

    /// The device says that it has a message which its sender has not written down, as far as was seen.
    pub async fn acknowledge_early(
        &self,
        app: &MobileAppId,
        device: DeviceId,
        task: TaskId,
        now: Timestamp,
    ) -> Result<Acked, StoreError> {
        let (table, key) = (&self.0.names().users, keys::sent_task(app, device, task));
        let early = Item::keyed(key.pk, key.sk).with_flag("acked", true).expiring(now.plus(DEFAULT_TTL)).build();
        match self.0.put_new(table, early).await? {
            Put::Written | Put::Refused(None) => Ok(Acked::Early),
            Put::Refused(Some(item)) => acked(&item),
        }
    }

    /// The acknowledgement has been counted: the message is not offered again.
    pub async fn finish(&self, app: &MobileAppId, device: DeviceId, task: TaskId) -> Result<(), StoreError> {
        let update = Update::default().flag("acked", true).when("attribute_exists(#pk)");
        self.0.update(&self.0.names().users, keys::sent_task(app, device, task), update).await.map(drop)
    }
}

fn acked(item: &Attributes) -> Result<Acked, StoreError> {
    let reader = Reader::new("sent message", item);
    match (reader.flag("acked"), reader.has("batch")) {
        (true, _) => Ok(Acked::Again),
        (false, true) => {
            let expires = Timestamp::from_seconds(reader.number("task_expires")?);
            Ok(Acked::Sent { batch: batch(&reader)?, expires })
        }
        (false, false) => Ok(Acked::Early),
    }
}

fn batch(reader: &Reader<'_>) -> Result<BatchId, StoreError> {
    BatchId::parse(reader.string("batch")?).ok_or_else(|| StoreError::corrupt("sent message", "its batch is none"))
}

/// A message that waits; `None` for one that was acknowledged.
fn read(item: &Attributes) -> Result<Option<Offer>, StoreError> {
    let reader = Reader::new("sent message", item);
    if reader.flag("acked") {
        return Ok(None);
    }
    let task = keys::parse_sent(sort_key(item));
    Ok(Some(Offer {
        task: task.ok_or_else(|| StoreError::corrupt("sent message", "its key has no task"))?,
        batch: batch(&reader)?,
        until: Timestamp::from_millis(reader.number("until_ms")?),
        expires: Timestamp::from_seconds(reader.number("task_expires")?),
        silent: reader.flag("silent"),
        hidden: reader.flag("hidden"),
    }))
}
