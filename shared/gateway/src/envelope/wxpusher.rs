//! WxPusher: `{"code","msg","data","success"}`, always all four, always HTTP 200 except for 404 and 405.
//!
//! Java and .NET clients throw the body away on any other status, and PHP gets nothing at all.

use crate::error::ApiError;
use crate::request::Reply;
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::Value;

/// `msg` of every success but a status query; SDK tests compare it.
pub const DONE: &str = "处理成功";
/// `code` of a success.
pub const OK: i32 = 1000;
/// `code` of every ordinary refusal, a wrong token included.
pub const REFUSED: i32 = 1001;
/// `code` of an unknown path.
pub const NO_SUCH_PATH: i32 = 1004;
/// `code` of what could not be read, and of our own faults.
pub const UNREADABLE: i32 = 1005;

#[derive(Serialize)]
struct Envelope<'a, T> {
    code: i32,
    msg: &'a str,
    data: T,
    success: bool,
}

/// A success with the usual message.
pub fn success<T: Serialize>(data: T) -> Reply {
    success_saying(DONE, data)
}

/// A success with a message of its own.
pub fn success_saying<T: Serialize>(msg: &str, data: T) -> Reply {
    open(Reply::json(StatusCode::OK, &Envelope { code: OK, msg, data, success: true }))
}

/// The reply to a failed request at `path`.
pub fn error(path: &str, error: &ApiError) -> Reply {
    let at = |text: &str| format!("接口 [{path}] 出现异常：{text}");
    let (status, code, msg) = match error {
        ApiError::Refused { message, .. } | ApiError::Problem { message, .. } => {
            (StatusCode::OK, REFUSED, message.clone())
        }
        ApiError::Unreadable { message } => (StatusCode::OK, UNREADABLE, at(message)),
        ApiError::ContentType { sent } => {
            (StatusCode::OK, UNREADABLE, format!("服务器错误:Content type '{sent}' not supported"))
        }
        ApiError::TooMany { retry_after } => {
            let seconds = retry_after.as_secs() + 1;
            (StatusCode::OK, REFUSED, format!("调用频率过高，请{seconds}秒后再试"))
        }
        ApiError::NoSuchPath => (StatusCode::NOT_FOUND, NO_SUCH_PATH, format!("接口 [{path}] 不存在")),
        ApiError::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, UNREADABLE, at("不支持的请求方法")),
        ApiError::Internal { .. } => (StatusCode::OK, UNREADABLE, at("服务暂时不可用，请稍后重试")),
    };
    let reply = Reply::json(status, &Envelope { code, msg: &msg, data: Value::Null, success: false });
    let reply = match error {
        ApiError::TooMany { retry_after } => {
            reply.header(header::RETRY_AFTER, &(retry_after.as_secs() + 1).to_string())
        }
        _ => reply,
    };
    open(reply)
}

/// Browsers call these paths from pages of any origin.
pub fn open(reply: Reply) -> Reply {
    reply.header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
}

/// The answer to a browser's question whether it may call.
pub fn preflight() -> Reply {
    open(Reply::new(StatusCode::NO_CONTENT))
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE, OPTIONS")
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, "*")
        .header(header::ACCESS_CONTROL_MAX_AGE, "86400")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn body(reply: &Reply) -> Value {
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn all_four_keys_are_always_there() {
        assert_eq!(
            std::str::from_utf8(&success(3).body).unwrap(),
            r#"{"code":1000,"msg":"处理成功","data":3,"success":true}"#
        );
        let refused = error("/api/send/message", &ApiError::refused("token_wrong", "appToken不正确"));
        assert_eq!(
            std::str::from_utf8(&refused.body).unwrap(),
            r#"{"code":1001,"msg":"appToken不正确","data":null,"success":false}"#
        );
        assert_eq!(refused.status, StatusCode::OK);
    }

    #[test]
    fn only_unknown_paths_and_methods_leave_http_200() {
        let status = |e: &ApiError| error("/api/x", e).status.as_u16();
        assert_eq!(status(&ApiError::NoSuchPath), 404);
        assert_eq!(status(&ApiError::MethodNotAllowed), 405);
        assert_eq!(status(&ApiError::unreadable("x")), 200);
        assert_eq!(status(&ApiError::Internal { code: "x", source: "boom".into() }), 200);
    }

    #[test]
    fn our_own_faults_say_nothing_of_their_cause() {
        let reply = error("/api/x", &ApiError::Internal { code: "x", source: "secret table name".into() });
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
        assert_eq!(body(&reply)["code"], 1005);
    }

    #[test]
    fn a_refusal_for_haste_says_when_to_come_back() {
        let reply = error("/api/x", &ApiError::TooMany { retry_after: Duration::from_millis(2_500) });
        assert_eq!(reply.headers[header::RETRY_AFTER], "3");
        assert_eq!(body(&reply)["code"], 1001);
    }
}
