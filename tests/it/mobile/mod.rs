//! Mobile push: users and devices, accepting, fan-out, and what came of it.

mod apns;
mod attachments;
mod certificate;
mod devices;
mod fanout;
mod load;
mod moved;
mod notify;
mod receipts;
mod repeats;
mod rows;
mod trust;
mod vendors;
mod vivo;

use http::Method;
use local::Options;
use local::aws::FaultKind;
use local::seed::mobile::{ADMIN_TOKEN, APP};
use serde_json::{Value, json};
use support::{Answer, Town};

/// A town whose queues nobody works: what was accepted stays where it is.
pub(crate) async fn quiet_town() -> Town {
    Town::with(Options { pollers: false, ..Options::for_tests() }).await
}

/// A call with these headers besides the content type.
pub(crate) async fn call(town: &Town, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<_> = [("content-type", "application/json")].into_iter().chain(headers.iter().copied()).collect();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = town.api.send(method, path, &headers, body).await;
    let text = answer.json();
    let keys: Vec<&String> = text.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["code", "data", "message"], "{text}");
    assert_eq!(text["message"].is_null(), text["code"] == 200, "{text}");
    answer
}

/// A call of the demo app's back end.
pub(crate) async fn admin(town: &Town, method: Method, path: &str, body: &Value) -> Answer {
    call(town, method, path, &[("app_id", APP), ("access-token", ADMIN_TOKEN)], body).await
}

/// A call of a user who has signed in.
pub(crate) async fn user(town: &Town, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    call(town, method, path, &[("app_id", APP), ("access-token", token)], body).await
}

/// `code` of an answer.
pub(crate) fn code(answer: &Answer) -> u64 {
    answer.json()["code"].as_u64().expect("a code")
}

/// `data` of a success.
pub(crate) fn data(answer: &Answer) -> Value {
    assert_eq!((answer.status.as_u16(), code(answer)), (200, 200), "{}", answer.text);
    answer.json()["data"].clone()
}

/// Pushes as the demo app's back end.
pub(crate) async fn notify(town: &Town, body: &Value) -> Answer {
    admin(town, Method::POST, "/push/notify", body).await
}

/// The task of a push that was accepted.
pub(crate) async fn accepted(town: &Town, body: &Value) -> u64 {
    data(&notify(town, body).await)["task_id"].as_u64().expect("a task id")
}

/// A short message.
pub(crate) fn message() -> Value {
    json!({ "title": "你好", "body": "正文" })
}

/// Counters of one task.
pub(crate) async fn detail(town: &Town, task: u64) -> Value {
    let answer = admin(town, Method::POST, "/push/task/detail", &json!({ "list": [task] })).await;
    let data = data(&answer);
    assert_eq!(data.as_array().map(Vec::len), Some(1), "{data}");
    data[0].clone()
}

/// Signs a demo user in on a device.
pub(crate) async fn sign_in(town: &Town, n: u64, guid: &str) -> Value {
    let body = json!({
        "username": format!("user{n}"), "password": local::seed::mobile::password(n), "device_guid": guid, "platform": 2,
    });
    data(&call(town, Method::POST, "/token/login", &[("app_id", APP)], &body).await)
}

/// A failure that the SDK does not repeat by itself.
pub(crate) fn refused() -> FaultKind {
    FaultKind::Error { status: 400, code: "ValidationException".to_owned(), message: "ordered by a test".to_owned() }
}
