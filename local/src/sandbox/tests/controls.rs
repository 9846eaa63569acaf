//! Counted calls and the page.

use axum::http::Method;
use serde_json::json;

use super::{Running, message};

#[tokio::test]
async fn every_upstream_call_is_counted_with_its_bytes() {
    let running = Running::start().await;
    let token = running.token().await;
    running.call(Method::DELETE, "/sandbox/calls", "").await;

    let accepted = running.send_with(&token, &message()).await;
    running.order(json!({ "channel": "wechat-template", "drop": true })).await;
    let path = super::send_path(&token);
    assert!(running.try_call(Method::POST, &path, &[], "{}").await.is_none());
    running.get("/wechat/cgi-bin/token").await;

    let calls = running.get("/sandbox/calls").await.json();
    let request_bytes = message().to_string().len() + 2;
    assert_eq!(calls["wechat message/template/send"], json!([2, request_bytes, accepted.text.len()]));
    assert_eq!(calls["wechat token"][0], 1);
    assert!(calls.get("wechat stable_token").is_none());

    let reset = running.call(Method::DELETE, "/sandbox/calls", "").await;
    assert_eq!(reset.json(), json!({}));
}

#[tokio::test]
async fn page_and_its_files_are_served_under_a_strict_policy() {
    let running = Running::start().await;
    let page = running.get("/").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    for (path, content_type) in
        [("/sandbox/inbox.css", "text/css; charset=utf-8"), ("/sandbox/inbox.js", "text/javascript; charset=utf-8")]
    {
        assert!(page.text.contains(path), "{path}");
        let file = running.get(path).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.headers["content-type"], content_type);
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn page_never_makes_markup_of_text() {
    let scripts = [include_str!("../page/inbox.js"), include_str!("../page/media.js"), include_str!("../page/chat.js")];
    for way_in in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(scripts.iter().all(|script| !script.contains(way_in)), "{way_in}");
    }
}

#[tokio::test]
async fn huaweis_console_takes_an_address_and_says_what_is_none() {
    let running = Running::start().await;
    let console = "/sandbox/huawei/callback";
    for body in ["", "{}", r#"{"url":1}"#, r#"{"url":"ftp://a"}"#, r#"{"url":"a"}"#, r#"{"url":"http://a","mode":"b"}"#]
    {
        let answer = running.call(Method::PUT, console, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"].as_str().is_some_and(|text| !text.is_empty()), "{}", answer.text);
        assert_eq!(running.sandbox.huawei_reports_to(), None, "{body}");
    }
    let url = "http://127.0.0.1:1/$default/receipt/huawei/x";
    let answer = running.call(Method::PUT, console, &json!({ "url": url }).to_string()).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "ok": true })));
    assert_eq!(running.sandbox.huawei_reports_to().as_deref(), Some(url));
}
