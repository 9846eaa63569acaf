//! Our own channel: connections of apps and browsers that are open, from the handshake to the acknowledgement.

mod channel;
mod faults;
mod limits;
mod load;
mod page;
mod resume;
mod signing_in;

use http::Method;
use local::Options;
use local::aws::{AwsFault, FaultKind};
use local::seed::mobile;
use model::channel::ChannelKind;
use model::ids::DeviceId;
use model::own::OwnAddress;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::own::Presence;
use support::socket::Socket;
use support::{Town, until};

/// How long a connection is listened to for what must not come.
pub(crate) const GRACE: Duration = Duration::from_millis(150);

/// The push token of demo user `n`'s Huawei phone.
pub(crate) fn token(n: u64) -> String {
    mobile::push_token(ChannelKind::Huawei, n)
}

/// A connection of that phone.
pub(crate) async fn online(town: &Town, n: u64) -> Socket {
    Socket::device(&town.stack.socket_url(), mobile::APP, &token(n)).await.0
}

/// Pushes as the back end of the demo app; the task.
pub(crate) async fn notify(town: &Town, audience: Value, setting: Value, body: &str) -> u64 {
    let message = json!({ "title": "标题", "body": body });
    notify_message(town, audience, setting, message).await
}

/// The same with a message of the caller's.
pub(crate) async fn notify_message(town: &Town, audience: Value, setting: Value, message: Value) -> u64 {
    let call = json!({ "audience": audience, "setting": setting, "message": message });
    let answer = call_push(town, "/push/notify", &call).await;
    answer["data"]["task_id"].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

/// A call of the demo app's back end that succeeds.
pub(crate) async fn call_push(town: &Town, path: &str, body: &Value) -> Value {
    let headers =
        [("app_id", mobile::APP), ("access-token", mobile::ADMIN_TOKEN), ("content-type", "application/json")];
    let answer = town.api.send(Method::POST, path, &headers, body.to_string()).await.json();
    assert_eq!(answer["code"], 200, "{answer}");
    answer
}

/// Counters of a task: target, sent and received of a channel as the statistics call it.
pub(crate) async fn counters(town: &Town, task: u64, channel: &str) -> [u64; 3] {
    let answer = call_push(town, "/push/task/detail", &json!({ "list": [task] })).await;
    ["target", "sent", "received"].map(|what| {
        let count = answer["data"][0][format!("{channel}_{what}")].as_u64();
        count.unwrap_or_else(|| panic!("{channel}_{what} in {answer}"))
    })
}

/// Waits until the counters of a channel are these.
pub(crate) async fn counted(town: &Town, task: u64, channel: &str, expected: [u64; 3]) {
    let what = format!("{channel} to become {expected:?}");
    until(&what, || async { counters(town, task, channel).await == expected }).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(counters(town, task, channel).await, expected, "{channel} of {task}");
}

/// Devices by the push tokens of demo users' Huawei phones.
pub(crate) fn phones(users: &[u64]) -> Value {
    json!({ "push_token": users.iter().map(|n| token(*n)).collect::<Vec<_>>() })
}

/// The number of demo user `n`'s Huawei phone.
pub(crate) fn device(n: u64) -> DeviceId {
    let place = ChannelKind::PHONES.iter().position(|kind| *kind == ChannelKind::Huawei).expect("a place") as u64;
    DeviceId::new(1 + (n - 1) * ChannelKind::PHONES.len() as u64 + place)
}

/// Whether that phone is taken for online.
pub(crate) async fn is_online(town: &Town, n: u64) -> bool {
    let app = mobile::app_id().expect("an app");
    let address = OwnAddress { shard: 0, device: device(n) };
    let presence = Presence::open(town.stack.store());
    presence.online(&app, &[address], town.now()).await.expect("who is online").contains(&device(n))
}

/// Waits until that phone is online, or is not.
pub(crate) async fn becomes(town: &Town, n: u64, wanted: bool) {
    until(&format!("user {n} online: {wanted}"), || async { is_online(town, n).await == wanted }).await;
}

/// Whom the batches in a channel's queue are for, by the numbers of their devices; they are taken out.
pub(crate) async fn queued(town: &Town, queue: &str) -> Vec<Vec<u64>> {
    let deployment = town.stack.deployment();
    let url = &deployment.queue_urls[queue];
    let taken = deployment.sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await;
    let batches = taken.expect("an answer").messages.unwrap_or_default().into_iter().map(|message| {
        let batch: Value = serde_json::from_str(message.body.as_deref().expect("a body")).expect("a batch");
        let recipients = batch["recipients"].as_array().expect("recipients").clone();
        recipients.iter().map(|one| one["s"].as_u64().expect("a slot")).collect()
    });
    batches.collect()
}

/// How many times a connection was sent to.
pub(crate) fn posts(town: &Town) -> u64 {
    town.stack.aws().calls.of("execute-api", "PostToConnection", "").count
}

/// The number of demo user `n`'s Huawei phone, as a slot.
pub(crate) fn slot(n: u64) -> u64 {
    device(n).get()
}

/// A town whose queues are worked by the test.
pub(crate) async fn by_hand() -> Town {
    Town::with(crate::wxpusher::by_hand()).await
}

/// Has a connection go without API Gateway telling us.
pub(crate) async fn leave_unnoticed(town: &Town, socket: Socket) {
    let kind = FaultKind::Error { status: 400, code: "AccessDeniedException".to_owned(), message: String::new() };
    town.stack.aws().faults.inject(AwsFault::new("dynamodb", "UpdateItem", kind).on("UsersTable"));
    socket.leave().await;
    until("the disconnect to fail", || async { town.stack.aws().faults.pending() == 0 }).await;
}

/// A town with the demo seed.
pub(crate) async fn town() -> Town {
    Town::with(Options::for_tests()).await
}
