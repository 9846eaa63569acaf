//! Pushes by openid: an empty 200, or a status with `{"code","message"}`.

use crate::error::ApiError;
use crate::request::Reply;
use http::{StatusCode, header};
use serde_json::json;

/// Why a push, or a question about one, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key is missing or unknown.
    Key,
    /// The body is too large.
    TooLarge,
    /// The body is no JSON object.
    Body,
    /// `openids` names nobody, too many, or something that is no openid.
    Openids,
    /// There is neither entity, or one is no object.
    Entity,
    /// The entities are too large to travel with every batch of recipients.
    Content,
    /// A field of `news_entity` is wrong.
    News,
    /// A field of `template_entity` is wrong.
    Template,
    /// `after` is no number.
    After,
    /// The header `Idempotency-Key` is wrong.
    RepeatKey,
}

impl Refusal {
    /// The stable code (`docs/errors.md`), which the caller reads too.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Key => "push_key",
            Self::TooLarge => "push_too_large",
            Self::Body => "push_body",
            Self::Openids => "push_openids",
            Self::Entity => "push_entity",
            Self::Content => "push_content",
            Self::News => "push_news",
            Self::Template => "push_template",
            Self::After => "push_after",
            Self::RepeatKey => "push_idempotency_key",
        }
    }

    /// The error, with a message that names the field.
    pub fn error(self, message: impl Into<String>) -> ApiError {
        ApiError::refused(self.code(), message)
    }
}

/// How long to wait when a call could not be accepted for a reason of ours, in seconds.
const LATER_S: u64 = 5;

/// The reply to a failed request.
pub fn error(error: &ApiError) -> Reply {
    let text = |message: &str| message.to_owned();
    let (status, message) = match error {
        ApiError::Refused { code, message } if *code == Refusal::Key.code() => {
            (StatusCode::UNAUTHORIZED, text(message))
        }
        ApiError::Refused { code, message } if *code == Refusal::TooLarge.code() => {
            (StatusCode::PAYLOAD_TOO_LARGE, text(message))
        }
        ApiError::Refused { message, .. } | ApiError::Problem { message, .. } | ApiError::Unreadable { message } => {
            (StatusCode::UNPROCESSABLE_ENTITY, text(message))
        }
        ApiError::ContentType { .. } => (StatusCode::UNPROCESSABLE_ENTITY, text("the body must be a JSON object")),
        ApiError::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, text("too many calls; come back later")),
        ApiError::NoSuchPath => (StatusCode::NOT_FOUND, text("there is no such push")),
        ApiError::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, text("this path takes another method")),
        ApiError::Internal { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, text("the push was not accepted; send it again later"))
        }
    };
    let reply = Reply::json(status, &json!({ "code": error.code(), "message": message }));
    match error {
        ApiError::TooMany { retry_after } => {
            reply.header(header::RETRY_AFTER, &(retry_after.as_secs() + 1).to_string())
        }
        ApiError::Internal { .. } => reply.header(header::RETRY_AFTER, &LATER_S.to_string()),
        ApiError::Refused { .. }
        | ApiError::Problem { .. }
        | ApiError::Unreadable { .. }
        | ApiError::ContentType { .. }
        | ApiError::NoSuchPath
        | ApiError::MethodNotAllowed => reply,
    }
}
