//! What one user, or one wrong setting, must not do to the others.

use super::{accepted, call, code, data, detail, message, quiet_town, refused, sign_in, user};
use futures::future::join_all;
use http::Method;
use local::Options;
use local::aws::{AwsFault, FaultKind};
use local::sandbox::{Effect, Fault};
use local::seed::mobile::{APP, app_id, device_token};
use local::seed::phones::certificate_name;
use model::certificate::Provider;
use model::channel::ChannelKind;
use model::ids::PushUserId;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::devices::{AudienceReader, Badges, Devices, List, Switch};
use support::{Town, until_within};

/// A busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(60);

async fn signed_in(town: &Town, n: u64, guid: &str) -> String {
    sign_in(town, n, guid).await["token"].as_str().expect("a token").to_owned()
}

async fn everybody(town: &Town) -> usize {
    let reader = AudienceReader::open(town.stack.store());
    let page = reader.page(&app_id().expect("an id"), List::Shard(0), None, None, 10_000).await;
    page.expect("a page").cards.len()
}

#[tokio::test]
async fn a_session_ends_with_its_device() {
    let town = quiet_town().await;
    let token = signed_in(&town, 1, "lost").await;
    let other = signed_in(&town, 1, "kept").await;
    let devices = data(&user(&town, &other, Method::GET, "/user/device/list", &Value::Null).await);
    let lost = devices.as_array().expect("devices").iter().find(|device| device["device_guid"] == "lost");
    let path = format!("/user/device/remove?device_sn={}", lost.expect("the lost one")["device_sn"]);
    assert_eq!(code(&user(&town, &other, Method::DELETE, &path, &Value::Null).await), 200);
    for (method, path) in [
        (Method::GET, "/user/device/list"),
        (Method::GET, "/user/push/tag"),
        (Method::GET, "/push/certificate?provider=1"),
    ] {
        assert_eq!(code(&user(&town, &token, method, path, &Value::Null).await), 10_008, "{path}");
    }
    assert_eq!(code(&user(&town, &other, Method::GET, "/user/push/tag", &Value::Null).await), 200, "of another device");
    town.close().await;
}

#[tokio::test]
async fn a_removed_device_stays_removed_whoever_writes_late() {
    let town = quiet_town().await;
    let body = json!({ "username": "newcomer", "password": "secret", "device_guid": "phone" });
    data(&call(&town, Method::POST, "/user/register/push", &[("app_id", APP)], &body).await);
    let new = data(&call(&town, Method::POST, "/token/login", &[("app_id", APP)], &body).await);
    let (id, token) = (new["user_id"].as_u64().expect("a number"), new["token"].as_str().expect("a token"));
    let body = json!({ "device_sn": 1, "device_token": "h-1", "notifier_name": certificate_name(Provider::Huawei) });
    assert_eq!(code(&user(&town, token, Method::PUT, "/user/token/bind", &body).await), 200);
    assert_eq!(everybody(&town).await, 21 + 1);
    // A change is written to the user at once, and to the device's card late.
    let update = |wait| AwsFault::new("dynamodb", "UpdateItem", FaultKind::Delay(wait)).on("UsersTable");
    town.stack.aws().faults.inject(update(Duration::ZERO));
    town.stack.aws().faults.inject(update(Duration::from_millis(800)));
    let (app, id) = (app_id().expect("an id"), PushUserId::new(id));
    let devices = Devices::open(town.stack.store());
    let removing = async {
        until_within(PATIENCE, "the late write", || async { town.stack.aws().faults.pending() == 0 }).await;
        devices.remove(&app, id, 1).await
    };
    let (changed, removed) = tokio::join!(devices.set(&app, id, Switch::Hidden(true)), removing);
    assert!(changed.expect("a store").is_some() && removed.expect("a store"));
    assert_eq!(everybody(&town).await, 21);
    town.close().await;
}

#[tokio::test]
async fn of_many_who_want_an_alias_at_once_one_has_it() {
    let town = quiet_town().await;
    let tokens = join_all((1..=3).map(|n| signed_in(&town, n, "phone"))).await;
    for round in 0..4 {
        let body = json!({ "alias": format!("wanted{round}") });
        let calls = tokens.iter().map(|token| user(&town, token, Method::POST, "/user/push/alias", &body));
        let told = join_all(calls).await.iter().filter(|answer| code(answer) == 200).count();
        let has = async |n: u64| {
            let kept = Devices::open(town.stack.store()).user(&app_id().expect("an id"), PushUserId::new(n)).await;
            kept.expect("a store").is_some_and(|user| user.alias.as_deref() == body["alias"].as_str())
        };
        let having = [has(1).await, has(2).await, has(3).await].iter().filter(|has| **has).count();
        assert!(told <= 1, "{told} were told that it is theirs");
        assert_eq!(having, told, "who has it is who was told");
    }
    town.close().await;
}

#[tokio::test]
async fn a_hundred_tags_are_the_limit_for_calls_at_once_too() {
    let town = quiet_town().await;
    let token = signed_in(&town, 1, "phone").await;
    let before = data(&user(&town, &token, Method::GET, "/user/push/tag", &Value::Null).await);
    let before = before.as_array().map_or(0, Vec::len);
    let tags = |call: &str| json!({ "tags": (0..60).map(|n| format!("{call}-{n}")).collect::<Vec<_>>() });
    let (one, other) = (tags("one"), tags("other"));
    let calls = [&one, &other].map(|body| user(&town, &token, Method::POST, "/user/push/tag", body));
    let mut codes: Vec<u64> = join_all(calls).await.iter().map(code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [200, 10_002]);
    let after = data(&user(&town, &token, Method::GET, "/user/push/tag", &Value::Null).await);
    assert_eq!(after.as_array().map(Vec::len), Some(before + 60));
    town.close().await;
}

#[tokio::test]
async fn a_repeated_push_counts_on_every_badge_once() {
    let town = quiet_town().await;
    let badges = Badges::open(town.stack.store());
    let (app, body) = (
        app_id().expect("an id"),
        json!({ "audience": "all", "message": message(), "setting": { "request_id": "r-1" } }),
    );
    // The process dies between the badges and the task.
    town.stack.aws().faults.inject(AwsFault::new("dynamodb", "PutItem", refused()).on("TasksTable"));
    let dead = super::notify(&town, &body).await;
    assert_eq!((code(&dead), town.stack.aws().faults.pending()), (20_000, 0), "{}", dead.text);
    accepted(&town, &body).await;
    assert_eq!(badges.ledger(&app).await.expect("a ledger").adds, 1);
    accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    assert_eq!(badges.ledger(&app).await.expect("a ledger").adds, 2);
    town.close().await;
}

#[tokio::test]
async fn what_is_no_token_of_apples_is_not_bound() {
    let town = quiet_town().await;
    let token = signed_in(&town, 1, "phone").await;
    let devices = data(&user(&town, &token, Method::GET, "/user/device/list", &Value::Null).await);
    let sn = devices.as_array().and_then(|devices| devices.last()).expect("a device")["device_sn"].clone();
    for (device_token, expected) in [("../../3/device/aa", 10_002), ("zz", 10_002), ("0a".repeat(32).as_str(), 200)] {
        let body =
            json!({ "device_sn": sn, "device_token": device_token, "notifier_name": certificate_name(Provider::Apns) });
        let answer = user(&town, &token, Method::PUT, "/user/token/bind", &body).await;
        assert_eq!(code(&answer), expected, "{device_token}: {}", answer.text);
        assert!(expected == 200 || answer.text.contains("device_token"), "{}", answer.text);
    }
    town.close().await;
}

/// Three devices are too few to tell a dead token from a certificate of another app.
#[tokio::test]
async fn a_small_push_with_a_wrong_certificate_costs_no_token() {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    for n in 1..=3 {
        let token = device_token(ChannelKind::Apns, n);
        town.stack.sandbox().faults().add(Fault::new("apns", Effect::Errcode(400)).to(token.as_str()));
    }
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until_within(PATIENCE, "the others", || async { detail(&town, task).await["flyme_sent"] == 3 }).await;
    until_within(PATIENCE, "apple", || async { town.stack.sandbox().faults().pending().is_empty() }).await;
    let first = detail(&town, task).await;
    assert_eq!((&first["apns_target"], &first["apns_sent"]), (&json!(3), &json!(0)), "{first}");
    let next = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until_within(PATIENCE, "apple's", || async { detail(&town, next).await["apns_sent"] == 3 }).await;
    assert_eq!(detail(&town, next).await["apns_target"], 3);
    town.close().await;
}

/// The same word of the vendor, beside two tokens that it takes.
#[tokio::test]
async fn one_that_was_accepted_vouches_for_the_death_of_another() {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    let dead = device_token(ChannelKind::Apns, 1);
    town.stack.sandbox().faults().add(Fault::new("apns", Effect::Errcode(400)).to(dead.as_str()));
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until_within(PATIENCE, "the others", || async { detail(&town, task).await["apns_sent"] == 2 }).await;
    let reader = AudienceReader::open(town.stack.store());
    let app = app_id().expect("an id");
    let iphones = async || {
        let page = reader.page(&app, List::Shard(0), None, None, 10_000).await.expect("a page");
        page.cards.iter().filter(|card| card.bindings.contains_key(&ChannelKind::Apns)).count()
    };
    until_within(PATIENCE, "it to be forgotten", || async { iphones().await == 2 }).await;
    town.close().await;
}
