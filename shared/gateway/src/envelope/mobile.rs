//! The mobile family: `{"code","data","message"}` at HTTP 200, errors too: its SDKs read the body's code and nothing else.

use crate::error::ApiError;
use crate::request::Reply;
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::Value;

/// `code` of every success.
pub const OK: u32 = 200;

/// Why a call is refused, with the number that callers know it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 10000: there is no such user.
    NoUser,
    /// 10002: a parameter cannot be used.
    Parameter,
    /// 10003: the header `access-token` is missing.
    TokenMissing,
    /// 10004: the user's name is taken.
    UserExists,
    /// 10008: the access token is unknown or over, or name and password do not belong together.
    TokenInvalid,
    /// 10010: the caller may not do this.
    Forbidden,
    /// 12002: the picture has 1 MB or more.
    AttachmentTooLarge,
    /// 12004: the picture cannot be fetched.
    AttachmentUnreachable,
    /// 12005: more than 500 targets.
    TooManyTargets,
    /// 12006: push is not enabled for the app.
    Disabled,
    /// 40000: `app_id` is missing, or names no app.
    App,
}

impl Refusal {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::NoUser,
        Self::Parameter,
        Self::TokenMissing,
        Self::UserExists,
        Self::TokenInvalid,
        Self::Forbidden,
        Self::AttachmentTooLarge,
        Self::AttachmentUnreachable,
        Self::TooManyTargets,
        Self::Disabled,
        Self::App,
    ];

    /// The stable code (`docs/errors.md`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoUser => "mobile_no_user",
            Self::Parameter => "mobile_parameter",
            Self::TokenMissing => "mobile_token_missing",
            Self::UserExists => "mobile_user_exists",
            Self::TokenInvalid => "mobile_token_invalid",
            Self::Forbidden => "mobile_forbidden",
            Self::AttachmentTooLarge => "mobile_attachment_too_large",
            Self::AttachmentUnreachable => "mobile_attachment_unreachable",
            Self::TooManyTargets => "mobile_too_many_targets",
            Self::Disabled => "mobile_push_disabled",
            Self::App => "mobile_app",
        }
    }

    /// The number that callers know it by.
    pub const fn number(self) -> u32 {
        match self {
            Self::NoUser => 10_000,
            Self::Parameter => 10_002,
            Self::TokenMissing => 10_003,
            Self::UserExists => 10_004,
            Self::TokenInvalid => 10_008,
            Self::Forbidden => 10_010,
            Self::AttachmentTooLarge => 12_002,
            Self::AttachmentUnreachable => 12_004,
            Self::TooManyTargets => 12_005,
            Self::Disabled => 12_006,
            Self::App => 40_000,
        }
    }

    /// The error, with a message that says what is wrong and what to do.
    pub fn error(self, message: impl Into<String>) -> ApiError {
        ApiError::refused(self.code(), message)
    }

    fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.code() == code)
    }
}

/// A parameter that cannot be used, by its path, for example `message.badge`.
pub fn parameter(field: &str, why: &str) -> ApiError {
    Refusal::Parameter.error(format!("`{field}` {why}"))
}

/// "Database error": what the family calls a fault of ours.
const OURS: u32 = 20_000;

#[derive(Serialize)]
struct Envelope<'a, T> {
    code: u32,
    data: T,
    message: Option<&'a str>,
}

/// A success.
pub fn success<T: Serialize>(data: T) -> Reply {
    close(Reply::json(StatusCode::OK, &Envelope { code: OK, data, message: None }))
}

/// The reply to a failed request.
pub fn error(error: &ApiError) -> Reply {
    let (status, code, message) = match error {
        ApiError::Refused { code, message } => {
            (StatusCode::OK, Refusal::of_code(code).unwrap_or(Refusal::Parameter).number(), message.as_str())
        }
        ApiError::Problem { message, .. } | ApiError::Unreadable { message } => {
            (StatusCode::OK, Refusal::Parameter.number(), message.as_str())
        }
        ApiError::ContentType { .. } => (StatusCode::OK, Refusal::Parameter.number(), "the body must be a JSON object"),
        ApiError::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, OURS, "too many calls; come back later"),
        ApiError::NoSuchPath => (StatusCode::NOT_FOUND, Refusal::Parameter.number(), "there is no such path"),
        ApiError::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, Refusal::Parameter.number(), "this path takes another method")
        }
        ApiError::Internal { .. } => (StatusCode::OK, OURS, "the call was not accepted; send it again later"),
    };
    let reply = close(Reply::json(status, &Envelope { code, data: Value::Null, message: Some(message) }));
    match error {
        ApiError::TooMany { retry_after } => {
            reply.header(header::RETRY_AFTER, &(retry_after.as_secs() + 1).to_string())
        }
        _ => reply,
    }
}

/// Answers hold tokens and addresses: nobody on the way keeps them.
fn close(reply: Reply) -> Reply {
    reply.header(header::CACHE_CONTROL, "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_http_200_with_the_familys_number() {
        for refusal in Refusal::ALL {
            let reply = error(&refusal.error("why"));
            assert_eq!(reply.status, StatusCode::OK);
            let expected = format!(r#"{{"code":{},"data":null,"message":"why"}}"#, refusal.number());
            assert_eq!(std::str::from_utf8(&reply.body).unwrap(), expected);
        }
    }

    #[test]
    fn our_own_faults_say_nothing_of_their_cause() {
        let reply = error(&ApiError::Internal { code: "x", source: "secret table".into() });
        let text = std::str::from_utf8(&reply.body).unwrap();
        assert!(text.starts_with(r#"{"code":20000,"data":null,"#) && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_success_has_no_message() {
        assert_eq!(std::str::from_utf8(&success(7).body).unwrap(), r#"{"code":200,"data":7,"message":null}"#);
    }
}
