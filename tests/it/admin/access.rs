//! Who gets in, and what is written down about it.

use super::{ask, ask_as, done, refused};
use http::Method;
use local::stack::TEST_ADMIN_TOKEN;
use local::{Options, seed};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::Town;

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let town = Town::demo().await;
    let started = Instant::now();
    for token in ["", "AD_wrong", &TEST_ADMIN_TOKEN[1..], "AT_demo00000000000000000000000000x0"] {
        let answer = ask_as(&town.api, token, Method::GET, "/admin/apps", Value::Null).await;
        assert_eq!(answer.status.as_u16(), 401, "{token}: {}", answer.text);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert_eq!(answer.json()["error"]["code"], "unauthenticated");
    }
    assert_eq!(town.api.get("/admin/apps").await.status.as_u16(), 401);
    assert!(started.elapsed() >= Duration::from_millis(5 * 250), "guessing is slow");
    let before = Instant::now();
    done(&town, 200, Method::GET, "/admin/apps", Value::Null).await;
    assert!(before.elapsed() < Duration::from_secs(1), "the right one never waits");
    town.close().await;
}

#[tokio::test]
async fn guessing_gets_slower_and_the_operator_gets_in_all_the_same() {
    let town = Town::demo().await;
    let guesses = (0..25).map(|n| {
        let api = town.api.clone();
        async move { ask_as(&api, &format!("AD_{n}"), Method::GET, "/admin/apps", Value::Null).await }
    });
    let answers = futures::future::join_all(guesses).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 5, "{statuses:?}");
    assert!(
        answers.iter().filter(|answer| answer.status == 429).all(|answer| answer.headers.contains_key("retry-after"))
    );
    done(&town, 200, Method::GET, "/admin/apps", Value::Null).await;
    town.close().await;
}

#[tokio::test]
async fn without_a_hash_nobody_is_the_operator() {
    let town = Town::with(Options { admin_token: None, ..Options::for_tests() }).await;
    assert_eq!(ask(&town, Method::GET, "/admin/apps", Value::Null).await.status.as_u16(), 401);
    town.close().await;
}

/// An app's token opens the app's callbacks and nothing else; another app's look as if they were not there.
#[tokio::test]
async fn an_owner_sees_the_callbacks_of_their_own_app_only() {
    let town = Town::demo().await;
    let status = async |path: &str, method: Method| {
        ask_as(&town.api, seed::APP_TOKEN, method, path, Value::Null).await.status.as_u16()
    };
    assert_eq!(status("/admin/apps/1/callbacks", Method::GET).await, 200);
    assert_eq!(status("/admin/apps/2/callbacks", Method::GET).await, 404);
    let foreign = "/admin/apps/2/callbacks/cb_1785662130412_5d41402abc4b2a76b9719d91/replay";
    assert_eq!(status(foreign, Method::POST).await, 404);
    for path in ["/admin/apps", "/admin/apps/1", "/admin/accounts", "/admin/audit", "/admin/messages"] {
        assert_eq!(status(path, Method::GET).await, 403, "{path}");
    }
    assert_eq!(status("/admin/apps/1/token", Method::POST).await, 403);
    town.close().await;
}

#[tokio::test]
async fn every_call_is_written_down_with_its_outcome() {
    let town = Town::demo().await;
    ask_as(&town.api, "AD_hunter2", Method::POST, "/admin/apps", json!({ "name": "hunter2" })).await;
    ask(&town, Method::PATCH, "/admin/apps/1", json!({ "name": "新名字" })).await;
    ask(&town, Method::GET, "/admin/apps/77", Value::Null).await;
    ask(&town, Method::GET, "/admin/nowhere", Value::Null).await;
    ask_as(&town.api, seed::APP_TOKEN, Method::GET, "/admin/apps", Value::Null).await;
    let page = done(&town, 200, Method::GET, "/admin/audit?limit=3", Value::Null).await;
    let cursor = page["next_cursor"].as_str().expect("more").to_owned();
    let rest = done(&town, 200, Method::GET, &format!("/admin/audit?limit=10&cursor={cursor}"), Value::Null).await;
    let items: Vec<&Value> =
        [&page, &rest].into_iter().flat_map(|page| page["items"].as_array().expect("a list")).collect();
    let told: Vec<Value> = items
        .iter()
        .map(|item| json!([item["who"], item["method"], item["path"], item["status"], item["code"]]))
        .collect();
    for expected in [
        json!(["app:1", "GET", "/admin/apps", 403, "forbidden"]),
        json!(["admin", "GET", "/admin/nowhere", 404, "no_such_path"]),
        json!(["admin", "GET", "/admin/apps/77", 404, "not_found"]),
        json!(["admin", "PATCH", "/admin/apps/1", 200, null]),
        json!(["nobody", "POST", "/admin/apps", 401, "unauthenticated"]),
    ] {
        assert!(told.contains(&expected), "{expected} is missing in {told:?}");
    }
    assert!(!format!("{page}{rest}").contains("hunter2"), "a secret was written down");
    town.close().await;
}

/// A change that nobody could look up is not made.
#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    use local::aws::{AwsFault, FaultKind};
    let town = Town::demo().await;
    let kind = FaultKind::Error { status: 500, code: "InternalServerError".to_owned(), message: "a test".to_owned() };
    town.stack.aws().faults.inject(AwsFault::new("dynamodb", "PutItem", kind).on("TokensTable").times(3));
    let error = refused(&town, 503, "store_unavailable", Method::PATCH, "/admin/apps/1", json!({ "name": "x" })).await;
    assert!(!error.to_string().contains("Tokens"), "{error}");
    assert_eq!(done(&town, 200, Method::GET, "/admin/apps/1", Value::Null).await["name"], "演示应用");
    town.close().await;
}

#[tokio::test]
async fn paths_methods_and_bodies_that_are_none() {
    let town = Town::demo().await;
    refused(&town, 404, "no_such_path", Method::GET, "/admin/nothing", Value::Null).await;
    refused(&town, 405, "method_not_allowed", Method::DELETE, "/admin/apps", Value::Null).await;
    refused(&town, 404, "not_found", Method::GET, "/admin/apps/none", Value::Null).await;
    let field = async |body: Value| {
        refused(&town, 422, "invalid_field", Method::POST, "/admin/apps", body).await["field"].clone()
    };
    assert_eq!(field(json!({})).await, "name");
    assert_eq!(field(json!({ "name": 5, "account": "x" })).await, "name");
    assert_eq!(field(json!({ "name": "x", "account": "x", "colour": 1 })).await, "colour");
    assert_eq!(field(json!({ "name": " ", "account": seed::ACCOUNT })).await, "name");
    assert_eq!(field(json!({ "name": "x".repeat(65), "account": seed::ACCOUNT })).await, "name");
    assert_eq!(field(json!({ "name": "x", "account": "wxnone" })).await, "account");
    let authorization = format!("Bearer {TEST_ADMIN_TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let answer = town.api.send(Method::POST, "/admin/apps", &headers, "{\"name\"").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (400, &json!("unreadable")));
    let answer = town.api.send(Method::POST, "/admin/apps", &headers, vec![b' '; 2 << 20]).await;
    assert_eq!(answer.status.as_u16(), 400);
    let headers = [("authorization", authorization.as_str()), ("content-type", "text/plain")];
    let answer = town.api.send(Method::POST, "/admin/apps", &headers, "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (415, &json!("content_type")));
    assert_eq!(
        refused(&town, 422, "invalid_field", Method::GET, "/admin/apps?limit=0", Value::Null).await["field"],
        "limit"
    );
    assert_eq!(
        refused(&town, 422, "invalid_field", Method::GET, "/admin/apps?limit=x", Value::Null).await["field"],
        "limit"
    );
    assert_eq!(
        refused(&town, 422, "invalid_field", Method::GET, "/admin/apps?cursor=x", Value::Null).await["field"],
        "cursor"
    );
    let apps = done(&town, 200, Method::GET, "/admin/apps", Value::Null).await;
    assert_eq!(apps["items"].as_array().map(Vec::len), Some(2), "nothing was created");
    town.close().await;
}
