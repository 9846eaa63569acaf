//! Requests by the thousand that differ in little.

use super::client::{HttpClient, USER_AGENT};
use super::error::{HttpError, Refusal};
use super::request::{HttpRequest, HttpResponse, redacted};
use crate::text;
use bytes::Bytes;
use http::uri::{Scheme, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use model::secret::Secret;

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

    /// The same requests in the name of whoever has this token, shown under `scheme`. A token that cannot be a header is not
    /// shown, and no other one is in its place.
    #[must_use]
    pub fn authorized(mut self, scheme: &str, token: &Secret<String>) -> Self {
        match HeaderValue::try_from([scheme, " ", token.expose()].concat()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(header::AUTHORIZATION, value);
            }
            Err(_) => drop(self.headers.remove(header::AUTHORIZATION)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpSettings;
    use crate::testing::server::{Reply, Server};

    fn authorized(series: Series, token: &str) -> Series {
        series.authorized("bearer", &Secret::new(token.to_owned()))
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_shown_is_not_kept_either() {
        let server = Server::start(|_| Reply::json("{}")).await;
        let client = HttpClient::new(HttpSettings::default());
        let series = client.series(server.url("/a/"), HeaderMap::new());
        let part = || Part { path: "b", headers: &[], body: Bytes::from_static(b"{}") };
        for (series, shown) in [
            (authorized(series.clone(), "t0ken"), Some("bearer t0ken")),
            (authorized(authorized(series.clone(), "t0ken"), "other"), Some("bearer other")),
            (authorized(authorized(series, "t0ken"), "two\nlines"), None),
        ] {
            series.post(part()).await.unwrap();
            let seen = server.seen().pop().unwrap().request();
            let sent = seen.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
            assert_eq!((seen.uri().path(), sent), ("/a/b", shown));
            assert!(!format!("{series:?}").contains("t0ken"), "{series:?}");
        }
    }

    #[tokio::test]
    async fn what_would_change_a_request_is_not_sent() {
        let server = Server::start(|_| Reply::json("{}")).await;
        let series = HttpClient::new(HttpSettings::default()).series(server.url("/a/"), HeaderMap::new());
        let name = HeaderName::from_static("apns-id");
        for (path, value) in [("b c", "1"), ("b\r\nx: y", "1"), ("\u{e9}", "1"), ("b", "1\r\nx: y"), ("b", "\u{e9}")] {
            let part = Part { path, headers: &[(name.clone(), value)], body: Bytes::new() };
            let failed = series.post(part).await.unwrap_err();
            assert!(matches!(failed, HttpError::BadUrl { .. }) && server.seen().is_empty(), "{failed:?}");
        }
    }
}
