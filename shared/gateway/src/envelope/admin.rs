//! The operator's API: `{"error":{"code","message","field"}}`; the HTTP status tells the kind.

use crate::error::{ApiError, ProblemKind};
use crate::request::Reply;
use http::{StatusCode, header};
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// The reply to a request that ended in `error`.
pub fn error(error: &ApiError) -> Reply {
    let (status, message, field) = match error {
        ApiError::Problem { kind, message, field, .. } => (of_kind(*kind), message.as_str(), field.as_deref()),
        ApiError::Refused { message, .. } | ApiError::Unreadable { message } => {
            (StatusCode::BAD_REQUEST, message.as_str(), None)
        }
        ApiError::ContentType { .. } => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not declared as `application/json`", None)
        }
        ApiError::TooMany { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "too many calls; come back after `Retry-After`", None)
        }
        ApiError::NoSuchPath => (StatusCode::NOT_FOUND, "no such path; see /admin/openapi.json", None),
        ApiError::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "the path is not served with this method; see /admin/openapi.json", None)
        }
        ApiError::Internal { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "the service is unavailable for the moment; try again", None)
        }
    };
    let reply = close(Reply::json(status, &Envelope { error: Body { code: error.code(), message, field } }));
    match error {
        ApiError::TooMany { retry_after } => {
            reply.header(header::RETRY_AFTER, &(retry_after.as_secs() + 1).to_string())
        }
        ApiError::Problem { kind: ProblemKind::Unauthenticated, .. } => {
            reply.header(header::WWW_AUTHENTICATE, "Bearer")
        }
        _ => reply,
    }
}

/// What this family answers is kept by nobody on the way.
pub fn close(reply: Reply) -> Reply {
    reply.header(header::CACHE_CONTROL, "no-store")
}

const fn of_kind(kind: ProblemKind) -> StatusCode {
    match kind {
        ProblemKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ProblemKind::Forbidden => StatusCode::FORBIDDEN,
        ProblemKind::NotFound => StatusCode::NOT_FOUND,
        ProblemKind::Conflict => StatusCode::CONFLICT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_error_names_its_code_and_its_field() {
        let reply = error(&ApiError::invalid_field("callback_url", "it leads to a private network"));
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let expected =
            json!({ "code": "invalid_field", "message": "it leads to a private network", "field": "callback_url" });
        assert_eq!(body["error"], expected);
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn our_own_faults_say_nothing_of_their_cause() {
        let reply = error(&ApiError::Internal { code: "store_unavailable", source: "secret table name".into() });
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
    }
}
