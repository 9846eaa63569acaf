//! The sandbox's own paths: the inbox, the faults and the counted calls.
//!
//! `GET /sandbox/inbox?since=N&limit=L` answers `{"messages": [message, …], "next": M}`: the messages after sequence
//! number `since` (default 0), at most `limit` of them (default and maximum 1,000), and the `since` to go on with. With
//! `last=K` instead of `since` it starts with the newest `K`. A message is
//! `{"seq", "at_ms", "channel", "account", "recipient", "title", "body", "raw"}`, see [`super::Message`].
//!
//! Errors are `{"error": text}` with status 400, naming the field.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::inbox::MAX_PAGE_MESSAGES;
use super::{Fault, Sandbox};

/// The routes below `/sandbox`.
pub(super) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/sandbox/inbox", get(inbox))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/sandbox/calls", get(calls).delete(reset_calls))
}

/// `GET /sandbox/inbox`
async fn inbox(State(sandbox): State<Arc<Sandbox>>, RawQuery(query): RawQuery) -> Response {
    let (since, limit) = match window(query.as_deref().unwrap_or(""), sandbox.message_count()) {
        Ok(window) => window,
        Err(problem) => return refused(&problem),
    };
    match sandbox.inbox.page(since, limit) {
        Ok(page) => {
            let mut response = Response::new(page.into());
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "the sandbox inbox cannot be read");
            let problem = json!({ "error": format!("the inbox cannot be read: {error}") });
            (StatusCode::INTERNAL_SERVER_ERROR, Json(problem)).into_response()
        }
    }
}

/// Which messages a query means: those after the first number, as many as the second.
fn window(query: &str, count: u64) -> Result<(u64, u64), String> {
    let (mut since, mut last, mut limit) = (None, None, MAX_PAGE_MESSAGES);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let number = value.parse::<u64>().map_err(|_| format!("`{name}` must be a whole number, 0 or more"));
        match name.as_ref() {
            "since" => since = Some(number?),
            "last" => last = Some(number?),
            "limit" => limit = number?.min(MAX_PAGE_MESSAGES),
            _ => return Err(format!("unknown field `{name}`; the fields are since, last, limit")),
        }
    }
    match (since, last) {
        (Some(_), Some(_)) => Err("`since` and `last` exclude each other".to_owned()),
        (_, Some(last)) => Ok((count.saturating_sub(last), limit)),
        (since, None) => Ok((since.unwrap_or(0), limit)),
    }
}

/// `GET /sandbox/faults`
async fn faults(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    Json(sandbox.faults.to_json())
}

/// `POST /sandbox/faults`
async fn add_fault(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    match Fault::from_json(&body) {
        Ok(fault) => {
            sandbox.faults.add(fault);
            Json(sandbox.faults.to_json()).into_response()
        }
        Err(error) => refused(&error.to_string()),
    }
}

/// `DELETE /sandbox/faults`
async fn clear_faults(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    sandbox.faults.clear();
    Json(sandbox.faults.to_json())
}

/// `GET /sandbox/calls`
async fn calls(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    Json(sandbox.calls.to_json())
}

/// `DELETE /sandbox/calls`
async fn reset_calls(State(sandbox): State<Arc<Sandbox>>) -> Json<Value> {
    sandbox.calls.reset();
    Json(sandbox.calls.to_json())
}

/// Status 400 with its reason.
pub(super) fn refused(problem: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": problem }))).into_response()
}
