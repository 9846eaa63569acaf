//! SQS: rustack's engine behind a front that counts, shows faults, and takes message groups on standard queues.
//!
//! Its state is in memory only. That is enough: a queue holds hints, and what was accepted stands in the tables.

mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::body::SqsResponseBody;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_http::response::{error_to_response, json_response};
use rustack_sqs_http::router::resolve_operation;
use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::operations::SqsOperation;
use serde_json::json;

use self::wire::{Head, Shortened, shorten};
use super::calls::{Call, Calls, bytes};
use super::faults::{FaultKind, Faults};
use super::front::{Dropped, Engine, whole};
use super::{ACCOUNT_ID, REGION};

/// The service's name in counters and faults.
const SERVICE: &str = "sqs";

/// Request ids only have to be there; nothing reads them.
const REQUEST_ID: &str = "local";

/// The engine's checksum of a body; goes when the body is changed.
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-crc32");

/// Where the SDKs of this protocol look for the error's classic code and whose fault it is.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The queues.
pub(super) struct Sqs {
    provider: Arc<RustackSqs>,
    handler: RustackSqsHandler,
    calls: Arc<Calls>,
    faults: Arc<Faults>,
}

impl Sqs {
    /// No queues yet. Queue URLs point at `address`.
    pub(super) fn new(address: SocketAddr, calls: Arc<Calls>, faults: Arc<Faults>) -> Self {
        let provider = Arc::new(RustackSqs::new(SqsConfig {
            skip_signature_validation: true,
            default_region: REGION.to_owned(),
            account_id: ACCOUNT_ID.to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
        }));
        Self { handler: RustackSqsHandler::new(Arc::clone(&provider)), provider, calls, faults }
    }

    /// End the queues' tasks; long polls come back empty.
    pub(super) async fn stop(&self) {
        self.provider.shutdown_all().await;
    }

    /// Let the engine execute a request.
    async fn execute(&self, operation: SqsOperation, body: Bytes) -> Response<Bytes> {
        match self.handler.handle_operation(operation, body).await {
            Ok(response) => buffered(response).await,
            Err(error) => buffered(error_to_response(&error, REQUEST_ID)).await,
        }
    }

    /// Execute a batch without its last entry.
    async fn execute_shortened(&self, operation: SqsOperation, queue: &str, batch: &Shortened) -> Response<Bytes> {
        let Some(request) = batch.request.clone() else {
            return buffered(json_response(batch.complete(None).to_vec(), REQUEST_ID)).await;
        };
        let request = wire::without_groups(operation.as_str(), queue, request);
        let mut response = self.execute(operation, request).await;
        let completed = batch.complete(Some(response.body()));
        *response.body_mut() = completed;
        for header in [CONTENT_LENGTH, CHECKSUM] {
            response.headers_mut().remove(header);
        }
        response
    }
}

impl Engine for Sqs {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let (parts, body) = request.into_parts();
        let resolved = if parts.method == http::Method::POST {
            resolve_operation(&parts.headers)
        } else {
            Err(SqsError::new(SqsErrorCode::InvalidParameterValue, "SQS takes POST only"))
        };
        let operation = match resolved {
            Ok(operation) => operation,
            Err(error) => return Ok(buffered(error_to_response(&error, REQUEST_ID)).await),
        };
        let name = operation.as_str();
        let head = Head::skim(&body);
        let fault = self.faults.take(SERVICE, name, &[head.queue().to_owned()]);
        let request_bytes = bytes(body.len());
        if let Some(FaultKind::Delay(wait)) = &fault {
            tokio::time::sleep(*wait).await;
        }
        let shortened = if fault == Some(FaultKind::Unprocessed) { shorten(&body) } else { None };
        let response = match (&fault, &shortened) {
            (Some(FaultKind::Error { status, code, message }), _) => refusal(*status, code, message),
            (_, Some(batch)) => self.execute_shortened(operation, head.queue(), batch).await,
            (
                Some(
                    FaultKind::Unprocessed
                    | FaultKind::Delay(_)
                    | FaultKind::LoseResponse
                    | FaultKind::CancelTransaction { .. },
                )
                | None,
                None,
            ) => self.execute(operation, wire::without_groups(name, head.queue(), body)).await,
        };
        let refused = matches!(fault, Some(FaultKind::Error { .. }));
        let (messages, billed_requests) = if refused { (0, 1) } else { wire::weigh(name, &head, response.body()) };
        self.calls.record(Call {
            service: SERVICE,
            operation: name,
            resource: head.queue(),
            request_bytes,
            response_bytes: bytes(response.body().len()),
            messages,
            billed_requests,
            ..Call::default()
        });
        if fault == Some(FaultKind::LoseResponse) { Err(Dropped) } else { Ok(response) }
    }
}

/// The engine's answer with its body in one piece.
async fn buffered(response: Response<SqsResponseBody>) -> Response<Bytes> {
    let (parts, body) = response.into_parts();
    let body = match body {
        SqsResponseBody::Buffered(body) => whole(body).await,
        SqsResponseBody::Empty => Bytes::new(),
    };
    Response::from_parts(parts, body)
}

/// An error in the format of SQS's JSON protocol.
fn refusal(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
    let body = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": message });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(classic) = HeaderValue::from_str(&format!("{code};{fault}")) {
        headers.insert(QUERY_ERROR, classic);
    }
    response
}
