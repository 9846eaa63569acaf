//! WeChat fails, is slow, refuses, or has had enough for today.

use super::{
    Accepted, BATCHES, CHANNEL, TASKS, account, at_noon, counted, depth, direct, due_list, everybody, gate, impatient,
    minutes, openid, order, quiet, receivers, record, release_due, sends, states, token_calls, uid, wechat,
};
use http::StatusCode;
use local::sandbox::{Effect, Fault, Followers, Template, WechatAccount, World};
use local::{Options, seed};
use model::account::WechatAccount as OurAccount;
use model::app::App;
use model::clock::Timestamp;
use model::ids::{AccountId, AppId};
use model::record::State;
use serde_json::json;
use std::time::{Duration, Instant};
use store::Capability;
use store::accounts::AccountWriter;
use store::breakers::Gate;
use store::follows::{FollowWriter, Follows};
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
    assert!(due_list(&town).await.iter().any(|due| due.task == sent.task));
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
    let settings = [("TUISONG_UPSTREAM_TIMEOUT_MS".to_owned(), "1500".to_owned())].into();
    let town = Town::with(Options { settings, ..Options::for_tests() }).await;
    let hangs = Fault { delay: Duration::from_secs(30), ..Fault::new(CHANNEL, Effect::DropBefore).to(&openid(1)) };
    order(&town, hangs);
    let started = Instant::now();
    let slow = direct(&town, "slow", &[1, 2, 3]).await;
    let other = direct(&town, "other", &[2]).await;
    until("everybody else", || async { town.inbox().len() == 3 }).await;
    town.status_of(other.messages[0], 3).await;
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert_eq!(receivers(&town, "slow"), [openid(2), openid(3)]);
    for &id in &slow.messages {
        town.status_of(id, 3).await;
    }
    town.inbox_of(4).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
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
    assert_eq!(sends(&town), 2);
    town.close().await;
}

/// 45009: nothing more before midnight in Beijing, and nobody has failed.
#[tokio::test]
async fn a_spent_quota_is_waited_out_until_midnight_in_beijing() {
    let town = Town::demo().await;
    let noon = at_noon(&town);
    wechat(&town).set_daily_quota(1);
    let sent = direct(&town, "quota", &[1, 2, 3]).await;
    until("an open breaker", || async { matches!(gate(&town, &account()).await, Gate::Open { .. }) }).await;
    quiet(&town).await;
    let midnight = noon.beijing_day().end();
    assert_eq!(gate(&town, &account()).await, Gate::Open { until: midnight });
    assert!(due_list(&town).await.iter().any(|due| due.task == sent.task && due.at >= midnight));
    let called = sends(&town);

    let later = direct(&town, "afterwards", &[3]).await;
    quiet(&town).await;
    advance_to(&town, midnight.minus(Duration::from_secs(20)));
    release_due(&town).await;
    quiet(&town).await;
    assert_eq!(sends(&town), called, "no call before midnight");
    assert_eq!(town.inbox().len(), 1);
    for &id in sent.messages.iter().chain(&later.messages) {
        assert_ne!(town.status(id).await, 4, "held, not failed");
    }

    wechat(&town).set_daily_quota(100);
    advance_to(&town, midnight);
    minutes(&town, 6).await;
    for &id in sent.messages.iter().chain(&later.messages) {
        town.status_of(id, 3).await;
    }
    town.inbox_of(4).await;
    assert_eq!(receivers(&town, "quota"), everybody());
    assert_eq!(gate(&town, &account()).await, Gate::Closed);
    assert_eq!(counted(&town, "Delivered{channel=wechat-template,state=sent}"), 4);
    town.close().await;
}

fn advance_to(town: &Town, moment: Timestamp) {
    town.stack.advance(moment.since(town.now()));
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

/// 40001 for good: the recipient that met it has failed, whoever comes later waits, and WeChat is not asked for a token
/// over and over. When it is mended, a probe lets the waiting ones through.
#[tokio::test]
async fn a_token_that_is_refused_for_good_closes_the_account() {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, Effect::Errcode(40001)).forever());
    let first = direct(&town, "refused", &[1]).await;
    town.status_of(first.messages[0], 4).await;
    assert!(matches!(gate(&town, &account()).await, Gate::Open { .. }));
    let mut held = Vec::new();
    for n in 0..10 {
        held.extend(direct(&town, &format!("held {n}"), &[2]).await.messages);
    }
    until("held batches", || async { depth(&town, BATCHES).await == 10 && depth(&town, TASKS).await == 0 }).await;
    assert!(token_calls(&town) <= 3, "{} token calls", token_calls(&town));
    assert!(sends(&town) <= 2, "{} sends", sends(&town));
    for &id in &held {
        assert_eq!(town.status(id).await, 1, "held, not failed");
    }
    town.stack.sandbox().faults().clear();
    minutes(&town, 12).await;
    for id in held {
        town.status_of(id, 3).await;
    }
    town.inbox_of(10).await;
    assert_eq!(gate(&town, &account()).await, Gate::Closed);
    town.close().await;
}

/// While the trouble lasts, a probe risks one recipient and the breaker closes again.
#[tokio::test]
async fn a_probe_risks_one_recipient() {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, Effect::Errcode(48001)).forever());
    let first = direct(&town, "first", &[1]).await;
    town.status_of(first.messages[0], 4).await;
    let sent = direct(&town, "probe", &[1, 2, 3]).await;
    until("a held batch", || async { depth(&town, BATCHES).await == 1 && depth(&town, TASKS).await == 0 }).await;
    assert_eq!(sends(&town), 1);
    minutes(&town, 8).await;
    until("the probe", || async { sends(&town) > 1 }).await;
    until("an open breaker", || async { matches!(gate(&town, &account()).await, Gate::Open { .. }) }).await;
    assert_eq!(sends(&town), 2, "one call of three");
    let mut failed = 0;
    for &id in &sent.messages {
        failed += u64::from(town.status(id).await == 4);
    }
    assert!(failed <= 1, "{failed} failed");

    town.stack.sandbox().faults().clear();
    minutes(&town, 15).await;
    until("the others", || async { town.inbox().len() == 2 }).await;
    town.inbox_of(2).await;
    assert_eq!(gate(&town, &account()).await, Gate::Closed);
    town.close().await;
}

/// A dead account for two hours: what waits is not multiplied in the queue.
#[tokio::test]
async fn waiting_out_a_long_outage_multiplies_nothing() {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, Effect::Errcode(48001)).forever());
    let first = direct(&town, "first", &[1]).await;
    town.status_of(first.messages[0], 4).await;
    let sent = direct(&town, "held", &[1, 2, 3]).await;
    for _ in 0..120 {
        minutes(&town, 1).await;
        until("worked tasks", || async { depth(&town, TASKS).await == 0 }).await;
    }
    let (copies, entries) = (depth(&town, BATCHES).await, due_list(&town).await.len());
    assert!(copies <= 3, "{copies} copies of one batch");
    assert!(entries <= 3, "{entries} entries of one task");
    assert_eq!(sent.messages.len(), 3);
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
    let topic = super::to_topic(&town, "topic", 1).await;
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

/// An app whose account nobody has configured: its messages wait for the operator.
#[tokio::test]
async fn messages_of_an_unknown_account_wait_for_it() {
    const APPID: &str = "wx00000000000000e1";
    const TOKEN: &str = "AT_orphan00000000000000000000000000";
    let mut world = World::demo();
    world.wechat.push(
        WechatAccount::official(APPID, seed::SECRET)
            .with_followers(Followers::numbered("odemo", 23, 3))
            .with_template(Template::new("demo-keyword", &["first", "keyword1", "keyword2", "keyword3", "remark"])),
    );
    let town = Town::with(Options { world: Some(world), ..impatient() }).await;
    let app = App {
        id: AppId::new(9),
        name: "orphan".to_owned(),
        account: AccountId::new(APPID),
        in_product: false,
        calls_per_10s: Some(0),
    };
    town.put_app(&app, TOKEN).await;
    let follower = seed::follower(seed::uid(1).expect("a UID"), seed::openid(1), 900, town.now());
    FollowWriter::open(town.stack.store()).put_app_follows(app.id, &[follower]).await.expect("a follow");

    let body = json!({ "appToken": TOKEN, "content": "orphan", "uids": [uid(1)] });
    let sent = Accepted::of(&town.api.post("/api/send/message", &body).await.targets());
    until("a held batch", || async { depth(&town, BATCHES).await == 1 && depth(&town, TASKS).await == 0 }).await;
    assert_eq!(town.status(sent.messages[0]).await, 1, "held, not failed");
    assert!(matches!(gate(&town, &app.account).await, Gate::Open { .. }));
    assert_eq!(gate(&town, &account()).await, Gate::Closed, "other accounts go on");
    let other = direct(&town, "other", &[1]).await;
    town.status_of(other.messages[0], 3).await;

    let configured = OurAccount { id: app.account.clone(), ..seed::account() };
    AccountWriter::open(town.stack.store()).put(&configured).await.expect("an account");
    minutes(&town, 10).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(2).await;
    assert_eq!(gate(&town, &app.account).await, Gate::Closed);
    town.close().await;
}
