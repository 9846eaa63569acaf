//! What arrived of a push (Tasks table).
//!
//! A receipt names a batch and tokens. Hashes of the tokens go into a set of the batch and channel: DynamoDB adds to a set
//! what is not in it, so a repeated receipt changes nothing, nobody reads before writing, and no item is written per
//! device. The count is the size of the set.
//!
//! A vendor that names no devices says how many it reached, by its own ids. Those of lists are noted before they are sent,
//! each with the sum that it will have.

use crate::StoreError;
use crate::db::{Ask, Range, Update, Updated, sort_key};
use crate::error::failed;
use crate::item::{Attributes, Reader, n, s};
use crate::keys::{Key, mobile as keys};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use model::batch::BatchId;
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::{DeviceToken, MobileAppId, TaskId};
use ring::digest::{SHA256, digest};
use std::collections::{BTreeMap, BTreeSet};

capability! {
    /// Notes what arrived of a push.
    Statistics: [("dynamodb:UpdateItem", Tasks)]
}

capability! {
    /// Says what arrived of a push.
    StatisticsReader: [("dynamodb:Query", Tasks)]
}

capability! {
    /// Notes which tasks an app sent.
    AppTaskWriter: [("dynamodb:PutItem", Tasks)]
}

capability! {
    /// Lists the tasks of an app.
    AppTasks: [("dynamodb:Query", Tasks)]
}

/// Bytes of a token's hash that are kept. Two of the 500 tokens of a batch are taken for one with a chance of 500² / 2^49.
const HASH_BYTES: usize = 6;
/// Items of a batch and channel: 500 tokens of 7 bytes in a set are 3.5 KB, and a write is charged by the item.
const BUCKETS: u8 = 4;

impl Statistics {
    /// Notes that the message of `batch` arrived at these tokens of `channel`. The items go at `expires`, with their task.
    pub async fn received(
        &self,
        batch: BatchId,
        channel: ChannelKind,
        tokens: &[DeviceToken],
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut buckets: BTreeMap<u8, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for token in tokens {
            let hash = digest(&SHA256, token.as_str().as_bytes());
            let bucket = hash.as_ref()[HASH_BYTES] % BUCKETS;
            buckets.entry(bucket).or_default().insert(hash.as_ref()[..HASH_BYTES].to_vec());
        }
        for (bucket, hashes) in buckets {
            let key = keys::received_of(batch, channel, bucket);
            let hashes = hashes.into_iter().map(Blob::new).collect();
            self.add_to_set(key, "seen", AttributeValue::Bs(hashes), expires).await?;
        }
        Ok(())
    }

    /// Notes that the vendor calls `vendor_task` what is about to go to a list of phones of `batch`. `list` is the same for
    /// the same phones; it may be sent under several of the vendor's tasks, one an attempt.
    pub async fn note_list(
        &self,
        batch: BatchId,
        channel: ChannelKind,
        list: &str,
        vendor_task: u64,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::received_total(batch.task, channel, &keys::received_list(batch, list));
        self.add_to_set(key, "vendor_tasks", AttributeValue::Ns(vec![vendor_task.to_string()]), expires).await
    }

    /// Adds what is not there yet to a set of an item that may not be there either.
    async fn add_to_set(
        &self,
        key: Key,
        set: &'static str,
        values: AttributeValue,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        self.0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression(format!("SET expires_at = :expires ADD {set} :values"))
            .expression_attribute_values(":expires", n(expires.seconds()))
            .expression_attribute_values(":values", values)
            .send()
            .await
            .map(|_| ())
            .map_err(failed("UpdateItem"))
    }

    /// Notes that the vendor says to have reached `count` devices with what has this `name`: a task of the vendor's, or a
    /// [`NotedList`]. For vendors that name no devices. The largest number stands, so of a list that was sent under several
    /// tasks that of the one which reached the most.
    pub async fn received_at_least(
        &self,
        task: TaskId,
        channel: ChannelKind,
        name: &str,
        count: u64,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let update = Update::default()
            .set("count", n(count))
            .set("expires_at", n(expires.seconds()))
            .when("attribute_not_exists(#count) OR #count < :count");
        let key = keys::received_total(task, channel, name);
        match self.0.update(&self.0.names().tasks, key, update).await? {
            Updated::Done(_) | Updated::Refused(_) => Ok(()),
        }
    }
}

/// A list of phones that was about to be sent, see [`Statistics::note_list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedList {
    /// Of which batch.
    pub batch: BatchId,
    /// What its sum is kept under.
    pub name: String,
    /// What the vendor calls it: a task for each attempt.
    pub vendor_tasks: Vec<u64>,
}

impl StatisticsReader {
    /// The lists that were noted for `task` on `channel`. Eventually consistent: the vendor is asked minutes later.
    pub async fn lists(&self, task: TaskId, channel: ChannelKind) -> Result<Vec<NotedList>, StoreError> {
        let Key { pk, sk: prefix } = keys::received_total(task, channel, "");
        let ask = Ask::new(&self.0.names().tasks, pk, Range::Prefix(prefix.clone()));
        let items = self.0.query_all(&Ask { consistent: false, ..ask }).await?;
        let list = |item: &Attributes| {
            let name = sort_key(item).strip_prefix(&prefix)?;
            let batch = keys::parse_received_list(name)?;
            let Some(AttributeValue::Ns(tasks)) = item.get("vendor_tasks") else { return None };
            let vendor_tasks = tasks.iter().filter_map(|task| task.parse().ok()).collect();
            Some(NotedList { batch, name: name.to_owned(), vendor_tasks })
        };
        Ok(items.iter().filter_map(list).collect())
    }

    /// How many devices the message arrived at, by channel: those that receipts named, or what the vendor says in sum when
    /// that is more.
    ///
    /// Eventually consistent. It reads 7 bytes per device: 90 read units for 100,000.
    pub async fn received(&self, task: TaskId) -> Result<BTreeMap<ChannelKind, u64>, StoreError> {
        let mut ask = Ask::new(&self.0.names().tasks, keys::received(task), Range::All);
        ask.consistent = false;
        let mut named: BTreeMap<ChannelKind, u64> = BTreeMap::new();
        let mut totals: BTreeMap<ChannelKind, u64> = BTreeMap::new();
        let mut start = None;
        loop {
            let page = self.0.query_page(&ask, start).await?;
            for item in &page.items {
                let Some(channel) = keys::received_channel(sort_key(item)) else { continue };
                match item.get("seen") {
                    Some(AttributeValue::Bs(seen)) => *named.entry(channel).or_default() += seen.len() as u64,
                    _ => {
                        *totals.entry(channel).or_default() += Reader::new("receipts", item).number_or("count", 0u64)?
                    }
                }
            }
            match page.more {
                None => break,
                more => start = more,
            }
        }
        for (channel, total) in totals {
            let count = named.entry(channel).or_default();
            *count = total.max(*count);
        }
        Ok(named)
    }
}

impl AppTaskWriter {
    /// Notes that `app` sends `task`. Before the task is written: a note of nothing is harmless.
    pub async fn note(&self, app: &MobileAppId, task: TaskId, expires: Timestamp) -> Result<(), StoreError> {
        let key = keys::task_of(app, task);
        let item = crate::item::Item::keyed(key.pk, key.sk).expiring(expires).build();
        self.0.put(&self.0.names().tasks, item).await
    }
}

impl AppTasks {
    /// At most `limit` tasks of `app` before `before`, newest first.
    pub async fn before(
        &self,
        app: &MobileAppId,
        before: Option<TaskId>,
        limit: u16,
    ) -> Result<Vec<TaskId>, StoreError> {
        let to = before.map_or(u64::MAX >> 11, |task| task.get().saturating_sub(1));
        let range = Range::Between(format!("{:016}", 0), format!("{to:016}"));
        let mut ask = Ask::new(&self.0.names().tasks, keys::tasks(app), range);
        ask.descending = true;
        ask.limit = Some(i32::from(limit));
        let page = self.0.query_page(&ask, None).await?;
        Ok(page.items.iter().filter_map(|item| sort_key(item).parse().ok().map(TaskId::new)).collect())
    }
}
