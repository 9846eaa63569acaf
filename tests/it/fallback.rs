//! Whatever no function takes: unknown paths, other methods, browsers that ask first. And never a redirect.

use crate::wxpusher::{FIRST, assert_nothing_sent, aws_calls, fresh};
use http::{Method, StatusCode};
use local::seed;
use serde_json::json;
use support::Answer;

const JSON: (&str, &str) = ("content-type", "application/json");

fn methods() -> Vec<Method> {
    let named = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD, Method::OPTIONS];
    named.into_iter().chain([Method::from_bytes(b"PURGE").expect("a method")]).collect()
}

fn assert_error(answer: &Answer, status: StatusCode, code: i64) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    assert!(answer.json()["data"].is_null());
    assert_eq!(answer.json().as_object().expect("an object").len(), 4);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn an_unknown_path_is_404_with_code_1004() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::APP_TOKEN, "content": "x", "uids": [FIRST] }).to_string();
    for path in [
        "/api/nothing",
        "/api/",
        "/api/send",
        "/api/send/",
        "/api/send/messages",
        "/api/send/message//",
        "/api//send/message",
        "/api/Send/Message",
        "/api/send/query",
        "/api/send/query/",
        "/api/send/query/1/2",
        "/api/%2e%2e/admin",
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = town.api.send(method.clone(), path, &[JSON], body.clone()).await;
            assert_error(&answer, StatusCode::NOT_FOUND, 1004);
            assert_eq!(answer.msg(), format!("接口 [{path}] 不存在"), "{method}");
        }
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn another_method_on_a_known_path_is_405_with_code_1005() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::APP_TOKEN, "content": "x", "uids": [FIRST] }).to_string();
    for (method, path) in [
        (Method::PUT, "/api/send/message"),
        (Method::PATCH, "/api/send/message/"),
        (Method::POST, "/api/send/query/1"),
        (Method::PUT, "/api/send/query/1/"),
        (Method::POST, "/api/send/query/status"),
    ] {
        let answer = town.api.send(method.clone(), path, &[JSON], body.clone()).await;
        assert_error(&answer, StatusCode::METHOD_NOT_ALLOWED, 1005);
        assert_eq!(answer.msg(), format!("接口 [{path}] 出现异常：不支持的请求方法"), "{method}");
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn outside_the_api_an_error_is_a_short_text() {
    let town = fresh().await;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/favicon.ico", 404),
        (Method::GET, "/apis/send/message", 404),
        (Method::GET, "/m/", 404),
        (Method::GET, "/m/1-a/b/c", 404),
        (Method::POST, "/m/1-a", 405),
        (Method::OPTIONS, "/m/1-a", 405),
    ] {
        let answer = town.api.send(method.clone(), path, &[], "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert!(!answer.text.is_empty() && !answer.headers.contains_key("access-control-allow-origin"));
    }
    town.close().await;
}

#[tokio::test]
async fn a_browser_that_asks_may_call_from_any_page() {
    let town = fresh().await;
    let asks = [
        ("origin", "https://front.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-requested-with"),
    ];
    for path in ["/api/send/message", "/api/send/message/", "/api/send/query/7", "/api/fun/create/qrcode"] {
        let answer = town.api.send(Method::OPTIONS, path, &asks, "").await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""), "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.headers["access-control-allow-headers"], "*");
        let methods = answer.headers["access-control-allow-methods"].to_str().expect("a text");
        for method in ["GET", "POST", "PUT", "DELETE"] {
            assert!(methods.split(", ").any(|allowed| allowed == method), "{method} in {methods}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    town.close().await;
}

#[tokio::test]
async fn every_answer_of_the_api_may_be_read_from_any_page() {
    let town = fresh().await;
    let good = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    let id = good.message_id();
    let query = format!("appToken={}&content=x&uid={FIRST}", seed::APP_TOKEN);
    let answers = [
        good,
        town.send(json!({ "content": "x" })).await,
        town.api.get(&format!("/api/send/message?{query}")).await,
        town.api.get(&format!("/api/send/query/{id}")).await,
        town.api.get("/api/send/query/x").await,
    ];
    for answer in answers {
        assert_eq!(answer.headers["access-control-allow-origin"], "*", "{}", answer.text);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    town.close().await;
}

/// A client that follows a redirect turns its POST into a GET, and the message is lost.
#[tokio::test]
async fn row_81_nothing_is_ever_redirected() {
    let town = fresh().await;
    let paths = [
        "/",
        "/api",
        "/api/send/message",
        "/api/send/query/1",
        "/api/send/query/status",
        "/api/fun/create/qrcode",
        "/api/fun/scan-qrcode-uid",
        "/api/fun/wxuser",
        "/api/fun/wxuser/v2",
        "/api/fun/remove",
        "/api/fun/reject",
        "/api/nothing",
        "/m/1-abc",
        "/cgi-bin/token",
    ];
    for path in paths {
        for path in
            [path.to_owned(), format!("{path}/"), format!("{path}//"), format!("/{path}"), format!("{path}?a=b")]
        {
            for method in methods() {
                for forwarded in ["http", "https"] {
                    let headers = [JSON, ("x-forwarded-proto", forwarded)];
                    let answer = town.api.send(method.clone(), &path, &headers, "").await;
                    assert!(!answer.status.is_redirection(), "{method} {path}: {}", answer.status);
                    assert!(!answer.headers.contains_key("location"), "{method} {path}");
                }
            }
        }
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}
