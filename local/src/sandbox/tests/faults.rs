//! Failures on order.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use super::{OPENID, Running, World, message, message_with, send_path, world};
use crate::sandbox::{Effect, Fault};

/// The orders that are left.
async fn pending(running: &Running) -> Value {
    running.get("/sandbox/faults").await.json()["faults"].clone()
}

#[tokio::test]
async fn status_answers_html_and_retry_after_as_often_as_ordered() {
    let running = Running::start().await;
    running.order(json!({ "channel": "wechat-template", "status": 503, "retry_after": 7, "times": 2 })).await;
    for _ in 0..2 {
        let answer = running.send(&message()).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(answer.headers["content-type"], "text/html");
        assert!(answer.text.contains("503 Service Unavailable"));
    }
    assert!(running.messages().is_empty());
    assert_eq!(running.send(&message()).await.errcode(), 0);
    assert_eq!(pending(&running).await, json!([]));
}

#[tokio::test]
async fn status_200_answers_html_too() {
    let running = Running::start().await;
    running.order(json!({ "channel": "wechat", "status": 200 })).await;
    let answer = running.send(&message()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.starts_with("<html>"));
    assert!(running.messages().is_empty());
}

#[tokio::test]
async fn errcode_answers_in_wechats_shape_without_accepting() {
    let running = Running::start().await;
    running.order(json!({ "channel": "wechat-template", "errcode": 45011 })).await;
    assert_eq!(running.send(&message()).await.errcode(), 45011);
    assert!(running.messages().is_empty());
    assert_eq!(running.send(&message()).await.errcode(), 0);
}

/// What the stand-in does not enforce by itself is said in WeChat's words once it is ordered.
#[tokio::test]
async fn the_ip_whitelist_and_a_frozen_secret_are_faults() {
    let running = Running::start().await;
    for (code, words) in [(40164, "not in whitelist"), (40243, "frozen"), (45011, "minute-quota"), (89503, "confirm")] {
        running.order(json!({ "channel": "wechat", "operation": "token", "errcode": code })).await;
        let answer = running.stable(false).await;
        assert_eq!(answer.errcode(), code);
        assert!(answer.json()["errmsg"].as_str().is_some_and(|text| text.contains(words)), "{}", answer.text);
    }
    assert_eq!(running.stable(false).await.errcode(), 0);
}

#[tokio::test]
async fn a_finish_order_accepts_the_message_and_is_for_messages_that_finish() {
    let running = Running::start().await;
    running.order(json!({ "channel": "wechat-template", "finish": "user block" })).await;
    assert_eq!(running.send(&message()).await.errcode(), 0);
    assert_eq!(running.messages().len(), 1);
    assert_eq!(pending(&running).await, json!([]));
    for (field, order) in [
        ("finish", json!({ "channel": "wechat-custom", "finish": "user block" })),
        ("finish", json!({ "channel": "wechat-template", "operation": "token", "finish": "user block" })),
        ("finish", json!({ "channel": "wechat-template", "finish": "" })),
        ("exclude", json!({ "channel": "wechat-template", "finish": "user block", "errcode": -1 })),
    ] {
        let answer = running.call(Method::POST, "/sandbox/faults", &order.to_string()).await;
        assert_eq!(answer.status, 400, "{order}");
        assert!(answer.text.contains(field), "{}", answer.text);
    }
}

#[tokio::test]
async fn token_fault_hits_token_calls_only() {
    let running = Running::start().await;
    let token = running.token().await;
    running.order(json!({ "channel": "wechat-template", "operation": "token", "errcode": 40164 })).await;
    assert_eq!(running.send_with(&token, &message()).await.errcode(), 0);
    assert_eq!(running.stable(false).await.errcode(), 40164);
    assert_eq!(running.stable(false).await.errcode(), 0);
}

#[tokio::test]
async fn drop_before_breaks_the_connection_and_accepts_nothing() {
    let running = Running::start().await;
    let path = send_path(&running.token().await);
    let body = message().to_string();
    for drop in [json!(true), json!("before")] {
        running.order(json!({ "channel": "wechat-template", "drop": drop })).await;
        assert!(running.try_call(Method::POST, &path, &[], &body).await.is_none());
    }
    assert!(running.messages().is_empty());
    assert_eq!(running.send(&message()).await.errcode(), 0);
}

#[tokio::test]
async fn drop_after_breaks_the_connection_and_accepts_the_message() {
    let running = Running::start().await;
    let path = send_path(&running.token().await);
    running.order(json!({ "channel": "wechat-template", "drop": "after" })).await;
    let message = message_with("client_msg_id", json!("a"));
    let answer = running.try_call(Method::POST, &path, &[], &message.to_string()).await;
    assert!(answer.is_none());
    assert_eq!(running.messages().len(), 1);
    // The sender's second try finds out.
    assert_eq!(running.send(&message).await.errcode(), 0);
    assert_eq!(running.messages().len(), 1);
}

#[tokio::test]
async fn delay_comes_between_accepting_and_the_answer() {
    let running = Running::start().await;
    let token = running.token().await;
    running.order(json!({ "channel": "wechat-template", "delay_ms": 300 })).await;
    let started = Instant::now();
    let message = message();
    let send = running.send_with(&token, &message);
    let look = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        running.messages().len()
    };
    let (answer, accepted_meanwhile) = tokio::join!(send, look);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(answer.errcode(), 0);
    assert_eq!(accepted_meanwhile, 1);
}

#[tokio::test]
async fn delay_combines_with_an_errcode() {
    let running = Running::start().await;
    running.order(json!({ "channel": "wechat-template", "delay_ms": 200, "errcode": -1 })).await;
    let started = Instant::now();
    assert_eq!(running.send(&message()).await.errcode(), -1);
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn recipient_fault_spares_the_others() {
    let running = Running::start().await;
    running.order(json!({ "channel": "wechat-template", "errcode": 43019, "recipient": OPENID })).await;
    let other = message_with("touser", json!("otest00000000000000000000001"));
    assert_eq!(running.send(&other).await.errcode(), 0);
    assert_eq!(running.send(&message()).await.errcode(), 43019);
    assert_eq!(running.send(&message()).await.errcode(), 0);
}

/// What Xiaomi's stand-in says of these devices: those it has no token of, or its code for the call.
async fn xiaomi(running: &Running, devices: &str) -> Value {
    let form = format!(
        "registration_id={devices}&restricted_package_name=com.example.demo&pass_through=0&title=t&description=d\
         &notify_type=1",
    );
    let headers = [("authorization", "key=demo-xiaomi-secret"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = running.call_with(Method::POST, "/xiaomi/v3/message/regid", &headers, &form).await.json();
    answer["data"].get("bad_regids").unwrap_or(&answer["code"]).clone()
}

#[tokio::test]
async fn an_order_for_a_device_counts_calls_not_what_they_are_about() {
    let phones = crate::seed::phones::certificates();
    let running = Running::start_with(World { phones, ..world() }, None).await;
    let order = |times: u64| json!({ "channel": "xiaomi", "recipient": "a", "errcode": 1, "times": times });
    for devices in ["a", "a,b"] {
        running.order(order(3)).await;
        for left in [2, 1] {
            assert_eq!(xiaomi(&running, devices).await, "a");
            assert_eq!(pending(&running).await[0]["times"], left, "{devices}");
        }
        assert_eq!(xiaomi(&running, "b").await, 0, "it is about another");
        assert_eq!(xiaomi(&running, devices).await, "a");
        assert_eq!(pending(&running).await, json!([]));
        assert_eq!(xiaomi(&running, devices).await, 0);
    }
    // Of the orders for a device alone, those about the call come after its own.
    running.order(json!({ "channel": "xiaomi", "recipient": "a", "errcode": 22_022, "delay_ms": 1 })).await;
    running.order(order(1)).await;
    assert_eq!(xiaomi(&running, "a").await, "a");
    assert_eq!(xiaomi(&running, "a").await, 22_022);
    assert_eq!(xiaomi(&running, "a").await, 0);
}

#[tokio::test]
async fn standing_fault_lasts_until_cleared() {
    for standing in [json!({ "times": 0 }), json!({ "forever": true })] {
        let running = Running::start().await;
        let mut order = json!({ "channel": "wechat-template", "errcode": -1 });
        order.as_object_mut().unwrap().extend(standing.as_object().unwrap().clone());
        running.order(order).await;
        for _ in 0..5 {
            assert_eq!(running.send(&message()).await.errcode(), -1);
        }
        let left = pending(&running).await;
        assert_eq!(left[0]["forever"], true);
        let cleared = running.call(Method::DELETE, "/sandbox/faults", "").await;
        assert_eq!(cleared.json(), json!({ "faults": [] }));
        assert_eq!(running.send(&message()).await.errcode(), 0);
    }
}

#[tokio::test]
async fn orders_are_taken_in_the_order_they_came() {
    let running = Running::start().await;
    let faults = running.sandbox.faults();
    faults.add(Fault::new("wechat-template", Effect::Errcode(-1)));
    faults.add(Fault::new("wechat-template", Effect::Errcode(45011)));
    assert_eq!(pending(&running).await.as_array().map(Vec::len), Some(2));
    assert_eq!(running.send(&message()).await.errcode(), -1);
    assert_eq!(running.send(&message()).await.errcode(), 45011);
    assert_eq!(running.send(&message()).await.errcode(), 0);
}

#[tokio::test]
async fn listed_order_can_be_posted_again() {
    let running = Running::start().await;
    let order = json!({
        "channel": "wechat-template", "operation": "send", "recipient": OPENID,
        "status": 429, "retry_after": 2, "delay_ms": 5, "times": 3,
    });
    running.order(order.clone()).await;
    assert_eq!(pending(&running).await, json!([order]));
}

#[tokio::test]
async fn wrong_order_is_refused_and_names_its_field() {
    let running = Running::start().await;
    let base = |extra: Value| {
        let mut order = json!({ "channel": "wechat-template" });
        order.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        order.to_string()
    };
    for (body, named) in [
        ("nonsense".to_owned(), "JSON object"),
        ("[]".to_owned(), "JSON object"),
        (base(json!({})), "`delay_ms`"),
        (base(json!({ "channel": "wechat-tempalte", "drop": true })), "`channel`"),
        (json!({ "drop": true }).to_string(), "`channel`"),
        (base(json!({ "status": 99 })), "`status`"),
        (base(json!({ "status": "503" })), "`status`"),
        (base(json!({ "errcode": 0 })), "`errcode`"),
        (base(json!({ "drop": "sometimes" })), "`drop`"),
        (base(json!({ "delay_ms": -1 })), "`delay_ms`"),
        (base(json!({ "delay_ms": 600_001 })), "`delay_ms`"),
        (base(json!({ "drop": true, "times": 1.5 })), "`times`"),
        (base(json!({ "drop": true, "forever": 1 })), "`forever`"),
        (base(json!({ "drop": true, "recipient": 1 })), "`recipient`"),
        (base(json!({ "drop": true, "operation": "token", "recipient": "o" })), "`recipient`"),
        (base(json!({ "drop": true, "operation": "sned" })), "`operation`"),
        (base(json!({ "drop": true, "retry_after": 1 })), "`retry_after`"),
        (base(json!({ "drop": true, "status": 500 })), "exclude"),
        (base(json!({ "drop": true, "tiems": 2 })), "`tiems`"),
    ] {
        let answer = running.call(Method::POST, "/sandbox/faults", &body).await;
        assert_eq!(answer.status, 400, "{body}");
        let error = answer.json()["error"].to_string();
        assert!(error.contains(named), "{body}: {error}");
    }
    assert_eq!(pending(&running).await, json!([]));
}
