//! The service account's API: `{"msg","code","data","timestamp"}`, always all four, HTTP 200 for whatever was handled. The
//! code says what became of the call.

use crate::context::SystemClock;
use crate::error::ApiError;
use crate::request::Reply;
use http::{StatusCode, header};
use model::clock::Clock;
use serde::Serialize;
use serde_json::Value;

/// `code` of a success.
const OK: u16 = 200;
/// How long to wait when a call could not be done for a reason of ours, in seconds.
const LATER_S: u64 = 5;

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The access token is missing, unknown, withdrawn, or another enterprise's.
    Token,
    /// The channel is another enterprise's.
    OthersChannel,
    /// There is no such enterprise.
    Enterprise,
    /// There is no such channel.
    Channel,
    /// There is no such file, or no such articles, of this enterprise.
    Media,
    /// None of the users is bound.
    Unbound,
    /// There is no such task of this enterprise.
    Task,
    /// The body cannot be read.
    Body,
    /// A field is wrong.
    Field,
    /// A file is not what it should be.
    File,
    /// The body or a file is too large.
    TooLarge,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 11] = [
        Self::Token,
        Self::OthersChannel,
        Self::Enterprise,
        Self::Channel,
        Self::Media,
        Self::Unbound,
        Self::Task,
        Self::Body,
        Self::Field,
        Self::File,
        Self::TooLarge,
    ];

    /// The stable code for logs (`docs/errors.md`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "service_token",
            Self::OthersChannel => "service_others_channel",
            Self::Enterprise => "service_enterprise",
            Self::Channel => "service_channel",
            Self::Media => "service_media",
            Self::Unbound => "service_unbound",
            Self::Task => "service_task",
            Self::Body => "service_body",
            Self::Field => "service_field",
            Self::File => "service_file",
            Self::TooLarge => "service_too_large",
        }
    }

    /// The code that callers read.
    pub const fn number(self) -> u16 {
        match self {
            Self::Body | Self::Field | Self::File => 400,
            Self::Token => 401,
            Self::OthersChannel => 403,
            Self::Enterprise | Self::Channel | Self::Media | Self::Unbound | Self::Task => 404,
            Self::TooLarge => 413,
        }
    }

    /// The error, with a message that names the field.
    pub fn error(self, message: impl Into<String>) -> ApiError {
        ApiError::refused(self.code(), message)
    }

    /// The refusal with this code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    msg: &'a str,
    code: u16,
    data: T,
    /// Epoch ms.
    timestamp: i64,
}

/// A success.
pub fn success<T: Serialize>(data: T) -> Reply {
    reply(StatusCode::OK, OK, "", data)
}

fn reply<T: Serialize>(status: StatusCode, code: u16, msg: &str, data: T) -> Reply {
    let timestamp = SystemClock.now().millis();
    Reply::json(status, &Envelope { msg, code, data, timestamp }).header(header::CACHE_CONTROL, "no-store")
}

/// The reply to a failed request at `path`.
pub fn error(path: &str, error: &ApiError) -> Reply {
    let failed = |code: u16, msg: &str| reply(StatusCode::OK, code, msg, Value::Null);
    match error {
        ApiError::Refused { code, message } => failed(Refusal::of_code(code).map_or(400, Refusal::number), message),
        ApiError::Problem { message, .. } | ApiError::Unreadable { message } => failed(400, message),
        ApiError::ContentType { .. } => {
            failed(400, "the body must be `application/json`, or `multipart/form-data` to upload a file")
        }
        ApiError::TooMany { retry_after } => {
            let seconds = retry_after.as_secs() + 1;
            failed(429, &format!("too many calls; come back in {seconds} s"))
                .header(header::RETRY_AFTER, &seconds.to_string())
        }
        ApiError::NoSuchPath => reply(StatusCode::NOT_FOUND, 404, &format!("there is no path `{path}`"), Value::Null),
        ApiError::MethodNotAllowed => {
            reply(StatusCode::METHOD_NOT_ALLOWED, 405, "this path takes another method", Value::Null)
        }
        ApiError::Internal { code: "panicked", .. } => failed(500, "the call could not be done"),
        ApiError::Internal { .. } => {
            failed(503, "nothing was done; try again later").header(header::RETRY_AFTER, &LATER_S.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn body(reply: &Reply) -> Value {
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn all_four_keys_are_always_there() {
        let done = body(&success(json!({ "taskId": "1" })));
        assert_eq!((&done["msg"], &done["code"], &done["data"]["taskId"]), (&json!(""), &json!(200), &json!("1")));
        assert!(done["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "milliseconds");
        let refused = error("/interface/x", &Refusal::Token.error("no"));
        assert_eq!(refused.status, StatusCode::OK);
        assert_eq!((&body(&refused)["code"], &body(&refused)["data"]), (&json!(401), &Value::Null));
    }

    #[test]
    fn every_refusal_comes_back_with_its_number() {
        for refusal in Refusal::ALL {
            assert_eq!(body(&error("/", &refusal.error("no")))["code"], refusal.number(), "{refusal:?}");
        }
    }

    #[test]
    fn haste_and_our_own_faults_say_when_to_come_back_and_nothing_of_their_cause() {
        let hasty = error("/", &ApiError::TooMany { retry_after: Duration::from_millis(2_500) });
        assert_eq!((&body(&hasty)["code"], &hasty.headers[header::RETRY_AFTER]), (&json!(429), &"3".parse().unwrap()));
        let ours = error("/", &ApiError::Internal { code: "store_unavailable", source: "secret table name".into() });
        assert!(!String::from_utf8_lossy(&ours.body).contains("secret"));
        assert_eq!(body(&ours)["code"], 503);
    }
}
