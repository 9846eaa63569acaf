//! Push users and their devices: who is a target, and by which name.

use super::{accepted, admin, call, code, data, quiet_town, refused, sign_in, user};
use futures::future::join_all;
use http::Method;
use local::seed::mobile::{APP, app_id, push_token};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::device::{Binding, Card};
use model::ids::{DeviceToken, PushUserId};
use model::push::Audience;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::devices::{AudienceReader, DeadTokens, Devices, List};
use support::{Answer, Town};

const NOBODY: &Value = &Value::Null;

/// Signs a new user up and in on a device; its number, its token, and the device's push token.
async fn newcomer(town: &Town, name: &str, guid: &str) -> (u64, String, String) {
    let headers = [("app_id", APP)];
    let body = json!({ "username": name, "password": "secret", "device_guid": guid });
    let registered = data(&call(town, Method::POST, "/user/register/push", &headers, &body).await);
    let signed = data(&call(town, Method::POST, "/token/login", &headers, &body).await);
    assert_eq!(registered["push_token"], signed["push_token"], "the same installation is the same device");
    let text = |name: &str| signed[name].as_str().expect("a text").to_owned();
    (signed["user_id"].as_u64().expect("a number"), text("token"), text("push_token"))
}

/// The cards of a list, as a fan-out reads them.
async fn cards(town: &Town, list: List<'_>) -> Vec<Card> {
    let app = app_id().expect("an id");
    let reader = AudienceReader::open(town.stack.store());
    reader.page(&app, list, None, None, 10_000).await.expect("a page").cards
}

async fn listed(town: &Town, audience: &Audience) -> Vec<u64> {
    let app = app_id().expect("an id");
    let cards = AudienceReader::open(town.stack.store()).listed(&app, audience).await.expect("cards");
    cards.iter().map(|card| card.device.get()).collect()
}

async fn bind(town: &Town, of: u64, sn: i32, channel: ChannelKind, token: &str, at: Timestamp) {
    let binding = Binding {
        token: DeviceToken::new(token),
        bound: at,
        environment: model::certificate::Environment::Production,
        notifier: "n".to_owned(),
    };
    let devices = Devices::open(town.stack.store());
    let bound = devices.bind(&app_id().expect("an id"), PushUserId::new(of), sn, channel, binding).await;
    assert!(bound.expect("a store").is_some(), "the user has such a device");
}

#[tokio::test]
async fn whoever_signs_up_is_a_target_from_the_first_token_on() {
    let town = quiet_town().await;
    let before = cards(&town, List::Shard(0)).await.len();
    assert_eq!(before, 21, "three demo users with a device per vendor");
    let (id, token, push_token) = newcomer(&town, "newcomer", "phone-1").await;
    assert_eq!(id, 4, "numbers go on after the demo users");
    bind(&town, id, 1, ChannelKind::Huawei, "huawei-token", town.now()).await;
    let all = cards(&town, List::Shard(0)).await;
    assert_eq!(all.len(), before + 1);
    let card = all.last().expect("the newest is last");
    assert_eq!((card.user.get(), card.bindings.len()), (id, 1));
    assert_eq!(listed(&town, &Audience::PushToken(vec![push_token])).await, [card.device.get()]);
    assert_eq!(listed(&town, &Audience::UserId(vec![id.cast_signed(), -1, 999])).await, [card.device.get()]);

    let devices = data(&user(&town, &token, Method::GET, "/user/device/list", NOBODY).await);
    assert_eq!(devices[0]["notifiers"], json!({ "huawei": "n" }));
    assert!(!devices.to_string().contains("huawei-token"), "vendors' tokens are nobody's business");
    town.close().await;
}

#[tokio::test]
async fn names_and_passwords_are_checked() {
    let town = quiet_town().await;
    let headers = [("app_id", APP)];
    let post = async |path: &str, body: Value| code(&call(&town, Method::POST, path, &headers, &body).await);
    newcomer(&town, "one", "phone").await;
    assert_eq!(post("/user/register/push", json!({ "username": "one", "password": "x" })).await, 10_004);
    assert_eq!(post("/user/register/push", json!({ "username": "two" })).await, 10_002);
    assert_eq!(post("/user/register/push", json!({ "username": "x".repeat(129), "password": "x" })).await, 10_002);
    assert_eq!(post("/token/login", json!({ "username": "one", "password": "wrong" })).await, 10_008);
    assert_eq!(post("/token/login", json!({ "username": "nobody", "password": "secret" })).await, 10_008);
    assert_eq!(post("/token/id", json!({ "user_id": 4, "password": "secret" })).await, 200);
    assert_eq!(post("/token/id", json!({ "user_id": "4", "password": "secret" })).await, 200);
    assert_eq!(post("/token/id", json!({ "user_id": -4, "password": "secret" })).await, 10_008);
    let body = json!({ "username": "user1", "password": local::seed::mobile::password(1) });
    let signed = data(&call(&town, Method::POST, "/token/user", &headers, &body).await);
    assert!(signed["push_token"].is_null(), "no device is named: {signed}");
    assert!(!signed.to_string().contains("pbkdf2"), "{signed}");
    // Thirty days later the token is over.
    let token = signed["token"].as_str().expect("a token");
    assert_eq!(code(&user(&town, token, Method::GET, "/user/push/tag", NOBODY).await), 200);
    town.stack.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(code(&user(&town, token, Method::GET, "/user/push/tag", NOBODY).await), 10_008);
    town.close().await;
}

#[tokio::test]
async fn one_name_is_given_to_one_of_many_who_want_it_at_once() {
    let town = quiet_town().await;
    let body = json!({ "username": "wanted", "password": "secret" });
    let headers = [("app_id", APP)];
    let calls = (0..10).map(|_| call(&town, Method::POST, "/user/register/push", &headers, &body));
    let answers: Vec<Answer> = join_all(calls).await;
    let new = answers.iter().filter(|answer| code(answer) == 200).count();
    assert_eq!(new, 1);
    assert!(answers.iter().all(|answer| [200, 10_004].contains(&code(answer))));
    town.close().await;
}

#[tokio::test]
async fn an_alias_is_one_users() {
    let town = quiet_town().await;
    let (id, token, push_token) = newcomer(&town, "named", "phone").await;
    let post = async |body: Value| user(&town, &token, Method::POST, "/user/push/alias", &body).await;
    let taken = post(json!({ "alias": "alias1" })).await;
    assert_eq!(code(&taken), 10_002);
    assert!(taken.text.contains("bound by another user"), "{}", taken.text);
    assert_eq!(code(&post(json!({ "alias": "mine", "push_token": "demo-apns-1" })).await), 10_002, "another's device");
    assert_eq!(code(&post(json!({ "alias": "x".repeat(65) })).await), 10_002);
    assert_eq!(code(&post(json!({ "alias": "mine", "push_token": push_token })).await), 200);
    assert_eq!(code(&post(json!({ "alias": "mine" })).await), 200, "twice is once");
    bind(&town, id, 1, ChannelKind::Fcm, "t", town.now()).await;
    let mine = Audience::Alias(vec!["mine".to_owned(), "mine".to_owned(), "nobody".to_owned()]);
    assert_eq!(listed(&town, &mine).await.len(), 1);
    assert_eq!(code(&post(json!({ "alias": "other" })).await), 200);
    assert_eq!(listed(&town, &mine).await.len(), 0, "the old one leads nowhere");
    assert_eq!(code(&post(json!({ "alias": "" })).await), 200);
    let other = sign_in(&town, 2, "phone").await["token"].as_str().expect("a token").to_owned();
    let answer = user(&town, &other, Method::POST, "/user/push/alias", &json!({ "alias": "other" })).await;
    assert_eq!(code(&answer), 200, "what was given up may be taken");
    town.close().await;
}

#[tokio::test]
async fn tags_are_the_users_and_hold_on_every_device() {
    let town = quiet_town().await;
    let (id, token, _) = newcomer(&town, "tagged", "phone").await;
    sign_in_again(&town, "tagged", "tablet").await;
    let tag = async |method: Method, tags: Value| {
        user(&town, &token, method, "/user/push/tag", &json!({ "tags": tags })).await
    };
    let tags = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let under = async |names: &[&str]| cards(&town, List::Tags(&tags(names))).await.len();
    assert_eq!(data(&tag(Method::POST, json!(["a", "b"])).await), json!(["a", "b"]));
    assert_eq!((under(&["a"]).await, under(&["a", "b"]).await), (2, 2), "each device once");
    assert_eq!(under(&["demo", "a"]).await, 23);
    assert_eq!(data(&tag(Method::DELETE, json!(["a", "unknown"])).await), json!(["b"]));
    assert_eq!((under(&["a"]).await, under(&["b"]).await), (0, 2));
    assert_eq!(code(&tag(Method::POST, json!([])).await), 10_002);
    assert_eq!(code(&tag(Method::POST, json!((0..101).map(|n| n.to_string()).collect::<Vec<_>>())).await), 10_002);
    assert_eq!(data(&user(&town, &token, Method::DELETE, "/user/push/tag/all", NOBODY).await), json!([]));
    assert_eq!(under(&["b"]).await, 0);
    // A removed device takes its cards along.
    tag(Method::POST, json!(["c"])).await;
    let removed = user(&town, &token, Method::DELETE, "/user/device/remove?device_sn=2", NOBODY).await;
    assert_eq!(code(&removed), 200);
    assert_eq!(under(&["c"]).await, 1);
    assert_eq!(listed(&town, &Audience::UserId(vec![id.cast_signed()])).await.len(), 1);
    town.close().await;
}

async fn sign_in_again(town: &Town, name: &str, guid: &str) {
    let body = json!({ "username": name, "password": "secret", "device_guid": guid });
    data(&call(town, Method::POST, "/token/login", &[("app_id", APP)], &body).await);
}

#[tokio::test]
async fn a_token_moves_with_the_phone_and_dies_once() {
    let town = quiet_town().await;
    let (first, ..) = newcomer(&town, "first", "phone").await;
    let (second, ..) = newcomer(&town, "second", "phone").await;
    let (app, now) = (app_id().expect("an id"), town.now());
    bind(&town, first, 1, ChannelKind::Fcm, "shared", now).await;
    bind(&town, second, 1, ChannelKind::Fcm, "shared", now).await;
    let holders = async || {
        let cards = cards(&town, List::Shard(0)).await;
        let holds = |card: &&Card| card.bindings.get(&ChannelKind::Fcm).is_some_and(|b| b.token.as_str() == "shared");
        cards.iter().filter(holds).map(|card| card.user.get()).collect::<Vec<_>>()
    };
    assert_eq!(holders().await, [second], "the newest binder has it");
    let dead = DeadTokens::open(town.stack.store());
    let (token, before) = (DeviceToken::new("shared"), now.minus(Duration::from_secs(1)));
    assert!(!dead.forget(&app, ChannelKind::Fcm, &token, Some(before)).await.unwrap(), "it was bound after that death");
    assert!(!dead.forget(&app, ChannelKind::Huawei, &token, None).await.unwrap(), "another vendor's");
    assert_eq!(holders().await, [second]);
    let later = now.plus(Duration::from_secs(1));
    assert!(dead.forget(&app, ChannelKind::Fcm, &token, Some(later)).await.unwrap());
    assert!(!dead.forget(&app, ChannelKind::Fcm, &token, Some(later)).await.unwrap(), "twice is once");
    assert_eq!(holders().await, Vec::<u64>::new());
    town.close().await;
}

#[tokio::test]
async fn a_token_that_many_bind_at_once_has_one_device() {
    let town = quiet_town().await;
    let mut users = Vec::new();
    for n in 0..4 {
        users.push(newcomer(&town, &format!("racer{n}"), "phone").await.0);
    }
    let now = town.now();
    join_all(users.iter().map(|of| bind(&town, *of, 1, ChannelKind::Oppo, "CN_race", now))).await;
    let cards = cards(&town, List::Shard(0)).await;
    let holds = |card: &&Card| card.bindings.get(&ChannelKind::Oppo).is_some_and(|b| b.token.as_str() == "CN_race");
    assert!(cards.iter().filter(holds).count() <= 1, "two devices would get it twice");
    town.close().await;
}

#[tokio::test]
async fn an_admin_acts_for_a_user_and_a_user_for_nobody_else() {
    let town = quiet_town().await;
    let headers = |user: &'static str| [("app_id", APP), ("access-token", "demo-admin-token"), ("user_id", user)];
    let of = async |user: &'static str| call(&town, Method::GET, "/user/device/list", &headers(user), NOBODY).await;
    assert_eq!(data(&of("2").await).as_array().map(Vec::len), Some(7));
    assert_eq!(code(&of("77").await), 10_000);
    assert_eq!(code(&of("x").await), 10_002);
    assert_eq!(code(&admin(&town, Method::GET, "/user/device/list", NOBODY).await), 10_000, "for whom?");
    let token = sign_in(&town, 1, "mine").await["token"].as_str().expect("a token").to_owned();
    let headers = [("app_id", APP), ("access-token", token.as_str()), ("user_id", "2")];
    let own = data(&call(&town, Method::GET, "/user/device/list", &headers, NOBODY).await);
    assert!(
        own.as_array().expect("a list").iter().all(|device| device["push_token"] != push_token(ChannelKind::Apns, 2))
    );
    town.close().await;
}

#[tokio::test]
async fn switches_are_kept_and_checked() {
    let town = quiet_town().await;
    let (id, token, _) = newcomer(&town, "switching", "phone").await;
    let put = async |path: &str, body: Value| user(&town, &token, Method::PUT, path, &body).await;
    for (path, code_of) in [("/user/push", 10_002), ("/user/push?value=maybe", 10_002), ("/user/push?value=true", 200)]
    {
        assert_eq!(code(&put(path, Value::Null).await), code_of, "{path}");
    }
    assert_eq!(code(&put("/user/push/detail?value=true", Value::Null).await), 200);
    assert_eq!(code(&put("/user/push/nickname?value=%E5%B0%8F%E7%8E%8B", Value::Null).await), 200);
    let limit = |start: Value, end: Value| json!({ "no_push_start_hour": start, "no_push_end_hour": end });
    assert_eq!(code(&put("/user/push/limit", limit(json!(24), json!(7))).await), 10_002);
    assert_eq!(code(&put("/user/push/limit", limit(json!(22), Value::Null)).await), 10_002);
    let shown = data(&put("/user/push/limit", limit(json!(22), json!(7))).await);
    assert_eq!(shown["nickname"], "小王");
    assert_eq!((&shown["no_push"], &shown["no_push_detail"]), (&json!(true), &json!(true)));
    let cards = cards(&town, List::Shard(0)).await;
    let card = cards.iter().find(|card| card.user.get() == id).expect("the card of the device");
    assert!(card.muted && card.hidden && card.quiet.is_some_and(|quiet| (quiet.start, quiet.end) == (22, 7)));
    assert_eq!(data(&put("/user/push/limit", json!({})).await)["no_push_start_hour"], Value::Null);
    town.close().await;
}

#[tokio::test]
async fn a_user_keeps_the_twenty_devices_that_were_used_last() {
    let town = quiet_town().await;
    let (id, ..) = newcomer(&town, "collector", "phone0").await;
    for n in 1..=20 {
        town.stack.advance(Duration::from_secs(1));
        sign_in_again(&town, "collector", &format!("phone{n}")).await;
    }
    let app = app_id().expect("an id");
    let user = Devices::open(town.stack.store()).user(&app, PushUserId::new(id)).await.unwrap().expect("the user");
    assert_eq!(user.devices.len(), 20);
    assert!(user.devices.iter().all(|device| device.guid != "phone0"), "the oldest went");
    assert_eq!(cards(&town, List::Shard(0)).await.len(), 21 + 20);
    town.close().await;
}

/// A change dies between the truth and its copies; the next one pays what it owed.
#[tokio::test]
async fn what_a_dead_process_owed_is_paid_by_the_next_change() {
    use local::aws::{AwsFault, FaultKind};
    let town = quiet_town().await;
    let (id, token, _) = newcomer(&town, "unlucky", "phone").await;
    let muted = async || {
        let cards = cards(&town, List::Shard(0)).await;
        cards.iter().find(|card| card.user.get() == id).expect("a card").muted
    };
    // The first update is the truth's, those after it the card's.
    let update = |kind| AwsFault::new("dynamodb", "UpdateItem", kind).on("UsersTable");
    town.stack.aws().faults.inject(update(FaultKind::Delay(Duration::ZERO)));
    town.stack.aws().faults.inject(update(refused()).times(20));
    assert_eq!(code(&user(&town, &token, Method::PUT, "/user/push?value=true", NOBODY).await), 20_000);
    town.stack.aws().faults.clear();
    assert!(!muted().await, "the card does not know yet");
    assert_eq!(code(&user(&town, &token, Method::PUT, "/user/push?value=true", NOBODY).await), 200, "a repeat");
    assert!(muted().await);
    town.close().await;
}

#[tokio::test]
async fn a_badge_begins_at_nothing_and_is_set_by_the_app() {
    let town = quiet_town().await;
    for _ in 0..3 {
        accepted(&town, &json!({ "audience": "all", "message": { "title": "x" } })).await;
    }
    let (id, token, _) = newcomer(&town, "counting", "phone").await;
    let app = app_id().expect("an id");
    let badges = store::devices::Badges::open(town.stack.store());
    let number = async || {
        let cards = cards(&town, List::Shard(0)).await;
        let card = cards.iter().find(|card| card.user.get() == id).expect("a card");
        badges.ledger(&app).await.unwrap().number(card.badge)
    };
    assert_eq!(number().await, 0, "what was sent before the device came is not on it");
    accepted(&town, &json!({ "audience": "all", "message": { "title": "x", "badge": "+2" } })).await;
    assert_eq!(number().await, 2);
    for (badge, expected) in [(json!(5), 200), (json!(-1), 10_002), (json!("x"), 10_002), (Value::Null, 10_002)] {
        let answer = user(&town, &token, Method::POST, "/user/push/badge", &json!({ "badge": badge })).await;
        assert_eq!(code(&answer), expected);
    }
    assert_eq!(number().await, 5);
    town.close().await;
}
