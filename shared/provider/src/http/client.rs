//! The client itself.

use super::connect::{Connector, Guard};
use super::error::{HttpError, Refusal};
use super::guard::{self, Forbidden};
use super::request::{HttpRequest, HttpResponse, named};
use super::retry_after;
use super::trust::Trust;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::HashSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
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

type Pool = Client<Connector, Full<Bytes>>;

/// A pooling HTTP/1.1 and HTTP/2 client. Cheap to clone; clones share the pool. See the [module](super).
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    settings: HttpSettings,
    guard: Option<Guard>,
    connector: Connector,
    http2_only: bool,
    pool: Mutex<Dated>,
}

/// A pool and when it was last used, by the wall clock.
struct Dated {
    pool: Pool,
    used: SystemTime,
    /// Counts the pools of this client.
    number: u64,
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
        let pool =
            Mutex::new(Dated { pool: pool(&settings, &connector, http2_only), used: SystemTime::now(), number: 0 });
        Self(Arc::new(Inner { settings, guard, connector, http2_only, pool }))
    }

    /// Throws the connections away: the next request makes a new one, requests under way end on theirs.
    pub fn reconnect(&self) {
        self.replace(&mut self.0.pool.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn replace(&self, dated: &mut Dated) {
        dated.pool = pool(&self.0.settings, &self.0.connector, self.0.http2_only);
        dated.number += 1;
    }

    /// Sends `request` and reads the whole answer. Any status is an answer; a redirect is not followed.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.within_time(request, async |prepared| self.exchange(prepared).await).await
    }

    /// Sends `request` and takes the status for the whole answer: nothing of a body is read, so neither its size nor how
    /// slowly it comes matters. The connection is closed unless the body was there with the head.
    pub async fn status(&self, request: HttpRequest) -> Result<StatusCode, HttpError> {
        self.within_time(request, async |prepared| Ok(self.head(prepared).await?.status())).await
    }

    async fn within_time<T>(
        &self,
        request: HttpRequest,
        exchange: impl AsyncFnOnce(Request<Full<Bytes>>) -> Result<T, Failure>,
    ) -> Result<T, HttpError> {
        // What errors call it is made when there is one.
        let (method, url) = (request.method.clone(), request.url.clone());
        let name = || named(&method, &url);
        let mut prepared = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err(refusal) => return Err(HttpError::BadUrl { request: name(), refusal }),
        };
        let captured = capture_connection(&mut prepared);
        match tokio::time::timeout(self.0.settings.total_timeout, exchange(prepared)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(self.explain(name(), failure)),
            // A request is given to a connection before its first byte is written: without one, nothing went out.
            Err(_) if captured.connection_metadata().is_none() => {
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

    async fn head(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        // After a thaw the ends of connections are known to the operating system, not yet to the pool. A yield lets the
        // runtime look, and the second one lets what it found be acted upon before a connection is picked.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        self.request(request).await.map_err(Failure::Request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<HttpResponse, Failure> {
        let limit = self.0.settings.max_response_bytes;
        let (head, body) = self.head(request).await?.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(Failure::Body)?.to_bytes();
        self.touch();
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

    /// Sends, and sends again what an HTTP/2 server turned away, or what was still waiting for a stream when the connection
    /// closed.
    async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        let mut repeats = if self.0.http2_only { TURNED_AWAY_REPEATS } else { 0 };
        while repeats > 0 {
            repeats -= 1;
            let (pool, number) = self.pool();
            match pool.request(request.clone()).await {
                Err(error) if was_turned_away(&error) || was_handed_back(&error) => self.leave(number, &error),
                sent => return sent,
            }
        }
        self.pool().0.request(request).await
    }

    /// Takes no connection of pool `number` any more unless `error` is about one stream: it may look alive for some moments
    /// yet. Whoever comes second finds it replaced.
    fn leave(&self, number: u64, error: &ClientError) {
        let mut dated = self.0.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if dated.number == number && !http2_errors(error).any(h2::Error::is_reset) {
            self.replace(&mut dated);
        }
    }

    /// The pool and its number, or a new one when this one has slept for too long.
    fn pool(&self) -> (Pool, u64) {
        let mut dated = self.0.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        // A clock that was set back tells nothing about how long the pool slept, so it counts as too long.
        if now.duration_since(dated.used).map_or(true, |idle| idle > self.0.settings.idle_timeout) {
            self.replace(&mut dated);
        }
        dated.used = now;
        (dated.pool.clone(), dated.number)
    }

    fn touch(&self) {
        self.0.pool.lock().unwrap_or_else(PoisonError::into_inner).used = SystemTime::now();
    }

    fn explain(&self, request: String, failure: Failure) -> HttpError {
        match failure {
            Failure::Body(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                HttpError::TooLarge { request, limit: self.0.settings.max_response_bytes }
            }
            Failure::Body(error) => HttpError::Unknown { request, cause: root_cause(&*error) },
            Failure::Request(error) if chain(&error).any(|cause| cause.is::<Forbidden>()) => {
                HttpError::BadUrl { request, refusal: Refusal::Address }
            }
            Failure::Request(error) if error.is_connect() || was_handed_back(&error) || was_turned_away(&error) => {
                HttpError::Unsent { request, cause: root_cause(&error) }
            }
            Failure::Request(error) => HttpError::Unknown { request, cause: root_cause(&error) },
        }
    }
}

enum Failure {
    Request(ClientError),
    Body(Box<dyn Error + Send + Sync>),
}

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("tuisong/", env!("CARGO_PKG_VERSION")));

/// How often a request that an HTTP/2 server turned away unprocessed is made again at once. Servers close connections for
/// their maintenance while requests are on the way; more than twice in a row is something else.
const TURNED_AWAY_REPEATS: u32 = 2;

/// How often an HTTP/2 connection with requests under way is pinged, and how long the answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Streams on a new HTTP/2 connection before the server has said how many it takes. More would only be refused by a server
/// that takes few, as Apple's does at first.
const FIRST_STREAMS: usize = 1;

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

fn pool(settings: &HttpSettings, connector: &Connector, http2_only: bool) -> Pool {
    let mut builder = Client::builder(TokioExecutor::new());
    if http2_only {
        builder.http2_only(true).http2_initial_max_send_streams(FIRST_STREAMS);
    }
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_timeout)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .retry_canceled_requests(true)
        .build(connector.clone())
}

fn chain<'a>(error: &'a ClientError) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let outermost: &'a (dyn Error + 'static) = error;
    std::iter::successors(Some(outermost), |&error| error.source())
}

/// Whether the connection gave the request back unwritten: hyper calls exactly that "canceled".
fn was_handed_back(error: &ClientError) -> bool {
    chain(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

/// Whether an HTTP/2 server said that it has not processed, and will not process, the request: its GOAWAY names an earlier
/// stream as the last one it saw to, or it refused the stream (RFC 9113, sections 6.8 and 8.7).
fn was_turned_away(error: &ClientError) -> bool {
    http2_errors(error).any(|cause| {
        cause.is_remote()
            && (cause.is_go_away() || (cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM)))
    })
}

fn http2_errors(error: &ClientError) -> impl Iterator<Item = &h2::Error> {
    chain(error).filter_map(|cause| cause.downcast_ref::<h2::Error>())
}

/// The innermost cause. It is the operating system's, rustls's or hyper's text, none of which quotes a URL.
fn root_cause(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().into()
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
    use crate::testing::server::{Reply, Server};

    /// The connection itself is seconds old by the process's own clock, which may stand still while it is frozen.
    #[tokio::test]
    async fn the_wall_clock_tells_that_a_pool_has_slept() {
        let server = Server::start(|_| Reply::json("{}")).await;
        let client = HttpClient::new(HttpSettings::default());
        let minute = Duration::from_secs(60);
        let now = SystemTime::now();
        for (used, connections) in [(now, 1), (now, 1), (now - minute, 2), (now + minute, 3)] {
            client.0.pool.lock().unwrap().used = used;
            client.send(HttpRequest::get(server.url("/"))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(server.connections(), connections, "{used:?}");
        }
    }
}
