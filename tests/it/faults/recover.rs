//! What release-due must not lose or let lie: tasks that rest, tasks beside one that cannot be read, tasks found late.

use super::{
    Accepted, BATCHES, CHANNEL, TASKS, account, at_noon, by_hand, direct, due_list, gate, inject, minutes, openid,
    order, receivers, take, uid, work,
};
use crate::wxpusher::{dynamodb, received};
use http::StatusCode;
use local::aws::{AwsFault, FaultKind};
use local::sandbox::{Effect, Fault};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::breakers::{Breakers, Gate, Trip};
use store::keys::{self, DueThing};
use support::Town;

async fn recover(town: &Town) -> Result<(), gateway::WorkerError> {
    town.stack.run_schedule("release-due", json!({ "recover": true })).await
}

/// Whatever both queues hold is gone.
async fn lose_the_queues(town: &Town) {
    take(town, TASKS).await;
    take(town, BATCHES).await;
}

/// A vendor asks for an hour. Recovering meanwhile, however often, forgets nobody.
#[tokio::test]
async fn recovering_forgets_nobody_who_rests() {
    let town = Town::with(by_hand()).await;
    at_noon(&town);
    let effect = Effect::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(3600) };
    order(&town, Fault::new(CHANNEL, effect));
    let sent = direct(&town, "in an hour", &[1]).await;
    work(&town).await;
    minutes(&town, 5).await;
    for _ in 0..3 {
        lose_the_queues(&town).await;
        recover(&town).await.expect("a run");
        assert!(due_list(&town).await.iter().any(|due| due.thing == DueThing::Task(sent.task)), "still on the list");
    }
    work(&town).await;
    assert_eq!(receivers(&town, "in an hour"), [""; 0], "not before its time");
    town.stack.advance(Duration::from_secs(3600 + 600));
    minutes(&town, 2).await;
    work(&town).await;
    assert_eq!(receivers(&town, "in an hour"), [openid(1)]);
    assert_eq!(town.status(sent.messages[0]).await, 3);
    town.close().await;
}

/// A task that this version cannot read, on the due list and in a block: every other task is found all the same, and the
/// run says that it was not complete.
#[tokio::test]
async fn one_unreadable_task_holds_up_no_other() {
    let town = Town::with(by_hand()).await;
    let foreign = direct(&town, "of another version", &[1]).await;
    spoil(&town, &foreign).await;
    let due = keys::due(town.now(), foreign.task);
    put(&town, json!({ "pk": { "S": due.pk }, "sk": { "S": due.sk } })).await;
    let sent = direct(&town, "found", &[2]).await;
    lose_the_queues(&town).await;
    let mut incomplete = 0;
    for _ in 0..5 {
        town.stack.advance(Duration::from_secs(60));
        incomplete += u32::from(town.stack.run_schedule("release-due", Value::Null).await.is_err());
    }
    assert!(incomplete > 0, "what could not be looked at is told");
    work(&town).await;
    assert_eq!(receivers(&town, "found"), [openid(2)]);
    assert_eq!(town.status(sent.messages[0]).await, 3);
    assert!(
        due_list(&town).await.iter().any(|due| due.thing == DueThing::Task(foreign.task)),
        "it is looked at again, once it can be"
    );
    town.close().await;
}

/// Writes the document of a task anew, as a version would that this one does not know.
async fn spoil(town: &Town, sent: &Accepted) {
    let key = keys::task(sent.task);
    put(
        town,
        json!({
            "pk": { "S": key.pk },
            "sk": { "S": key.sk },
            "created_ms": { "N": town.now().millis().to_string() },
            "doc": { "B": "/w==" },
        }),
    )
    .await;
}

async fn put(town: &Town, item: Value) {
    dynamodb(town, "PutItem", &json!({ "TableName": "TasksTable", "Item": item })).await;
}

/// The machine was off for more than a day: nothing is sent any more, and the status says so.
#[tokio::test]
async fn a_task_found_after_its_life_ends_as_expired() {
    let town = Town::with(by_hand()).await;
    let sent = direct(&town, "too late", &[1, 2]).await;
    lose_the_queues(&town).await;
    town.stack.advance(Duration::from_secs(30 * 3600));
    recover(&town).await.expect("a run");
    work(&town).await;
    assert_eq!(town.arrived(), 0);
    for id in sent.messages {
        assert_eq!(town.status(id).await, 4);
    }
    town.close().await;
}

/// A breaker that would keep a message beyond its life does not: the message ends as expired.
#[tokio::test]
async fn a_hold_ends_with_the_message() {
    let town = Town::with(by_hand()).await;
    at_noon(&town);
    let until = town.now().plus(Duration::from_secs(40 * 3600));
    let breakers = Breakers::open(town.stack.store());
    breakers.trip(&account(), ChannelKind::WechatTemplate, &trip(until)).await.expect("a breaker");
    let sent = direct(&town, "held", &[1]).await;
    work(&town).await;
    town.stack.advance(Duration::from_secs(24 * 3600 + 60));
    minutes(&town, 2).await;
    work(&town).await;
    assert_eq!(town.status(sent.messages[0]).await, 4);
    town.close().await;
}

/// A probe that got no answer shows nothing: the breaker stays, and the message with it.
#[tokio::test]
async fn a_probe_without_an_answer_does_not_close_the_breaker() {
    let town = Town::with(by_hand()).await;
    at_noon(&town);
    let breakers = Breakers::open(town.stack.store());
    let until = town.now().plus(Duration::from_secs(60));
    breakers.trip(&account(), ChannelKind::WechatTemplate, &trip(until)).await.expect("a breaker");
    town.stack.advance(Duration::from_secs(61));
    let effect = Effect::Status { status: StatusCode::BAD_GATEWAY, retry_after: None };
    order(&town, Fault::new(CHANNEL, effect).forever());
    let sent = direct(&town, "probe", &[1]).await;
    for _ in 0..2 {
        let hints = take(&town, TASKS).await;
        super::serve(&town, "fanout", &hints).await;
        let batches = take(&town, BATCHES).await;
        super::serve(&town, "deliver", &batches).await;
    }
    assert!(matches!(gate(&town, &account()).await, Gate::Open { .. }), "the probe's time is not over");
    town.stack.sandbox().faults().clear();
    minutes(&town, 6).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    work(&town).await;
    minutes(&town, 4).await;
    work(&town).await;
    assert_eq!(receivers(&town, "probe"), [openid(1)]);
    assert_eq!(town.status(sent.messages[0]).await, 3);
    assert_eq!(gate(&town, &account()).await, Gate::Closed);
    town.close().await;
}

/// A caller that is told that nothing was sent has used up nobody's day.
#[tokio::test]
async fn a_call_that_failed_does_not_count() {
    let town = Town::with(by_hand()).await;
    let day = at_noon(&town).beijing_day();
    let refused =
        FaultKind::Error { status: 500, code: "InternalServerError".to_owned(), message: "a test".to_owned() };
    inject(&town, AwsFault::new("dynamodb", "PutItem", refused).on("TasksTable").times(3));
    let answer = town.send(json!({ "content": "lost", "uids": [uid(1)] })).await;
    assert_eq!(answer.code(), 1005);
    assert_eq!(received(&town, &uid(1), day).await, 0);
    // Its hint is dropped once it is too old to have overtaken anything.
    minutes(&town, 5).await;
    work(&town).await;
    assert_eq!(town.arrived(), 0);
    town.close().await;
}

fn trip(until: Timestamp) -> Trip {
    Trip { until, reason: "a test".to_owned(), vendor_code: None, whole_account: false }
}
