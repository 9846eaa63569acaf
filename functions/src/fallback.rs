//! Whatever no other route takes: unknown paths, known paths with another method, and browsers asking whether they may
//! call. Each in the shape of the family whose path it is.
//!
//! A path of WeChat's API with repeated slashes is no unknown one: SDKs whose base URL ends in a slash call `//cgi-bin/…`.
//! API Gateway brings that here, so this function serves those calls itself.
//!
//! `ANY $default`. Under `/api`: 404 with code 1004 for an unknown path, 405 with code 1005 for a wrong method, 204
//! for `OPTIONS`. Under `/interface`: 404 and 405 in that family's shape. Elsewhere a short text. Never a redirect:
//! clients turn a redirected POST into a GET.

use crate::{admin, mobile, page, receipt, service_account, wechat, wxpusher};
use gateway::envelope;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use store::capabilities;

capabilities! {
    /// What the calls of WeChat's API take; for all else it answers from what it knows.
    pub struct FallbackStore {
        tokens: wechat::token::TokenStore,
        sending: wechat::template_send::SendStore,
        wxopen: wechat::wxopen_template_send::WxopenStore,
    }
}

const ROUTES: &[Route] = &[Route::new(Method::Any, "$default")];

/// The routes of the other functions, without their handlers: this binary must not carry them all.
const KNOWN: &[&[Route]] = &[
    wxpusher::send::ROUTES,
    wxpusher::send_get::ROUTES,
    wxpusher::status::ROUTES,
    wxpusher::message_delete::ROUTES,
    wxpusher::simple_push::ROUTES,
    wxpusher::qrcode_create::ROUTES,
    wxpusher::qrcode_scan::ROUTES,
    wxpusher::users_v1::ROUTES,
    wxpusher::users_v2::ROUTES,
    wxpusher::user_remove::ROUTES,
    wxpusher::user_reject::ROUTES,
    wxpusher::pay_end_time::ROUTES,
    page::ROUTES,
    wechat::event::ROUTES,
    wechat::push::ROUTES,
    service_account::upload_media::ROUTES,
    service_account::send::ROUTES,
    service_account::mass_send::ROUTES,
    service_account::task::ROUTES,
    admin::ROUTES,
    mobile::notify::ROUTES,
    mobile::task_detail::ROUTES,
    mobile::devices::ROUTES,
    mobile::certificate::ROUTES,
    receipt::ROUTES,
];

/// The function.
pub const FUNCTION: Function = http_function!("fallback", Family::Page, ROUTES, FallbackStore, handle);

/// ANY `$default`.
async fn handle(context: &Context, store: &FallbackStore, request: Request) -> Result<Reply, ApiError> {
    let path = collapsed(&request.path);
    if path != request.path
        && let Some(answered) = serve_wechat(context, store, Request { path: path.clone(), ..request.clone() }).await
    {
        return Ok(answered.unwrap_or_else(|error| envelope::error_reply(Family::Cgi, &path, &error, "")));
    }
    let family = family_of(&request.path);
    if family == Family::Wxpusher && request.method == http::Method::OPTIONS {
        return Ok(envelope::wxpusher::preflight());
    }
    let error = if is_known(&request.path) { ApiError::MethodNotAllowed } else { ApiError::NoSuchPath };
    Ok(envelope::error_reply(family, &request.path, &error, ""))
}

/// Whose path it is.
fn family_of(path: &str) -> Family {
    if path.starts_with("/api/v4/") {
        Family::Push
    } else if path.starts_with("/api/") {
        Family::Wxpusher
    } else if path.starts_with("/cgi-bin/") {
        Family::Cgi
    } else if ["/push/", "/user/", "/token/"].iter().any(|start| path.starts_with(start)) {
        Family::Mobile
    } else if path.starts_with("/interface/") {
        Family::Service
    } else {
        Family::Page
    }
}

/// `path` with every run of slashes as one.
fn collapsed(path: &str) -> String {
    let mut collapsed = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        collapsed.push('/');
        collapsed.push_str(segment);
    }
    collapsed
}

/// The answer to a call of WeChat's API; `None` for another path.
async fn serve_wechat(context: &Context, store: &FallbackStore, request: Request) -> Option<Result<Reply, ApiError>> {
    let is = |routes: &[Route]| routes.iter().any(|route| route.path == request.path);
    if is(wechat::token::ROUTES) {
        Some(wechat::token::handle(context, &store.tokens, request).await)
    } else if is(wechat::template_send::ROUTES) {
        Some(wechat::template_send::handle(context, &store.sending, request).await)
    } else if is(wechat::wxopen_template_send::ROUTES) {
        Some(wechat::wxopen_template_send::handle(context, &store.wxopen, request).await)
    } else {
        None
    }
}

/// Whether some method is served at `path`.
fn is_known(path: &str) -> bool {
    KNOWN.iter().flat_map(|routes| routes.iter()).any(|route| matches(route.path, path))
}

/// Whether a route's pattern covers `path`, as API Gateway matches: `{name}` is one segment, not empty, and `{name+}` all
/// that follow.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.ends_with("+}") => return !given.is_empty() || path.next().is_some(),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_path_is_known_whatever_its_parameters() {
        assert!(is_known("/api/send/message"));
        assert!(is_known("/api/send/message/"));
        assert!(is_known("/api/send/query/12"));
        assert!(is_known("/m/1-abc"));
        for unknown in ["/", "/api", "/api/send", "/api/send/query", "/api/send/query/1/2", "/api/send/messages", "/m/"]
        {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
