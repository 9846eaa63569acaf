//! The HTTP API: what API Gateway is in the cloud. It knows the route table and nothing else.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use functions::routes;
use gateway::lambda::serve_http;
use gateway::{Context, Function, Invocation, Kind, Method, Reply, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The largest request that an HTTP API passes on.
const MOST_BYTES: usize = 10 * 1024 * 1024;
/// The largest event that Lambda takes (Lambda quotas, read 2026-11). What is no text travels in base64, a third longer.
const MOST_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// How long an HTTP API waits for its function.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Finds the function of a request.
pub struct Api {
    context: Arc<Context>,
    by_method: HashMap<&'static str, matchit::Router<Function>>,
    default: Option<Function>,
    timeout: Duration,
    requests: AtomicU64,
}

impl Api {
    /// An API over every function of the route table that waits this long for each.
    pub fn new(context: Arc<Context>, timeout: Duration) -> Result<Self, matchit::InsertError> {
        let mut by_method: HashMap<&'static str, matchit::Router<Function>> = HashMap::new();
        let mut default = None;
        for &function in routes::ALL {
            let Kind::Http { routes, .. } = function.kind else { continue };
            for route in routes {
                if route.path == "$default" {
                    default = Some(function);
                } else {
                    // What API Gateway writes `{name+}` is `{*name}` to this router.
                    let path = route.path.split('/').map(|segment| match segment.strip_suffix("+}") {
                        Some(name) => format!("{{*{}}}", name.trim_start_matches('{')),
                        None => segment.to_owned(),
                    });
                    let path = path.collect::<Vec<_>>().join("/");
                    by_method.entry(route.method.as_str()).or_default().insert(path, function)?;
                }
            }
        }
        Ok(Self { context, by_method, default, timeout, requests: AtomicU64::new(0) })
    }

    /// The API as something to serve.
    pub fn router(self) -> Router {
        Router::new().fallback(answer).with_state(Arc::new(self))
    }

    /// The function for `method` and `path`, with what the path's names stand for.
    fn find(&self, method: &str, path: &str) -> Option<(Function, HashMap<String, String>)> {
        for method in [method, Method::Any.as_str()] {
            if let Some(Ok(found)) = self.by_method.get(method).map(|router| router.at(path)) {
                let decoded =
                    |value: &str| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
                let parameters = found.params.iter().map(|(name, value)| (name.to_owned(), decoded(value))).collect();
                return Some((*found.value, parameters));
            }
        }
        self.default.map(|function| (function, HashMap::new()))
    }
}

async fn answer(State(api): State<Arc<Api>>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return too_large(),
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    if event_bytes(&parts.headers, &body) > MOST_EVENT_BYTES {
        return too_large();
    }
    let path = parts.uri.path().to_owned();
    let Some((function, path_parameters)) = api.find(parts.method.as_str(), &path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let request = Request {
        method: parts.method,
        path,
        path_parameters,
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    let number = api.requests.fetch_add(1, Ordering::Relaxed);
    let invocation = Invocation { request_id: format!("local-{number}"), deadline: Instant::now() + api.timeout };
    // In a task of its own, as in an instance of its own: a caller that hangs up does not stop a function half-way.
    let served = tokio::spawn(serve_http(function, api.context.clone(), invocation, request));
    match tokio::time::timeout(api.timeout, served).await {
        Ok(Ok(reply)) => respond(reply),
        Ok(Err(_)) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The answer to a request that no function of ours sees, in API Gateway's words.
fn too_large() -> Response {
    let headers = [(CONTENT_TYPE, "application/json")];
    (StatusCode::PAYLOAD_TOO_LARGE, headers, r#"{"message":"Request Entity Too Large"}"#).into_response()
}

/// How large the event is that the request becomes.
fn event_bytes(headers: &HeaderMap, body: &[u8]) -> usize {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = media_type.starts_with("text/")
        || matches!(media_type.as_str(), "application/json" | "application/javascript" | "application/xml");
    match std::str::from_utf8(body) {
        // Inside the event's JSON quotes and line breaks take a byte more.
        Ok(_) if is_text => body.len() + body.iter().filter(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f)).count(),
        _ => body.len().div_ceil(3) * 4,
    }
}

fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
