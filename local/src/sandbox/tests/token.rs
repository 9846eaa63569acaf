//! Access tokens.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::{APPID, Running, SECRET, message};

/// The granted token and its remaining life in seconds.
fn granted(answer: &Value) -> (String, i64) {
    assert!(answer.get("errcode").is_none(), "{answer}");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    (token, answer["expires_in"].as_i64().expect("a life"))
}

/// A call of `GET /cgi-bin/token`.
async fn plain(running: &Running) -> Value {
    let path = format!("/wechat/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={SECRET}");
    running.get(&path).await.json()
}

#[tokio::test]
async fn stable_token_is_shared_and_counts_down() {
    let running = Running::start().await;
    let (first, life) = granted(&running.stable(false).await.json());
    assert_eq!(life, 7200);
    assert!(first.len() > 100 && first.len() <= 512);

    running.sandbox.advance(Duration::from_secs(1000));
    let (second, life) = granted(&running.stable(false).await.json());
    assert_eq!(first, second);
    assert!((6195..=6200).contains(&life), "{life}");
    assert_eq!(running.account().token_fetches().stable, 2);
    assert_eq!(running.account().token_fetches().forced, 0);
}

#[tokio::test]
async fn stable_token_is_replaced_in_its_last_five_minutes_and_both_work() {
    let running = Running::start().await;
    let old = running.token().await;
    running.sandbox.advance(Duration::from_secs(6950));
    let (new, life) = granted(&running.stable(false).await.json());
    assert_ne!(old, new);
    assert_eq!(life, 7200);
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 0);
    assert_eq!(running.send_with(&new, &message()).await.errcode(), 0);

    running.sandbox.advance(Duration::from_secs(300));
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 40001);
    assert_eq!(running.send_with(&new, &message()).await.errcode(), 0);
}

#[tokio::test]
async fn forced_refresh_within_thirty_seconds_is_ignored() {
    let running = Running::start().await;
    let first = running.token().await;
    let (second, _) = granted(&running.stable(true).await.json());
    assert_ne!(first, second);
    let (ignored, _) = granted(&running.stable(true).await.json());
    assert_eq!(second, ignored);

    running.sandbox.advance(Duration::from_secs(31));
    let (third, _) = granted(&running.stable(true).await.json());
    assert_ne!(second, third);
    assert_eq!(running.account().token_fetches().forced, 2);
    // Two forced refreshes end a leaked token; the one between still works.
    assert_eq!(running.send_with(&first, &message()).await.errcode(), 40001);
    assert_eq!(running.send_with(&second, &message()).await.errcode(), 0);
}

#[tokio::test]
async fn forced_refresh_works_twenty_times_a_day() {
    let running = Running::start().await;
    running.begin_day();
    for _ in 0..25 {
        running.stable(true).await;
        running.sandbox.advance(Duration::from_secs(30));
    }
    assert_eq!(running.account().token_fetches().forced, 20);
    running.sandbox.advance(Duration::from_secs(24 * 3600));
    running.stable(true).await;
    assert_eq!(running.account().token_fetches().forced, 21);
}

#[tokio::test]
async fn plain_token_is_new_every_time_and_leaves_the_stable_one_alone() {
    let running = Running::start().await;
    let stable = running.token().await;
    let (first, life) = granted(&plain(&running).await);
    assert_eq!(life, 7200);
    let (second, _) = granted(&plain(&running).await);
    assert_ne!(first, second);
    for token in [&stable, &first, &second] {
        assert_eq!(running.send_with(token, &message()).await.errcode(), 0);
    }
    running.sandbox.advance(Duration::from_secs(301));
    assert_eq!(running.send_with(&first, &message()).await.errcode(), 40001);
    for token in [&stable, &second] {
        assert_eq!(running.send_with(token, &message()).await.errcode(), 0);
    }
    assert_eq!(running.account().token_fetches().plain, 2);
}

#[tokio::test]
async fn plain_token_has_a_daily_limit() {
    let running = Running::start().await;
    running.begin_day();
    for _ in 0..2_000 {
        granted(&plain(&running).await);
    }
    assert_eq!(plain(&running).await["errcode"], 45009);
    running.begin_day();
    granted(&plain(&running).await);
}

#[tokio::test]
async fn stable_token_names_what_is_wrong() {
    let running = Running::start().await;
    let good = json!({ "grant_type": "client_credential", "appid": APPID, "secret": SECRET });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    for (body, code) in [
        (good.to_string(), 0),
        (with("grant_type", json!("password")), 40002),
        (json!({}).to_string(), 40002),
        (with("appid", json!("")), 41002),
        (with("appid", json!("wx0000000000000000")), 40013),
        (with("secret", json!("")), 41004),
        (with("secret", Value::Null), 41004),
        (with("secret", json!("fedcba9876543210fedcba9876543210")), 40125),
        (with("force_refresh", json!("yes")), 47001),
        ("grant_type=client_credential".to_owned(), 47001),
        (String::new(), 44002),
    ] {
        let answer = running.call(Method::POST, "/wechat/cgi-bin/stable_token", &body).await;
        assert_eq!(answer.errcode(), code, "{body}");
    }
    let answer = running.get("/wechat/cgi-bin/stable_token").await;
    assert_eq!(answer.errcode(), 43002);
}

#[tokio::test]
async fn plain_token_names_what_is_wrong() {
    let running = Running::start().await;
    for (query, code) in [
        (String::new(), 40002),
        ("grant_type=client_credential".to_owned(), 41002),
        ("grant_type=client_credential&appid=wx1&secret=1".to_owned(), 40013),
        (format!("grant_type=client_credential&appid={APPID}"), 41004),
        (format!("grant_type=client_credential&appid={APPID}&secret=1"), 40125),
    ] {
        let answer = running.get(&format!("/wechat/cgi-bin/token?{query}")).await;
        assert_eq!(answer.errcode(), code, "{query}");
    }
    let answer = running.call(Method::POST, "/wechat/cgi-bin/token", "").await;
    assert_eq!(answer.errcode(), 43001);
}

#[tokio::test]
async fn expired_token_is_42001_and_the_next_fetch_heals() {
    let running = Running::start().await;
    let old = running.token().await;
    running.account().expire_tokens();
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 42001);
    let new = running.token().await;
    assert_ne!(old, new);
    assert_eq!(running.send_with(&new, &message()).await.errcode(), 0);
}

#[tokio::test]
async fn token_past_its_own_life_is_42001() {
    let running = Running::start().await;
    let old = running.token().await;
    running.sandbox.advance(Duration::from_secs(7201));
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 42001);
}

#[tokio::test]
async fn revoked_token_is_40001_and_the_next_fetch_heals() {
    let running = Running::start().await;
    let old = running.token().await;
    running.account().revoke_tokens();
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 40001);
    assert_eq!(running.send(&message()).await.errcode(), 0);
}

#[tokio::test]
async fn spoilt_token_needs_a_forced_refresh() {
    let running = Running::start().await;
    let old = running.token().await;
    running.account().spoil_token();
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 40001);
    assert_eq!(running.token().await, old);
    let (new, _) = granted(&running.stable(true).await.json());
    assert_eq!(running.send_with(&new, &message()).await.errcode(), 0);
    assert_eq!(running.send_with(&old, &message()).await.errcode(), 40001);
}
