//! What happens on a connection of the WebSocket API, as functions read it and answer it.
//!
//! API Gateway holds the connections; a function is called when one opens, when something comes in, and when one has
//! closed. Event and answer are those of its Lambda proxy integration
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html>).

use crate::error::{ApiError, ProblemKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The subprotocol that our clients speak. A browser that gives its token with the handshake names both.
pub const PROTOCOL: &str = "tuisong.v1";

/// The version of every frame, either way: `"v": 1`.
pub const FRAME_VERSION: u8 = 1;

/// What happens on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketRoute {
    /// It opens; a refusal closes it before it is open.
    Connect,
    /// Something came in. What is answered goes out on the same connection.
    Message,
    /// It has closed. API Gateway tries to say so, and promises nothing.
    Disconnect,
}

impl SocketRoute {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Connect, Self::Message, Self::Disconnect];

    /// API Gateway's route key.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Connect => "$connect",
            Self::Message => "$default",
            Self::Disconnect => "$disconnect",
        }
    }
}

/// What a function is called with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketRequest {
    /// On which connection.
    #[serde(rename = "requestContext")]
    pub on: Connection,
    /// The handshake's headers, when it opens; names in any case.
    #[serde(default)]
    pub headers: Option<HashMap<String, String>>,
    /// What came in.
    #[serde(default)]
    pub body: Option<String>,
}

/// A connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Its id, chosen by API Gateway; never used again.
    #[serde(rename = "connectionId")]
    pub id: String,
}

impl SocketRequest {
    /// A header of the handshake.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.headers.as_ref()?;
        let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The subprotocols that the client offers.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.header("sec-websocket-protocol").unwrap_or_default().split(',').map(str::trim).filter(|p| !p.is_empty())
    }
}

/// What a function answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketReply {
    /// 200, or why the connection does not open.
    pub status_code: u16,
    /// Headers of the handshake's answer.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub headers: HashMap<String, String>,
    /// A frame to answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl SocketReply {
    /// All is well, and nothing is to be said.
    pub fn silent() -> Self {
        Self { status_code: 200, headers: HashMap::new(), body: None }
    }

    /// All is well, in the subprotocol of ours where the client has offered it.
    pub fn in_our_protocol(request: &SocketRequest) -> Self {
        let mut reply = Self::silent();
        if request.protocols().any(|offered| offered == PROTOCOL) {
            reply.headers.insert("Sec-WebSocket-Protocol".to_owned(), PROTOCOL.to_owned());
        }
        reply
    }

    /// Answers with a frame.
    pub fn frame(frame: &impl Serialize) -> Self {
        // Frames of ours always serialise; should one not, the client hears nothing and asks again.
        Self { body: serde_json::to_string(frame).ok(), ..Self::silent() }
    }

    /// The answer to a call that was not done: an HTTP status while the connection opens, an error frame once it is open.
    pub fn refusing(route: SocketRoute, error: &ApiError) -> Self {
        match route {
            SocketRoute::Connect => Self { status_code: status(error), ..Self::silent() },
            SocketRoute::Message => Self::frame(&ErrorFrame::of(error)),
            SocketRoute::Disconnect => Self::silent(),
        }
    }
}

/// What a client is told when a frame of its own could not be done.
#[derive(Debug, Serialize)]
struct ErrorFrame<'a> {
    v: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
}

impl<'a> ErrorFrame<'a> {
    fn of(error: &'a ApiError) -> Self {
        let message = match error {
            ApiError::Refused { message, .. }
            | ApiError::Problem { message, .. }
            | ApiError::Unreadable { message } => message,
            ApiError::TooMany { .. } => "too many frames; try again later",
            ApiError::ContentType { .. }
            | ApiError::NoSuchPath
            | ApiError::MethodNotAllowed
            | ApiError::Internal { .. } => "it could not be done; try again later",
        };
        let code = match error {
            // Callers learn nothing of what is behind us.
            ApiError::Internal { .. } => "unavailable",
            other => other.code(),
        };
        Self { v: FRAME_VERSION, kind: "error", code, message }
    }
}

fn status(error: &ApiError) -> u16 {
    match error {
        ApiError::Problem { kind, .. } => match kind {
            ProblemKind::Unauthenticated => 401,
            ProblemKind::Forbidden => 403,
            ProblemKind::Invalid | ProblemKind::NotFound | ProblemKind::Conflict => 400,
        },
        ApiError::Refused { .. }
        | ApiError::Unreadable { .. }
        | ApiError::ContentType { .. }
        | ApiError::NoSuchPath
        | ApiError::MethodNotAllowed => 400,
        ApiError::TooMany { .. } => 429,
        ApiError::Internal { .. } => 503,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> SocketRequest {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_event_is_read_as_api_gateway_writes_it() {
        let opened = request(
            r#"{"requestContext":{"connectionId":"L0SM9cOFvHcCIhw=","routeKey":"$connect","eventType":"CONNECT"},
                "headers":{"Sec-WebSocket-Protocol":"tuisong.v1, token.abc"},"isBase64Encoded":false}"#,
        );
        assert_eq!(opened.on.id, "L0SM9cOFvHcCIhw=");
        assert_eq!(opened.protocols().collect::<Vec<_>>(), ["tuisong.v1", "token.abc"]);
        assert_eq!(opened.header("sec-websocket-PROTOCOL"), Some("tuisong.v1, token.abc"));
        let reply = serde_json::to_string(&SocketReply::in_our_protocol(&opened)).unwrap();
        assert_eq!(reply, r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"tuisong.v1"}}"#);
        let other = request(r#"{"requestContext":{"connectionId":"c"},"headers":null,"body":"hi"}"#);
        assert!(SocketReply::in_our_protocol(&other).headers.is_empty(), "nothing is chosen that was not offered");
    }

    #[test]
    fn a_refusal_is_a_status_at_first_and_a_frame_later() {
        let error = ApiError::problem("push_token_unknown", ProblemKind::Unauthenticated, "no such device");
        assert_eq!(SocketReply::refusing(SocketRoute::Connect, &error).status_code, 401);
        let later = SocketReply::refusing(SocketRoute::Message, &error);
        assert_eq!(later.status_code, 200);
        assert_eq!(
            later.body.as_deref(),
            Some(r#"{"v":1,"type":"error","code":"push_token_unknown","message":"no such device"}"#)
        );
        let ours = ApiError::Internal { code: "store_unavailable", source: "secret cause".into() };
        assert!(!SocketReply::refusing(SocketRoute::Message, &ours).body.unwrap().contains("secret"));
    }
}
