//! The client itself.

use super::connect::{Connector, Guard};
use super::error::{HttpError, Refusal, root_cause};
use super::guard;
use super::line::{Line, LineError};
use super::pool::{self, Pool};
use super::request::{HttpRequest, HttpResponse, named};
use super::retry_after;
use super::trust::Trust;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Error as ClientError;
use std::collections::HashSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use url::Url;

/// Limits of a client. The defaults are for calls to upstreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Longest time for name, TCP and TLS together. Default 2 s.
    pub connect_timeout: Duration,
    /// Longest time from the call to the last byte of the answer. Default 8 s.
    pub total_timeout: Duration,
    /// Largest answer that is read. Default 1 MiB; upstreams answer with well under 10 KB.
    pub max_response_bytes: usize,
    /// A connection that has been idle for longer is not used again. Default 30 s: below the idle limits of the
    /// servers and NAT gateways in between (60 s and more).
    pub idle_timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(8),
            max_response_bytes: 1 << 20,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// An HTTP/1.1 and HTTP/2 client. Cheap to clone; clones share its connections. See the [module](super).
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    settings: HttpSettings,
    guard: Option<Guard>,
    carrier: Carrier,
}

/// What carries the requests.
enum Carrier {
    Pool(Box<Pool>),
    /// For a client that speaks nothing but HTTP/2.
    Line(Box<Line>),
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("settings", &self.0.settings)
            .field("guarded", &self.0.guard.is_some())
            .finish()
    }
}

impl HttpClient {
    /// A client for URLs that come from our own settings: it goes wherever they say.
    pub fn new(settings: HttpSettings) -> Self {
        Self::build(settings, None, Trust::default())
    }

    /// As [`HttpClient::new`], with its own idea of whom to believe and what to show.
    pub fn trusting(settings: HttpSettings, trust: Trust) -> Self {
        Self::build(settings, None, trust)
    }

    /// A client for URLs that strangers gave: it reaches the public internet only (see [`guard`]).
    pub fn guarded(settings: HttpSettings) -> Self {
        Self::guarded_except(settings, [])
    }

    /// As [`HttpClient::guarded`], but `exceptions` may be called although they are not public: what a developer's
    /// machine and the tests need. Nothing in the cloud passes any.
    pub fn guarded_except(settings: HttpSettings, exceptions: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self::build(settings, Some(Arc::new(HashSet::from_iter(exceptions))), Trust::default())
    }

    fn build(settings: HttpSettings, guard: Option<Guard>, trust: Trust) -> Self {
        let http2_only = trust.http2_only;
        let connector = Connector::new(settings.connect_timeout, guard.clone(), trust);
        let carrier = if http2_only {
            Carrier::Line(Box::new(Line::new(&settings, connector)))
        } else {
            Carrier::Pool(Box::new(Pool::new(&settings, connector)))
        };
        Self(Arc::new(Inner { settings, guard, carrier }))
    }

    /// Throws the connections away: the next request makes a new one, requests under way end on theirs.
    pub fn reconnect(&self) {
        match &self.0.carrier {
            Carrier::Line(line) => line.reconnect(),
            Carrier::Pool(pool) => pool.reconnect(),
        }
    }

    /// Sends `request` and reads the whole answer. Any status is an answer; a redirect is not followed.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.within_time(request, async |prepared, given| self.exchange(prepared, given).await).await
    }

    /// Sends `request` and takes the status for the whole answer: nothing of a body is read, so neither its size nor how
    /// slowly it comes matters. The connection is closed unless the body was there with the head.
    pub async fn status(&self, request: HttpRequest) -> Result<StatusCode, HttpError> {
        self.within_time(request, async |prepared, given| Ok(self.head(prepared, given).await?.status())).await
    }

    async fn within_time<T>(
        &self,
        request: HttpRequest,
        exchange: impl AsyncFnOnce(Request<Full<Bytes>>, &AtomicBool) -> Result<T, Failure>,
    ) -> Result<T, HttpError> {
        // What errors call it is made when there is one.
        let (method, url) = (request.method.clone(), request.url.clone());
        let name = || named(&method, &url);
        let prepared = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err(refusal) => return Err(HttpError::BadUrl { request: name(), refusal }),
        };
        // A request is given to a connection before its first byte is written: without one, nothing went out.
        let given = AtomicBool::new(false);
        match tokio::time::timeout(self.0.settings.total_timeout, exchange(prepared, &given)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(self.explain(name(), failure)),
            Err(_) if !given.load(Ordering::Relaxed) => {
                Err(HttpError::Unsent { request: name(), cause: "connecting took too long".into() })
            }
            Err(_) => Err(HttpError::Unknown { request: name(), cause: "the answer took too long".into() }),
        }
    }

    fn prepare(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, Refusal> {
        let uri = match self.0.guard {
            None => plain(&request.url).map_or_else(|| self.checked(&request.url), Ok)?,
            Some(_) => self.checked(&request.url)?,
        };
        let mut prepared = Request::new(Full::new(request.body));
        *prepared.method_mut() = request.method;
        *prepared.uri_mut() = uri;
        *prepared.headers_mut() = request.headers;
        prepared.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
        Ok(prepared)
    }

    /// A URL as browsers read it, if this client may call it.
    fn checked(&self, url: &str) -> Result<Uri, Refusal> {
        let url = Url::parse(url).map_err(|_| Refusal::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        // Exceptions are addresses, so with any of them the connector decides, which knows the port.
        if self.0.guard.as_ref().is_some_and(|exceptions| exceptions.is_empty()) && guard::is_forbidden_host(&url) {
            return Err(Refusal::Address);
        }
        url[..url::Position::AfterQuery].parse().map_err(|_| Refusal::Malformed)
    }

    async fn head(&self, request: Request<Full<Bytes>>, given: &AtomicBool) -> Result<Response<Incoming>, Failure> {
        // After a thaw the ends of connections are known to the operating system, not yet to the pool. A yield lets the
        // runtime look, and the second one lets what it found be acted upon before a connection is picked.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        match &self.0.carrier {
            Carrier::Line(line) => line.request(request, given).await.map_err(Failure::Line),
            Carrier::Pool(pool) => pool.request(request, given).await.map_err(Failure::Pool),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, given: &AtomicBool) -> Result<HttpResponse, Failure> {
        let limit = self.0.settings.max_response_bytes;
        let (head, body) = self.head(request, given).await?.into_parts();
        let body = match body.is_end_stream() {
            true => Bytes::new(),
            false => Limited::new(body, limit).collect().await.map_err(Failure::Body)?.to_bytes(),
        };
        match &self.0.carrier {
            Carrier::Line(line) => line.touch(),
            Carrier::Pool(pool) => pool.touch(),
        }
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(HttpResponse {
            status: head.status,
            content_type: text(header::CONTENT_TYPE).unwrap_or_default().to_owned(),
            retry_after: text(header::RETRY_AFTER)
                .and_then(|value| retry_after::parse(value, OffsetDateTime::now_utc())),
            headers: head.headers,
            body,
        })
    }

    fn explain(&self, request: String, failure: Failure) -> HttpError {
        match failure {
            Failure::Body(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                HttpError::TooLarge { request, limit: self.0.settings.max_response_bytes }
            }
            Failure::Body(error) => HttpError::Unknown { request, cause: root_cause(&*error) },
            Failure::Line(LineError::Connect(cause)) => HttpError::Unsent { request, cause },
            Failure::Line(LineError::TurnedAway(error)) => HttpError::Unsent { request, cause: root_cause(&error) },
            Failure::Line(LineError::Broken(error)) => HttpError::Unknown { request, cause: root_cause(&error) },
            Failure::Pool(error) if pool::is_forbidden(&error) => {
                HttpError::BadUrl { request, refusal: Refusal::Address }
            }
            Failure::Pool(error) if pool::is_unsent(&error) => HttpError::Unsent { request, cause: root_cause(&error) },
            Failure::Pool(error) => HttpError::Unknown { request, cause: root_cause(&error) },
        }
    }
}

enum Failure {
    Line(LineError),
    Pool(ClientError),
    Body(Box<dyn Error + Send + Sync>),
}

/// Whether what was last used at `used`, by the wall clock, has slept for longer than `limit`. A clock that was set back tells
/// nothing about how long it was, so it counts as too long.
pub(super) fn has_slept(used: SystemTime, now: SystemTime, limit: Duration) -> bool {
    now.duration_since(used).map_or(true, |idle| idle > limit)
}

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("tuisong/", env!("CARGO_PKG_VERSION")));

/// `url` as it stands, if there is nothing in it that a reading as browsers do it would change: for the addresses of our own
/// settings, which are called thousands of times a second.
fn plain(url: &str) -> Option<Uri> {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b':' | b'-' | b'_' | b'.' | b'=' | b'&' | b'?')
    };
    let (scheme, rest) = url.split_once("://")?;
    let is_known = matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.starts_with(['/', '?', ':']);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let is_lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_known && is_lower && rest.bytes().all(is_plain) && !rest.contains("/.")).then(|| url.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_url_is_what_a_browser_reads() {
        for url in [
            "https://api.push.apple.com/3/device/00ff",
            "http://127.0.0.1:8081/fcm/v1/projects/a-b.c/messages:send",
            "https://api.weixin.qq.com/cgi-bin/message/template/send?access_token=a_b-C&x=1",
        ] {
            let read = Url::parse(url).unwrap();
            let uri: Uri = read[..url::Position::AfterQuery].parse().unwrap();
            assert_eq!(plain(url), Some(uri), "{url}");
        }
        for url in [
            "https://user:secret@example.com/",
            "ftp://example.com/",
            "https:///a",
            "https://example.com/a/../b",
            "https://example.com/./b",
            "https://example.com/a#b",
            "https://exämple.com/",
            "https://example.com/a b",
            "HTTPS://example.com/",
            "https://Example.com/",
            "https://[::1]/",
            "example.com/a",
            "",
        ] {
            assert_eq!(plain(url), None, "{url}");
        }
    }
}
