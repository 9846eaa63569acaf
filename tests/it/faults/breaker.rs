//! What only an operator or a new day can mend: the account is closed, its messages wait, and a probe opens it again.

use super::{
    Accepted, BATCHES, CHANNEL, TASKS, account, at_noon, counted, depth, direct, due_list, everybody, gate, impatient,
    minutes, order, quiet, receivers, release_due, sends, token_calls, uid, wechat,
};
use local::sandbox::{Effect, Fault, Followers, Template, WechatAccount, World};
use local::{Options, seed};
use model::account::WechatAccount as OurAccount;
use model::app::App;
use model::clock::Timestamp;
use model::ids::{AccountId, AppId};
use serde_json::json;
use std::time::Duration;
use store::Capability;
use store::accounts::AccountWriter;
use store::breakers::Gate;
use store::follows::FollowWriter;
use store::keys::DueThing;
use support::{Town, until};

/// 45009: nothing more before midnight in Beijing, and nobody has failed.
#[tokio::test]
async fn row_72_a_spent_quota_is_waited_out_until_midnight_in_beijing() {
    let town = Town::demo().await;
    let noon = at_noon(&town);
    wechat(&town).set_daily_quota(1);
    let sent = direct(&town, "quota", &[1, 2, 3]).await;
    until("an open breaker", || async { matches!(gate(&town, &account()).await, Gate::Open { .. }) }).await;
    quiet(&town).await;
    let midnight = noon.beijing_day().end();
    assert_eq!(gate(&town, &account()).await, Gate::Open { until: midnight, whole_account: false });
    assert!(due_list(&town).await.iter().any(|due| due.thing == DueThing::Task(sent.task) && due.at >= midnight));
    let called = sends(&town);

    let later = direct(&town, "afterwards", &[3]).await;
    quiet(&town).await;
    advance_to(&town, midnight.minus(Duration::from_secs(20)));
    release_due(&town).await;
    quiet(&town).await;
    assert_eq!(sends(&town), called, "no call before midnight");
    assert_eq!(town.arrived(), 1);
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

/// 40001 for good: the recipient that met it has failed, whoever comes later waits, and WeChat is not asked for a token
/// over and over. When it is mended, a probe lets the waiting ones through.
#[tokio::test]
async fn a_token_that_is_refused_for_good_closes_the_account() {
    let town = Town::demo().await;
    order(&town, Fault::new(CHANNEL, Effect::Errcode(40001)).forever());
    let first = direct(&town, "refused", &[1]).await;
    town.status_of(first.messages[0], 4).await;
    until("an open breaker", || async { matches!(gate(&town, &account()).await, Gate::Open { .. }) }).await;
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
    until("an open breaker", || async { matches!(gate(&town, &account()).await, Gate::Open { .. }) }).await;
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
    until("the others", || async { town.arrived() == 2 }).await;
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
    until("an open breaker", || async { matches!(gate(&town, &app.account).await, Gate::Open { .. }) }).await;
    until("a held batch", || async { depth(&town, BATCHES).await == 1 && depth(&town, TASKS).await == 0 }).await;
    assert_eq!(town.status(sent.messages[0]).await, 1, "held, not failed");
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
