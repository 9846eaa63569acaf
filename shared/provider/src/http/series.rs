//! Requests by the thousand that differ in little.

use super::client::{HttpClient, USER_AGENT};
use super::error::{HttpError, Refusal};
use super::request::{HttpRequest, HttpResponse, redacted};
use crate::text;
use bytes::Bytes;
use http::uri::{Scheme, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// POST requests to one vendor. Their URL is read and their headers are put together once for all of them.
#[derive(Clone)]
pub struct Series {
    client: HttpClient,
    url: String,
    target: Result<Target, Refusal>,
    headers: HeaderMap,
}

/// What one request of a series has to itself. `Debug` shows how much it is.
#[derive(Clone)]
pub struct Part<'a> {
    /// What follows the URL of all. Letters, digits and whatever else needs no escape in a path or a query.
    pub path: &'a str,
    /// Headers, printable ASCII, beside those of all.
    pub headers: &'a [(HeaderName, &'a str)],
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<&HeaderName> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Part").field("headers", &headers).field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Where requests go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) uri: Uri,
}

impl Target {
    pub(super) fn scheme(&self) -> &str {
        self.uri.scheme().map_or("https", Scheme::as_str)
    }

    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |to| to.as_str())
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

impl Series {
    pub(super) fn new(client: HttpClient, url: String, target: Result<Uri, Refusal>, mut headers: HeaderMap) -> Self {
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        Self { client, url, target: target.map(|uri| Target { uri }), headers }
    }

    /// The same requests with another header, or another value of one.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The client that makes them.
    pub const fn client(&self) -> &HttpClient {
        &self.client
    }

    /// Sends one of them and reads the whole answer. Any status is an answer; a redirect is not followed.
    pub async fn post(&self, part: Part<'_>) -> Result<HttpResponse, HttpError> {
        let name = || format!("POST {}", redacted(&[&self.url, part.path].concat()));
        let refused = |refusal| HttpError::BadUrl { request: redacted(&self.url), refusal };
        let is_plain = |text: &str| text::all(text, |byte| byte.is_ascii_graphic());
        if !is_plain(part.path) || !part.headers.iter().all(|(_, value)| is_plain(value)) {
            return Err(refused(Refusal::Malformed));
        }
        let target = self.target.as_ref().map_err(|refusal| refused(*refusal))?;
        if let Some(sent) = self.client.post_on_line(target, &self.headers, &part, name).await {
            return sent;
        }
        self.client.send(self.whole(part)).await
    }

    /// One of them, made as any other request.
    fn whole(&self, part: Part<'_>) -> HttpRequest {
        let mut headers = self.headers.clone();
        for (name, value) in part.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        HttpRequest { method: Method::POST, url: [&self.url, part.path].concat(), headers, body: part.body }
    }
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Series")
            .field("url", &redacted(&self.url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
