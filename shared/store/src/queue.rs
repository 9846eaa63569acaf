//! Queue messages (SQS): tagged with kind and version, so that what an older version sent stays readable after a
//! deploy. `MessageGroupId` is the owner: standard queues serve groups fairly, so one owner's flood delays only itself.

use crate::db::pause;
use crate::error::failed;
use crate::{Store, StoreError, item};
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
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
