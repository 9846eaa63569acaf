//! Queue messages come twice, too early, too late, unreadable, or not at all.

use super::{
    Accepted, BATCHES, CHANNEL, DEAD_BATCHES, DEAD_TASKS, TASKS, at_noon, by_hand, counted, depth, direct, everybody,
    impatient, inject, minutes, openid, order, pages, plan_and_lose, put, queue_url, quiet, receivers, record, sends,
    serve, shard, states, take, tally, to_topic, uid, work,
};
use http::StatusCode;
use local::Options;
use local::aws::{AwsFault, FaultKind};
use local::sandbox::{Effect, Fault};
use model::batch::Part;
use model::record::State;
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Town, until};

const NOT_YET: &str = "MessageFailed{function=fanout,code=not_yet}";

/// A service's own fault, which SDKs repeat three times.
fn broken() -> FaultKind {
    FaultKind::Error { status: 500, code: "InternalError".to_owned(), message: "ordered by a test".to_owned() }
}

#[tokio::test]
async fn a_batch_that_comes_again_sends_nothing() {
    let town = Town::with(by_hand()).await;
    let sent = direct(&town, "twice", &[1, 2, 3]).await;
    let batch = plan_and_lose(&town).await;
    assert_eq!(batch.len(), 1);
    for _ in 0..3 {
        assert!(serve(&town, "deliver", &batch).await.is_empty());
    }
    assert_eq!(sends(&town), 3, "each recipient once");
    assert_eq!(receivers(&town, "twice"), everybody());
    assert_eq!(tally(&town, sent.task, Part::Direct).await.sent(), 3);
    assert_eq!(depth(&town, BATCHES).await, 0);
    town.close().await;
}

/// Both see a record that says nothing yet. What is shown once and counted once all the same.
#[tokio::test]
async fn copies_of_a_batch_at_the_same_moment_show_and_count_each_message_once() {
    let town = Town::with(by_hand()).await;
    let sent = direct(&town, "at once", &[1, 2, 3]).await;
    let batch = plan_and_lose(&town).await;
    let copies = vec![batch[0].clone(); 8];
    assert!(serve(&town, "deliver", &copies).await.is_empty());
    assert_eq!(receivers(&town, "at once"), everybody());
    let tally = tally(&town, sent.task, Part::Direct).await;
    assert_eq!((tally.sent(), tally.total()), (3, 3));
    for id in sent.messages {
        assert_eq!(town.status(id).await, 3);
    }
    town.close().await;
}

/// One copy fails on the first recipient, the other runs out of nothing: neither closes the batch on the other.
#[tokio::test]
async fn a_copy_that_finds_its_part_done_closes_nothing_that_is_open() {
    let town = Town::with(by_hand()).await;
    let unavailable = Effect::Status { status: StatusCode::BAD_GATEWAY, retry_after: None };
    order(&town, Fault::new(CHANNEL, unavailable).to(&openid(1)).times(2));
    let sent = direct(&town, "open", &[1, 2, 3]).await;
    let batch = plan_and_lose(&town).await;
    assert!(serve(&town, "deliver", &batch).await.is_empty());
    assert_eq!(states(&town, sent.direct()).await, [State::Retrying, State::Sent, State::Sent]);
    // The queue brings the original again, at once and after the rest.
    assert!(serve(&town, "deliver", &batch).await.is_empty());
    town.stack.advance(Duration::from_secs(2));
    assert!(serve(&town, "deliver", &batch).await.is_empty());
    assert!(!record(&town, sent.direct()).await.record.is_closed());
    town.stack.advance(Duration::from_secs(5));
    assert!(serve(&town, "deliver", &batch).await.is_empty());
    assert!(record(&town, sent.direct()).await.record.is_closed());
    assert_eq!(receivers(&town, "open"), everybody());
    assert_eq!(sends(&town), 5, "three, and the first twice more");
    town.close().await;
}

/// A topic's message is carried over to the daily counters of its followers when it was sent: once, however often its
/// batch comes.
#[tokio::test]
async fn copies_of_a_batch_count_once_for_the_daily_quota() {
    let settings = [("TUISONG_DAILY_LIMIT".to_owned(), "3".to_owned())].into();
    let town = Town::with(Options { settings, ..by_hand() }).await;
    at_noon(&town);
    to_topic(&town, "counted", 1).await;
    let batch = plan_and_lose(&town).await;
    let copies = vec![batch[0].clone(); 3];
    assert!(serve(&town, "deliver", &copies).await.is_empty());
    assert!(serve(&town, "deliver", &batch).await.is_empty());
    for left in [true, true, false] {
        let answer = town.send(json!({ "content": "direct", "uids": [uid(1)] })).await;
        assert_eq!(answer.targets()[0]["code"] == 1000, left, "{}", answer.text);
    }
    to_topic(&town, "spent", 1).await;
    work(&town).await;
    assert_eq!(receivers(&town, "counted"), everybody());
    assert_eq!(receivers(&town, "direct"), [openid(1), openid(1)]);
    assert_eq!(receivers(&town, "spent"), [openid(2), openid(3)], "the first has had three");
    town.close().await;
}

#[tokio::test]
async fn a_hint_that_comes_again_costs_queue_messages_only() {
    let town = Town::with(by_hand()).await;
    let body = json!({ "content": "hints", "uids": [uid(1)], "topicIds": [1] });
    let sent = Accepted::of(&town.send(body).await.targets());
    let hint = take(&town, TASKS).await;
    assert_eq!(hint.len(), 1);
    // Two at the same moment, one afterwards.
    assert!(serve(&town, "fanout", &[hint[0].clone(), hint[0].clone()]).await.is_empty());
    assert!(serve(&town, "fanout", &hint).await.is_empty());
    work(&town).await;
    assert!(serve(&town, "fanout", &hint).await.is_empty());
    work(&town).await;
    let shown = receivers(&town, "hints");
    assert_eq!(
        shown,
        [openid(1), openid(1), openid(2), openid(3)],
        "the first is meant twice: by name, and as a follower"
    );
    assert_eq!(pages(&town, sent.task, shard(0)).await.len(), 1);
    assert_eq!(tally(&town, sent.task, shard(0)).await.sent(), 3);
    assert_eq!(tally(&town, sent.task, Part::Direct).await.sent(), 1);
    for id in sent.messages {
        assert_eq!(town.status(id).await, 3);
    }
    town.close().await;
}

/// What nobody can read goes to the dead-letter queue after five receipts. Its neighbours are served at once.
#[tokio::test]
async fn an_unreadable_message_ends_behind_its_queue_and_spoils_no_other() {
    let town = Town::with(by_hand()).await;
    for (queue, worker, dead) in [(TASKS, "fanout", DEAD_TASKS), (BATCHES, "deliver", DEAD_BATCHES)] {
        assert_eq!(depth(&town, dead).await, 0);
        put(&town, queue, "not json").await;
        put(&town, queue, r#"{"kind":"task_v99","task":1}"#).await;
        let unread = take(&town, queue).await;
        assert_eq!(serve(&town, worker, &unread).await, [0, 1], "{worker} asks for both again");
    }
    town.close().await;

    let town = Town::with(impatient()).await;
    let poison = ["not json", r#"{"kind":"task_v1"}"#, r#"{"kind":"deliver_v1","id":7}"#, "{}"];
    for text in poison {
        put(&town, TASKS, text).await;
        put(&town, BATCHES, text).await;
    }
    let started = Instant::now();
    let sent = direct(&town, "neighbour", &[1, 2, 3]).await;
    for id in sent.messages {
        town.status_of(id, 3).await;
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    until("dead letters", || async { depth(&town, DEAD_TASKS).await == 4 && depth(&town, DEAD_BATCHES).await == 4 })
        .await;
    quiet(&town).await;
    for queue in [DEAD_TASKS, DEAD_BATCHES] {
        let mut bodies = take(&town, queue).await;
        bodies.sort();
        let mut expected = poison.map(str::to_owned);
        expected.sort();
        assert_eq!(bodies, expected, "kept as they were");
    }
    town.inbox_of(3).await;
    town.close().await;
}

/// The hint is sent beside the task and may be quicker: fan-out looks a moment later.
#[tokio::test]
async fn a_hint_that_overtakes_its_task_by_little_finds_it() {
    let town = Town::demo().await;
    inject(&town, AwsFault::new("dynamodb", "PutItem", FaultKind::Delay(Duration::from_millis(100))).on("TasksTable"));
    let sent = direct(&town, "overtaken", &[1]).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(1).await;
    assert_eq!(counted(&town, NOT_YET), 0);
    town.close().await;
}

/// Overtaken by more than that, the hint comes again.
#[tokio::test]
async fn a_hint_that_overtakes_its_task_by_far_comes_again() {
    let town = Town::with(impatient()).await;
    inject(&town, AwsFault::new("dynamodb", "PutItem", FaultKind::Delay(Duration::from_millis(2500))).on("TasksTable"));
    let sent = direct(&town, "overtaken", &[1]).await;
    assert!(counted(&town, NOT_YET) > 0, "the hint was there first");
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(1).await;
    quiet(&town).await;
    town.close().await;
}

/// The task could not be written, its hint was sent: the caller was refused, so nothing may come of it.
#[tokio::test]
async fn a_hint_whose_task_was_never_written_comes_to_nothing() {
    let town = Town::with(impatient()).await;
    inject(&town, AwsFault::new("dynamodb", "PutItem", broken()).on("TasksTable").times(3));
    let answer = town.send(json!({ "content": "refused", "uids": [uid(1)] })).await;
    assert_eq!(answer.code(), 1005, "{}", answer.text);
    until("a hint that was looked at", || async { counted(&town, NOT_YET) > 0 }).await;
    town.stack.advance(Duration::from_secs(31));
    quiet(&town).await;
    minutes(&town, 5).await;
    quiet(&town).await;
    assert_eq!(depth(&town, DEAD_TASKS).await, 0, "dropped, not dead");
    assert!(town.inbox().is_empty());
    assert_eq!(sends(&town), 0);
    town.close().await;
}

/// The hint is lost: the call is accepted, and the sweep finds the task two to five minutes later.
#[tokio::test]
async fn the_sweep_makes_up_for_a_lost_hint() {
    let town = Town::demo().await;
    minutes(&town, 1).await;
    inject(&town, AwsFault::new("sqs", "SendMessage", broken()).on(TASKS).times(3));
    let sent = direct(&town, "lost hint", &[1, 2]).await;
    assert_eq!(counted(&town, "HintLost"), 1);
    assert_eq!(town.stack.aws().faults.pending(), 0);
    minutes(&town, 1).await;
    quiet(&town).await;
    assert!(town.inbox().is_empty(), "nobody knows yet");
    assert_eq!(town.status(sent.messages[0]).await, 1);
    minutes(&town, 4).await;
    for id in sent.messages {
        town.status_of(id, 3).await;
    }
    assert_eq!(town.inbox_of(2).await.len(), 2);
    minutes(&town, 5).await;
    quiet(&town).await;
    assert_eq!(sends(&town), 2, "finished tasks are left alone");
    town.close().await;
}

/// Every queue is emptied, at every stage a message can be at: an operator's run of release-due brings all of it back.
#[tokio::test]
async fn nothing_accepted_is_lost_with_the_queues() {
    let town = Town::with(by_hand()).await;
    let as_batch = direct(&town, "as batch", &[1, 2, 3]).await;
    plan_and_lose(&town).await;
    let half = direct(&town, "half done", &[1, 2]).await;
    let unavailable = Effect::Status { status: StatusCode::BAD_GATEWAY, retry_after: None };
    order(&town, Fault::new(CHANNEL, unavailable).to(&openid(2)));
    let lost = plan_and_lose(&town).await;
    assert!(serve(&town, "deliver", &lost).await.is_empty());
    let as_hint = direct(&town, "as hint", &[1]).await;
    let topic = to_topic(&town, "topic", 1).await;
    let done = direct(&town, "done", &[3]).await;
    let hints = take(&town, TASKS).await;
    assert!(serve(&town, "fanout", &hints[2..]).await.is_empty());
    work(&town).await;
    assert_eq!(town.status(done.messages[0]).await, 3);
    put(&town, TASKS, &hints[0]).await;
    for queue in [TASKS, BATCHES] {
        let purge = town.stack.deployment().sqs.purge_queue().queue_url(queue_url(&town, queue));
        purge.send().await.expect("an empty queue");
        assert_eq!(depth(&town, queue).await, 0);
    }

    town.stack.advance(Duration::from_secs(2));
    town.stack.run_schedule("release-due", json!({ "recover": true })).await.expect("a recovery");
    work(&town).await;
    for sent in [&as_batch, &half, &as_hint, &topic, &done] {
        for &id in &sent.messages {
            assert_eq!(town.status(id).await, 3);
        }
    }
    assert_eq!(receivers(&town, "as batch"), everybody());
    assert_eq!(receivers(&town, "half done"), [openid(1), openid(2)]);
    assert_eq!(receivers(&town, "as hint"), [openid(1)]);
    assert_eq!(receivers(&town, "topic"), everybody());
    assert_eq!(receivers(&town, "done"), [openid(3)]);
    town.close().await;
}
