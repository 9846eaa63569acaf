//! What WeChat tells us: GET and POST /wechat/callback/{account}. Tests that stand for an edge case of WeChat's or
//! WxPusher's documents carry its number; `row_45_…` in `calls.rs` is WeChat's 45, in `scan.rs` WxPusher's.

mod calls;
mod chat;
mod deaths;
mod finish;
mod page;
pub(crate) mod scan;

use crate::wxpusher::fresh_with;
use http::Method;
use local::{Options, seed};
use model::account::WechatCallback;
use model::clock::Timestamp;
use model::follow::FollowRecord;
use model::ids::{AccountId, AppId, OpenId, Uid};
use provider::wechat_event::PassiveReply;
use provider::wechat_event::peer::{post, read_answer};
use serde_json::{Value, json};
use store::Capability;
use store::apps::AppWriter;
use store::callbacks::CallbackLog;
use store::followers::Followers;
use store::people::People;
use support::{Answer, Town};

/// Somebody whom nobody knows yet.
const NEWCOMER: &str = "onew000000000000000000000001";

/// A stack whose queues nobody works, with a callback URL for demo app 1.
async fn town() -> Town {
    let town = fresh_with(Options { pollers: false, ..Options::for_tests() }).await;
    listens(&town, 1, true).await;
    town
}

/// Gives an app a callback URL, or takes it away.
async fn listens(town: &Town, app: u64, listens: bool) {
    let url = listens.then(|| "https://receiver.example/callback".to_owned());
    let writer = AppWriter::open(town.stack.store());
    let changed = writer.edit(AppId::new(app), |profile| profile.callback_url = url.clone()).await;
    changed.expect("a store").expect("an app");
}

/// What the developer of an app was to be told, by the second of what happened, the oldest first.
async fn told(town: &Town, app: u64) -> Vec<Value> {
    let log = CallbackLog::open(town.stack.store());
    let page = log.page(AppId::new(app), None, 100, town.now()).await.expect("a log");
    let mut bodies: Vec<Value> = page.iter().map(|record| serde_json::from_str(&record.body).expect("JSON")).collect();
    bodies.reverse();
    bodies
}

/// Somebody acts in the sandbox; its answer.
async fn acts(town: &Town, openid: &str, what: Value) -> Value {
    let mut body = what;
    body["openid"] = json!(openid);
    let answer = town.sandbox.post(&format!("/sandbox/wechat/{}/events", seed::ACCOUNT), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// What the person reads after acting; empty for nothing.
async fn reads(town: &Town, openid: &str, what: Value) -> String {
    let answer = acts(town, openid, what).await;
    assert_eq!((&answer["tries"], &answer["status"]), (&json!(1), &json!(200)), "{answer}");
    answer["reply"]["text"].as_str().unwrap_or_default().to_owned()
}

/// A typed text; what the person reads.
async fn types(town: &Town, openid: &str, content: &str) -> String {
    reads(town, openid, json!({ "event": "text", "content": content })).await
}

/// The fields of an event of `openid`, with the moment it happened.
fn fields(openid: &str, at: Timestamp, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let common = [
        ("ToUserName", seed::ORIGINAL_ID.to_owned()),
        ("FromUserName", openid.to_owned()),
        ("CreateTime", at.seconds().to_string()),
    ];
    common.into_iter().chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
}

/// Sends fields as WeChat does, under `callback`.
async fn tell_as(town: &Town, callback: &WechatCallback, fields: &[(&'static str, String)], json: bool) -> Answer {
    let call = post(&AccountId::new(seed::ACCOUNT), callback, fields, json, town.now());
    let path = format!("/wechat/callback/{}?{}", seed::ACCOUNT, call.query);
    town.api.send(Method::POST, &path, &[("content-type", call.content_type)], call.body).await
}

/// The same under the demo account's own settings.
async fn tell(town: &Town, fields: &[(&'static str, String)]) -> Answer {
    tell_as(town, &seed::callback(), fields, false).await
}

/// What an answer says to `openid`; empty for nothing.
fn said(openid: &str, callback: &WechatCallback, answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let said = read_answer(&AccountId::new(seed::ACCOUNT), callback, openid, answer.text.as_bytes());
    match said.expect("an answer that WeChat reads") {
        None => String::new(),
        Some(PassiveReply::Text(text)) => text,
        Some(other) => panic!("{other:?}"),
    }
}

/// A text message, named by `message_id`.
fn text(openid: &str, at: Timestamp, content: &str, message_id: &str) -> Vec<(&'static str, String)> {
    fields(openid, at, &[("MsgType", "text"), ("Content", content), ("MsgId", message_id)])
}

/// The UID behind an openid of the demo account.
pub(crate) async fn uid_of(town: &Town, openid: &str) -> Option<Uid> {
    let people = store::people::PeopleReader::open(town.stack.store());
    let person = people.by_openid(&AccountId::new(seed::ACCOUNT), &OpenId::new(openid)).await.expect("a store");
    person.map(|person| person.uid)
}

/// What somebody follows.
async fn follows_of(town: &Town, openid: &str) -> Vec<FollowRecord> {
    let Some(uid) = uid_of(town, openid).await else { return Vec::new() };
    Followers::open(town.stack.store()).of_person(&uid).await.expect("a store")
}

/// The first demo follower's openid.
fn first() -> String {
    seed::openid(1).as_str().to_owned()
}

/// Messages that wait on the queue of inbound events, those that rest included.
async fn waiting(town: &Town) -> u64 {
    let deployment = town.stack.deployment();
    let call = deployment.sqs.get_queue_attributes().queue_url(&deployment.queue_urls["InboundQueue"]);
    let answer = call.attribute_names("All".into()).send().await.expect("attributes");
    let attributes = answer.attributes.expect("attributes");
    let count = |name: &str| attributes.get(&name.into()).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesDelayed")
}

/// Has everybody known to the sandbox's account as a person of ours, too.
async fn arrives(town: &Town, openid: &str) -> Uid {
    let people = People::open(town.stack.store());
    let arrival = people.arrive(&AccountId::new(seed::ACCOUNT), &OpenId::new(openid), town.now()).await;
    arrival.expect("a store").person.uid
}
