//! What WeChat says later of a message that it had accepted. Numbers are those of WeChat's edge cases.

use super::{fields, first, tell, waiting};
use crate::wxpusher::{FIRST, aws_calls};
use http::StatusCode;
use local::Options;
use local::aws::{AwsFault, FaultKind};
use serde_json::json;
use std::time::Duration;
use support::{Town, until};

/// The msgid that WeChat gave the message at `place` of the inbox.
fn msgid(town: &Town, place: usize) -> String {
    town.inbox()[place].raw["msgid"].as_str().expect("a msgid").to_owned()
}

async fn finish(town: &Town, msgid: &str, status: &str) {
    let event = [("MsgType", "event"), ("Event", "TEMPLATESENDJOBFINISH"), ("MsgID", msgid), ("Status", status)];
    let answer = tell(town, &fields(&first(), town.now(), &event)).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "success"));
}

async fn state(town: &Town, message: u64) -> (i64, String) {
    let answer = town.api.get(&format!("/api/send/query/{message}")).await;
    (answer.json()["data"].as_i64().expect("a number"), answer.msg())
}

#[tokio::test]
async fn row_55_each_failure_has_its_own_words_and_success_changes_nothing() {
    let town = Town::demo().await;
    let endings = [
        ("success", 3, "发送成功"),
        ("failed: system failed", 4, "发送失败：微信系统原因，未能送达"),
        ("failed:freq limit", 4, "发送失败：用户接收消息过于频繁"),
        ("failed:something new", 4, "发送失败：微信未能送达"),
        ("failed:user block", 4, "发送失败：用户拒收"),
    ];
    for (place, (status, data, words)) in endings.into_iter().enumerate() {
        let message = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
        town.inbox_of(place + 1).await;
        town.status_of(message, 3).await;
        finish(&town, &msgid(&town, place), status).await;
        assert_eq!(state(&town, message).await, (data, words.to_owned()), "{status}");
        // And once more: nothing moves.
        finish(&town, &msgid(&town, place), status).await;
        assert_eq!(state(&town, message).await, (data, words.to_owned()), "{status}");
    }
    // Who has blocked the account is not sent to again, until they are seen.
    let refused = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert!(refused.targets()[0]["status"].as_str().is_some_and(|status| status.contains("已取消关注公众号")));
    town.close().await;
}

/// The event overtakes our own record: it is kept by WeChat's id and joined when somebody asks.
#[tokio::test]
async fn row_56_bad_news_that_comes_before_our_own_record_is_not_lost() {
    let town = Town::demo().await;
    // Told of whatever msgid comes next: the sandbox gives them out in order, so the next is learned from a send to
    // somebody else whose record is held back by nothing.
    let fault = json!({ "channel": "wechat-template", "delay_ms": 1500, "times": 1, "recipient": first() });
    town.sandbox.post("/sandbox/faults", &fault).await;
    let message = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    // WeChat has accepted it and has not answered us yet.
    town.inbox_of(1).await;
    assert_eq!(town.status(message).await, 1);
    finish(&town, &msgid(&town, 0), "failed:freq limit").await;
    assert_eq!(town.status(message).await, 1, "our record is not written yet");
    town.status_of(message, 4).await;
    town.close().await;
}

#[tokio::test]
async fn the_usual_receipt_writes_nothing_and_bad_news_one_item() {
    let town = Town::demo().await;
    let message = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    town.inbox_of(1).await;
    town.status_of(message, 3).await;
    finish(&town, "1", "success").await;
    let id = msgid(&town, 0);
    town.stack.aws().calls.reset();
    finish(&town, &id, "success").await;
    let writes = |town: &Town| -> Vec<String> {
        let writes = |call: &String| ["PutItem", "UpdateItem", "DeleteItem"].iter().any(|write| call.contains(write));
        aws_calls(town).into_iter().filter(writes).collect()
    };
    assert_eq!(writes(&town), [""; 0]);
    finish(&town, &id, "failed: system failed").await;
    let mut written = writes(&town);
    written.sort();
    assert_eq!(written, ["dynamodb PutItem TasksTable", "dynamodb PutItem TokensTable"]);
    assert!(waiting(&town).await <= 1);
    town.close().await;
}

/// An event and its copy on the queue go out side by side, and whichever is done first decides: once the event is done, its
/// copy is not waited for, and mostly never leaves. When the store is slow it does, and finds the event done.
#[tokio::test]
async fn the_copy_on_the_queue_leaves_only_when_the_store_is_slower() {
    let town = Town::demo().await;
    let message = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    town.inbox_of(1).await;
    town.status_of(message, 3).await;
    let id = msgid(&town, 0);
    finish(&town, "1", "success").await;
    let calls = &town.stack.aws().calls;
    let slow = |operation: &str| AwsFault::new("dynamodb", operation, FaultKind::Delay(Duration::from_millis(700)));
    town.stack.aws().faults.inject(slow("PutItem").on("TasksTable"));
    calls.reset();
    finish(&town, &id, "failed: system failed").await;
    assert_eq!(calls.of("sqs", "SendMessage", "InboundQueue").count, 1);
    // Its rest over, it arrives, and nothing is done twice.
    until("an empty queue", || async { calls.of("sqs", "DeleteMessageBatch", "InboundQueue").count == 1 }).await;
    assert_eq!(calls.of("dynamodb", "PutItem", "TasksTable").count, 1, "one receipt");
    assert_eq!(town.status(message).await, 4);
    town.close().await;
}

/// The stand-in tells by itself what became of a message, a while after it took it.
#[tokio::test]
async fn the_sandbox_tells_how_messages_ended() {
    let town = Town::with(Options { finish_after: Some(Duration::from_millis(300)), ..Options::for_tests() }).await;
    let told = |town: &Town| town.stack.sandbox().endings_told();
    let words = [
        ("user block", "发送失败：用户拒收"),
        ("system failed", "发送失败：微信系统原因，未能送达"),
        ("freq limit", "发送失败：用户接收消息过于频繁"),
    ];
    for (uid, (words, shown)) in (1..).zip(words) {
        let openid = local::seed::openid(uid);
        let order = json!({ "channel": "wechat-template", "finish": words, "recipient": openid.as_str() });
        let ordered = town.sandbox.post("/sandbox/faults", &order).await;
        assert_eq!(ordered.status, StatusCode::OK, "{}", ordered.text);
        let uid = local::seed::uid(uid).expect("a UID");
        let message = town.send(json!({ "content": "x", "uids": [uid.as_str()] })).await.message_id();
        town.status_of(message, 4).await;
        assert_eq!(state(&town, message).await, (4, shown.to_owned()));
    }
    until("three events", || async { told(&town) == 3 }).await;
    let uid = local::seed::uid(2).expect("a UID");
    let message = town.send(json!({ "content": "x", "uids": [uid.as_str()] })).await.message_id();
    until("the fourth event", || async { told(&town) == 4 }).await;
    assert_eq!(town.status(message).await, 3, "success changes nothing");
    town.close().await;
}
