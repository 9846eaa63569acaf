//! Stand-ins for the phone vendors' push services: a request in, an answer out, no sockets.
//!
//! A stand-in is as strict as its vendor's documents. It checks method, path, headers, signatures and tokens, limits and
//! sizes, and answers with the vendor's own codes. It shares no code with the channels it stands opposite to, so a mistake
//! made there is not made here as well. A token from before a restart is good until it ends, as a vendor's is.
//!
//! The channels' tests put a stand-in behind a server on loopback; the sandbox mounts the same one. Both own the
//! [`Desk`] of the stand-in: what it accepted, and what it is to refuse.
//!
//! **A further stand-in** is a module with a struct that holds a [`Desk`] and has
//! `fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes>`.

pub mod apns;
#[cfg(test)]
mod build;
pub mod desk;
pub mod fcm;
pub mod huawei;
pub mod jwt;
pub mod meizu;
pub mod oppo;
mod tokens;
pub mod vivo;
pub mod xiaomi;

pub use desk::{Accepted, Desk};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::Value;
use std::collections::BTreeMap;

/// An answer in JSON.
pub fn json(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    answer
}

/// The value of a header; empty if it is not there or no text.
pub fn header<'a>(request: &'a Request<Bytes>, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The fields of a form body; `None` when it is not called one. Of a field that stands twice, the last.
pub fn form(request: &Request<Bytes>) -> Option<BTreeMap<String, String>> {
    let is_form = header(request, "content-type").starts_with("application/x-www-form-urlencoded");
    is_form.then(|| form_urlencoded::parse(request.body()).into_owned().collect())
}

/// The JSON object in a body; `None` when the body is none, or is not called JSON.
pub fn object(request: &Request<Bytes>) -> Option<Value> {
    let is_json = header(request, "content-type").starts_with("application/json");
    let body = serde_json::from_slice(request.body()).ok().filter(Value::is_object);
    if is_json { body } else { None }
}

/// What the bearer of an `Authorization` header shows; empty if there is none. The scheme's case does not matter.
pub fn bearer(request: &Request<Bytes>) -> &str {
    match header(request, "authorization").split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    }
}
