//! Callbacks: what a developer's URL is told, and what happens when it does not answer, or leads where it must not.
//!
//! Clocks are moved; only the delays of a queue pass in real time, so what waits for longer is driven by `release-due`
//! as it would be after its queue was emptied.

mod failures;
mod places;

use functions::workers::callback::tell;
use gateway::event::{QueueEvent, QueueRecord, QueueReply};
use gateway::lambda::serve_queue;
use gateway::{Context, Invocation};
use local::Options;
use model::callback::{CallbackEvent, CallbackId, CallbackState, SendUpCmd};
use model::clock::Timestamp;
use model::ids::{AppId, Uid};
use model::secret::Secret;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Capability;
use store::apps::AppWriter;
use store::callback_secrets::CallbackSecretWriter;
use store::callbacks::{CallbackLog, CallbackRecord, CallbackWriter};
use store::queue::CallbackMessage;
use support::receiver::Receiver;
use support::{Town, until};

/// The demo app, and another one.
const APP: AppId = AppId::new(1);
const OTHER: AppId = AppId::new(2);
const QUEUE: &str = "CallbacksQueue";

/// Options under which callbacks may go to these addresses of this machine.
fn allowing(addresses: &[SocketAddr]) -> Options {
    let mut options = Options::for_tests();
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    options.settings.insert("TUISONG_CALLBACK_EXCEPTIONS".to_owned(), list.join(","));
    options
}

/// A town whose demo app is called back at a receiver.
async fn town_with_receiver() -> (Town, Receiver) {
    let receiver = Receiver::start().await;
    let town = Town::with(allowing(&[receiver.address()])).await;
    set_url(&town, APP, &receiver.url("/hook?from=tuisong")).await;
    (town, receiver)
}

/// Writes a callback URL past every check, as one that was saved when it still led elsewhere.
async fn set_url(town: &Town, app: AppId, url: &str) {
    let apps = AppWriter::open(town.stack.store());
    let edited = apps.edit(app, |profile| profile.callback_url = Some(url.to_owned())).await.expect("an answer");
    assert!(edited.is_some(), "no such app");
}

/// A command of the first demo follower.
fn command(content: &str, at: Timestamp) -> CallbackEvent {
    CallbackEvent::SendUpCmd(SendUpCmd {
        uid: Uid::parse("UID_demo000000000000000000000001").expect("a UID"),
        app_id: APP,
        app_key: None,
        app_name: "演示应用".to_owned(),
        user_name: String::new(),
        user_head_img: String::new(),
        time: at,
        content: content.to_owned(),
    })
}

/// Has `app`'s developer told of a command.
async fn tell_of(town: &Town, app: AppId, content: &str) -> CallbackId {
    let (context, at) = (town.stack.context(), town.now());
    let callbacks = CallbackWriter::open(town.stack.store());
    tell(context, &callbacks, app, &command(content, at), at, content).await.expect("a callback")
}

async fn record(town: &Town, app: AppId, id: &CallbackId) -> CallbackRecord {
    let log = CallbackLog::open(town.stack.store());
    log.get(app, id, town.now()).await.expect("an answer").expect("a record")
}

async fn state_of(town: &Town, app: AppId, id: &CallbackId, state: CallbackState) -> CallbackRecord {
    until(&format!("{state:?}"), || async { record(town, app, id).await.state == state }).await;
    record(town, app, id).await
}

/// Moves the clock and lets `release-due` look.
async fn minutes_later(town: &Town, minutes: u64) {
    town.stack.advance(Duration::from_secs(minutes * 60));
    town.stack.run_schedule("release-due", json!({})).await.expect("a run");
}

/// Hands one hint to the worker, as a second Lambda would get it.
async fn work(context: &Arc<Context>, app: AppId, id: &CallbackId) -> QueueReply {
    let body = json!(CallbackMessage::CallbackV1 { app, id: id.clone() }).to_string();
    let event = QueueEvent { records: vec![QueueRecord { message_id: "hint".to_owned(), body }] };
    let invocation = Invocation { request_id: "test".to_owned(), deadline: Instant::now() + Duration::from_secs(30) };
    let function = functions::routes::by_name("callback").expect("the worker");
    serve_queue(function, context.clone(), invocation, event).await
}

async fn depth(town: &Town) -> usize {
    let deployment = town.stack.deployment();
    let ask = deployment.sqs.get_queue_attributes().queue_url(&deployment.queue_urls[QUEUE]);
    let counted = ask.attribute_names("All".into()).send().await.expect("attributes").attributes.unwrap_or_default();
    let count = |name: &str| counted.iter().find(|(key, _)| key.as_str() == name).map_or("0", |(_, text)| text);
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        .iter()
        .map(|name| count(name).parse::<usize>().expect("a number"))
        .sum()
}

/// The signature that docs/callbacks.md tells receivers to expect.
fn expected_signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    format!("v1,{}", STANDARD.encode(ring::hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes())))
}

#[tokio::test]
async fn a_callback_arrives_whole_signed_and_once() {
    let (town, receiver) = town_with_receiver().await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let secrets = CallbackSecretWriter::open(town.stack.store());
    secrets.put(APP, &Secret::new(secret.to_owned()), town.now()).await.expect("a secret");
    let id = tell_of(&town, APP, "开灯").await;
    let told = &receiver.told_times(1).await[0];
    assert_eq!(told.target, "/hook?from=tuisong");
    assert_eq!(told.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(told.json(), json!(command("开灯", id.at())));
    assert_eq!(told.header("webhook-id"), id.as_str());
    let timestamp = told.header("webhook-timestamp");
    assert_eq!(told.header("webhook-signature"), expected_signature(secret, id.as_str(), timestamp, &told.text));

    let record = state_of(&town, APP, &id, CallbackState::Delivered).await;
    assert_eq!((record.failed, record.attempts.len()), (0, 1));
    assert_eq!(record.attempts[0].status, Some(200));
    // The same event again is the same callback.
    let callbacks = CallbackWriter::open(town.stack.store());
    let event = command("开灯", id.at());
    let again = tell(town.stack.context(), &callbacks, APP, &event, id.at(), "开灯").await.expect("an answer");
    assert_eq!(again, id);
    minutes_later(&town, 10).await;
    receiver.told_times(1).await;
    assert_eq!(depth(&town).await, 0, "nothing is left to do");
    town.close().await;
}

/// During a day after a rotation both secrets sign, so a receiver can change over in between.
#[tokio::test]
async fn a_rotated_secret_goes_on_signing_for_a_day() {
    let (town, receiver) = town_with_receiver().await;
    let secrets = CallbackSecretWriter::open(town.stack.store());
    let (old, new) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    for secret in [old, new] {
        secrets.put(APP, &Secret::new(secret.to_owned()), town.now()).await.expect("a secret");
    }
    let signatures = async |times: usize| {
        let told = receiver.told_times(times).await.remove(times - 1);
        let (id, at) = (told.header("webhook-id").to_owned(), told.header("webhook-timestamp").to_owned());
        let expected = [new, old].map(|secret| expected_signature(secret, &id, &at, &told.text));
        (told.header("webhook-signature").to_owned(), expected)
    };
    tell_of(&town, APP, "一").await;
    let (sent, expected) = signatures(1).await;
    assert_eq!(sent, expected.join(" "));
    town.stack.advance(Duration::from_secs(86_401));
    tell_of(&town, APP, "二").await;
    let (sent, expected) = signatures(2).await;
    assert_eq!(sent, expected[0]);
    town.close().await;
}

#[tokio::test]
async fn a_callback_of_another_app_cannot_be_read_or_replayed() {
    let (town, receiver) = town_with_receiver().await;
    let id = tell_of(&town, APP, "开灯").await;
    receiver.told_times(1).await;
    let log = CallbackLog::open(town.stack.store());
    assert_eq!(log.get(OTHER, &id, town.now()).await.expect("an answer"), None);
    assert!(log.page(OTHER, None, 10, town.now()).await.expect("a page").is_empty());
    let replayed = log.replay(OTHER, &id, town.now()).await.expect("an answer");
    assert_eq!(replayed, store::callbacks::Replayed::Unknown);
    receiver.told_times(1).await;
    town.close().await;
}

#[tokio::test]
async fn the_log_is_paged_with_the_newest_first() {
    let (town, receiver) = town_with_receiver().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        town.stack.advance(Duration::from_millis(7));
        ids.push(tell_of(&town, APP, &format!("第{n}条")).await);
    }
    receiver.told_times(5).await;
    ids.reverse();
    let log = CallbackLog::open(town.stack.store());
    let mut seen = Vec::new();
    loop {
        let page = log.page(APP, seen.last(), 2, town.now()).await.expect("a page");
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(seen, ids);
    town.stack.advance(Duration::from_secs(8 * 86_400));
    assert!(log.page(APP, None, 10, town.now()).await.expect("a page").is_empty(), "kept for seven days");
    town.close().await;
}
