//! The connections of the WebSocket API, and the API to speak to them: API Gateway's `@connections`.
//!
//! Calls are as strict as API Gateway's: they must be signed for `execute-api`, a connection that is not open is answered
//! 410, a payload of more than 128 KB 413, and one that does not take what it is sent 429. Like there, a success says that
//! the connection has been given the message, not that the client has it.
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>,
//! read 2026-11-25.

use super::calls::{Call, Calls, bytes};
use super::faults::{FaultKind, Faults};
use super::front::{Dropped, Engine};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// The service's name in counters and faults.
const SERVICE: &str = "execute-api";

/// The largest message, either way, in bytes.
/// Source:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>,
/// read 2026-11-25.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// Messages that a connection may be behind.
const OUTBOX: usize = 64;

/// What a connection is told to do.
#[derive(Debug)]
pub enum Command {
    /// Send this text.
    Send(String),
    /// Close.
    Close,
}

/// The open connections. Shared by reference.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<HashMap<String, mpsc::Sender<Command>>>,
}

impl Connections {
    /// An id that no connection has had, in API Gateway's form: 15 characters and a `=`.
    pub fn new_id() -> String {
        BASE64_STANDARD.encode(rand::random::<[u8; 11]>())
    }

    /// A connection has opened. What it is told to do comes out of the receiver.
    pub fn open(&self, id: &str) -> mpsc::Receiver<Command> {
        let (sender, receiver) = mpsc::channel(OUTBOX);
        self.lock().insert(id.to_owned(), sender);
        receiver
    }

    /// A connection has closed.
    pub fn closed(&self, id: &str) {
        self.lock().remove(id);
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn tell(&self, id: &str, command: Command) -> Result<(), Refusal> {
        let sender = self.lock().get(id).cloned().ok_or(Refusal::Gone)?;
        sender.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Limit,
            mpsc::error::TrySendError::Closed(_) => Refusal::Gone,
        })
    }

    /// The connections; a panic elsewhere leaves them usable.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Command>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a call is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unsigned,
    Gone,
    TooLarge,
    Limit,
    NoSuchCall,
}

impl Refusal {
    const fn answer(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unsigned => (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
            Self::Gone => (410, "GoneException", "GoneException"),
            Self::TooLarge => (413, "PayloadTooLargeException", "Payload too large"),
            Self::Limit => (429, "LimitExceededException", "Rate exceeded"),
            Self::NoSuchCall => (404, "NotFoundException", "Not found"),
        }
    }
}

/// The API.
pub(super) struct Management {
    connections: Arc<Connections>,
    calls: Arc<Calls>,
    faults: Arc<Faults>,
}

impl Management {
    pub(super) const fn new(connections: Arc<Connections>, calls: Arc<Calls>, faults: Arc<Faults>) -> Self {
        Self { connections, calls, faults }
    }

    fn execute(&self, request: &Request<Bytes>) -> Result<(), Refusal> {
        let signature = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !(signature.starts_with("AWS4-HMAC-SHA256 ") && signature.contains("/execute-api/aws4_request")) {
            return Err(Refusal::Unsigned);
        }
        let id = request.uri().path().strip_prefix("/@connections/").ok_or(Refusal::NoSuchCall)?;
        let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        match *request.method() {
            Method::POST if request.body().len() > MAX_MESSAGE_BYTES => Err(Refusal::TooLarge),
            Method::POST => {
                let text = String::from_utf8_lossy(request.body()).into_owned();
                self.connections.tell(&id, Command::Send(text))
            }
            Method::DELETE => self.connections.tell(&id, Command::Close),
            _ => Err(Refusal::NoSuchCall),
        }
    }
}

impl Engine for Management {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let operation = match *request.method() {
            Method::POST => "PostToConnection",
            Method::DELETE => "DeleteConnection",
            _ => "Other",
        };
        let fault = self.faults.take(SERVICE, operation, &[]);
        if let Some(FaultKind::Delay(wait)) = &fault {
            tokio::time::sleep(*wait).await;
        }
        let response = match &fault {
            Some(FaultKind::Error { status, code, message }) => refusal(*status, code, message),
            _ => match self.execute(&request) {
                Ok(()) => Response::new(Bytes::new()),
                Err(reason) => {
                    let (status, code, message) = reason.answer();
                    refusal(status, code, message)
                }
            },
        };
        self.calls.record(Call {
            service: SERVICE,
            operation,
            request_bytes: bytes(request.body().len()),
            response_bytes: bytes(response.body().len()),
            ..Call::default()
        });
        if fault == Some(FaultKind::LoseResponse) { Err(Dropped) } else { Ok(response) }
    }
}

/// An error in the format of AWS's JSON services.
fn refusal(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let body = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    response
}
