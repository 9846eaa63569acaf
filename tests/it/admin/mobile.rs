//! Mobile apps: from nothing to a push, and what an operator sees of users, devices and pushes.

use super::{ask, done, refused};
use crate::mobile::{call, code, data, quiet_town, sign_in};
use http::Method;
use local::Options;
use local::seed::mobile::{APP, device_token, push_token};
use local::seed::phones::{certificate_fields, certificate_name};
use model::certificate::Provider;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use support::{Town, until};

const NOTHING: Value = Value::Null;

/// A new mobile app; its token.
async fn added(town: &Town, app: &str) -> String {
    let body = json!({ "app": app, "name": format!("应用 {app}") });
    let made = done(town, 201, Method::POST, "/admin/mobile", body).await;
    assert_eq!(made["app"]["tokens"], 1, "{made}");
    made["token"].as_str().expect("a token").to_owned()
}

/// What the back end of `app` is answered with this token: the code of a push to everybody.
async fn pushing(town: &Town, app: &str, token: &str) -> u64 {
    let body = json!({ "audience": "all", "message": { "title": "x" } });
    code(&call(town, Method::POST, "/push/notify", &[("app_id", app), ("access-token", token)], &body).await)
}

async fn ids(town: &Town, list: &str, id: &str) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = done(town, 200, Method::GET, &format!("{list}limit=2{cursor}"), NOTHING).await;
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2, "{page}");
        seen.extend(items.iter().map(|item| if id.is_empty() { item.clone() } else { item[id].clone() }));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn an_app_comes_to_be_and_its_first_user_is_reached() {
    let town = Town::with(Options::for_tests()).await;
    let token = added(&town, "shop").await;
    // Huawei knows one app here, the demo's: the shop is entered as the same one.
    let fields = certificate_fields(Provider::Huawei);
    let fields: Value = fields.names().map(|name| (name.to_owned(), json!(fields.get(name)))).collect();
    let certificate = json!({ "name": "shop-huawei", "fields": fields });
    let path = "/admin/mobile/shop/certificates/huawei/production";
    done(&town, 200, Method::PUT, path, certificate).await;
    let told = done(&town, 200, Method::GET, "/admin/mobile/shop/receipt-addresses", NOTHING).await;
    let huawei = told["items"].as_array().expect("items").iter().find(|one| one["channel"] == "huawei");
    let address = huawei.expect("Huawei reports")["url"].as_str().expect("an address").to_owned();
    // An address that nobody was given is answered 404, this one by its signature.
    let path = address.strip_prefix(town.stack.url()).expect("an address of ours");
    assert_eq!(town.api.post(path, &json!({ "statuses": [] })).await.status, 401);

    let app = [("app_id", "shop")];
    let me = json!({ "username": "first", "password": "secret", "device_guid": "phone" });
    data(&call(&town, Method::POST, "/user/register/push", &app, &me).await);
    let signed = data(&call(&town, Method::POST, "/token/login", &app, &me).await);
    let mine = signed["token"].as_str().expect("a token");
    let binding = json!({ "device_sn": 1, "device_token": "shop-token", "notifier_name": "shop-huawei" });
    let headers = [("app_id", "shop"), ("access-token", mine)];
    data(&call(&town, Method::POST, "/user/token/bind", &headers, &binding).await);
    assert_eq!(pushing(&town, "shop", &token).await, 200);
    assert_eq!(town.inbox_of(1).await[0].recipient, "shop-token");

    let list = "/admin/mobile/shop/tasks";
    let tasks = async || done(&town, 200, Method::GET, list, NOTHING).await["items"].clone();
    until("the push is finished", || async { tasks().await[0]["finished"] == true }).await;
    let tasks = tasks().await;
    assert_eq!(tasks.as_array().map(Vec::len), Some(1), "the demo app's are not among them");
    assert_eq!((&tasks[0]["audience"], &tasks[0]["title"]), (&json!("all"), &json!("x")));
    assert_eq!(
        (&tasks[0]["channels"]["huawei"]["target"], &tasks[0]["channels"]["huawei"]["sent"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(tasks[0]["channels"]["apns"], json!({ "target": 0, "sent": 0, "received": 0 }));
    town.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_named_and_nothing_is_changed() {
    let town = quiet_town().await;
    let before = done(&town, 200, Method::GET, "/admin/mobile", NOTHING).await;
    for (field, value) in [
        ("app", json!("a#b")),
        ("app", json!("")),
        ("app", json!("x".repeat(65))),
        ("name", json!(" ")),
        ("name", json!("x".repeat(65))),
        ("shards", json!(0)),
        ("shards", json!(257)),
        ("utc_offset_min", json!(841)),
        ("utc_offset_min", json!("Asia/Shanghai")),
    ] {
        let mut body = json!({ "app": "new", "name": "x" });
        body[field] = value;
        let error = refused(&town, 422, "invalid_field", Method::POST, "/admin/mobile", body).await;
        assert_eq!(error["field"], field, "{error}");
    }
    let taken = json!({ "app": APP, "name": "x" });
    refused(&town, 409, "mobile_app_exists", Method::POST, "/admin/mobile", taken).await;
    for (method, path) in [
        (Method::GET, "/admin/mobile/nobody"),
        (Method::PATCH, "/admin/mobile/nobody"),
        (Method::POST, "/admin/mobile/nobody/token"),
        (Method::DELETE, "/admin/mobile/nobody/previous-token"),
        (Method::DELETE, "/admin/mobile/demo/previous-token"),
        (Method::GET, "/admin/mobile/a%23b"),
        (Method::GET, "/admin/mobile/nobody/certificates"),
        (Method::GET, "/admin/mobile/nobody/receipt-addresses"),
        (Method::GET, "/admin/mobile/nobody/devices"),
        (Method::GET, "/admin/mobile/demo/users/99"),
        (Method::GET, "/admin/mobile/demo/users/x"),
        (Method::GET, "/admin/mobile/demo/users?username=nobody"),
        (Method::GET, "/admin/mobile/nobody/users?username=user1"),
        (Method::DELETE, "/admin/mobile/demo/users/1/devices/99"),
        (Method::DELETE, "/admin/mobile/demo/users/1/devices/x"),
        (Method::GET, "/admin/mobile/demo/tasks/99"),
    ] {
        refused(&town, 404, "not_found", method, path, NOTHING).await;
    }
    for query in ["", "username=user1&alias=alias1", "nickname=x"] {
        let path = format!("/admin/mobile/demo/users?{query}");
        refused(&town, 422, "invalid_field", Method::GET, &path, NOTHING).await;
    }
    // A certificate needs its app.
    let orphan = json!({ "name": "x", "fields": {} });
    let path = "/admin/mobile/nobody/certificates/meizu/production";
    refused(&town, 404, "not_found", Method::PUT, path, orphan).await;
    assert_eq!(done(&town, 200, Method::GET, "/admin/mobile", NOTHING).await, before);
    town.close().await;
}

#[tokio::test]
async fn an_app_is_listed_changed_and_switched_off() {
    let town = quiet_town().await;
    let token = added(&town, "b-shop").await;
    added(&town, "a").await;
    added(&town, "a-1").await;
    assert_eq!(ids(&town, "/admin/mobile?", "app").await, ["a", "a-1", "b-shop", APP].map(Value::from));
    let path = "/admin/mobile/b-shop";
    let change = json!({ "name": "新", "shards": 8, "utc_offset_min": -300 });
    done(&town, 200, Method::PATCH, path, change).await;
    let shown = done(&town, 200, Method::GET, path, NOTHING).await;
    let expected =
        json!({ "app": "b-shop", "name": "新", "enabled": true, "shards": 8, "utc_offset_min": -300, "tokens": 1 });
    assert_eq!(shown, expected);
    // Devices in the shards above would be nobody's targets.
    let error = refused(&town, 422, "invalid_field", Method::PATCH, path, json!({ "shards": 4, "name": "x" })).await;
    assert_eq!(error["field"], "shards");
    assert_eq!(done(&town, 200, Method::GET, path, NOTHING).await, expected);

    assert_eq!(pushing(&town, "b-shop", &token).await, 200);
    done(&town, 200, Method::PATCH, path, json!({ "enabled": false })).await;
    town.stack.advance(Duration::from_secs(11));
    assert_eq!(pushing(&town, "b-shop", &token).await, 12_006);
    // Changes at once are all made.
    let names = ["enabled", "name", "shards", "utc_offset_min"];
    let values = [json!(true), json!("同时"), json!(9), json!(0)];
    let changes =
        names.iter().zip(&values).map(|(name, value)| ask(&town, Method::PATCH, path, json!({ *name: value })));
    let answers = futures::future::join_all(changes).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let shown = done(&town, 200, Method::GET, path, NOTHING).await;
    assert!(names.iter().zip(&values).all(|(name, value)| shown[*name] == *value), "{shown}");
    town.close().await;
}

#[tokio::test]
async fn a_token_is_changed_with_and_without_a_time_beside_each_other() {
    let town = quiet_town().await;
    let first = added(&town, "shop").await;
    let path = "/admin/mobile/shop/token";
    let renewed = async |keep: bool| {
        let made = done(&town, 200, Method::POST, path, json!({ "keep_previous": keep })).await;
        assert_eq!(made["previous_works"], keep);
        made["token"].as_str().expect("a token").to_owned()
    };
    assert_eq!(pushing(&town, "shop", &first).await, 200);
    let second = renewed(true).await;
    // The new one works at once, though the app is remembered with the old one only.
    assert_eq!((pushing(&town, "shop", &second).await, pushing(&town, "shop", &first).await), (200, 200));
    let third = renewed(true).await;
    town.stack.advance(Duration::from_secs(11));
    assert_eq!(pushing(&town, "shop", &first).await, 10_008, "two at most");
    assert_eq!((pushing(&town, "shop", &second).await, pushing(&town, "shop", &third).await), (200, 200));
    assert_eq!(done(&town, 200, Method::DELETE, "/admin/mobile/shop/previous-token", NOTHING).await["tokens"], 1);
    town.stack.advance(Duration::from_secs(11));
    assert_eq!((pushing(&town, "shop", &second).await, pushing(&town, "shop", &third).await), (10_008, 200));
    let fourth = renewed(false).await;
    town.stack.advance(Duration::from_secs(11));
    assert_eq!((pushing(&town, "shop", &third).await, pushing(&town, "shop", &fourth).await), (10_008, 200));
    // Another app's token opens nothing, and none is ever shown again or written down.
    assert_eq!(pushing(&town, APP, &fourth).await, 10_008);
    for list in ["/admin/mobile/shop", "/admin/mobile", "/admin/audit?limit=100"] {
        let text = ask(&town, Method::GET, list, NOTHING).await.text;
        assert!([&first, &second, &third, &fourth].iter().all(|token| !text.contains(token.as_str())), "{list}");
    }
    town.close().await;
}

#[tokio::test]
async fn users_devices_and_tags_are_found_and_a_device_is_removed() {
    let town = quiet_town().await;
    let phone = sign_in(&town, 2, "phone").await;
    let user = done(&town, 200, Method::GET, "/admin/mobile/demo/users/2", NOTHING).await;
    assert_eq!(
        (&user["username"], &user["alias"], &user["tags"]),
        (&json!("user2"), &json!("alias2"), &json!(["demo"]))
    );
    assert_eq!(user["devices"].as_array().map(Vec::len), Some(8), "seven of the seed, and the phone");
    let vendors = ChannelKind::PHONES.iter().map(|channel| device_token(*channel, 2));
    let text = user.to_string();
    assert!(vendors.into_iter().all(|token| !text.contains(token.as_str())), "vendors' tokens are not shown: {text}");
    assert!(!text.contains("pbkdf2"), "nor is a password");
    let token = push_token(ChannelKind::Huawei, 2);
    for query in ["username=user2", "alias=alias2", &format!("push_token={token}")] {
        let path = format!("/admin/mobile/demo/users?{query}");
        assert_eq!(done(&town, 200, Method::GET, &path, NOTHING).await, user, "{query}");
    }
    let audit = ask(&town, Method::GET, "/admin/audit?limit=10", NOTHING).await.text;
    assert!(audit.contains("/admin/mobile/demo/users") && !audit.contains(&token), "{audit}");

    let numbers = |devices: Vec<Value>| devices.iter().map(|one| one.as_u64().expect("a number")).collect::<Vec<_>>();
    let all = numbers(ids(&town, "/admin/mobile/demo/devices?", "device").await);
    assert_eq!(all, (1..=22).collect::<Vec<u64>>(), "each once, in order");
    assert_eq!(numbers(ids(&town, "/admin/mobile/demo/devices?tag=demo&", "device").await), all);
    assert!(ids(&town, "/admin/mobile/demo/devices?tag=nobody&", "device").await.is_empty());
    let mine = json!({ "tags": ["甲", "乙", "丙"] });
    let headers = [("app_id", APP), ("access-token", phone["token"].as_str().expect("a token"))];
    data(&call(&town, Method::POST, "/user/push/tag", &headers, &mine).await);
    let tags: BTreeSet<String> = ids(&town, "/admin/mobile/demo/tags?", "")
        .await
        .iter()
        .map(|tag| tag.as_str().expect("text").to_owned())
        .collect();
    assert_eq!(tags, ["demo", "甲", "乙", "丙"].map(str::to_owned).into());

    let sn = phone["device_sn"].as_u64().expect("a number");
    let path = format!("/admin/mobile/demo/users/2/devices/{sn}");
    assert_eq!(done(&town, 200, Method::DELETE, &path, NOTHING).await, json!({ "removed": true }));
    refused(&town, 404, "not_found", Method::DELETE, &path, NOTHING).await;
    let rest = numbers(ids(&town, "/admin/mobile/demo/devices?", "device").await);
    assert_eq!(rest, (1..=21).collect::<Vec<u64>>(), "no push finds it");
    assert_eq!(code(&call(&town, Method::GET, "/user/device/list", &headers, &NOTHING).await), 10_008, "signed out");
    // The certificates' names are what devices are shown with.
    let user = done(&town, 200, Method::GET, "/admin/mobile/demo/users/2", NOTHING).await;
    let notifiers: BTreeSet<&str> = user["devices"]
        .as_array()
        .expect("devices")
        .iter()
        .flat_map(|device| device["bindings"].as_object().expect("bindings").values())
        .map(|bound| bound["notifier"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        notifiers,
        Provider::ALL.iter().map(|one| certificate_name(*one)).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
    town.close().await;
}

#[tokio::test]
async fn devices_of_many_shards_are_listed_once() {
    let town = quiet_town().await;
    let app = [("app_id", "wide")];
    let body = json!({ "app": "wide", "name": "x", "shards": 40 });
    done(&town, 201, Method::POST, "/admin/mobile", body).await;
    for n in 0..5 {
        let me = json!({ "username": format!("user{n}"), "password": "secret", "device_guid": "phone" });
        data(&call(&town, Method::POST, "/user/register/push", &app, &me).await);
    }
    let devices = ids(&town, "/admin/mobile/wide/devices?", "device").await;
    let devices: BTreeSet<u64> = devices.iter().map(|one| one.as_u64().expect("a number")).collect();
    assert_eq!(devices, (1..=5).collect());
    town.close().await;
}

#[tokio::test]
async fn pushes_are_listed_newest_first_and_by_their_app() {
    let town = quiet_town().await;
    let mut sent = Vec::new();
    for n in 0..5 {
        let body = json!({ "audience": { "alias": ["alias1"] }, "message": { "title": format!("第{n}条") } });
        sent.push(crate::mobile::accepted(&town, &body).await);
    }
    sent.reverse();
    let listed = ids(&town, "/admin/mobile/demo/tasks?", "task").await;
    assert_eq!(listed, sent.iter().map(|task| json!(task)).collect::<Vec<_>>());
    let path = format!("/admin/mobile/demo/tasks/{}", sent[0]);
    let push = done(&town, 200, Method::GET, &path, NOTHING).await;
    assert_eq!(
        (&push["title"], &push["audience"], &push["finished"]),
        (&json!("第4条"), &json!("alias"), &json!(false))
    );
    // Another app's number is nobody's.
    added(&town, "shop").await;
    refused(&town, 404, "not_found", Method::GET, &path.replace(APP, "shop"), NOTHING).await;
    assert!(ids(&town, "/admin/mobile/shop/tasks?", "task").await.is_empty());
    town.close().await;
}
