//! `deliver` in a process of its own: how many deliveries a CPU second of it makes, and how large it becomes.
//!
//! The process is given batches as Lambda gives them, up to ten queue messages of 500 recipients an invocation, and does
//! everything that `deliver` does: reading the record, the claim, the calls, the segments. Receiving from and deleting in
//! the queue is Lambda's work and is not part of it.

use crate::Failure;
use crate::calls::{TEXT, TITLE};
use crate::cloud::Cloud;
use crate::process::{cpu, log_into_nowhere, peak_memory, say};
use functions::routes;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use gateway::{Context, Function, Invocation};
use local::seed;
use model::audience::Recipient;
use model::batch::{Batch, BatchId, Part};
use model::certificate::{Environment, Scope};
use model::channel::{Address, ChannelKind, DeviceAddress, Way};
use model::clock::Timestamp;
use model::ids::{AccountId, AppId, DeviceToken, MessageId, Owner, TaskId};
use model::limits::BATCH_RECIPIENTS;
use model::message::{Message, Naming, Notice, PushMessage};
use model::notification::Notification;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::queue::BatchMessage;

/// The channels that are measured. Our own is measured where its connections are held (`docs/own-channel.md`).
pub const CHANNELS: [ChannelKind; 8] = [
    ChannelKind::Apns,
    ChannelKind::Fcm,
    ChannelKind::Huawei,
    ChannelKind::Xiaomi,
    ChannelKind::Oppo,
    ChannelKind::Vivo,
    ChannelKind::Meizu,
    ChannelKind::WechatTemplate,
];

/// The body that Apple is given for it. The numbers in it are as long as those of a run.
pub const APNS_PAYLOAD: &str = "{\"aps\":{\"alert\":{\"title\":\"订单已发货\",\"body\":\"您的订单 2026112500017 已由顺丰发出，\
    预计明天 18:00 前送达。\"},\"sound\":\"default\"},\"mx_task\":\"900000000\",\"mx_receipt\":\"900000000.v0.10.0123456789abcdef\"}";
/// The first task of a run. Nobody accepted it: `deliver` reads nothing of a task.
const FIRST_TASK: u64 = 900_000_000;
/// Queue messages of one invocation (`BatchSize` in `template.yaml`).
const MESSAGES: usize = 10;
/// The function's timeout in `template.yaml`.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The notification of all measurements: some 60 characters, as a shop would send.
pub fn notification() -> Notification {
    Notification { title: TITLE.to_owned(), body: TEXT.to_owned(), ..Notification::default() }
}

/// What a run came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// Messages that the vendor was asked to deliver.
    pub deliveries: u64,
    /// CPU time of the sender, s.
    pub cpu_s: f64,
    /// Time that passed, s.
    pub wall_s: f64,
    /// The most memory that the process had, bytes.
    pub peak_bytes: u64,
    /// Memory before the first delivery, bytes.
    pub idle_bytes: u64,
}

impl Measured {
    /// Says what the run of this process came to that began at `started`.
    pub fn say(deliveries: u64, used: Duration, started: Instant, idle_bytes: u64) -> Result<(), Failure> {
        say(&serde_json::to_value(Self {
            deliveries,
            cpu_s: used.as_secs_f64(),
            wall_s: started.elapsed().as_secs_f64(),
            peak_bytes: peak_memory(),
            idle_bytes,
        })?);
        Ok(())
    }

    /// Deliveries that a CPU second makes.
    pub fn per_cpu_second(&self) -> f64 {
        self.deliveries as f64 / self.cpu_s
    }
}

/// Delivers `count` messages on `channel`, after one batch that opens connections and fetches tokens.
pub async fn run(cloud: &Cloud, channel: ChannelKind, count: u64) -> Result<(), Failure> {
    log_into_nowhere()?;
    let context = cloud.context()?;
    let deliver = routes::by_name("deliver").ok_or("there is no deliver")?;
    let idle_bytes = peak_memory();
    // Another run's records must not be found.
    let first = FIRST_TASK + u64::from(std::process::id() % 50_000) * 1_000;
    invoke(deliver, &context, batches(channel, first, 0, 100, context.clock.now())).await?;
    let recipients = MESSAGES * BATCH_RECIPIENTS;
    let (mut used, mut deliveries, started) = (Duration::ZERO, 0, Instant::now());
    for (task, done) in (first + 1..).zip((0..count).step_by(recipients)) {
        let some = usize::try_from(count - done)?.min(recipients);
        let messages = batches(channel, task, done, some, context.clock.now());
        let before = cpu();
        invoke(deliver, &context, messages).await?;
        used += cpu() - before;
        deliveries += some as u64;
    }
    Measured::say(deliveries, used, started, idle_bytes)
}

async fn invoke(deliver: Function, context: &Arc<Context>, messages: Vec<String>) -> Result<(), Failure> {
    let records = messages.into_iter().zip(0..);
    let records = records.map(|(body, n)| QueueRecord { message_id: format!("{n}"), body });
    let invocation = Invocation { request_id: "bench".to_owned(), deadline: Instant::now() + TIMEOUT };
    let event = QueueEvent { records: records.collect() };
    let reply = serve_queue(deliver, context.clone(), invocation, event).await;
    let failed = reply.batch_item_failures.len();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} batches were not done").into()) }
}

/// The queue messages of `count` recipients from the `done`-th on.
fn batches(channel: ChannelKind, task: u64, done: u64, count: usize, now: Timestamp) -> Vec<String> {
    let recipients: Vec<Recipient> = (done..)
        .take(count)
        .map(|n| Recipient { slot: n, address: address(channel, n, now), quota_uid: None })
        .collect();
    let chunks = recipients.chunks(BATCH_RECIPIENTS).zip(0..);
    chunks
        .map(|(recipients, number)| {
            let batch = batch(channel, TaskId::new(task), number, recipients.to_vec(), now);
            // Strings and numbers: this cannot fail, and an empty body would be refused.
            serde_json::to_string(&BatchMessage::DeliverV1(Box::new(batch))).unwrap_or_default()
        })
        .collect()
}

fn batch(channel: ChannelKind, task: TaskId, number: u32, recipients: Vec<Recipient>, now: Timestamp) -> Batch {
    let phone = channel.is_phone();
    let (owner, account, part, message) = match seed::mobile::app_id() {
        Ok(app) if phone => {
            let notification = Box::new(notification());
            let account = Scope::new(app.clone(), Environment::Production).account();
            let message = Message::Push(PushMessage { task, notification });
            (Owner::Mobile(app), account, Part::Devices { shard: 0 }, message)
        }
        _ => {
            let nonce = format!("bench{task}");
            let notice = Notice {
                app_name: "演示应用".to_owned(),
                summary: TEXT.to_owned(),
                naming: Naming { message_id: MessageId::new(task.get()), id_per_slot: false, nonce },
                sent_ms: now,
                url: format!("https://push.example.com/m/{task}"),
            };
            let part = Part::Topic { index: 0, shard: 0 };
            (Owner::App(AppId::new(1)), AccountId::new(seed::ACCOUNT), part, Message::Notice(notice))
        }
    };
    Batch {
        id: BatchId { task, part, number },
        owner,
        channel,
        legs: vec![channel],
        account,
        accepted_ms: now,
        message,
        recipients,
        attempt: 1,
        topic: None,
        redriven: false,
    }
}

fn address(channel: ChannelKind, n: u64, now: Timestamp) -> Address {
    if !channel.is_phone() {
        return Address::Wechat(seed::crowd_openid(n % crate::WECHAT_CROWD + 1));
    }
    let token = match channel {
        // As random as Apple's: a token of zeros would be packed into nothing by HPACK.
        ChannelKind::Apns => DeviceToken::new(apns_token(n)),
        channel => seed::mobile::device_token(channel, n),
    };
    let way = Way { channel, token, bound: now, badge: None };
    Address::Device(DeviceAddress { ways: vec![way], silent: false, hidden: false })
}

/// 64 hexadecimal digits that look drawn.
pub fn apns_token(n: u64) -> String {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..4).map(|_| format!("{:016x}", next())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_sent_is_the_message() {
        let payload: serde_json::Value = serde_json::from_str(APNS_PAYLOAD).unwrap();
        let alert = &payload["aps"]["alert"];
        assert_eq!((alert["title"].as_str(), alert["body"].as_str()), (Some(TITLE), Some(TEXT)));
        assert!(provider::apns::is_token(&apns_token(7)) && apns_token(7) != apns_token(8));
    }

    #[test]
    fn an_invocation_is_ten_messages_of_five_hundred() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        for channel in CHANNELS {
            let messages = batches(channel, FIRST_TASK, 0, 5_000, now);
            assert_eq!(messages.len(), MESSAGES);
            let BatchMessage::DeliverV1(batch) = serde_json::from_str(&messages[9]).unwrap() else {
                panic!("no batch")
            };
            assert_eq!((batch.recipients.len(), batch.recipients[0].slot, batch.channel), (500, 4_500, channel));
        }
    }
}
