//! Requests and responses, and how they print.

use crate::http2::Fields;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::fmt;
use std::time::Duration;
use url::Url;

/// A request. `Debug` shows the method and the URL without its query, the names of the headers and the body's length.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL, `http` or `https`. A query may hold secrets; it is never printed.
    pub url: String,
    /// Headers beside `host`, `content-length` and `user-agent`, which the client sets.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

impl HttpRequest {
    /// A GET of `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A POST of `body` (raw UTF-8 JSON) to `url`.
    pub fn post_json(url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::post(url, HeaderValue::from_static("application/json; charset=utf-8"), body)
    }

    /// A POST of `body` with the given `Content-Type` to `url`.
    pub fn post(url: impl Into<String>, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        Self { method: Method::POST, url: url.into(), headers, body: body.into() }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Method and URL without query: what may be logged.
    pub fn redacted(&self) -> String {
        format!("{} {}", self.method, redacted(&self.url))
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("request", &self.redacted())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// A response, whatever its status. `Debug` shows the status and the body's length.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The media type as sent, empty when none was.
    pub content_type: String,
    /// What `Retry-After` asks for, given in seconds or as a date; `None` when absent or unreadable.
    pub retry_after: Option<Duration>,
    /// All headers, for the few callers that need another one.
    pub headers: Fields,
    /// The whole body, at most [`super::HttpSettings::max_response_bytes`].
    pub body: Bytes,
    /// Which connection it came over; 0 when that is not known.
    pub(crate) connection: u64,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status.as_u16())
            .field("retry_after", &self.retry_after)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// `url` without user name, password, query and fragment; a fixed text when it cannot be read.
pub fn redacted(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "(unreadable URL)".to_owned() };
    // Both fail only for URLs that cannot have credentials, so nothing stays behind.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
