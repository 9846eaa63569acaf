//! Queue messages (SQS): tagged with kind and version, so that what an older version sent stays readable after a
//! deploy. `MessageGroupId` is the owner: standard queues serve groups fairly, so one owner's flood delays only itself.

use crate::db::pause;
use crate::error::failed;
use crate::{Store, StoreError, item, tagged};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::batch::{Batch, Part};
use model::callback::CallbackId;
use model::certificate::Environment;
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::{AppId, Owner, TaskId};
use model::limits;
use model::statistics::is_asked;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

capability! {
    /// Tells fan-out about a task.
    Hints: [("sqs:SendMessage", TasksQueue)]
}

capability! {
    /// Has a vendor asked what arrived.
    Questions: [("sqs:SendMessage", ChannelQueue(ChannelKind::Vivo))]
}

/// Sends batches to the channels' queues.
#[derive(Clone)]
pub struct Batches(Store);

impl crate::Capability for Batches {
    fn open(store: &Store) -> Self {
        Self(store.clone())
    }

    fn grants() -> Vec<crate::Grant> {
        let queue = |&channel| crate::Grant::new("sqs:SendMessage", crate::Resource::ChannelQueue(channel));
        ChannelKind::ALL.iter().map(queue).collect()
    }
}

/// A message on the queue of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskMessage {
    /// A task was accepted, or has to be driven again.
    TaskV1 {
        /// The task.
        task: TaskId,
        /// When this was sent.
        sent_ms: Timestamp,
        /// The task had not moved: look at what is recorded, send what is missing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redrive: bool,
    },
    /// A part of a task's audience is to be read from a page on.
    PartV1 {
        /// The task.
        task: TaskId,
        /// The part.
        part: Part,
        /// The page to begin with.
        page: u32,
        /// Look at what is recorded, send what is missing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redrive: bool,
    },
}

/// A message on the queue of callbacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CallbackMessage {
    /// A callback is to be tried.
    CallbackV1 {
        /// Whose.
        app: AppId,
        /// Which.
        id: CallbackId,
    },
}

/// A message on a channel's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BatchMessage {
    /// A batch to be sent.
    DeliverV1(Box<Batch>),
    /// The channel's vendor is to be asked what arrived of a task.
    ArrivalsV1 {
        /// The task.
        task: TaskId,
        /// In whose name: of the task's app in this environment.
        environment: Environment,
    },
}

impl<'de> Deserialize<'de> for BatchMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Untagged {
            DeliverV1(Box<Batch>),
            ArrivalsV1 { task: TaskId, environment: Environment },
        }

        Ok(match tagged::read("kind", deserializer)? {
            Untagged::DeliverV1(batch) => Self::DeliverV1(batch),
            Untagged::ArrivalsV1 { task, environment } => Self::ArrivalsV1 { task, environment },
        })
    }
}

/// How often what SendMessageBatch reported as failed is sent again.
const ATTEMPTS: u32 = 4;
/// SendMessageBatch calls of one invocation that run side by side.
const CALLS: usize = 4;

impl Hints {
    /// Sends one message about `task`.
    pub async fn send(&self, owner: &Owner, message: &TaskMessage) -> Result<(), StoreError> {
        self.0
            .sqs()
            .send_message()
            .queue_url(&self.0.names().tasks_queue)
            .message_group_id(owner.to_string())
            .message_body(item::json("task message", message)?)
            .send()
            .await
            .map(|_| ())
            .map_err(failed("SendMessage"))
    }

    /// Sends several.
    pub async fn send_all(&self, owner: &Owner, messages: &[TaskMessage]) -> Result<(), StoreError> {
        let entries = messages
            .iter()
            .map(|message| {
                Ok(Entry {
                    body: item::json("task message", message)?,
                    group: owner.to_string(),
                    delay: Duration::ZERO,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        send_all(&self.0, &self.0.names().tasks_queue, entries).await
    }
}

impl Questions {
    /// Has the vendor of `channel` asked about `task`. Of a channel whose vendor is not asked, nothing.
    pub async fn send(
        &self,
        channel: ChannelKind,
        owner: &Owner,
        task: TaskId,
        environment: Environment,
    ) -> Result<(), StoreError> {
        if !is_asked(channel) {
            return Ok(());
        }
        self.0
            .sqs()
            .send_message()
            .queue_url(self.0.names().channel_queue(channel))
            .message_group_id(owner.to_string())
            .message_body(item::json("question", &BatchMessage::ArrivalsV1 { task, environment })?)
            .send()
            .await
            .map(|_| ())
            .map_err(failed("SendMessage"))
    }
}

/// Sends a hint at a callback, to be read after `delay` (at most [`limits::QUEUE_DELAY`], in whole seconds, rounded up).
pub(crate) async fn send_callback(
    store: &Store,
    app: AppId,
    id: &CallbackId,
    delay: Duration,
) -> Result<(), StoreError> {
    let message = CallbackMessage::CallbackV1 { app, id: id.clone() };
    store
        .sqs()
        .send_message()
        .queue_url(&store.names().callbacks_queue)
        .message_group_id(app.to_string())
        .message_body(item::json("callback message", &message)?)
        .set_delay_seconds(delay_seconds(delay))
        .send()
        .await
        .map(|_| ())
        .map_err(failed("SendMessage"))
}

/// SQS's delay: whole seconds, rounded up; none for none.
fn delay_seconds(delay: Duration) -> Option<i32> {
    let seconds = delay.min(limits::QUEUE_DELAY).as_millis().div_ceil(1000);
    (seconds > 0).then(|| i32::try_from(seconds).unwrap_or(i32::MAX))
}

impl Batches {
    /// Sends batches to their channels' queues, each to be delivered after its delay (at most
    /// [`limits::QUEUE_DELAY`], in whole seconds, rounded up).
    pub async fn send(&self, batches: Vec<(Batch, Duration)>) -> Result<(), StoreError> {
        for &channel in ChannelKind::ALL {
            let entries = batches
                .iter()
                .filter(|(batch, _)| batch.channel == channel)
                .map(|(batch, delay)| {
                    let message = BatchMessage::DeliverV1(Box::new(batch.clone()));
                    Ok(Entry { body: item::json("batch", &message)?, group: batch.owner.to_string(), delay: *delay })
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            send_all(&self.0, self.0.names().channel_queue(channel), entries).await?;
        }
        Ok(())
    }

    /// How many bytes `batch` takes in a queue.
    pub fn size(batch: &Batch) -> Result<usize, StoreError> {
        item::json("batch", batch).map(|text| text.len() + 32)
    }
}

struct Entry {
    body: String,
    group: String,
    delay: Duration,
}

/// Sends in as few calls as the limits on entries and bytes allow.
async fn send_all(store: &Store, queue: &str, entries: Vec<Entry>) -> Result<(), StoreError> {
    let mut calls: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.body.len();
        match calls.last_mut() {
            Some(call) if call.len() < limits::QUEUE_BATCH_ENTRIES && bytes + size <= limits::QUEUE_BATCH_BYTES => {
                bytes += size;
                call.push(entry);
            }
            _ => {
                bytes = size;
                calls.push(vec![entry]);
            }
        }
    }
    stream::iter(calls).map(|call| send_call(store, queue, call)).buffer_unordered(CALLS).try_collect().await
}

async fn send_call(store: &Store, queue: &str, entries: Vec<Entry>) -> Result<(), StoreError> {
    let mut pending = entries
        .into_iter()
        .enumerate()
        .map(|(index, entry)| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(entry.body)
                .message_group_id(entry.group)
                .set_delay_seconds(delay_seconds(entry.delay))
                .build()
                .map_err(|error| StoreError::corrupt("queue entry", error))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let answer = store
            .sqs()
            .send_message_batch()
            .queue_url(queue)
            .set_entries(Some(pending.clone()))
            .send()
            .await
            .map_err(failed("SendMessageBatch"))?;
        pending.retain(|entry| answer.failed.iter().any(|failed| failed.id == entry.id));
        if pending.is_empty() {
            return Ok(());
        }
    }
    Err(StoreError::Undone { operation: "SendMessageBatch", entries: pending.len(), attempts: ATTEMPTS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::audience::Recipient;
    use model::batch::BatchId;
    use model::channel::{Address, DeviceAddress, Way};
    use model::ids::{AccountId, DeviceToken, MobileAppId};
    use model::message::{Message, PushMessage};

    const DELIVER: &str = concat!(
        r#"{"kind":"deliver_v1","id":{"task":7,"part":{"v":{"n":3}},"number":0},"owner":{"mobile":"demo"},"#,
        r#""channel":"huawei","legs":["huawei"],"account":"A","accepted_ms":1000,"#,
        r#""message":{"kind":"push","task":7,"notification":{"title":"T"}},"#,
        r#""recipients":[{"s":9,"d":{"w":[{"c":"huawei","t":"K","b":2000}]}}],"attempt":1}"#
    );
    const ARRIVALS: &str = r#"{"kind":"arrivals_v1","task":7,"environment":"production"}"#;

    fn deliver() -> BatchMessage {
        let task = TaskId::new(7);
        let bound = Timestamp::from_seconds(2);
        let way = Way { channel: ChannelKind::Huawei, token: DeviceToken::new("K"), bound, badge: None };
        let address = Address::Device(DeviceAddress { ways: vec![way], silent: false, hidden: false });
        let notification = model::notification::Notification { title: "T".to_owned(), ..Default::default() };
        BatchMessage::DeliverV1(Box::new(Batch {
            id: BatchId { task, part: Part::Devices { shard: 3 }, number: 0 },
            owner: Owner::Mobile(MobileAppId::parse("demo").unwrap()),
            channel: ChannelKind::Huawei,
            legs: vec![ChannelKind::Huawei],
            account: AccountId::new("A"),
            accepted_ms: Timestamp::from_seconds(1),
            message: Message::Push(PushMessage { task, notification: Box::new(notification) }),
            recipients: vec![Recipient { slot: 9, address, quota_uid: None }],
            attempt: 1,
            topic: None,
            redriven: false,
        }))
    }

    fn arrivals() -> BatchMessage {
        BatchMessage::ArrivalsV1 { task: TaskId::new(7), environment: Environment::Production }
    }

    #[test]
    fn messages_to_channels_are_read_as_they_are_written() {
        for (message, wire) in [(deliver(), DELIVER), (arrivals(), ARRIVALS)] {
            assert_eq!(serde_json::to_string(&message).unwrap(), wire);
            assert_eq!(serde_json::from_str::<BatchMessage>(wire).unwrap(), message);
        }
    }

    #[test]
    fn the_kind_may_stand_anywhere() {
        let last = |wire: &str| {
            let (kind, rest) = wire.trim_matches(['{', '}']).split_once(',').unwrap();
            format!("{{{rest},{kind}}}")
        };
        for (message, wire) in [(deliver(), DELIVER), (arrivals(), ARRIVALS)] {
            let wire = last(wire);
            assert!(!wire.starts_with(r#"{"kind"#), "{wire}");
            assert_eq!(serde_json::from_str::<BatchMessage>(&wire).unwrap(), message);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let kinds = "unknown variant `deliver_v2`, expected `deliver_v1` or `arrivals_v1`";
        for (text, problem) in [
            (r#"{"kind":"deliver_v2","task":7}"#, kinds),
            (r#"{"task":7,"kind":"deliver_v2"}"#, kinds),
            (r#"{"task":7}"#, "missing field `kind`"),
            ("{}", "missing field `kind`"),
            (r#"{"kind":7}"#, "invalid type: integer `7`, expected variant identifier"),
            (r#"{"kind":"arrivals_v1","task":7}"#, "missing field `environment`"),
            (r#"{"task":7,"kind":"arrivals_v1"}"#, "missing field `environment`"),
            (r#"{"kind":"arrivals_v1","task":"x"}"#, r#"invalid type: string "x", expected u64"#),
            (r#""arrivals_v1""#, r#"invalid type: string "arrivals_v1", expected an object with `kind`"#),
            (&DELIVER.replace(r#""s":9,"#, ""), "missing field `s`"),
            (&DELIVER[..DELIVER.len() - 1], "EOF while parsing an object"),
        ] {
            let refusal = serde_json::from_str::<BatchMessage>(text).unwrap_err().to_string();
            assert!(refusal.starts_with(problem), "{text}: {refusal}");
        }
    }
}
