//! POST /api/fun/create/qrcode and GET /api/fun/scan-qrcode-uid.

use super::{FIRST, SECOND, aws_calls, fresh};
use local::seed;
use model::follow::{FollowOutcome, Source};
use model::ids::{AppId, Uid};
use model::qrcode::{Code, CodeKey};
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::following::{Following, Wish};
use store::qrcodes::{QrCodes, QrScans};
use support::{Answer, Town};

async fn create(town: &Town, extra: Value, valid_time: Value) -> Answer {
    let body = json!({ "appToken": seed::APP_TOKEN, "extra": extra, "validTime": valid_time });
    town.api.post("/api/fun/create/qrcode", &body).await
}

/// `data` of a code that was made.
async fn made(town: &Town, extra: &str) -> Value {
    let answer = create(town, json!(extra), Value::Null).await;
    assert_eq!((answer.code(), answer.msg()), (1000, "处理成功".to_owned()), "{}", answer.text);
    answer.json()["data"].clone()
}

async fn poll(town: &Town, code: &str) -> Answer {
    town.api.get(&format!("/api/fun/scan-qrcode-uid?code={code}")).await
}

/// What the page does when a user scans: it notes the scan, and the user follows.
async fn scan(town: &Town, code: &str, uid: &str) -> bool {
    let (code, uid) = (Code::parse(code).expect("a code"), Uid::parse(uid).expect("a UID"));
    QrScans::open(town.stack.store()).note(&code, &uid, town.now()).await.expect("an answer")
}

#[tokio::test]
async fn a_code_has_what_every_sdk_reads() {
    let town = fresh().await;
    let data = made(&town, "user-42").await;
    let code = data["code"].as_str().expect("a code");
    assert!(code.len() == 64 && code.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_eq!(data["url"], format!("{}/api/qrcode/{code}.jpg", town.stack.url()));
    let short = data["shortUrl"].as_str().expect("an address");
    assert!(short.starts_with(town.stack.url()) && short.len() < data["url"].as_str().unwrap().len());
    assert_eq!(data["extra"], "user-42");
    let expires = data["expires"].as_i64().expect("an integer");
    assert!((1_799_000..=1_801_000).contains(&(expires - town.now().millis())), "half an hour, in milliseconds");
    assert_eq!(data.as_object().unwrap().len(), 5);
    assert_ne!(made(&town, "user-42").await["code"], data["code"], "two calls are two codes");
    town.close().await;
}

#[tokio::test]
async fn row_40_extra_may_have_64_characters() {
    let town = fresh().await;
    assert_eq!(create(&town, json!("x".repeat(64)), Value::Null).await.code(), 1000);
    for (extra, text) in [(json!("x".repeat(65)), "64"), (json!(" "), "extra"), (Value::Null, "extra")] {
        town.stack.aws().calls.reset();
        let answer = create(&town, extra, Value::Null).await;
        assert_eq!(answer.code(), 1001);
        assert!(answer.msg().contains(text), "{}", answer.msg());
        assert_eq!(aws_calls(&town), super::TOKEN_READ, "nothing was written");
    }
    town.close().await;
}

#[tokio::test]
async fn row_41_extra_is_kept_verbatim() {
    let town = fresh().await;
    for extra in ["字".repeat(64), "\"quoted\" \\ 'x'".to_owned(), r#" {"a":[1,"b"]} "#.to_owned(), "😀".repeat(64)]
    {
        let data = made(&town, &extra).await;
        assert_eq!(data["extra"], extra.as_str());
        let key = CodeKey::parse(data["code"].as_str().unwrap()).unwrap();
        let kept = QrCodes::open(town.stack.store()).get(&key, town.now()).await.unwrap().expect("the code");
        assert_eq!(kept.code.extra, Some(extra), "as the callback will say it");
    }
    town.close().await;
}

#[tokio::test]
async fn row_42_no_time_is_half_an_hour() {
    let town = fresh().await;
    for none in [Value::Null, json!(0), json!(""), json!("0")] {
        let answer = create(&town, json!("x"), none.clone()).await;
        let left = answer.json()["data"]["expires"].as_i64().expect("a time") - town.now().millis();
        assert!((1_799_000..=1_801_000).contains(&left), "{none}: {left}");
    }
    town.close().await;
}

#[tokio::test]
async fn row_43_the_time_has_limits() {
    let town = fresh().await;
    for good in [json!(1), json!(2_592_000), json!("60")] {
        assert_eq!(create(&town, json!("x"), good).await.code(), 1000);
    }
    for bad in [json!(2_592_001), json!(-1)] {
        let answer = create(&town, json!("x"), bad).await;
        assert_eq!(answer.code(), 1001);
        assert!(answer.msg().contains("validTime"));
    }
    assert_eq!(create(&town, json!("x"), json!("soon")).await.code(), 1005);
    town.close().await;
}

#[tokio::test]
async fn row_44_before_any_scan_the_answer_says_keep_asking() {
    let town = fresh().await;
    let data = made(&town, "x").await;
    let waiting = r#"{"code":1001,"msg":"暂无用户扫描二维码","data":null,"success":false}"#;
    assert_eq!(poll(&town, data["code"].as_str().unwrap()).await.text, waiting);
    for path in ["", "?code=", &format!("?code={}", "a".repeat(64)), "?code=%00", "?code=x"] {
        let answer = town.api.get(&format!("/api/fun/scan-qrcode-uid{path}")).await;
        assert_eq!(answer.code(), 1001);
        assert!(!answer.msg().contains("暂无用户扫描"), "{path}: {}", answer.msg());
    }
    town.close().await;
}

#[tokio::test]
async fn the_last_scan_is_told_as_a_bare_text_until_a_day_after_expiry() {
    let town = fresh().await;
    let data = made(&town, "x").await;
    let code = data["code"].as_str().unwrap();
    for uid in [FIRST, SECOND] {
        assert!(scan(&town, code, uid).await);
        for _ in 0..2 {
            let said = format!(r#"{{"code":1000,"msg":"处理成功","data":"{uid}","success":true}}"#);
            assert_eq!(poll(&town, code).await.text, said, "asking does not use it up");
        }
    }
    town.stack.advance(Duration::from_secs(1_800));
    assert!(!scan(&town, code, FIRST).await, "expired");
    assert_eq!(poll(&town, code).await.json()["data"], SECOND);
    town.stack.advance(Duration::from_secs(86_400));
    assert_eq!(poll(&town, code).await.code(), 1001);

    let unscanned = made(&town, "x").await;
    town.stack.advance(Duration::from_secs(1_800));
    let answer = poll(&town, unscanned["code"].as_str().unwrap()).await;
    assert_eq!(answer.code(), 1001);
    assert!(!answer.msg().contains("暂无用户扫描"), "there is nothing to wait for");
    town.close().await;
}

#[tokio::test]
async fn row_48_the_code_is_the_credential() {
    let town = fresh().await;
    let data = made(&town, "x").await;
    let code = data["code"].as_str().unwrap();
    scan(&town, code, FIRST).await;
    for token in [seed::OTHER_TOKEN, "AT_wrong", ""] {
        let answer = town.api.get(&format!("/api/fun/scan-qrcode-uid/?code={code}&appToken={token}")).await;
        assert_eq!(answer.json()["data"], FIRST, "{token}");
    }
    town.close().await;
}

#[tokio::test]
async fn row_49_an_app_without_a_callback_url_has_followers_and_scans() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::OTHER_TOKEN, "extra": "x" });
    let made = town.api.post("/api/fun/create/qrcode/", &body).await.json();
    let code = made["data"]["code"].as_str().expect("a code");
    assert!(scan(&town, code, FIRST).await);
    let uid = Uid::parse(FIRST).unwrap();
    let wish = Wish { uid: &uid, source: Source::Scan, cause: "event-1", at: town.now() };
    let outcome = Following::open(town.stack.store()).follow_app(AppId::new(2), wish).await.unwrap();
    assert!(matches!(outcome, FollowOutcome::New(_)));
    assert_eq!(poll(&town, code).await.json()["data"], FIRST);
    let body = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "uids": [FIRST] });
    assert_eq!(town.api.post("/api/send/message", &body).await.targets()[0]["code"], 1000);
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn only_clear_abuse_of_asking_is_refused() {
    let town = fresh().await;
    town.stack.clock().stand_still();
    let data = made(&town, "x").await;
    let code = data["code"].as_str().unwrap();
    for _ in 0..60 {
        assert_eq!(poll(&town, code).await.msg(), "暂无用户扫描二维码");
    }
    let answer = poll(&town, code).await;
    assert_eq!(answer.code(), 1001);
    assert_eq!(answer.headers["retry-after"], "61");
    town.stack.advance(Duration::from_secs(61));
    assert_eq!(poll(&town, code).await.msg(), "暂无用户扫描二维码");
    town.close().await;
}

#[tokio::test]
async fn a_wrong_token_makes_no_code() {
    let town = fresh().await;
    for (token, msg) in [(json!("AT_wrong"), "appToken不正确"), (Value::Null, "appToken不能为空")] {
        let answer = town.api.post("/api/fun/create/qrcode", &json!({ "appToken": token, "extra": "x" })).await;
        assert_eq!((answer.code(), answer.msg()), (1001, msg.to_owned()));
    }
    assert!(aws_calls(&town).iter().all(|call| call.ends_with("GetItem AppsTable")));
    town.close().await;
}
