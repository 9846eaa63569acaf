//! POST /push/notify: what is accepted, what is refused, and what a repeat is.

use super::{accepted, admin, call, code, detail, message, notify, quiet_town, sign_in};
use futures::future::join_all;
use http::Method;
use local::seed::mobile::{ADMIN_TOKEN, APP};
use model::ids::MobileAppId;
use model::mobile::MobileApp;
use model::secret::Secret;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::mobile_apps::{MobileAppWriter, token_hash};
use support::Town;

/// How many messages were sent to the queue of tasks.
fn hints(town: &Town) -> u64 {
    town.stack.aws().calls.of("sqs", "SendMessage", "TasksQueue").count
}

/// Items written to the Tasks table so far, the id counter apart.
fn tasks_written(town: &Town) -> u64 {
    town.stack.aws().calls.of("dynamodb", "PutItem", "TasksTable").count
}

/// A town with a second app, `other`, whose token is `other-token`; and a third, `closed`, for which push is disabled.
async fn three_apps() -> Town {
    let town = quiet_town().await;
    for (id, enabled) in [("other", true), ("closed", false)] {
        let app = MobileApp {
            id: MobileAppId::parse(id).expect("an id"),
            name: id.to_owned(),
            enabled,
            shards: 1,
            utc_offset_min: 480,
            admin_token_hashes: vec![token_hash(&Secret::new(format!("{id}-token")))],
        };
        MobileAppWriter::open(town.stack.store()).put(&app).await.expect("an app");
    }
    town
}

/// Refused with this code, naming this field, and with nothing stored or queued.
async fn refused(town: &Town, body: &Value, expected: u64, field: &str) {
    let answer = notify(town, body).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (200, expected), "{body} → {}", answer.text);
    let text = answer.json()["message"].as_str().expect("a message").to_owned();
    assert!(text.contains(field), "`{field}` is not named for {body}: {text}");
    assert_eq!((tasks_written(town), hints(town)), (0, 0), "something was kept of {body}");
}

#[tokio::test]
async fn an_accepted_push_has_a_number_that_javascript_can_read() {
    let town = quiet_town().await;
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    assert!((1..1 << 53).contains(&task));
    assert_eq!(hints(&town), 1);
    let later = accepted(&town, &json!({ "audience": { "tag": ["demo"] }, "message": message() })).await;
    assert!(later > task, "ids follow time");
    town.close().await;
}

#[tokio::test]
async fn push_row_2_push_row_5_push_row_60_an_audience_is_all_or_one_list() {
    let town = quiet_town().await;
    let with = |audience: Value| json!({ "audience": audience, "message": message() });
    for audience in [
        json!("ALL"),
        json!({ "all": true }),
        json!({ "tag": ["a"], "alias": ["b"] }),
        json!({}),
        json!(null),
        json!([]),
        json!(7),
        json!({ "uid": [1] }),
    ] {
        refused(&town, &with(audience), 10_002, "`audience`").await;
    }
    for (audience, field) in [
        (json!({ "tag": [] }), "audience.tag"),
        (json!({ "tag": "a" }), "audience.tag"),
        (json!({ "tag": [""] }), "audience.tag"),
        (json!({ "alias": [1] }), "audience.alias"),
        (json!({ "user_id": ["x"] }), "audience.user_id"),
        (json!({ "user_id": [1.5] }), "audience.user_id"),
        (json!({ "push_token": [null] }), "audience.push_token"),
    ] {
        refused(&town, &with(audience), 10_002, field).await;
    }
    refused(&town, &json!({ "message": message() }), 10_002, "`audience`").await;
    refused(&town, &json!({ "audience": "all" }), 10_002, "`message`").await;
    town.close().await;
}

/// Two names: rows 3 and 4 differ in what the list holds only.
#[tokio::test]
async fn push_row_3_five_hundred_targets_are_accepted_and_one_more_is_not() {
    let town = quiet_town().await;
    let tokens = |count: usize| (0..count).map(|n| format!("token{n}")).collect::<Vec<_>>();
    let body = |tokens: Vec<String>| json!({ "audience": { "push_token": tokens }, "message": message() });
    refused(&town, &body(tokens(501)), 12_005, "audience.push_token").await;
    accepted(&town, &body(tokens(500))).await;
    town.close().await;
}

#[tokio::test]
async fn push_row_4_the_limit_is_on_the_length_of_the_list() {
    let town = quiet_town().await;
    let tokens: Vec<String> = (0..501).map(|n| format!("token{}", n % 2)).collect();
    let body = json!({ "audience": { "push_token": tokens }, "message": message() });
    refused(&town, &body, 12_005, "audience.push_token").await;
    town.close().await;
}

#[tokio::test]
async fn push_row_15_push_row_19_push_row_29_fields_are_checked_and_named() {
    let town = quiet_town().await;
    let with = |name: &str, value: Value| {
        let mut message = message();
        message[name] = value;
        json!({ "audience": "all", "message": message })
    };
    for (name, value, field) in [
        ("type", json!("video"), "message.type"),
        ("title", json!(7), "message.title"),
        ("badge", json!("-1"), "message.badge"),
        ("badge", json!("+"), "message.badge"),
        ("badge", json!("+1.5"), "message.badge"),
        ("badge", json!("abc"), "message.badge"),
        ("badge", json!(-1), "message.badge"),
        ("ext", json!("text"), "message.ext"),
        ("ext", json!([1]), "message.ext"),
        ("show_begin_time", json!("tomorrow"), "message.show_begin_time"),
        ("show_begin_time", json!(1_795_449_600_000_i64), "message.show_begin_time"),
        ("ios", json!({ "apns_collapse_id": "x".repeat(65) }), "apns_collapse_id"),
        ("ios", json!({ "apns_collapse_id": "通".repeat(22) }), "apns_collapse_id"),
        ("ios", json!({ "mutable_content": "yes" }), "message.ios.mutable_content"),
        ("vivo", json!({ "push_mode": 2 }), "message.vivo.push_mode"),
        ("oppo", json!({ "click_action": "url" }), "message.oppo.click_action"),
        ("xiaomi", json!({ "click_action": "intent" }), "message.xiaomi.intent"),
    ] {
        refused(&town, &with(name, value), 10_002, field).await;
    }
    let setting =
        |name: &str, value: Value| json!({ "audience": "all", "setting": { name: value }, "message": message() });
    for (name, value, field) in [
        ("ospush_sequence", json!(["flyme"]), "setting.ospush_sequence"),
        ("ospush_sequence", json!("fcm"), "setting.ospush_sequence"),
        ("distribution_strategy", json!("fastest"), "setting.distribution_strategy"),
        ("request_id", json!("x".repeat(65)), "setting.request_id"),
    ] {
        refused(&town, &setting(name, value), 10_002, field).await;
    }
    refused(&town, &json!({ "audience": "all", "message": { "type": "text" } }), 10_002, "message.title").await;
    let large = json!({ "audience": "all", "message": { "title": "x", "ext": { "k": "x".repeat(33_000) } } });
    refused(&town, &large, 10_002, "`message`").await;
    town.close().await;
}

#[tokio::test]
async fn push_row_23_a_vendors_block_completes_the_android_block() {
    let town = quiet_town().await;
    let mut shown = message();
    shown["android"] = json!({ "intent": "intent:#Intent;component=com.a/com.a.M;end" });
    shown["vivo"] = json!({ "click_action": "intent" });
    accepted(&town, &json!({ "audience": "all", "message": shown })).await;
    town.close().await;
}

#[tokio::test]
async fn push_row_56_a_message_that_is_over_is_refused() {
    let town = quiet_town().await;
    let now = town.now().seconds();
    let with = |begin: Value, end: Value| {
        let message = json!({ "title": "x", "show_begin_time": begin, "show_end_time": end });
        json!({ "audience": "all", "message": message })
    };
    refused(&town, &with(Value::Null, json!(now - 1)), 10_002, "show_end_time").await;
    refused(&town, &with(json!(now + 60), json!(now + 60)), 10_002, "show_end_time").await;
    refused(&town, &with(json!(now + 31 * 86_400), Value::Null), 10_002, "show_begin_time").await;
    accepted(&town, &with(json!(now - 60), json!(now + 60))).await;
    accepted(&town, &with(json!((now + 60).to_string()), Value::Null)).await;
    town.close().await;
}

#[tokio::test]
async fn push_row_58_push_row_59_pictures_and_blocks_have_their_form() {
    let town = quiet_town().await;
    let picture = |url: &str| {
        let message = json!({ "type": "image", "title": "x", "attachment_url": url });
        json!({ "audience": "all", "message": message })
    };
    refused(&town, &picture("https://a.example/a.gif"), 10_002, "attachment_url").await;
    for block in ["ios", "android", "huawei", "flyme"] {
        let mut shown = message();
        shown[block] = json!("text");
        refused(&town, &json!({ "audience": "all", "message": shown }), 10_002, &format!("message.{block}")).await;
    }
    accepted(&town, &picture("https://a.example/a.jpg?x=1")).await;
    let mut unknown = message();
    unknown["wear_os"] = json!({ "any": 1 });
    unknown["android"] = json!({ "sound": "ring", "led": true });
    accepted(&town, &json!({ "audience": "all", "message": unknown, "more": 1 })).await;
    town.close().await;
}

#[tokio::test]
async fn who_may_not_is_told_why_and_nothing_is_kept() {
    let town = three_apps().await;
    let token = sign_in(&town, 1, "phone").await["token"].as_str().expect("a token").to_owned();
    town.stack.aws().calls.reset();
    let body = json!({ "audience": "all", "message": message() });
    let cases: [(&[(&str, &str)], u64); 9] = [
        (&[("access-token", ADMIN_TOKEN)], 40_000),
        (&[("app_id", "nobody"), ("access-token", ADMIN_TOKEN)], 40_000),
        (&[("app_id", "a#b"), ("access-token", ADMIN_TOKEN)], 40_000),
        (&[("app_id", APP)], 10_003),
        (&[("app_id", APP), ("access-token", "other-token")], 10_008),
        (&[("app_id", "other"), ("access-token", ADMIN_TOKEN)], 10_008),
        (&[("app_id", "other"), ("access-token", &token)], 10_008),
        (&[("app_id", APP), ("access-token", &token)], 10_010),
        (&[("app_id", "closed"), ("access-token", "closed-token")], 12_006),
    ];
    for path in ["/push/notify", "/push/task/detail"] {
        for (headers, expected) in cases {
            let answer = call(&town, Method::POST, path, headers, &body).await;
            assert_eq!((answer.status.as_u16(), code(&answer)), (200, expected), "{path} {headers:?}: {}", answer.text);
            assert!(!answer.text.contains("token-"), "no token is quoted: {}", answer.text);
        }
    }
    assert_eq!((tasks_written(&town), hints(&town)), (0, 0));
    town.close().await;
}

#[tokio::test]
async fn a_body_that_is_none_is_refused() {
    let town = quiet_town().await;
    let headers = [("app_id", APP), ("access-token", ADMIN_TOKEN)];
    let large = format!("{{\"audience\":\"all\",\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    for body in ["", "text", "[]", "{\"audience\":", &large] {
        let answer = town.api.send(Method::POST, "/push/notify", &headers, body.to_owned()).await;
        assert_eq!(code(&answer), 10_002, "{:.60}: {}", body, answer.text);
    }
    assert_eq!((tasks_written(&town), hints(&town)), (0, 0));
    town.close().await;
}

#[tokio::test]
async fn push_row_8_a_request_id_is_one_task_however_often_it_comes_and_at_once() {
    let town = quiet_town().await;
    let body = |title: &str| {
        let message = json!({ "title": title });
        json!({ "audience": { "alias": ["alias1"] }, "setting": { "request_id": "order-17" }, "message": message })
    };
    let bodies: Vec<Value> = (0..50).map(|n| body(&format!("{n}"))).collect();
    let tasks: Vec<u64> = join_all(bodies.iter().map(|body| accepted(&town, body))).await;
    assert!(tasks.iter().all(|task| *task == tasks[0]), "{tasks:?}");
    assert_eq!(accepted(&town, &body("later")).await, tasks[0]);
    assert_eq!(detail(&town, tasks[0]).await["task_id"], json!(tasks[0]));
    assert_eq!(hints(&town), 1, "one hint: nobody but the first queued anything");
    // A week later the task is gone, and the id is known all the same.
    town.stack.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(accepted(&town, &body("next week")).await, tasks[0]);
    town.stack.advance(Duration::from_secs(23 * 86_400));
    assert_ne!(accepted(&town, &body("next month")).await, tasks[0]);
    town.close().await;
}

#[tokio::test]
async fn push_row_9_push_row_10_push_row_52_a_request_id_is_the_apps_own_and_an_empty_one_is_none() {
    let town = three_apps().await;
    let body = |id: &str| json!({ "audience": "all", "setting": { "request_id": id }, "message": message() });
    let ours = accepted(&town, &body("one")).await;
    let headers = [("app_id", "other"), ("access-token", "other-token")];
    let theirs = super::data(&call(&town, Method::POST, "/push/notify", &headers, &body("one")).await);
    assert_ne!(theirs["task_id"], json!(ours));
    assert_ne!(accepted(&town, &body("")).await, accepted(&town, &body("")).await);
    // And neither app is told what the other's task came to.
    let list = json!({ "list": [ours, theirs["task_id"], 4_711] });
    let told = super::data(&admin(&town, Method::POST, "/push/task/detail", &list).await);
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    town.close().await;
}

/// The first call was accepted, and its answer lost; the repeat comes when the message is over.
#[tokio::test]
async fn a_repeat_is_the_first_task_although_the_message_is_over_by_now() {
    let town = quiet_town().await;
    town.stack.clock().stand_still();
    let end = town.now().seconds() + 60;
    let body = |id: &str| {
        let message = json!({ "title": "x", "show_end_time": end });
        json!({ "audience": "all", "setting": { "request_id": id }, "message": message })
    };
    let task = accepted(&town, &body("late")).await;
    let written = tasks_written(&town);
    town.stack.advance(Duration::from_secs(61));
    assert_eq!(accepted(&town, &body("late")).await, task);
    assert_eq!(code(&notify(&town, &body("new")).await), 10_002, "a new one is refused");
    assert_eq!((tasks_written(&town), hints(&town)), (written, 1), "nothing more is kept");
    town.close().await;
}

/// The first call notes its request id and dies.
#[tokio::test]
async fn a_repeat_sends_what_a_dead_call_could_not_write() {
    use local::aws::AwsFault;
    let town = quiet_town().await;
    let body = json!({ "audience": "all", "setting": { "request_id": "dies" }, "message": message() });
    let fault = AwsFault::new("dynamodb", "PutItem", super::refused()).on("TasksTable").times(20);
    town.stack.aws().faults.inject(fault);
    assert_eq!(code(&notify(&town, &body).await), 20_000);
    town.stack.aws().faults.clear();
    let task = accepted(&town, &body).await;
    assert_eq!(accepted(&town, &body).await, task);
    assert_eq!(detail(&town, task).await["task_id"], json!(task));
    town.close().await;
}
