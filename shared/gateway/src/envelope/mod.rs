//! How each family tells its callers what happened. Errors become HTTP here and nowhere else.

pub mod admin;
pub mod cgi;
pub mod mobile;
pub mod push;
pub mod service;
pub mod wxpusher;

use crate::error::ApiError;
use crate::function::Family;
use crate::request::Reply;
use http::{StatusCode, header};

/// The reply to the request `request_id` of `family` at `path` that ended in `error`.
pub fn error_reply(family: Family, path: &str, error: &ApiError, request_id: &str) -> Reply {
    match family {
        Family::Cgi => cgi::error(error, request_id),
        Family::Push => push::error(error),
        Family::Mobile => mobile::error(error),
        Family::Service => service::error(path, error),
        Family::Wxpusher => wxpusher::error(path, error),
        Family::Page => page_error(error),
        Family::WechatEvent => wechat_event_error(error),
        Family::Admin => admin::error(error),
    }
}

/// WeChat repeats a call that is not answered with success. What is refused will be refused again, and a stranger learns
/// nothing of why; 500 says that nothing was kept.
fn wechat_event_error(error: &ApiError) -> Reply {
    Reply::new(match error {
        ApiError::Refused { .. } | ApiError::TooMany { .. } => StatusCode::FORBIDDEN,
        ApiError::NoSuchPath => StatusCode::NOT_FOUND,
        ApiError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ApiError::Problem { .. } | ApiError::Unreadable { .. } | ApiError::ContentType { .. } => {
            StatusCode::BAD_REQUEST
        }
        ApiError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    })
    .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
}

fn page_error(error: &ApiError) -> Reply {
    let (status, text) = match error {
        ApiError::NoSuchPath => (StatusCode::NOT_FOUND, "没有这个页面 / no such page"),
        ApiError::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "不支持的请求方法 / method not allowed"),
        ApiError::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "请求太频繁 / too many requests"),
        ApiError::Refused { .. }
        | ApiError::Problem { .. }
        | ApiError::Unreadable { .. }
        | ApiError::ContentType { .. } => (StatusCode::BAD_REQUEST, "无法处理的请求 / bad request"),
        ApiError::Internal { .. } => (StatusCode::SERVICE_UNAVAILABLE, "服务暂时不可用 / temporarily unavailable"),
    };
    let mut reply = Reply::new(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store");
    reply.body = text.into();
    reply
}
