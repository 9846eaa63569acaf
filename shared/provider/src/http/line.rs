//! One HTTP/2 connection at a time, for whoever speaks nothing else.
//!
//! A pool looks for a connection, marks it as taken and puts it back, for each request. A thousand requests that share one
//! connection need none of that: here a request costs a look whether the connection is the right one and still open. It is
//! given to h2 itself, without the task, the channel and the copies of hyper's client.

use super::client::{HttpSettings, has_slept};
use super::connect::Connector;
use super::error::root_cause;
use bytes::{Bytes, BytesMut};
use futures::future::select;
use h2::client::{self, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::response::Parts;
use http::uri::{Authority, Uri};
use http::{Request, Version};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
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
/// The most streams at a time, whatever the server takes.
const MOST_STREAMS: usize = 10_000;
/// What may come in before we have read it, of all answers of a connection together. They have some hundred bytes each.
const WINDOW_BYTES: u32 = 1 << 20;
/// The most of an answer's headers that is read.
const MAX_HEADER_BYTES: u32 = 16 << 10;

/// A connection that answered so short a time ago has not been frozen since, so it is not looked at again: Lambda freezes
/// for milliseconds at least.
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
    current: Option<Arc<Connection>>,
    /// When it was last used, and when it last answered, by the wall clock.
    used: SystemTime,
    answered: SystemTime,
    /// How often it was tried to connect, and why the last time failed.
    attempts: u64,
    failure: Option<Arc<str>>,
}

struct Connection {
    to: Authority,
    /// Counts the connections of this line.
    number: u64,
    sender: SendRequest<Bytes>,
    /// As many turns as the server takes streams at a time. Whoever waits for one has given nothing to the connection yet, so
    /// can go to another. Closed with the connection.
    streams: Arc<Semaphore>,
    /// It has answered something.
    served: AtomicBool,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum LineError {
    /// There is no connection.
    Connect(Arc<str>),
    /// The connection ended before it had the request.
    Ended,
    /// The server never took it, or gave it back unprocessed.
    TurnedAway(h2::Error),
    /// It broke off.
    Broken(h2::Error),
    /// The answer is larger than what is read of it.
    TooLarge,
}

impl Line {
    pub(super) fn new(settings: &HttpSettings, connector: Connector) -> Self {
        let state = State {
            current: None,
            used: SystemTime::now(),
            answered: SystemTime::UNIX_EPOCH,
            attempts: 0,
            failure: None,
        };
        let (state, connecting) = (Mutex::new(state), tokio::sync::Mutex::default());
        Self { connector, idle_timeout: settings.idle_timeout, state, connecting }
    }

    /// Takes the connection out of use: the next request makes a new one, requests under way end on theirs.
    pub(super) fn reconnect(&self) {
        self.state().current = None;
    }

    /// Whether the connection answered a moment ago: whatever ended it since, the runtime has seen.
    pub(super) fn is_lively(&self) -> bool {
        SystemTime::now().duration_since(self.state().answered).is_ok_and(|since| since <= MOMENT)
    }

    /// Sends, and sends again what the server turned away, or what was still waiting for a stream when the connection ended.
    /// At most `limit` bytes of the answer's body are read; without a limit none. `given` says whether a connection has the
    /// request: until then nothing of it was written.
    pub(super) async fn request(
        &self,
        request: &Request<Bytes>,
        limit: Option<usize>,
        given: &AtomicBool,
    ) -> Result<(Parts, Bytes), LineError> {
        let mut repeats = TURNED_AWAY_REPEATS;
        loop {
            let connection = self.connection(request.uri()).await?;
            let answer = exchange(&connection, request, limit, given).await;
            match &answer {
                Ok(_) => {
                    connection.served.store(true, Ordering::Relaxed);
                    let mut state = self.state();
                    state.used = SystemTime::now();
                    state.answered = state.used;
                    return answer;
                }
                Err(LineError::TurnedAway(error)) => self.leave(connection.number, error),
                Err(LineError::Ended) => {
                    self.forget(connection.number);
                    if connection.served.load(Ordering::Relaxed) {
                        // It only waited, and others got through: its turn comes on another connection.
                        continue;
                    }
                }
                Err(LineError::Connect(_) | LineError::Broken(_) | LineError::TooLarge) => return answer,
            }
            if repeats == 0 {
                return answer;
            }
            repeats -= 1;
            given.store(false, Ordering::Relaxed);
        }
    }

    /// The connection to where `uri` is: the one there is, or a new one, for which all wait that need it.
    async fn connection(&self, uri: &Uri) -> Result<Arc<Connection>, LineError> {
        match self.usable(uri) {
            Ok(connection) => Ok(connection),
            // In a box of its own: what connecting keeps while it waits is ten times the rest, and every request would carry it.
            Err(attempts) => Box::pin(self.new_connection(uri, attempts)).await,
        }
    }

    async fn new_connection(&self, uri: &Uri, attempts: u64) -> Result<Arc<Connection>, LineError> {
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
            Ok((sender, streams)) => {
                let to = uri.authority().cloned().unwrap_or_else(|| Authority::from_static("localhost"));
                let served = AtomicBool::new(false);
                let connection = Arc::new(Connection { to, number: state.attempts, sender, streams, served });
                (state.current, state.failure) = (Some(Arc::clone(&connection)), None);
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
    fn usable(&self, uri: &Uri) -> Result<Arc<Connection>, u64> {
        let mut state = self.state();
        let now = SystemTime::now();
        let slept = has_slept(state.used, now, self.idle_timeout);
        let good = |open: &&Arc<Connection>| !slept && !open.streams.is_closed() && uri.authority() == Some(&open.to);
        match state.current.as_ref().filter(good).cloned() {
            Some(connection) => {
                state.used = now;
                Ok(connection)
            }
            None => Err(state.attempts),
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<(SendRequest<Bytes>, Arc<Semaphore>), Box<dyn Error + Send + Sync>> {
        let stream = TokioIo::new(self.connector.clone().call(uri.clone()).await?);
        let (sender, connection) = client::Builder::new()
            .enable_push(false)
            .initial_max_send_streams(FIRST_STREAMS)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .handshake(stream)
            .await?;
        let streams = Arc::new(Semaphore::new(FIRST_STREAMS));
        tokio::spawn(drive(connection, Arc::clone(&streams)));
        Ok((sender, streams))
    }

    /// Takes connection `number` no more unless `error` is about one stream: it may look alive for some moments yet. Whoever
    /// comes second finds it replaced.
    fn leave(&self, number: u64, error: &h2::Error) {
        if !error.is_reset() {
            self.forget(number);
        }
    }

    fn forget(&self, number: u64) {
        self.state().current.take_if(|open| open.number == number);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request on one connection.
async fn exchange(
    connection: &Connection,
    request: &Request<Bytes>,
    limit: Option<usize>,
    given: &AtomicBool,
) -> Result<(Parts, Bytes), LineError> {
    // The turn is held until the answer is read: until then the server counts the stream.
    let Ok(_turn) = connection.streams.acquire().await else { return Err(LineError::Ended) };
    let body = request.body();
    let sent = connection.sender.clone().send_request(head(request), body.is_empty());
    let ended = |error: h2::Error| match error.is_io() || error.is_go_away() {
        true => LineError::Ended,
        false => LineError::TurnedAway(error),
    };
    let (answer, mut stream) = sent.map_err(ended)?;
    given.store(true, Ordering::Relaxed);
    if !body.is_empty() {
        // A stream that has ended meanwhile says so by its answer.
        drop(stream.send_data(body.clone(), true));
    }
    let (head, body) = answer.await.map_err(failed)?.into_parts();
    let body = match limit {
        Some(limit) if !body.is_end_stream() => read(body, limit).await?,
        _ => Bytes::new(),
    };
    Ok((head, body))
}

/// A request without its body, as HTTP/2 has it.
fn head(request: &Request<Bytes>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = Version::HTTP_2;
    *head.headers_mut() = request.headers().clone();
    head
}

/// The whole body, if it has at most `limit` bytes.
async fn read(mut body: RecvStream, limit: usize) -> Result<Bytes, LineError> {
    // Nearly always there is one piece, and it is taken as it stands.
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = body.data().await.transpose().map_err(failed)? {
        // This fails for a stream that has ended, whose window does not matter any more.
        drop(body.flow_control().release_capacity(piece.len()));
        if first.len() + rest.len() + piece.len() > limit {
            return Err(LineError::TooLarge);
        }
        if first.is_empty() {
            first = piece;
        } else {
            rest.extend_from_slice(&piece);
        }
    }
    Ok(if rest.is_empty() { first } else { [first, rest.freeze()].concat().into() })
}

fn failed(error: h2::Error) -> LineError {
    if is_turned_away(&error) { LineError::TurnedAway(error) } else { LineError::Broken(error) }
}

/// Keeps a connection going until it ends or does not answer a ping any more. How it ended, each of its requests is told.
async fn drive<T>(mut connection: client::Connection<T, Bytes>, streams: Arc<Semaphore>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    let turns = AtomicUsize::new(FIRST_STREAMS);
    let driving = poll_fn(|context| {
        let ended = Pin::new(&mut connection).poll(context);
        let (made, takes) = (turns.load(Ordering::Relaxed), connection.max_concurrent_send_streams().min(MOST_STREAMS));
        streams.add_permits(takes.saturating_sub(made));
        // Those that are out are taken back as they come in.
        let forgotten = streams.forget_permits(made.saturating_sub(takes));
        turns.store(made.max(takes) - forgotten, Ordering::Relaxed);
        ended
    });
    let is_busy = || streams.available_permits() < turns.load(Ordering::Relaxed);
    // The connection first: an answer that is there is to be found before its time is up, also after a freeze.
    drop(select(pin!(driving), pin!(ping(pings, is_busy))).await);
    streams.close();
}

/// Pings while there is something under way, until there is no answer.
async fn ping(mut pings: Option<PingPong>, is_busy: impl Fn() -> bool) {
    loop {
        tokio::time::sleep(PING_INTERVAL).await;
        let Some(pings) = pings.as_mut().filter(|_| is_busy()) else { continue };
        if !matches!(tokio::time::timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await, Ok(Ok(_))) {
            return;
        }
    }
}

/// Whether an HTTP/2 server said that it has not processed, and will not process, the request: its GOAWAY names an earlier
/// stream as the last one it saw to, or it refused the stream (RFC 9113, sections 6.8 and 8.7).
fn is_turned_away(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM)))
}

/// As [`is_turned_away`], of an error that has HTTP/2's among its causes.
pub(super) fn was_turned_away(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(is_turned_away)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HttpClient, HttpError, HttpRequest, Trust};
    use crate::testing::http2::{Http2Server, Options, Reaction};
    use http::{Response, StatusCode};
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
