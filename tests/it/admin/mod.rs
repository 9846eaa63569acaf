//! The operator's API.

mod access;
mod accounts;
mod apps;
mod callbacks;
mod certificates;
mod document;
mod examples;
mod mobile;
mod payments;

use http::Method;
use local::Options;
use local::stack::TEST_ADMIN_TOKEN;
use serde_json::{Value, json};
use support::receiver::Receiver;
use support::{Answer, Client, Town};

/// The first demo follower.
const FIRST: &str = "UID_demo000000000000000000000001";

/// Asks as the operator.
pub(crate) async fn ask(town: &Town, method: Method, path: &str, body: Value) -> Answer {
    ask_as(&town.api, TEST_ADMIN_TOKEN, method, path, body).await
}

/// Asks with this token.
async fn ask_as(api: &Client, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    api.send(method, path, &headers, body).await
}

/// Asks as the operator and expects this status.
pub(crate) async fn done(town: &Town, status: u16, method: Method, path: &str, body: Value) -> Value {
    let answer = ask(town, method, path, body).await;
    assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()
}

/// Asks as the operator and expects this error.
async fn refused(town: &Town, status: u16, code: &str, method: Method, path: &str, body: Value) -> Value {
    let error = done(town, status, method, path, body).await["error"].clone();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()));
    error
}

/// A town that may call this receiver back.
async fn town_with(receiver: &Receiver) -> Town {
    let mut options = Options::for_tests();
    options.settings.insert("TUISONG_CALLBACK_EXCEPTIONS".to_owned(), receiver.address().to_string());
    Town::with(options).await
}

/// An app of its own: what its creation answered.
async fn app(town: &Town, name: &str) -> Value {
    let body = json!({ "name": name, "account": local::seed::ACCOUNT });
    done(town, 201, Method::POST, "/admin/apps", body).await
}
