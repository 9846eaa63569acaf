//! WeChat fails, is slow, refuses, or has had enough for today.

use super::{
    BATCHES, CHANNEL, account, counted, depth, direct, due_list, everybody, gate, minutes, openid, order, quiet,
    receivers, record, sends, states, to_topic, uid, wechat,
};
use http::StatusCode;
use local::sandbox::{Effect, Fault};
use local::{Options, seed};
use model::ids::AppId;
use model::record::State;
use serde_json::json;
use std::time::{Duration, Instant};
use store::Capability;
use store::breakers::Gate;
use store::follows::Follows;
use store::keys::DueThing;
use support::{Town, until};

const fn status(status: StatusCode) -> Effect {
    Effect::Status { status, retry_after: None }
}

/// The first attempt ends like this; the message arrives, and arrives once.
async fn arrives_in_spite_of(effect: Effect) {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, effect));
    let sent = direct(&town, "hello", &[1]).await;
    town.status_of(sent.messages[0], 3).await;
    assert_eq!(town.inbox_of(1).await[0].recipient, openid(1));
    assert_eq!(sends(&town), 2);
    assert_eq!(states(&town, sent.direct()).await, [State::Sent]);
    quiet(&town).await;
    town.close().await;
}

#[tokio::test]
async fn a_server_error_is_tried_again() {
    arrives_in_spite_of(status(StatusCode::SERVICE_UNAVAILABLE)).await;
}

#[tokio::test]
async fn a_busy_system_is_tried_again() {
    arrives_in_spite_of(Effect::Errcode(-1)).await;
}

#[tokio::test]
async fn a_connection_that_drops_before_acceptance_is_tried_again() {
    arrives_in_spite_of(Effect::DropBefore).await;
}

/// WeChat took it and the answer was lost: the repeat carries the same `client_msg_id`.
#[tokio::test]
async fn a_connection_that_drops_after_acceptance_shows_the_message_once() {
    arrives_in_spite_of(Effect::DropAfter).await;
}

#[tokio::test]
async fn only_the_recipients_that_failed_are_tried_again() {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, status(StatusCode::BAD_GATEWAY)).to(&openid(2)));
    let sent = direct(&town, "half", &[1, 2, 3]).await;
    for &id in &sent.messages {
        town.status_of(id, 3).await;
    }
    town.inbox_of(3).await;
    assert_eq!(receivers(&town, "half"), everybody());
    assert_eq!(sends(&town), 4, "three, and one of them again");
    assert!(record(&town, sent.direct()).await.record.is_closed());
    town.close().await;
}

/// One recipient is told to come back in a quarter of an hour, another in a second: the second does not wait for the
/// first, and the first is not forgotten when the second is done.
#[tokio::test]
async fn a_recipient_that_has_to_wait_long_holds_up_no_other() {
    let town = Town::demo().await;
    let long = Effect::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(1500) };
    order(&town, Fault::new(CHANNEL, long).to(&openid(1)));
    order(&town, Fault::new(CHANNEL, status(StatusCode::BAD_GATEWAY)).to(&openid(2)));
    let sent = direct(&town, "patience", &[1, 2, 3]).await;
    town.inbox_of(2).await;
    town.status_of(sent.messages[1], 3).await;
    assert_eq!(town.status(sent.messages[0]).await, 2, "under way");
    minutes(&town, 30).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(3).await;
    assert_eq!(receivers(&town, "patience"), everybody());
    until("a closed batch", || async { record(&town, sent.direct()).await.record.is_closed() }).await;
    town.close().await;
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    let town = Town::demo().await;
    let effect = Effect::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(2) };
    order(&town, Fault::new(CHANNEL, effect));
    let started = Instant::now();
    let sent = direct(&town, "later", &[1]).await;
    town.inbox_of(1).await;
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    town.status_of(sent.messages[0], 3).await;
    assert_eq!(sends(&town), 2);
    town.close().await;
}

/// Longer than a queue can hold it: the due list does.
#[tokio::test]
async fn a_long_retry_after_is_waited_for_on_the_due_list() {
    let town = Town::demo().await;
    let effect = Effect::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(1200) };
    order(&town, Fault::new(CHANNEL, effect));
    let accepted = town.now();
    let sent = direct(&town, "much later", &[1]).await;
    until("the first attempt", || async { sends(&town) == 1 && depth(&town, BATCHES).await == 0 }).await;
    assert!(due_list(&town).await.iter().any(|due| due.thing == DueThing::Task(sent.task)));
    while town.now().since(accepted) < Duration::from_secs(1130) {
        minutes(&town, 1).await;
    }
    quiet(&town).await;
    assert_eq!(sends(&town), 1, "not before the vendor's time");
    assert_eq!(town.status(sent.messages[0]).await, 2);
    // A tenth of jitter, and the next run of release-due.
    minutes(&town, 5).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(1).await;
    town.close().await;
}

/// A vendor that hangs costs one recipient a timeout. Neither the others nor other tasks wait for it.
#[tokio::test]
async fn a_call_that_hangs_holds_up_nobody_else() {
    let settings = [("TUISONG_UPSTREAM_TIMEOUT_MS".to_owned(), "2500".to_owned())].into();
    let town = Town::with(Options { settings, ..Options::for_tests() }).await;
    let hangs = Fault { delay: Duration::from_secs(30), ..Fault::new(CHANNEL, Effect::DropBefore).to(&openid(1)) };
    order(&town, hangs);
    let started = Instant::now();
    let slow = direct(&town, "slow", &[1, 2, 3]).await;
    let other = direct(&town, "other", &[2]).await;
    until("everybody else", || async { town.arrived() == 3 }).await;
    town.status_of(other.messages[0], 3).await;
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    assert_eq!(receivers(&town, "slow"), [openid(2), openid(3)]);
    for &id in &slow.messages {
        town.status_of(id, 3).await;
    }
    town.inbox_of(4).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    town.close().await;
}

/// WeChat's answer came too late to be heard: the repeat is recognised.
#[tokio::test]
async fn an_answer_that_comes_too_late_shows_the_message_once() {
    let settings = [("TUISONG_UPSTREAM_TIMEOUT_MS".to_owned(), "300".to_owned())].into();
    let town = Town::with(Options { settings, ..Options::for_tests() }).await;
    order(&town, Fault::late(CHANNEL, Duration::from_secs(30)));
    let sent = direct(&town, "late", &[1]).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(1).await;
    assert_eq!(counted(&town, "Attempts{channel=wechat-template,outcome=retry}"), 1);
    town.close().await;
}

/// 40001 once: WeChat has withdrawn the token.
#[tokio::test]
async fn a_withdrawn_token_costs_one_refresh_and_no_message() {
    let town = Town::demo().await;
    let first = direct(&town, "before", &[1]).await;
    town.status_of(first.messages[0], 3).await;
    wechat(&town).revoke_tokens();
    let sent = direct(&town, "after", &[1]).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(2).await;
    let fetches = wechat(&town).token_fetches();
    assert_eq!((fetches.stable, fetches.forced), (2, 0));
    assert_eq!(sends(&town), 3, "one repeat");
    town.close().await;
}

/// 43004 for one of three: that one has failed and is not tried again, by nobody, until they come back.
#[tokio::test]
async fn a_dead_address_fails_alone_and_is_left_out_from_then_on() {
    let town = Town::demo().await;
    wechat(&town).unfollow(&openid(2));
    let sent = direct(&town, "gone", &[1, 2, 3]).await;
    for (&id, status) in sent.messages.iter().zip([3, 4, 3]) {
        town.status_of(id, status).await;
    }
    assert_eq!(states(&town, sent.direct()).await, [State::Sent, State::Invalid, State::Sent]);
    let second = seed::uid(2).expect("a UID");
    until("a marked follow", || async {
        let found = Follows::open(town.stack.store()).of_app(AppId::new(1), std::slice::from_ref(&second)).await;
        found.expect("follows").values().any(|follower| follower.unreachable)
    })
    .await;

    let answer = town.send(json!({ "content": "again", "uids": [uid(2)] })).await;
    let targets = answer.targets();
    assert_eq!(targets[0]["code"], 1001, "{}", answer.text);
    let topic = to_topic(&town, "topic", 1).await;
    town.status_of(topic.messages[0], 3).await;
    town.inbox_of(4).await;
    assert_eq!(receivers(&town, "topic"), [openid(1), openid(3)]);
    assert_eq!(sends(&town), 5);
    assert_eq!(gate(&town, &account()).await, Gate::Closed);
    town.close().await;
}

/// A code that nobody knows: twice more, then failed.
#[tokio::test]
async fn an_unknown_code_is_tried_three_times() {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, Effect::Errcode(99_999)).to(&openid(1)).forever());
    let sent = direct(&town, "unknown", &[1, 2]).await;
    town.status_of(sent.messages[1], 3).await;
    town.status_of(sent.messages[0], 4).await;
    assert_eq!(sends(&town), 4, "three for one, one for the other");
    assert_eq!(states(&town, sent.direct()).await, [State::Content, State::Sent]);
    quiet(&town).await;
    town.inbox_of(1).await;
    town.close().await;
}
