//! One HTTP/2 connection at a time, for whoever speaks nothing else.
//!
//! A pool looks for a connection, marks it as taken and puts it back, for each request. A thousand requests that share one
//! connection need none of that: here a request costs a look whether the connection is the right one and still open.

use super::client::{HttpSettings, has_slept};
use super::connect::Connector;
use super::error::root_cause;
use bytes::Bytes;
use http::uri::{Authority, Uri};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tower_service::Service;

/// How often a request that the server turned away unprocessed is made again at once. Servers close connections for their
/// maintenance while requests are on the way; more than twice in a row is something else.
const TURNED_AWAY_REPEATS: u32 = 2;

/// How often a connection with requests under way is pinged, and how long the answer may take.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Streams on a new connection before the server has said how many it takes. More would only be refused by a server that
/// takes few, as Apple's does at first.
const FIRST_STREAMS: usize = 1;

/// The connection, and what it takes to make another.
pub(super) struct Line {
    connector: Connector,
    idle_timeout: Duration,
    state: Mutex<State>,
    /// Held by the one who connects.
    connecting: tokio::sync::Mutex<()>,
}

struct State {
    current: Option<Connection>,
    /// When it was last used, by the wall clock.
    used: SystemTime,
    /// How often it was tried to connect, and why the last time failed.
    attempts: u64,
    failure: Option<Arc<str>>,
}

#[derive(Clone)]
struct Connection {
    to: Authority,
    /// Counts the connections of this line.
    number: u64,
    sender: SendRequest<Full<Bytes>>,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum LineError {
    /// There is no connection.
    Connect(Arc<str>),
    /// The server never took it, or gave it back unprocessed.
    TurnedAway(hyper::Error),
    /// It broke off.
    Broken(hyper::Error),
}

impl Line {
    pub(super) fn new(settings: &HttpSettings, connector: Connector) -> Self {
        let state = State { current: None, used: SystemTime::now(), attempts: 0, failure: None };
        let (state, connecting) = (Mutex::new(state), tokio::sync::Mutex::default());
        Self { connector, idle_timeout: settings.idle_timeout, state, connecting }
    }

    /// Takes the connection out of use: the next request makes a new one, requests under way end on theirs.
    pub(super) fn reconnect(&self) {
        self.state().current = None;
    }

    /// Sends, and sends again what the server turned away, or what was still waiting for a stream when the connection closed.
    /// `given` says whether a connection has the request: until then nothing of it was written.
    pub(super) async fn request(
        &self,
        mut request: Request<Full<Bytes>>,
        given: &AtomicBool,
    ) -> Result<Response<Incoming>, LineError> {
        let mut repeats = TURNED_AWAY_REPEATS;
        loop {
            let Connection { number, mut sender, .. } = self.connection(request.uri()).await?;
            let spare = (repeats > 0).then(|| request.clone());
            given.store(true, Ordering::Relaxed);
            let mut failed = match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let handed_back = failed.take_message();
            let error = failed.into_error();
            if handed_back.is_none() && !was_turned_away(&error) {
                return Err(LineError::Broken(error));
            }
            self.leave(number, &error);
            request = match handed_back.or(spare).filter(|_| repeats > 0) {
                Some(request) => request,
                None => return Err(LineError::TurnedAway(error)),
            };
            repeats -= 1;
            given.store(false, Ordering::Relaxed);
        }
    }

    /// Notes that the connection was alive a moment ago.
    pub(super) fn touch(&self) {
        self.state().used = SystemTime::now();
    }

    /// The connection to where `uri` is: the one there is, or a new one, for which all wait that need it.
    async fn connection(&self, uri: &Uri) -> Result<Connection, LineError> {
        match self.usable(uri) {
            Ok(connection) => Ok(connection),
            // In a box of its own: what connecting keeps while it waits is ten times the rest, and every request would carry it.
            Err(attempts) => Box::pin(self.new_connection(uri, attempts)).await,
        }
    }

    async fn new_connection(&self, uri: &Uri, attempts: u64) -> Result<Connection, LineError> {
        let _turn = self.connecting.lock().await;
        // Whoever had the turn before connected for all who waited, and failed for all of them.
        if let Ok(connection) = self.usable(uri) {
            return Ok(connection);
        }
        let failed = |state: &State| state.failure.clone().filter(|_| state.attempts > attempts);
        if let Some(cause) = failed(&self.state()) {
            return Err(LineError::Connect(cause));
        }
        let connected = self.connect(uri).await;
        let mut state = self.state();
        state.attempts += 1;
        match connected {
            Ok(sender) => {
                let to = uri.authority().cloned().unwrap_or_else(|| Authority::from_static("localhost"));
                let connection = Connection { to, number: state.attempts, sender };
                (state.current, state.failure) = (Some(connection.clone()), None);
                state.used = SystemTime::now();
                Ok(connection)
            }
            Err(error) => {
                let cause = root_cause(&*error);
                state.failure = Some(Arc::clone(&cause));
                Err(LineError::Connect(cause))
            }
        }
    }

    /// The connection, if it goes to where `uri` is and neither is closed nor has slept for too long; otherwise how often it
    /// was tried to connect.
    fn usable(&self, uri: &Uri) -> Result<Connection, u64> {
        let mut state = self.state();
        let now = SystemTime::now();
        let slept = has_slept(state.used, now, self.idle_timeout);
        let good = |open: &&Connection| !slept && !open.sender.is_closed() && uri.authority() == Some(&open.to);
        match state.current.as_ref().filter(good).cloned() {
            Some(connection) => {
                state.used = now;
                Ok(connection)
            }
            None => Err(state.attempts),
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<SendRequest<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
        // hyper keeps room for all of a connection in each task that it starts for a request, so it had better be a pointer.
        let stream = Box::new(self.connector.clone().call(uri.clone()).await?);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_max_send_streams(FIRST_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(stream)
            .await?;
        // How it ended, each of its requests is told.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    /// Takes connection `number` no more unless `error` is about one stream: it may look alive for some moments yet. Whoever
    /// comes second finds it replaced.
    fn leave(&self, number: u64, error: &hyper::Error) {
        let mut state = self.state();
        if !http2_errors(error).any(h2::Error::is_reset) {
            state.current.take_if(|open| open.number == number);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an HTTP/2 server said that it has not processed, and will not process, the request: its GOAWAY names an earlier
/// stream as the last one it saw to, or it refused the stream (RFC 9113, sections 6.8 and 8.7).
pub(super) fn was_turned_away(error: &(dyn Error + 'static)) -> bool {
    http2_errors(error).any(|cause| {
        cause.is_remote()
            && (cause.is_go_away() || (cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM)))
    })
}

fn http2_errors<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a h2::Error> {
    std::iter::successors(Some(error), |&error| error.source()).filter_map(|cause| cause.downcast_ref::<h2::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpClient, HttpError, HttpRequest, Trust};
    use crate::testing::http2::{Http2Server, Options, Reaction};
    use http::StatusCode;
    use tokio::net::TcpListener;

    fn client(server: &Http2Server, settings: HttpSettings) -> HttpClient {
        HttpClient::trusting(settings, Trust { roots: Some(server.root.clone()), identity: None, http2_only: true })
    }

    async fn server() -> Http2Server {
        let answer = |_: &Request<Bytes>| Reaction::Answer(Box::new(Response::new(Bytes::new())));
        Http2Server::start(Options::default(), None, answer).await
    }

    #[tokio::test]
    async fn a_connection_is_used_until_it_has_slept_too_long_or_is_given_up() {
        let server = server().await;
        let client =
            client(&server, HttpSettings { idle_timeout: Duration::from_millis(200), ..HttpSettings::default() });
        let mut connections = Vec::new();
        for rest in [0, 0, 300, 0] {
            tokio::time::sleep(Duration::from_millis(rest)).await;
            let answer = client.send(HttpRequest::get(server.url())).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
            connections.push(server.connections());
        }
        client.reconnect();
        client.send(HttpRequest::get(server.url())).await.unwrap();
        connections.push(server.connections());
        assert_eq!(connections, [1, 1, 2, 2, 3]);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_connection_that_fails_waits_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let client = HttpClient::trusting(HttpSettings::default(), Trust { http2_only: true, ..Trust::default() });
        let all = futures::future::join_all((0..50).map(|_| client.send(HttpRequest::get(url.clone()))));
        let accepted = async {
            // Hangs up on whoever connects; once all have their answer nobody does any more.
            for count in 0.. {
                let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await else {
                    return count;
                };
            }
            unreachable!()
        };
        let (failed, accepted) = futures::future::join(all, accepted).await;
        assert!(failed.iter().all(|one| matches!(one, Err(HttpError::Unsent { .. }))), "{failed:?}");
        assert_eq!(accepted, 1, "one handshake for all of them");
    }
}
