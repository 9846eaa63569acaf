//! Workers that die, audiences that change between two runs, and what the sweep makes of it.

use super::{
    BATCHES, CHANNEL, TASKS, by_hand, depth, direct, everybody, invocation, minutes, openid, order, pages,
    plan_and_lose, put_followers, receivers, record, release_due, sends, serve, serve_in, shard, states, take, tally,
    to_topic, wechat, work,
};
use functions::routes;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use http::StatusCode;
use local::sandbox::{Effect, Fault};
use local::seed;
use model::audience::Follower;
use model::batch::{BatchId, Part};
use model::ids::OpenId;
use model::record::State;
use serde_json::json;
use std::time::Duration;
use support::{CROWD_TOPIC, Town, crowd_openid};

const NEWCOMER: &str = "onewcomer0000000000000000001";

/// Demo follower `n` as it stands in the audience of topic 1.
fn member(town: &Town, n: u64) -> Follower {
    seed::follower(seed::uid(n).expect("a UID"), seed::openid(n), seed::FOLLOWERS + n, town.now())
}

/// Somebody who follows topic 1 from now on.
async fn newcomer(town: &Town) {
    wechat(town).follow(NEWCOMER);
    let uid = seed::numbered_uid("newcomer", 1).expect("a UID");
    put_followers(town, 1, 0, &[seed::follower(uid, OpenId::new(NEWCOMER), 500, town.now())]).await;
}

/// Fan-out dies between the plan and its batches. Until the sweep comes, one follower is blocked and one is new: the
/// blocked one gets nothing any more, and who came after the plan is not owed this message.
#[tokio::test]
async fn a_plan_stands_when_the_audience_changes_before_its_batches_go_out() {
    let town = Town::with(by_hand()).await;
    let sent = to_topic(&town, "changed", 1).await;
    assert_eq!(plan_and_lose(&town).await.len(), 1);
    put_followers(&town, 1, 0, &[Follower { rejected: true, ..member(&town, 2) }]).await;
    newcomer(&town).await;
    minutes(&town, 5).await;
    work(&town).await;
    assert_eq!(receivers(&town, "changed"), [openid(1), openid(3)]);
    assert_eq!(pages(&town, sent.task, shard(0)).await.len(), 1);
    assert_eq!(town.status(sent.messages[0]).await, 3);
    let next = to_topic(&town, "next", 1).await;
    work(&town).await;
    assert_eq!(receivers(&town, "next"), [openid(1), openid(3), NEWCOMER.to_owned()]);
    assert_eq!(town.status(next.messages[0]).await, 3);
    town.close().await;
}

/// Half of a batch is served when the queue loses the rest; before it is built again, one who was served is blocked and
/// let in again, and somebody new follows.
#[tokio::test]
async fn whoever_was_served_gets_nothing_again_when_a_batch_is_rebuilt() {
    let town = Town::with(by_hand()).await;
    order(&town, Fault::new(CHANNEL, bad_gateway()).to(&openid(3)));
    let sent = to_topic(&town, "rebuilt", 1).await;
    let batches = plan_and_lose(&town).await;
    assert!(serve(&town, "deliver", &batches).await.is_empty());
    let batch = BatchId { task: sent.task, part: shard(0), number: 0 };
    assert_eq!(states(&town, batch).await, [State::Sent, State::Sent, State::Retrying]);
    assert_eq!(town.status(sent.messages[0]).await, 2);
    newcomer(&town).await;
    // The repeat keys of the first attempts are forgotten by now: only the record keeps the served from a second one.
    town.stack.advance(Duration::from_secs(700));
    minutes(&town, 5).await;
    work(&town).await;
    assert_eq!(receivers(&town, "rebuilt"), everybody());
    assert_eq!(sends(&town), 4);
    assert!(record(&town, batch).await.record.is_closed());
    assert_eq!(tally(&town, sent.task, shard(0)).await.sent(), 3);
    assert_eq!(town.status(sent.messages[0]).await, 3);
    town.close().await;
}

const fn bad_gateway() -> Effect {
    Effect::Status { status: StatusCode::BAD_GATEWAY, retry_after: None }
}

/// A finished batch is recognised, whether its message comes again or its task is driven again.
#[tokio::test]
async fn a_finished_batch_is_not_sent_again() {
    let town = Town::with(by_hand()).await;
    let sent = to_topic(&town, "finished", 1).await;
    let hints = take(&town, TASKS).await;
    assert!(serve(&town, "fanout", &hints).await.is_empty());
    work(&town).await;
    assert_eq!(sends(&town), 3);
    // Long after anything upstream would recognise a repeat.
    town.stack.advance(Duration::from_secs(3600));
    assert!(serve(&town, "fanout", &hints).await.is_empty());
    assert_eq!(depth(&town, BATCHES).await, 1, "built again");
    work(&town).await;
    let driven = json!({ "kind": "task_v1", "task": sent.task, "sent_ms": town.now().millis(), "redrive": true });
    assert!(serve(&town, "fanout", &[driven.to_string()]).await.is_empty());
    assert_eq!(depth(&town, BATCHES).await, 0, "not even built");
    assert_eq!(sends(&town), 3);
    assert_eq!(receivers(&town, "finished"), everybody());
    town.close().await;
}

/// The process dies while calls are under way and nothing is recorded yet: the batch comes again, and nobody is shown
/// anything twice.
#[tokio::test]
async fn a_worker_that_dies_in_the_middle_shows_nothing_twice() {
    let town = Town::with(by_hand()).await;
    let sent = direct(&town, "killed", &[1, 2, 3]).await;
    let batches = plan_and_lose(&town).await;
    order(&town, Fault::late(CHANNEL, Duration::from_secs(60)).to(&openid(1)));
    let killed = tokio::time::timeout(Duration::from_millis(1500), serve(&town, "deliver", &batches)).await;
    assert!(killed.is_err(), "dead before it was done");
    assert!(states(&town, sent.direct()).await.is_empty(), "nothing is recorded");
    assert_eq!(receivers(&town, "killed"), everybody(), "although all were taken");
    assert!(serve(&town, "deliver", &batches).await.is_empty());
    assert_eq!(receivers(&town, "killed"), everybody());
    assert_eq!(tally(&town, sent.task, Part::Direct).await.sent(), 3);
    for id in sent.messages {
        assert_eq!(town.status(id).await, 3);
    }
    town.close().await;
}

/// Time runs out in the middle of a batch: the rest is sent by the next invocation, and nobody is left behind.
#[tokio::test]
async fn a_batch_that_runs_out_of_time_goes_on_in_the_next_invocation() {
    let town = Town::with_crowd(by_hand(), 60).await;
    let sent = to_topic(&town, "time", CROWD_TOPIC).await;
    let batches = plan_and_lose(&town).await;
    // Each call takes a moment, and the first is tried again afterwards: both reasons to come back at once.
    order(&town, Fault::new(CHANNEL, bad_gateway()).to(crowd_openid(1).as_str()));
    order(&town, Fault::late(CHANNEL, Duration::from_millis(1000)).times(40));
    let time = Duration::from_millis(15_800);
    assert!(serve_in(town.stack.context(), "deliver", time, &batches).await.is_empty());
    let first = town.arrived();
    assert!((1..60).contains(&first), "{first} in the first invocation");
    assert_eq!(town.status(sent.messages[0]).await, 2);
    // The rest of the one that failed passes in the queue.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    work(&town).await;
    if town.arrived() < 60 {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        work(&town).await;
    }
    assert_eq!(town.arrived(), 60);
    let tally = tally(&town, sent.task, shard(0)).await;
    assert_eq!((tally.sent(), tally.total()), (60, 60));
    assert_eq!(town.status(sent.messages[0]).await, 3);
    town.close().await;
}

/// A task older than a message's life is not sent any more, and says so.
#[tokio::test]
async fn what_could_not_be_sent_within_a_day_ends_as_expired() {
    let town = Town::with(by_hand()).await;
    let sent = direct(&town, "too late", &[1, 2]).await;
    take(&town, TASKS).await;
    release_due(&town).await;
    town.stack.advance(Duration::from_secs(24 * 3600 + 60));
    minutes(&town, 3).await;
    work(&town).await;
    assert_eq!(states(&town, sent.direct()).await, [State::Expired, State::Expired]);
    for id in sent.messages {
        assert_eq!(town.status(id).await, 4);
    }
    assert_eq!(sends(&town), 0);
    town.close().await;
}

/// An event with two messages of which one fails: only that one is asked for again.
#[tokio::test]
async fn each_message_of_an_event_is_acknowledged_on_its_own() {
    let town = Town::with(by_hand()).await;
    let good = direct(&town, "good", &[1]).await;
    let hints = take(&town, TASKS).await;
    let records = vec![
        QueueRecord { message_id: "bad".to_owned(), body: "{".to_owned() },
        QueueRecord { message_id: "good".to_owned(), body: hints[0].clone() },
    ];
    let fanout = routes::by_name("fanout").expect("a function");
    let time = invocation(Duration::from_secs(60));
    let reply = serve_queue(fanout, town.stack.context().clone(), time, QueueEvent { records }).await;
    let failed: Vec<&str> = reply.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect();
    assert_eq!(failed, ["bad"]);
    work(&town).await;
    assert_eq!(town.status(good.messages[0]).await, 3);
    town.close().await;
}
