//! One HTTP/2 connection at a time, for whoever speaks nothing else.
//!
//! A pool looks for a connection, marks it as taken and puts it back, for each request. A thousand requests that share one
//! connection need none of that: here a request costs a look whether the connection is the right one and still open.

use super::client::{HttpSettings, has_slept};
use super::connect::Connector;
use super::connection::Connection;
use super::error::root_cause;
use crate::http2::{Answer, Outgoing};
use http::uri::{Authority, Uri};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tower_service::Service;

/// How often a request that the server turned away unprocessed is made again at once. Servers close connections for their
/// maintenance while requests are on the way; more than twice in a row is something else.
const TURNED_AWAY_REPEATS: u32 = 2;
/// A connection that answered so many was a good one. Whoever only waited there, for a turn or behind the last one that was, goes
/// on to the next as often as it takes: there is progress. Without this, a server that hangs up on everybody would be called again and again.
const PROGRESS: u64 = 10;

/// A connection that answered so short a time ago has not been frozen since, so nobody looks whether it has died: Lambda
/// freezes for milliseconds at least.
const MOMENT: Duration = Duration::from_millis(1);

/// The connection, and what it takes to make another.
pub(super) struct Line {
    connector: Connector,
    idle_timeout: Duration,
    state: Mutex<State>,
    /// Held by the one who connects.
    connecting: tokio::sync::Mutex<()>,
}

struct State {
    current: Option<Arc<Open>>,
    /// When it was last used, and when it last answered, by the wall clock.
    used: SystemTime,
    answered: SystemTime,
    /// How often it was tried to connect, and why the last time failed.
    attempts: u64,
    failure: Option<Arc<str>>,
}

struct Open {
    to: Authority,
    connection: Connection,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum LineError {
    /// There is no connection.
    Connect(Arc<str>),
    /// The connection ended before anything of it was written.
    Ended(Arc<str>),
    /// The server refused it unprocessed, and may take the next one.
    Refused,
    /// The server is about to close the connection, and has not processed it.
    LeftOut,
    /// It broke off.
    Broken(Arc<str>),
    /// The answer is larger than what is read of it.
    TooLarge,
}

impl Line {
    pub(super) fn new(settings: &HttpSettings, connector: Connector) -> Self {
        let (used, answered) = (SystemTime::now(), SystemTime::UNIX_EPOCH);
        let state = State { current: None, used, answered, attempts: 0, failure: None };
        let (state, connecting) = (Mutex::new(state), tokio::sync::Mutex::default());
        Self { connector, idle_timeout: settings.idle_timeout, state, connecting }
    }

    /// Takes the connection of that number out of use, if it still is in use: the next request makes a new one, requests under
    /// way end on theirs.
    pub(super) fn reconnect(&self, number: u64) {
        let taken = self.state().current.take_if(|open| open.connection.number() == number);
        if let Some(open) = taken {
            open.connection.retire();
        }
    }

    /// Whether there was an answer a moment before `now`.
    pub(super) fn is_lively(&self, now: SystemTime) -> bool {
        now.duration_since(self.state().answered).is_ok_and(|since| since <= MOMENT)
    }

    /// Sends to where `uri` is, and sends again what the server turned away, or what a connection that ended had not written yet. For `limit` and
    /// `given` see [`Connection::exchange`].
    pub(super) async fn request(
        &self,
        uri: &Uri,
        request: Outgoing<'_>,
        limit: Option<usize>,
        given: &AtomicBool,
        now: SystemTime,
    ) -> Result<(Answer, u64), LineError> {
        let (mut repeats, mut now) = (TURNED_AWAY_REPEATS, now);
        loop {
            let open = self.open(uri, now).await?;
            let answer = open.connection.exchange(request, limit, given, now).await;
            let error = match answer {
                Ok(answer) => {
                    let mut state = self.state();
                    state.used = SystemTime::now();
                    state.answered = state.used;
                    return Ok((answer, open.connection.number()));
                }
                Err(error) => error,
            };
            match error {
                // This is about one stream.
                LineError::Refused => {}
                LineError::LeftOut | LineError::Ended(_) => self.leave(&open),
                LineError::Connect(_) | LineError::Broken(_) | LineError::TooLarge => return Err(error),
            }
            given.store(false, Ordering::Relaxed);
            now = SystemTime::now();
            let only_waited = matches!(error, LineError::Ended(_) | LineError::LeftOut);
            let only_waited = only_waited && open.connection.answers() >= PROGRESS;
            if !only_waited {
                if repeats == 0 {
                    return Err(error);
                }
                repeats -= 1;
            }
        }
    }

    /// The connection to where `uri` is: the one there is, or a new one, for which all wait that need it.
    async fn open(&self, uri: &Uri, now: SystemTime) -> Result<Arc<Open>, LineError> {
        match self.usable(uri, now) {
            Ok(open) => Ok(open),
            // In a box of its own: what connecting keeps while it waits is ten times the rest, and every request would carry it.
            Err(attempts) => Box::pin(self.open_another(uri, attempts)).await,
        }
    }

    async fn open_another(&self, uri: &Uri, attempts: u64) -> Result<Arc<Open>, LineError> {
        let _turn = self.connecting.lock().await;
        // Whoever had the turn before connected for all who waited, and failed for all of them.
        if let Ok(open) = self.usable(uri, SystemTime::now()) {
            return Ok(open);
        }
        let failed = |state: &State| state.failure.clone().filter(|_| state.attempts > attempts);
        if let Some(cause) = failed(&self.state()) {
            return Err(LineError::Connect(cause));
        }
        let connected = self.connect(uri).await;
        let mut state = self.state();
        state.attempts += 1;
        match connected {
            Ok(connection) => {
                let to = uri.authority().cloned().unwrap_or_else(|| Authority::from_static("localhost"));
                let open = Arc::new(Open { to, connection });
                (state.current, state.failure) = (Some(Arc::clone(&open)), None);
                state.used = SystemTime::now();
                Ok(open)
            }
            Err(error) => {
                let cause = root_cause(&*error);
                state.failure = Some(Arc::clone(&cause));
                Err(LineError::Connect(cause))
            }
        }
    }

    /// The connection, if it goes to where `uri` is and neither is over nor has slept for too long; otherwise how often it was
    /// tried to connect.
    fn usable(&self, uri: &Uri, now: SystemTime) -> Result<Arc<Open>, u64> {
        let mut state = self.state();
        let slept = has_slept(state.used, now, self.idle_timeout);
        let good = |open: &&Arc<Open>| {
            !slept && !open.connection.is_over() && uri.authority().map(Authority::as_str) == Some(open.to.as_str())
        };
        match state.current.as_ref().filter(good).cloned() {
            Some(open) => {
                state.used = now;
                Ok(open)
            }
            None => Err(state.attempts),
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<Connection, Box<dyn Error + Send + Sync>> {
        let stream = TokioIo::new(self.connector.clone().call(uri.clone()).await?);
        Ok(Connection::open(stream))
    }

    /// Takes `open` no more: it may look alive for some moments yet. Whoever comes second finds it replaced.
    fn leave(&self, open: &Arc<Open>) {
        open.connection.retire();
        self.state().current.take_if(|current| Arc::ptr_eq(current, open));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpClient, HttpError, HttpRequest, Trust};
    use crate::testing::http2::{Http2Server, Options, Reaction};
    use crate::testing::on_its_own_thread;
    use bytes::Bytes;
    use http::{Request, Response, StatusCode};
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
        let (mut connections, mut first) = (Vec::new(), None);
        for rest in [0, 0, 300, 0] {
            tokio::time::sleep(Duration::from_millis(rest)).await;
            let answer = client.send(HttpRequest::get(server.url())).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
            first.get_or_insert(answer);
            connections.push(server.connections());
        }
        // Whoever was answered over an earlier one does not mean this.
        let last = client.send(HttpRequest::get(server.url())).await.unwrap();
        client.reconnect(&first.unwrap());
        connections.push(server.connections());
        client.reconnect(&last);
        client.send(HttpRequest::get(server.url())).await.unwrap();
        connections.push(server.connections());
        assert_eq!(connections, [1, 1, 2, 2, 2, 3]);
    }

    #[tokio::test]
    async fn an_answer_of_many_pieces_is_read_up_to_the_limit() {
        let answer = |request: &Request<Bytes>| {
            let size = request.uri().path()[1..].parse().unwrap();
            Reaction::Answer(Box::new(Response::new(Bytes::from("x".repeat(size)))))
        };
        let server = Http2Server::start(Options::default(), None, answer).await;
        let client = client(&server, HttpSettings { max_response_bytes: 200_000, ..HttpSettings::default() });
        // Several frames, and more than one window.
        for size in [0, 1, 16_385, 200_000] {
            let sent = client.send(HttpRequest::get(format!("{}/{size}", server.url()))).await.unwrap();
            assert_eq!(sent.body, "x".repeat(size));
        }
        let sent = client.send(HttpRequest::get(format!("{}/200001", server.url()))).await;
        assert!(matches!(sent, Err(HttpError::TooLarge { limit: 200_000, .. })), "{sent:?}");
        let status = client.status(HttpRequest::get(format!("{}/200001", server.url()))).await.unwrap();
        assert_eq!((status, server.connections()), (StatusCode::OK, 1));
    }

    /// A thousand at once through a server that takes seven: nobody is sent before a turn is free.
    #[tokio::test]
    async fn what_waits_for_a_turn_goes_out_on_the_next_connection() {
        let options = Options { max_streams: 7, requests_per_connection: 300, pace: Duration::from_millis(1) };
        let answer = |_: &Request<Bytes>| Reaction::Answer(Box::new(Response::new(Bytes::new())));
        let server = Http2Server::start(options, None, answer).await;
        let client = client(&server, HttpSettings::default());
        let all = (0..1_000).map(|_| client.send(HttpRequest::post_json(server.url(), "{}")));
        let sent = futures::future::join_all(all).await;
        assert!(sent.iter().all(Result::is_ok), "{:?}", sent.iter().find(|one| one.is_err()));
        assert_eq!((server.requests(), server.most_streams()), (1_000, 7));
        assert!((4..=5).contains(&server.connections()), "{}", server.connections());
    }

    #[tokio::test]
    async fn a_connection_that_died_while_frozen_fails_no_request() {
        let (url, root) = on_its_own_thread(async || {
            let answer = |_: &Request<Bytes>| Reaction::AnswerThenDrop;
            let server = Http2Server::start(Options::default(), None, answer).await;
            let said = (server.url(), server.root.clone());
            (server, said)
        });
        let trust = Trust { roots: Some(root), identity: None, http2_only: true };
        let client = HttpClient::trusting(HttpSettings::default(), trust);
        for round in 0..20 {
            let sent = client.send(HttpRequest::post_json(url.clone(), "{}")).await;
            assert!(sent.is_ok(), "round {round}: {sent:?}");
            std::thread::sleep(Duration::from_millis(40));
        }
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
