//! DynamoDB: dynoxide behind a front that counts units and shows faults.
//!
//! The front asks the database to report the units of every call that did not decide about that itself, so an answer
//! may carry a `ConsumedCapacity` its caller did not ask for. A caller that sets `ReturnConsumedCapacity` to `NONE`
//! is counted without units.

mod engine;
mod unprocessed;
mod upstream;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use self::unprocessed::{Shortened, shorten};
use self::upstream::Upstream;
use self::wire::{Charge, RequestHead};
use super::calls::{Call, Calls, bytes};
use super::faults::{FaultKind, Faults};
use super::front::{Dropped, Engine};

pub(super) use self::engine::Dynoxide;

/// The service's name in counters and faults.
const SERVICE: &str = "dynamodb";

/// The media type of requests and answers.
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// The database's checksum of a body; goes when the body is changed.
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-crc32");

/// The counting front.
pub(super) struct DynamoDb {
    upstream: Upstream,
    calls: Arc<Calls>,
    faults: Arc<Faults>,
}

impl DynamoDb {
    /// A front for the server at `address`.
    pub(super) fn new(address: SocketAddr, calls: Arc<Calls>, faults: Arc<Faults>) -> Self {
        Self { upstream: Upstream::new(address), calls, faults }
    }

    /// Pass a request on; a server that cannot be asked is the service's own internal error.
    async fn forward(&self, parts: &http::request::Parts, body: Bytes) -> Response<Bytes> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = parts.headers.clone();
        // The length changes, and these belong to the caller's connection.
        for header in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
            request.headers_mut().remove(header);
        }
        match self.upstream.send(request).await {
            Ok(mut response) => {
                response.headers_mut().remove(CONNECTION);
                response
            }
            Err(error) => {
                tracing::error!(%error, "the local DynamoDB server did not answer");
                refusal(500, "InternalServerError", "the local database did not answer")
            }
        }
    }

    /// Execute a batch without its last item.
    async fn forward_shortened(&self, parts: &http::request::Parts, batch: &Shortened, asks: bool) -> Response<Bytes> {
        let Some(request) = batch.request.clone() else {
            return reply(StatusCode::OK, batch.answer_alone());
        };
        let request = if asks { wire::ask_for_units(request) } else { request };
        let mut response = self.forward(parts, request).await;
        let completed = batch.complete(response.body());
        *response.body_mut() = completed;
        for header in [CONTENT_LENGTH, CHECKSUM] {
            response.headers_mut().remove(header);
        }
        response
    }
}

impl Engine for DynamoDb {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let (parts, body) = request.into_parts();
        let Some(operation) = wire::operation(&parts.headers) else {
            return Ok(self.forward(&parts, body).await);
        };
        let head = RequestHead::skim(&body);
        let fault = self.faults.take(SERVICE, operation, &head.tables());
        let asks = wire::charge(operation) != Charge::None && !head.decides_about_units();
        let request_bytes = bytes(body.len());
        if let Some(FaultKind::Delay(wait)) = &fault {
            tokio::time::sleep(*wait).await;
        }
        let shortened = if fault == Some(FaultKind::Unprocessed) { shorten(operation, &body) } else { None };
        let response = match (&fault, &shortened) {
            (Some(FaultKind::Error { status, code, message }), _) => refusal(*status, code, message),
            (Some(FaultKind::CancelTransaction { reasons }), _) => cancelled(reasons),
            (_, Some(batch)) => self.forward_shortened(&parts, batch, asks).await,
            (Some(FaultKind::Unprocessed | FaultKind::Delay(_) | FaultKind::LoseResponse) | None, None) => {
                let body = if asks { wire::ask_for_units(body) } else { body };
                self.forward(&parts, body).await
            }
        };
        let call = Call {
            service: SERVICE,
            operation,
            request_bytes,
            response_bytes: bytes(response.body().len()),
            ..Call::default()
        };
        let executed = !matches!(fault, Some(FaultKind::Error { .. } | FaultKind::CancelTransaction { .. }));
        let answer: &[u8] = if executed { response.body() } else { b"" };
        let shares = wire::shares(operation, &head, answer);
        if shares.is_empty() {
            self.calls.record(call);
        } else {
            self.calls.record_shares(call, &shares);
        }
        if fault == Some(FaultKind::LoseResponse) { Err(Dropped) } else { Ok(response) }
    }
}

/// An answer with a JSON body.
fn reply(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, AMZ_JSON);
    response
}

/// An error in DynamoDB's format.
fn refusal(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message });
    reply(status, Bytes::from(body.to_string()))
}

/// A cancelled transaction with one reason per action.
fn cancelled(reasons: &[String]) -> Response<Bytes> {
    let listed: Vec<_> = reasons
        .iter()
        .map(|code| match code.as_str() {
            "None" => json!({ "Code": code }),
            "ConditionalCheckFailed" => {
                json!({ "Code": code, "Message": "The conditional request failed" })
            }
            _ => json!({ "Code": code, "Message": format!("{code}, ordered by a test") }),
        })
        .collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            reasons.join(", ")
        ),
        "CancellationReasons": listed,
    });
    reply(StatusCode::BAD_REQUEST, Bytes::from(body.to_string()))
}
