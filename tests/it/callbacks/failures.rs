//! Receivers that fail, hang or talk without end; hints that get lost; workers that die or come in pairs.

use super::{APP, OTHER, allowing, depth, minutes_later, record, set_url, state_of, tell_of, town_with_receiver, work};
use futures::stream::{self, StreamExt};
use gateway::event::QueueReply;
use local::Options;
use local::aws::{AwsFault, FaultKind};
use model::callback::{AttemptOutcome, CallbackState};
use serde_json::json;
use std::time::{Duration, Instant};
use store::Capability;
use store::callbacks::{CallbackLog, CallbackRuns, Claim, Replayed};
use support::receiver::{Answer, Receiver};
use support::{Town, until};

/// Edge case 50: 500 three times, then 200. Retried, and delivered once more; the user's flow never waits for it.
#[tokio::test]
async fn row_50_three_refusals_and_then_an_acknowledgement() {
    let (town, receiver) = town_with_receiver().await;
    receiver.will([Answer::Status(500), Answer::Status(500), Answer::Status(500)]);
    let started = Instant::now();
    let id = tell_of(&town, APP, "开灯").await;
    assert!(started.elapsed() < Duration::from_secs(2), "who tells does not wait for the receiver");
    for (attempts, minutes) in [(1, 3), (2, 3), (3, 8)] {
        until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == attempts }).await;
        assert_eq!(record(&town, APP, &id).await.state, CallbackState::Pending);
        // The waits are 10 s, 1 min and 5 min; the due list looks two to three minutes after each.
        minutes_later(&town, minutes).await;
    }
    let ended = state_of(&town, APP, &id, CallbackState::Delivered).await;
    let statuses: Vec<_> = ended.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(500), Some(200)]);
    let told = receiver.told_times(4).await;
    assert!(told.iter().all(|call| call.text == told[0].text && call.header("webhook-id") == id.as_str()));
    town.close().await;
}

#[tokio::test]
async fn the_first_retry_comes_by_the_queue_after_ten_seconds() {
    let (town, receiver) = town_with_receiver().await;
    receiver.will([Answer::Status(503)]);
    let id = tell_of(&town, APP, "开灯").await;
    receiver.told_times(1).await;
    let first = Instant::now();
    until("the second attempt", || async { receiver.told().len() == 2 }).await;
    assert!((9..20).contains(&first.elapsed().as_secs()), "after {:?}", first.elapsed());
    state_of(&town, APP, &id, CallbackState::Delivered).await;
    town.close().await;
}

#[tokio::test]
async fn after_five_failures_it_is_given_up_and_can_be_replayed() {
    let (town, receiver) = town_with_receiver().await;
    receiver.will(std::iter::repeat_n(Answer::Status(500), 5));
    let id = tell_of(&town, APP, "开灯").await;
    for (attempts, minutes) in [(1, 3), (2, 3), (3, 8), (4, 33)] {
        until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == attempts }).await;
        minutes_later(&town, minutes).await;
    }
    let failed = state_of(&town, APP, &id, CallbackState::Failed).await;
    assert_eq!((failed.failed, failed.attempts.len()), (5, 5));
    assert_eq!(town.stack.context().metrics.counted_under("CallbacksFailed"), 1);
    minutes_later(&town, 120).await;
    receiver.told_times(5).await;

    let log = CallbackLog::open(town.stack.store());
    assert_eq!(log.replay(APP, &id, town.now()).await.expect("an answer"), Replayed::Yes);
    assert_eq!(log.replay(APP, &id, town.now()).await.expect("an answer"), Replayed::Pending, "it is under way");
    // No hint: the due list has it.
    minutes_later(&town, 4).await;
    let ended = state_of(&town, APP, &id, CallbackState::Delivered).await;
    assert_eq!((ended.failed, ended.attempts.len()), (0, 6));
    receiver.told_times(6).await;
    town.close().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_after_five_seconds() {
    let (town, receiver) = town_with_receiver().await;
    receiver.will([Answer::Hang(Duration::from_secs(30))]);
    let id = tell_of(&town, APP, "开灯").await;
    until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == 1 }).await;
    let attempt = record(&town, APP, &id).await.attempts.remove(0);
    assert_eq!((attempt.outcome, attempt.status), (AttemptOutcome::NoAnswer, None));
    assert!((4_900..7_000).contains(&attempt.duration_ms), "{} ms", attempt.duration_ms);
    town.close().await;
}

/// Its status is its answer, so it has acknowledged; what follows is not read.
#[tokio::test]
async fn a_receiver_that_never_stops_talking_has_acknowledged() {
    let (town, receiver) = town_with_receiver().await;
    receiver.will([Answer::Endless]);
    let id = tell_of(&town, APP, "开灯").await;
    let ended = state_of(&town, APP, &id, CallbackState::Delivered).await;
    assert!(ended.attempts[0].duration_ms < 3_000, "{} ms", ended.attempts[0].duration_ms);
    town.close().await;
}

#[tokio::test]
async fn a_receiver_whose_tls_is_broken_or_that_is_gone_is_tried_again() {
    let receiver = Receiver::start().await;
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("an address")
    };
    let town = Town::with(allowing(&[receiver.address(), gone])).await;
    for (content, url) in [("一", receiver.url("/").replace("http:", "https:")), ("二", format!("http://{gone}/"))] {
        set_url(&town, APP, &url).await;
        let id = tell_of(&town, APP, content).await;
        until("the attempt", || async { record(&town, APP, &id).await.attempts.len() == 1 }).await;
        let standing = record(&town, APP, &id).await;
        let outcome = standing.attempts[0].outcome;
        assert!(matches!(outcome, AttemptOutcome::NoConnection | AttemptOutcome::NoAnswer), "{url}: {outcome:?}");
        assert_eq!(standing.state, CallbackState::Pending);
    }
    assert!(receiver.told().is_empty());
    town.close().await;
}

#[tokio::test]
async fn a_url_that_is_gone_drops_the_callback() {
    let town = Town::with(Options::for_tests()).await;
    let id = tell_of(&town, APP, "开灯").await;
    let ended = state_of(&town, APP, &id, CallbackState::Dropped).await;
    assert!(ended.attempts.is_empty());
    town.close().await;
}

/// Killed between record and hint, or the queue lost the hint: the due list has it.
#[tokio::test]
async fn a_callback_whose_hint_was_lost_arrives_minutes_later() {
    let (town, receiver) = town_with_receiver().await;
    let fault = AwsFault::new(
        "sqs",
        "SendMessage",
        FaultKind::Error { status: 503, code: "ServiceUnavailable".to_owned(), message: "a test".to_owned() },
    );
    town.stack.aws().faults.inject(fault.on(super::QUEUE).times(3));
    let id = tell_of(&town, APP, "开灯").await;
    assert_eq!(town.stack.context().metrics.counted_under("HintLost"), 1);
    assert_eq!(depth(&town).await, 0);
    minutes_later(&town, 1).await;
    assert!(receiver.told().is_empty(), "young ones are left to their hints");
    minutes_later(&town, 3).await;
    receiver.told_times(1).await;
    state_of(&town, APP, &id, CallbackState::Delivered).await;
    minutes_later(&town, 10).await;
    receiver.told_times(1).await;
    town.close().await;
}

/// A worker that dies after its claim leaves it to whoever looks next; until the claim is over nobody else calls.
#[tokio::test]
async fn a_worker_that_dies_holding_a_claim_loses_nothing() {
    let receiver = Receiver::start().await;
    let town = Town::with(Options { pollers: false, ..allowing(&[receiver.address()]) }).await;
    set_url(&town, APP, &receiver.url("/")).await;
    let id = tell_of(&town, APP, "开灯").await;
    let runs = CallbackRuns::open(town.stack.store());
    assert!(matches!(runs.claim(APP, &id, town.now()).await.expect("a claim"), Claim::Taken(_)));
    let context = town.stack.context();
    assert_eq!(work(context, APP, &id).await, QueueReply::default(), "the copy is done with");
    assert!(receiver.told().is_empty());
    town.stack.advance(Duration::from_secs(25));
    work(context, APP, &id).await;
    receiver.told_times(1).await;
    assert_eq!(record(&town, APP, &id).await.state, CallbackState::Delivered);
    town.close().await;
}

#[tokio::test]
async fn two_workers_with_the_same_hint_make_one_call() {
    let receiver = Receiver::start().await;
    let town = Town::with(Options { pollers: false, ..allowing(&[receiver.address()]) }).await;
    set_url(&town, APP, &receiver.url("/")).await;
    let id = tell_of(&town, APP, "开灯").await;
    receiver.will([Answer::Hang(Duration::from_millis(300))]);
    let context = town.stack.context();
    let replies = futures::future::join_all((0..2).map(|_| work(context, APP, &id))).await;
    assert_eq!(replies, [QueueReply::default(), QueueReply::default()]);
    receiver.told_times(1).await;
    assert_eq!(record(&town, APP, &id).await.attempts.len(), 1);
    town.close().await;
}

#[tokio::test]
async fn two_lambdas_that_tell_of_the_same_event_record_it_once() {
    let (town, receiver) = town_with_receiver().await;
    let (one, two) = tokio::join!(tell_of(&town, APP, "开灯"), tell_of(&town, APP, "开灯"));
    // Both took the time from the clock here, which may have turned; an event carries its own.
    let different = usize::from(one != two) + 1;
    receiver.told_times(different).await;
    town.close().await;
}

/// A flood of one app whose receiver hangs: the other app's callback does not stand behind it.
#[tokio::test]
async fn a_slow_receiver_holds_up_no_other_app() {
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    let town = Town::with(allowing(&[slow.address(), quick.address()])).await;
    set_url(&town, APP, &slow.url("/")).await;
    set_url(&town, OTHER, &quick.url("/")).await;
    slow.will(std::iter::repeat_n(Answer::Hang(Duration::from_secs(30)), 400));
    let told = stream::iter(0..300).map(|n| {
        let town = &town;
        async move { tell_of(town, APP, &format!("第{n}条")).await }
    });
    told.buffer_unordered(16).for_each(|_| async {}).await;
    let started = Instant::now();
    tell_of(&town, OTHER, "快").await;
    until("the other app's callback", || async { !quick.told().is_empty() }).await;
    assert!(started.elapsed() < Duration::from_secs(15), "after {:?}", started.elapsed());
    assert!(slow.told().len() <= 20, "{} calls to a receiver that hangs", slow.told().len());
    town.close().await;
}

#[tokio::test]
async fn one_unreadable_hint_fails_alone() {
    let (town, receiver) = town_with_receiver().await;
    let deployment = town.stack.deployment();
    let send = deployment.sqs.send_message().queue_url(&deployment.queue_urls[super::QUEUE]);
    send.message_body(json!({ "kind": "callback_v9" }).to_string()).send().await.expect("sent");
    tell_of(&town, APP, "开灯").await;
    receiver.told_times(1).await;
    town.close().await;
}
