//! The client itself.

use super::connect::{Connector, Guard};
use super::error::{HttpError, Refusal, root_cause};
use super::guard;
use super::line::{Line, LineError};
use super::pool::{self, Pool};
use super::request::{HttpRequest, HttpResponse};
use super::retry_after;
use super::series::{Part, Series, Target};
use super::trust::Trust;
use crate::http2::{Answer, Fields, Outgoing};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
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

    /// Throws the connection away over which `answered` came, if that is known, or else all of them: the next request makes a
    /// new one, requests under way end on theirs. Of the many who are told to connect anew only the first one does.
    pub fn reconnect(&self, answered: &HttpResponse) {
        match &self.0.carrier {
            Carrier::Line(line) => line.reconnect(answered.connection),
            Carrier::Pool(pool) => pool.reconnect(),
        }
    }

    /// Requests to `url`, which each may go on, with these headers. A URL that may not be called is said of each of them.
    pub fn series(&self, url: String, headers: HeaderMap) -> Series {
        let target = self.uri(&url);
        Series::new(self.clone(), url, target, headers)
    }

    /// Sends `request` and reads the whole answer. Any status is an answer; a redirect is not followed.
    pub async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let prepared = self.prepare(&mut request);
        // What errors call it is made when there is one.
        let name = || request.redacted();
        let mut prepared = prepared.map_err(|refusal| HttpError::BadUrl { request: name(), refusal })?;
        self.within_time(name, async |given| self.exchange(&mut prepared, given).await.map(read)).await
    }

    /// A request of a series, if a line carries it. `name` is what errors call it.
    pub(super) async fn post_on_line(
        &self,
        target: &Target,
        headers: &HeaderMap,
        part: &Part<'_>,
        name: impl Fn() -> String,
    ) -> Option<Result<HttpResponse, HttpError>> {
        let Carrier::Line(line) = &self.0.carrier else { return None };
        let request = Outgoing {
            method: &Method::POST,
            scheme: target.scheme(),
            authority: target.authority(),
            path: [target.path(), part.path],
            headers,
            more: part.headers,
            body: &part.body,
        };
        let limit = Some(self.0.settings.max_response_bytes);
        Some(
            self.within_time(name, async |given| lined(line, &target.uri, request, limit, given).await.map(read)).await,
        )
    }

    /// Sends `request` and takes the status for the whole answer: nothing of a body is read, so neither its size nor how
    /// slowly it comes matters. A connection of HTTP/1.1 is closed unless the body was there with the head.
    pub async fn status(&self, mut request: HttpRequest) -> Result<StatusCode, HttpError> {
        let prepared = self.prepare(&mut request);
        let name = || request.redacted();
        let mut prepared = prepared.map_err(|refusal| HttpError::BadUrl { request: name(), refusal })?;
        self.within_time(name, async |given| match &self.0.carrier {
            Carrier::Line(line) => Ok(whole(line, &prepared, None, given).await?.0.status),
            Carrier::Pool(pool) => Ok(begun(pool, &mut prepared, given).await?.status()),
        })
        .await
    }

    async fn within_time<T>(
        &self,
        name: impl Fn() -> String,
        exchange: impl AsyncFnOnce(&AtomicBool) -> Result<T, Failure>,
    ) -> Result<T, HttpError> {
        // A request is given to a connection before its first byte is written: without one, nothing went out.
        let given = AtomicBool::new(false);
        match tokio::time::timeout(self.0.settings.total_timeout, exchange(&given)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(self.explain(name(), failure)),
            Err(_) if !given.load(Ordering::Relaxed) => {
                Err(HttpError::Unsent { request: name(), cause: "no connection took it in time".into() })
            }
            Err(_) => Err(HttpError::Unknown { request: name(), cause: "the answer took too long".into() }),
        }
    }

    /// Takes headers and body out of `request`; what names it stays.
    fn prepare(&self, request: &mut HttpRequest) -> Result<Request<Bytes>, Refusal> {
        let uri = self.uri(&request.url)?;
        let mut prepared = Request::new(std::mem::take(&mut request.body));
        *prepared.method_mut() = request.method.clone();
        *prepared.uri_mut() = uri;
        *prepared.headers_mut() = std::mem::take(&mut request.headers);
        prepared.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
        Ok(prepared)
    }

    /// Where `url` leads, if this client may call it.
    fn uri(&self, url: &str) -> Result<Uri, Refusal> {
        match self.0.guard {
            None => plain(url).map_or_else(|| self.checked(url), Ok),
            Some(_) => self.checked(url),
        }
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

    async fn exchange(&self, request: &mut Request<Bytes>, given: &AtomicBool) -> Result<(Answer, u64), Failure> {
        let limit = self.0.settings.max_response_bytes;
        match &self.0.carrier {
            Carrier::Line(line) => whole(line, request, Some(limit), given).await,
            // In a box of its own: it keeps five times what a line does, and every request would carry it.
            Carrier::Pool(pool) => Box::pin(pooled(pool, request, limit, given)).await,
        }
    }

    fn explain(&self, request: String, failure: Failure) -> HttpError {
        match failure {
            Failure::Body(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                HttpError::TooLarge { request, limit: self.0.settings.max_response_bytes }
            }
            Failure::Body(error) => HttpError::Unknown { request, cause: root_cause(&*error) },
            Failure::Line(LineError::TooLarge) => {
                HttpError::TooLarge { request, limit: self.0.settings.max_response_bytes }
            }
            Failure::Line(LineError::Connect(cause) | LineError::Ended(cause)) => HttpError::Unsent { request, cause },
            Failure::Line(LineError::Refused) => HttpError::Unsent { request, cause: "the server refused it".into() },
            Failure::Line(LineError::LeftOut) => {
                HttpError::Unsent { request, cause: "the server closed the connection before it".into() }
            }
            Failure::Line(LineError::Broken(cause)) => HttpError::Unknown { request, cause },
            Failure::Pool(error) if pool::is_forbidden(&error) => {
                HttpError::BadUrl { request, refusal: Refusal::Address }
            }
            Failure::Pool(error) if pool::is_unsent(&error) => HttpError::Unsent { request, cause: root_cause(&error) },
            Failure::Pool(error) => HttpError::Unknown { request, cause: root_cause(&error) },
        }
    }
}

/// What callers get of an answer and the connection that it came over.
fn read((answer, connection): (Answer, u64)) -> HttpResponse {
    let Answer { status, headers, body } = answer;
    let retry_after = headers.get(&header::RETRY_AFTER);
    HttpResponse {
        status,
        content_type: headers.get(&header::CONTENT_TYPE).unwrap_or_default().to_owned(),
        retry_after: retry_after.and_then(|value| retry_after::parse(value, OffsetDateTime::now_utc())),
        headers,
        body,
        connection,
    }
}

/// A request on a line.
async fn lined(
    line: &Line,
    uri: &Uri,
    request: Outgoing<'_>,
    limit: Option<usize>,
    given: &AtomicBool,
) -> Result<(Answer, u64), Failure> {
    let mut now = SystemTime::now();
    if !line.is_lively(now) {
        look().await;
        now = SystemTime::now();
    }
    line.request(uri, request, limit, given, now).await.map_err(Failure::Line)
}

/// As [`lined`], a request that is like no other.
async fn whole(
    line: &Line,
    request: &Request<Bytes>,
    limit: Option<usize>,
    given: &AtomicBool,
) -> Result<(Answer, u64), Failure> {
    let target = Target { uri: request.uri().clone() };
    let outgoing = Outgoing {
        method: request.method(),
        scheme: target.scheme(),
        authority: target.authority(),
        path: [target.path(), ""],
        headers: request.headers(),
        more: &[],
        body: request.body(),
    };
    lined(line, &target.uri, outgoing, limit, given).await
}

/// A request through a pool, up to the answer's head.
async fn begun(pool: &Pool, request: &mut Request<Bytes>, given: &AtomicBool) -> Result<Response<Incoming>, Failure> {
    look().await;
    pool.request(std::mem::take(request).map(Full::new), given).await.map_err(Failure::Pool)
}

/// A request through a pool, up to the end of its answer.
async fn pooled(
    pool: &Pool,
    request: &mut Request<Bytes>,
    limit: usize,
    given: &AtomicBool,
) -> Result<(Answer, u64), Failure> {
    let (head, body) = begun(pool, request, given).await?.into_parts();
    let body = match body.is_end_stream() {
        true => Bytes::new(),
        false => Limited::new(body, limit).collect().await.map_err(Failure::Body)?.to_bytes(),
    };
    pool.touch();
    let headers = Fields::from(&head.headers);
    Ok((Answer { status: head.status, headers, body }, 0))
}

/// Has the ends of connections found. After a thaw they are known to the operating system, not yet to who holds the
/// connections: a yield lets the runtime look, and the second one lets what it found be acted upon before one is picked.
async fn look() {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

enum Failure {
    Line(LineError),
    Pool(ClientError),
    Body(Box<dyn Error + Send + Sync>),
}

/// Whether what was last used at `used`, by the wall clock, has slept for longer than `limit`. A clock that was set back by as
/// much tells nothing about how long it was, so it counts as too long.
pub(super) fn has_slept(used: SystemTime, now: SystemTime, limit: Duration) -> bool {
    now.duration_since(used).unwrap_or_else(|ahead| ahead.duration()) > limit
}

/// What this client calls itself.
pub(super) const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("tuisong/", env!("CARGO_PKG_VERSION")));

/// `url` as it stands, if there is nothing in it that a reading as browsers do it would change: for the addresses of our own
/// settings, which are called thousands of times a second.
fn plain(url: &str) -> Option<Uri> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    if rest.is_empty() || rest.starts_with(['/', '?', ':']) {
        return None;
    }
    let (mut in_host, mut before) = (true, b'/');
    for byte in rest.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b':' => {}
            b'.' if before != b'/' => {}
            b'/' | b'?' => in_host = false,
            b'A'..=b'Z' | b'=' | b'&' if !in_host => {}
            _ => return None,
        }
        before = byte;
    }
    url.parse().ok()
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
