//! The way to a vendor's server.

use crate::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// A base URL and the client that calls it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Link {
    /// Without a slash at its end.
    base_url: Arc<str>,
    http: HttpClient,
}

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");

impl Link {
    /// The server at `base_url`, with or without a slash at its end.
    pub(crate) fn new(base_url: &str, http: HttpClient) -> Self {
        Self { base_url: base_url.trim_end_matches('/').into(), http }
    }

    /// Asks, with one more header if there is one. What stands in the query is part of `path`.
    pub(crate) async fn get(
        &self,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<HttpResponse, HttpError> {
        self.call(HttpRequest::get(self.url(path)), header).await
    }

    /// Posts a form, with one more header if there is one.
    pub(crate) async fn post_form(
        &self,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
        body: String,
    ) -> Result<HttpResponse, HttpError> {
        self.call(HttpRequest::post(self.url(path), FORM, body), header).await
    }

    /// Posts JSON, with one more header if there is one.
    pub(crate) async fn post_json(
        &self,
        path: &str,
        header: Option<(HeaderName, HeaderValue)>,
        body: impl Into<Bytes>,
    ) -> Result<HttpResponse, HttpError> {
        self.call(HttpRequest::post_json(self.url(path), body), header).await
    }

    async fn call(
        &self,
        request: HttpRequest,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<HttpResponse, HttpError> {
        let request = match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        self.http.send(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("base_url", &crate::http::redacted(&self.base_url)).finish_non_exhaustive()
    }
}
