//! Whatever no other route takes: unknown paths, known paths with another method, and browsers asking whether they may
//! call. Each in the shape of the family whose path it is.
//!
//! `ANY $default`. Under `/api`: 404 with code 1004 for an unknown path, 405 with code 1005 for a wrong method, 204
//! for `OPTIONS`. Elsewhere a short text. Never a redirect: clients turn a redirected POST into a GET.

use crate::{page, wechat, wxpusher};
use gateway::envelope;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use store::capabilities;

capabilities! {
    /// It answers from what it knows.
    pub struct FallbackStore {}
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
];

/// The function.
pub const FUNCTION: Function = http_function!("fallback", Family::Page, ROUTES, FallbackStore, handle);

/// ANY `$default`.
async fn handle(_context: &Context, _store: &FallbackStore, request: Request) -> Result<Reply, ApiError> {
    let family = if request.path.starts_with("/api/") { Family::Wxpusher } else { Family::Page };
    if family == Family::Wxpusher && request.method == http::Method::OPTIONS {
        return Ok(envelope::wxpusher::preflight());
    }
    let error = if is_known(&request.path) { ApiError::MethodNotAllowed } else { ApiError::NoSuchPath };
    Ok(envelope::error_reply(family, &request.path, &error))
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
