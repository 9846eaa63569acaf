//! WeChat's own API: `{"errcode","errmsg"}`, always HTTP 200, and always this content type.
//!
//! SDKs throw the body away on any other status, and easywechat does not look for an `errcode` without a content type.

use crate::error::ApiError;
use crate::request::Reply;
use http::{HeaderValue, StatusCode, header};
use model::cgi::Refusal;
use serde::Serialize;
use serde_json::json;

const CONTENT_TYPE: &str = "application/json; encoding=utf-8";

/// A success.
pub fn success<T: Serialize>(answer: &T) -> Reply {
    let mut reply = Reply::json(StatusCode::OK, answer);
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    reply.header(header::CACHE_CONTROL, "no-store")
}

/// The reply to a failed request. The text ends in a `rid` as WeChat's do: the first 24 hexadecimal digits of the
/// request id, by which the log finds it.
pub fn error(error: &ApiError, request_id: &str) -> Reply {
    let (errcode, errmsg) = match error {
        ApiError::Refused { code, message } => (Refusal::of_code(code).map_or(-1, Refusal::errcode), message.as_str()),
        ApiError::Problem { .. } | ApiError::Unreadable { .. } | ApiError::ContentType { .. } => {
            (Refusal::BodyMalformed.errcode(), Refusal::BodyMalformed.errmsg())
        }
        ApiError::TooMany { .. } => (Refusal::CallsPerMinute.errcode(), Refusal::CallsPerMinute.errmsg()),
        // WeChat says nothing here that an SDK could read.
        ApiError::NoSuchPath => return Reply::new(StatusCode::NOT_FOUND),
        ApiError::MethodNotAllowed => (Refusal::NeedsPost.errcode(), Refusal::NeedsPost.errmsg()),
        ApiError::Internal { .. } => (-1, "system error"),
    };
    success(&json!({ "errcode": errcode, "errmsg": format!("{errmsg} rid: {}", rid(request_id)) }))
}

/// `xxxxxxxx-xxxxxxxx-xxxxxxxx`.
fn rid(request_id: &str) -> String {
    let digits: String = request_id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    let digits = format!("{digits:0<24}");
    format!("{}-{}-{}", &digits[..8], &digits[8..16], &digits[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_http_200_with_wechats_code_and_a_rid_that_can_be_quoted() {
        let refused = ApiError::refused("access_token_expired", "access_token expired");
        let reply = error(&refused, "8f3c1d2e-0a4b-4c5d-9e6f-7a8b9c0d1e2f");
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.headers[header::CONTENT_TYPE], CONTENT_TYPE);
        assert_eq!(
            std::str::from_utf8(&reply.body).unwrap(),
            r#"{"errcode":42001,"errmsg":"access_token expired rid: 8f3c1d2e-0a4b4c5d-9e6f7a8b"}"#
        );
    }

    #[test]
    fn our_own_faults_say_nothing_of_their_cause() {
        let reply = error(&ApiError::Internal { code: "x", source: "secret table".into() }, "local-7");
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &body["errcode"]), (StatusCode::OK, &json!(-1)));
        assert!(!body["errmsg"].as_str().unwrap().contains("secret"));
    }
}
