//! `POST /receipt/{channel}/{secret}`: what vendors and devices report.

use super::{accepted, detail, message};
use http::Method;
use local::Options;
use local::seed::mobile::{APP, device_token, push_token};
use local::seed::phones::{HUAWEI_RECEIPT_KEY, HUAWEI_RECEIPT_USER, MEIZU_RECEIPT_TOKEN, RECEIPT_PATH};
use model::channel::ChannelKind;
use model::limits::TASK_RETENTION;
use ring::hmac;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Town, until_within};

/// A busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A town whose vendors report nothing by themselves, with one push to everybody that they have accepted.
async fn pushed() -> (Town, u64) {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until_within(PATIENCE, "everybody has it", || async { town.arrived() >= 21 }).await;
    until_within(PATIENCE, "it is counted", || async { counter(&town, task, "huawei_sent").await == 3 }).await;
    (town, task)
}

async fn counter(town: &Town, task: u64, name: &str) -> u64 {
    detail(town, task).await[name].as_u64().unwrap_or_else(|| panic!("{name}"))
}

/// What the demo device `n` got on `channel`, as its vendor was given it.
fn raw(town: &Town, channel: ChannelKind, n: u64) -> Value {
    let token = device_token(channel, n);
    let of = |one: &local::sandbox::Message| one.channel == channel.as_str() && one.recipient == token.as_str();
    town.inbox().into_iter().find(of).expect("a message").raw
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

async fn report(town: &Town, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    town.api.send(Method::POST, path, headers, body).await
}

async fn report_to(town: &Town, channel: ChannelKind, body: String) -> Answer {
    let content_type = match channel {
        ChannelKind::Xiaomi | ChannelKind::Meizu => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    report(town, &format!("/receipt/{channel}/{RECEIPT_PATH}"), &[("content-type", content_type)], body).await
}

fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn xiaomi(param: &str, kind: u8, tokens: &str) -> String {
    form(&[("data", &json!({ "scm1": { "param": param, "type": kind, "targets": tokens } }).to_string())])
}

#[tokio::test]
async fn push_row_47_a_receipt_of_xiaomis_counts_once_and_dead_tokens_are_forgotten() {
    let (town, task) = pushed().await;
    let channel = ChannelKind::Xiaomi;
    let param = text(&raw(&town, channel, 1)["extra.callback.param"]);
    let token = |n| device_token(channel, n).as_str().to_owned();
    for _ in 0..3 {
        let arrived = xiaomi(&param, 1, &format!("{},{}", token(1), token(2)));
        assert_eq!(report_to(&town, channel, arrived).await.status, 200);
        assert_eq!(counter(&town, task, "xiaomi_received").await, 2);
    }
    let tapped = xiaomi(&param, 2, &token(1));
    assert_eq!(report_to(&town, channel, tapped).await.status, 200);
    assert_eq!(counter(&town, task, "xiaomi_received").await, 2, "whoever tapped it had it");
    let gone = xiaomi(&param, 16, &[token(1), token(2), token(3)].join(","));
    // A token that was bound after the message was accepted is alive; these were bound before.
    for _ in 0..2 {
        assert_eq!(report_to(&town, channel, gone.clone()).await.status, 200);
    }
    assert_eq!(counter(&town, task, "xiaomi_received").await, 2);
    let next = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until_within(PATIENCE, "the others have the next", || async { counter(&town, next, "huawei_sent").await == 3 })
        .await;
    assert_eq!(counter(&town, next, "xiaomi_target").await, 0, "they are gone");
    town.close().await;
}

fn huawei(param: &str, token: &str) -> String {
    json!({ "statuses": [{ "biTag": param, "appid": "1", "token": token, "status": 0, "timestamp": 1, "requestId": "1" }] })
        .to_string()
}

fn signed(key: &str, at_ms: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let value = hmac::sign(&key, format!("{at_ms}nonce-1{HUAWEI_RECEIPT_USER}").as_bytes());
    let value = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, value);
    format!("timestamp={at_ms}; nonce=nonce-1; value={value}")
}

#[tokio::test]
async fn push_row_48_a_receipt_of_huaweis_is_signed_and_recent() {
    let (town, task) = pushed().await;
    let channel = ChannelKind::Huawei;
    let param = text(&raw(&town, channel, 1)["message"]["android"]["bi_tag"]);
    let body = huawei(&param, device_token(channel, 1).as_str());
    let (path, now) = (format!("/receipt/huawei/{RECEIPT_PATH}"), town.now().millis());
    let json_type = ("content-type", "application/json");
    assert_eq!(report(&town, &path, &[json_type], body.clone()).await.status, 401, "unsigned");
    for wrong in [signed("another key", now), signed(HUAWEI_RECEIPT_KEY, now - 600_000), "nonsense".to_owned()] {
        let answer = report(&town, &path, &[json_type, ("x-huawei-callback-id", &wrong)], body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, ""), "{wrong}");
    }
    assert_eq!(counter(&town, task, "huawei_received").await, 0);
    let right = signed(HUAWEI_RECEIPT_KEY, now);
    for _ in 0..2 {
        let answer = report(&town, &path, &[json_type, ("x-huawei-callback-id", &right)], body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["errno"].clone()), (200, json!("0")));
    }
    assert_eq!(counter(&town, task, "huawei_received").await, 1);
    town.close().await;
}

#[tokio::test]
async fn push_row_49_a_receipt_of_oppos_may_be_one_object() {
    let (town, task) = pushed().await;
    let param = text(&raw(&town, ChannelKind::Oppo, 1)["notification"]["call_back_parameter"]);
    let event = |n: u64| {
        let token = device_token(ChannelKind::Oppo, n);
        json!({ "messageId": "1", "registrationIds": token.as_str(), "param": param, "eventType": "push_arrive" })
    };
    assert_eq!(report_to(&town, ChannelKind::Oppo, event(1).to_string()).await.status, 200);
    assert_eq!(report_to(&town, ChannelKind::Oppo, json!([event(2), event(1)]).to_string()).await.status, 200);
    assert_eq!(counter(&town, task, "oppo_received").await, 2);
    assert_eq!(report_to(&town, ChannelKind::Oppo, "nonsense".to_owned()).await.status, 400);
    town.close().await;
}

#[tokio::test]
async fn push_row_50_a_receipt_of_meizus_shows_its_token() {
    let (town, task) = pushed().await;
    let param = text(&raw(&town, ChannelKind::Meizu, 1)["extra"]["callback.param"]);
    let token = device_token(ChannelKind::Meizu, 1);
    let cb = json!({ "NS1-1": { "param": param, "type": 1, "targets": [token.as_str()] } }).to_string();
    for shown in ["", "wrong"] {
        let answer = report_to(&town, ChannelKind::Meizu, form(&[("cb", &cb), ("access_token", shown)])).await;
        assert_eq!(answer.status, 401, "{shown}");
    }
    assert_eq!(counter(&town, task, "flyme_received").await, 0);
    let right = form(&[("cb", &cb), ("access_token", MEIZU_RECEIPT_TOKEN)]);
    assert_eq!(report_to(&town, ChannelKind::Meizu, right).await.status, 200);
    assert_eq!(counter(&town, task, "flyme_received").await, 1);
    town.close().await;
}

#[tokio::test]
async fn push_row_51_what_is_not_known_is_taken_and_counts_nothing() {
    let (town, task) = pushed().await;
    let channel = ChannelKind::Xiaomi;
    let param = text(&raw(&town, channel, 1)["extra.callback.param"]);
    let token = device_token(channel, 1).as_str().to_owned();
    let (_, signature) = param.rsplit_once('.').expect("a signature");
    let others = text(&raw(&town, ChannelKind::Oppo, 1)["notification"]["call_back_parameter"]);
    for param in ["", "1", "nonsense", &format!("{task}.d.0.{signature}"), &format!("{param}0"), &others] {
        assert_eq!(report_to(&town, channel, xiaomi(param, 1, &token)).await.status, 200, "{param}");
        assert_eq!(report_to(&town, channel, xiaomi(param, 16, &token)).await.status, 200, "{param}");
    }
    assert_eq!(counter(&town, task, "xiaomi_received").await, 0);
    for path in ["/receipt/xiaomi/nobodys", "/receipt/nokia/x", &format!("/receipt/wechat-template/{RECEIPT_PATH}")] {
        let answer = report(&town, path, &[], xiaomi(&param, 1, &token)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    // A week later its task is gone, and the report with it.
    town.stack.advance(TASK_RETENTION + Duration::from_secs(1));
    assert_eq!(report_to(&town, channel, xiaomi(&param, 1, &token)).await.status, 200);
    town.close().await;
}

#[tokio::test]
async fn vivo_may_say_what_nobody_understands() {
    let (town, task) = pushed().await;
    let vivo = ChannelKind::Vivo;
    assert_eq!(report_to(&town, vivo, r#"{"1":{"something":"else"}}"#.to_owned()).await.status, 200);
    assert_eq!(report_to(&town, vivo, "nonsense".to_owned()).await.status, 200);
    assert_eq!(counter(&town, task, "vivo_received").await, 0);
    let params: Vec<String> =
        (1..=3).filter_map(|n| raw(&town, vivo, n)["extra"]["callback.param"].as_str().map(str::to_owned)).collect();
    if let Some(param) = params.first() {
        let entry = json!({ "1": { "param": param, "targets": device_token(vivo, 1).as_str(), "ackType": "0" } });
        assert_eq!(report_to(&town, vivo, entry.to_string()).await.status, 200);
        assert_eq!(counter(&town, task, "vivo_received").await, 1);
    }
    town.close().await;
}

#[tokio::test]
async fn a_device_acknowledges_for_itself_alone() {
    let (town, task) = pushed().await;
    for (channel, name) in [(ChannelKind::Apns, "apns_received"), (ChannelKind::Fcm, "fcm_received")] {
        let kept = raw(&town, channel, 1);
        let receipt =
            if channel == ChannelKind::Apns { &kept["mx_receipt"] } else { &kept["message"]["data"]["mx_receipt"] };
        let body = json!({ "app_id": APP, "receipt": receipt });
        let path = |token: &str| format!("/receipt/{channel}/{token}");
        let json_type = [("content-type", "application/json")];
        for _ in 0..2 {
            let answer = report(&town, &path(&push_token(channel, 1)), &json_type, body.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(counter(&town, task, name).await, 1);
        }
        let other = json!({ "app_id": "other", "receipt": receipt });
        assert_eq!(report(&town, &path(&push_token(channel, 1)), &json_type, other.to_string()).await.status, 404);
        assert_eq!(report(&town, &path("nobody"), &json_type, body.to_string()).await.status, 404);
        assert_eq!(report(&town, &path(&push_token(channel, 1)), &json_type, "{}".to_owned()).await.status, 400);
        // The device of another vendor has no token here, and counts nothing.
        let answer = report(&town, &path(&push_token(ChannelKind::Oppo, 1)), &json_type, body.to_string()).await;
        assert_eq!((answer.status.as_u16(), counter(&town, task, name).await), (200, 1));
    }
    town.close().await;
}

#[tokio::test]
async fn what_vendors_report_by_themselves_is_counted() {
    let town = Town::with(Options::for_tests()).await;
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until_within(PATIENCE, "all five report", || async {
        let counters = detail(&town, task).await;
        ["huawei", "xiaomi", "oppo", "flyme"].iter().all(|name| counters[format!("{name}_received")] == 3)
    })
    .await;
    let counters = detail(&town, task).await;
    for name in ["apns", "fcm", "flyme", "huawei", "oppo", "vivo", "xiaomi"] {
        assert_eq!(
            (&counters[format!("{name}_target")], &counters[format!("{name}_sent")]),
            (&json!(3), &json!(3)),
            "{name}"
        );
    }
    assert_eq!(counters["apns_received"], 0, "Apple reports nothing");
    town.close().await;
}
