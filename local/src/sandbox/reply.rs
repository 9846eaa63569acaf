//! The way of every upstream call: ordered faults, the stand-in's own answer, counting, and the HTTP response.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures::stream;

use super::Sandbox;
use super::faults::{Effect, FaultOperation};

/// One call that reached a stand-in.
pub(super) struct Arrival<'a> {
    /// The upstream, as calls are counted and as a fault may name all its channels: `wechat`.
    pub(super) service: &'static str,
    /// The operation, as calls are counted: `message/template/send`.
    pub(super) operation: &'static str,
    /// The channels whose faults apply.
    pub(super) channels: &'static [&'static str],
    /// What a fault calls this operation.
    pub(super) kind: FaultOperation,
    /// Whom the message is for, as far as the request tells.
    pub(super) recipient: Option<&'a str>,
    /// Bytes of the request body.
    pub(super) request_bytes: usize,
}

/// An answer before it becomes HTTP.
#[derive(Debug)]
pub(super) struct Reply {
    /// The status line.
    pub(super) status: StatusCode,
    /// `Content-Type`.
    pub(super) content_type: &'static str,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<u64>,
    /// The body.
    pub(super) body: String,
}

impl Reply {
    /// What stands in front of an upstream answers when the upstream is not there: a status and a page, no JSON.
    fn gateway_page(status: StatusCode, retry_after: Option<u64>) -> Self {
        Self {
            status,
            content_type: "text/html",
            retry_after,
            body: format!(
                "<html>\n<head><title>{status}</title></head>\n<body><center><h1>{status}</h1></center></body>\n</html>\n"
            ),
        }
    }

    /// As HTTP.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Sandbox {
    /// Answers one call. `handle` is the stand-in's own answer; `coded` words an ordered error code in the upstream's
    /// shape. A delay falls between the handling and the answer, so a caller that gives up waiting cannot know what
    /// happened.
    pub(super) async fn answer(
        &self,
        arrival: Arrival<'_>,
        coded: impl FnOnce(i64) -> Reply,
        handle: impl FnOnce() -> Reply,
    ) -> Response {
        self.answer_ending(arrival, coded, |_| handle()).await
    }

    /// The same for a message whose end is told later: `handle` is given the words in which it is to fail, if a fault
    /// ordered any.
    pub(super) async fn answer_ending(
        &self,
        arrival: Arrival<'_>,
        coded: impl FnOnce(i64) -> Reply,
        handle: impl FnOnce(Option<String>) -> Reply,
    ) -> Response {
        let fault = self.faults.take(&arrival);
        let reply = match fault.effect {
            // Connections see to their own orders (`Faults::disturb`).
            None | Some(Effect::GoAway(_) | Effect::Streams(_)) => Some(handle(None)),
            Some(Effect::Finish(words)) => Some(handle(Some(words))),
            Some(Effect::Status { status, retry_after }) => Some(Reply::gateway_page(status, retry_after)),
            Some(Effect::Errcode(code)) => Some(coded(code)),
            Some(Effect::DropBefore) => None,
            Some(Effect::DropAfter) => {
                handle(None);
                None
            }
        };
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        let response_bytes = reply.as_ref().map_or(0, |reply| reply.body.len());
        self.calls.record(arrival.service, arrival.operation, arrival.request_bytes, response_bytes);
        reply.map_or_else(broken_connection, Reply::into_response)
    }
}

/// A response that ends the connection: a body is announced and fails before its first byte, so the server can do
/// nothing but close (HTTP/1.1) or reset the stream (HTTP/2), and the caller sees an incomplete message.
fn broken_connection() -> Response {
    let cut = io::Error::new(io::ErrorKind::ConnectionReset, "the connection is dropped on order");
    let body = Body::from_stream(stream::iter([Err::<Bytes, _>(cut)]));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(1_u64));
    response
}
