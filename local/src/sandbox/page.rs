//! `GET /`: the inbox as a phone would show it, live; `GET /chat`: a person in WeChat to act as; `GET /device`: a device
//! whose app is open. Plain files, nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Sandbox;

/// A page may load its own files and read its own inbox with what is shown there, nothing else. Message text never
/// becomes markup; this holds even if that were broken.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The pages and their files.
pub(super) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/", get(index))
        .route("/sandbox/inbox.css", get(style))
        .route("/sandbox/inbox.js", get(script))
        .route("/sandbox/media.js", get(media_script))
        .route("/chat", get(chat))
        .route("/sandbox/chat.css", get(chat_style))
        .route("/sandbox/chat.js", get(chat_script))
        .route("/device", get(device))
        .route("/sandbox/device.js", get(device_script))
        .route("/sandbox/tuisong.js", get(client_script))
}

/// `GET /`
async fn index() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("page/inbox.html"))
}

/// `GET /sandbox/inbox.css`
async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("page/inbox.css"))
}

/// `GET /sandbox/inbox.js`
async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("page/inbox.js"))
}

/// `GET /sandbox/media.js`: pictures, recordings and articles, for both pages.
async fn media_script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("page/media.js"))
}

/// `GET /chat`
async fn chat() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("page/chat.html"))
}

/// `GET /sandbox/chat.css`
async fn chat_style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("page/chat.css"))
}

/// `GET /sandbox/chat.js`
async fn chat_script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("page/chat.js"))
}

/// `GET /device`
async fn device() -> impl IntoResponse {
    let policy = concat!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; ",
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    file_under(policy, "text/html; charset=utf-8", include_str!("page/device.html"))
}

/// `GET /sandbox/device.js`
async fn device_script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("page/device.js"))
}

/// `GET /sandbox/tuisong.js`: the client that apps use.
async fn client_script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("../../../clients/javascript/tuisong.js"))
}

/// A file with the headers that all of them have.
fn file(content_type: &'static str, text: &'static str) -> ([(HeaderName, &'static str); 5], &'static str) {
    file_under(POLICY, content_type, text)
}

/// A file under a policy of its own: the device connects wherever it is told to.
fn file_under(
    policy: &'static str,
    content_type: &'static str,
    text: &'static str,
) -> ([(HeaderName, &'static str); 5], &'static str) {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
