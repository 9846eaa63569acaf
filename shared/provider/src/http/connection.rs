//! One HTTP/2 connection, and the task that drives it.

use super::counted::Counted;
use super::error::root_cause;
use super::line::LineError;
use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use h2::client::{self, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::response::Parts;
use http::{Request, Version};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, Semaphore};

/// A connection with requests under way that has been silent for so long is pinged, and how long the answer may take.
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

pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    pulse: Arc<Pulse>,
}

/// What the requests of a connection and the task that drives it know of each other.
struct Pulse {
    /// As many as the server takes streams at a time. Whoever waits for one has given nothing to the connection yet, so can go
    /// to another. Closed when the connection is not to be used any more.
    turns: Semaphore,
    /// How many turns there are, taken ones included.
    made: AtomicUsize,
    /// How often it was written to.
    writes: Arc<AtomicU64>,
    answers: AtomicU64,
    /// When it was last heard of, by the wall clock, which goes on while a process is frozen.
    heard: Mutex<SystemTime>,
    /// Woken by requests that come after a silence.
    silence: Notify,
    /// Why it ended.
    end: OnceLock<Arc<str>>,
}

impl Connection {
    /// Begins one on `stream`, and drives it.
    pub(super) async fn open<T>(stream: T) -> Result<Self, h2::Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let writes = Arc::new(AtomicU64::new(0));
        let (sender, connection) = client::Builder::new()
            .enable_push(false)
            .initial_max_send_streams(FIRST_STREAMS)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .handshake(Counted::new(stream, Arc::clone(&writes)))
            .await?;
        let pulse = Arc::new(Pulse {
            turns: Semaphore::new(FIRST_STREAMS),
            made: AtomicUsize::new(FIRST_STREAMS),
            writes,
            answers: AtomicU64::new(0),
            heard: Mutex::new(SystemTime::now()),
            silence: Notify::new(),
            end: OnceLock::new(),
        });
        tokio::spawn(drive(connection, Arc::clone(&pulse)));
        Ok(Self { sender, pulse })
    }

    /// Whether it takes no more requests.
    pub(super) fn is_over(&self) -> bool {
        self.pulse.turns.is_closed()
    }

    /// Takes no more requests: whoever waits for a turn is told that it ended. What is under way ends here.
    pub(super) fn retire(&self) {
        self.pulse.turns.close();
    }

    /// How many requests it has answered.
    pub(super) fn answers(&self) -> u64 {
        self.pulse.answers.load(Ordering::Relaxed)
    }

    /// Sends one request. At most `limit` bytes of the answer's body are read; without a limit none. `given` says whether the
    /// connection has the request: until then nothing of it was written.
    pub(super) async fn exchange(
        &self,
        request: &Request<Bytes>,
        limit: Option<usize>,
        given: &AtomicBool,
    ) -> Result<(Parts, Bytes), LineError> {
        let pulse = &*self.pulse;
        // Held until the answer is read: until then the server counts the stream.
        let Ok(_turn) = pulse.turns.acquire().await else { return Err(pulse.ended()) };
        let body = request.body();
        let writes = pulse.writes.load(Ordering::Relaxed);
        let (answer, mut stream) = match self.sender.clone().send_request(head(request), body.is_empty()) {
            Ok(sent) => sent,
            Err(error) if error.is_io() || error.is_go_away() => return Err(pulse.ended()),
            Err(error) => return Err(LineError::TurnedAway(error)),
        };
        given.store(true, Ordering::Relaxed);
        if !body.is_empty() {
            // A stream that has ended meanwhile says so by its answer.
            drop(stream.send_data(body.clone(), true));
        }
        if pulse.is_silent() {
            pulse.silence.notify_one();
        }
        let (head, body) = match answer.await {
            Ok(answer) => answer.into_parts(),
            Err(error) if is_turned_away(&error) => return Err(LineError::TurnedAway(error)),
            // It was dead already. What is read of a connection is read before anything is written to it.
            Err(error) if error.is_io() && pulse.writes.load(Ordering::Relaxed) == writes => return Err(pulse.ended()),
            Err(error) => return Err(LineError::Broken(error)),
        };
        pulse.answers.fetch_add(1, Ordering::Relaxed);
        *pulse.heard() = SystemTime::now();
        let body = match limit {
            Some(limit) if !body.is_end_stream() => read(body, limit).await?,
            _ => Bytes::new(),
        };
        Ok((head, body))
    }
}

impl Pulse {
    fn ended(&self) -> LineError {
        LineError::Ended(self.end.get().cloned().unwrap_or_else(|| "the connection takes no more requests".into()))
    }

    /// Whether nothing was heard for as long as it takes to ping.
    fn is_silent(&self) -> bool {
        // A clock that was set back tells nothing about how long it was.
        SystemTime::now().duration_since(*self.heard()).map_or(true, |silence| silence >= PING_INTERVAL)
    }

    /// Whether anything is under way.
    fn is_busy(&self) -> bool {
        self.turns.available_permits() < self.made.load(Ordering::Relaxed)
    }

    /// Makes as many turns as the server takes streams. Those that are out are taken back as they come in.
    fn make_turns(&self, takes: usize) {
        let made = self.made.load(Ordering::Relaxed);
        self.turns.add_permits(takes.saturating_sub(made));
        let forgotten = self.turns.forget_permits(made.saturating_sub(takes));
        self.made.store(made.max(takes) - forgotten, Ordering::Relaxed);
    }

    fn heard(&self) -> MutexGuard<'_, SystemTime> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// The whole body, if it has at most `limit` bytes. Whatever fails now, the server has seen to the request.
async fn read(mut body: RecvStream, limit: usize) -> Result<Bytes, LineError> {
    // Nearly always there is one piece, and it is taken as it stands.
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = body.data().await.transpose().map_err(LineError::Broken)? {
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

/// Keeps a connection going until it ends or does not answer a ping any more. That it ended, each of its requests is told.
async fn drive<T>(mut connection: client::Connection<T, Bytes>, pulse: Arc<Pulse>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    let driving = poll_fn(|context| {
        let ended = Pin::new(&mut connection).poll(context);
        pulse.make_turns(connection.max_concurrent_send_streams().min(MOST_STREAMS));
        ended
    });
    // The connection first: an answer that is there is to be found before its time is up, also after a freeze.
    let end: Arc<str> = match select(pin!(driving), pin!(ping(pings, &pulse))).await {
        Either::Left((Ok(()), _)) => "the server closed the connection".into(),
        Either::Left((Err(error), _)) => root_cause(&error),
        Either::Right(((), _)) => "the server does not answer a ping".into(),
    };
    tracing::debug!(cause = &*end, "an HTTP/2 connection ended");
    let _ = pulse.end.set(end);
    pulse.turns.close();
}

/// Pings when there is something under way and nothing was heard, until there is no answer.
async fn ping(pings: Option<PingPong>, pulse: &Pulse) {
    // There is one: nobody else has asked for it.
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        // The first request after a silence, perhaps of a freeze, does not wait for the next round.
        drop(tokio::time::timeout(PING_INTERVAL, pulse.silence.notified()).await);
        if !pulse.is_busy() || !pulse.is_silent() {
            continue;
        }
        match tokio::time::timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => *pulse.heard() = SystemTime::now(),
            Ok(Err(_)) | Err(_) => return,
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
    use http::Response;

    fn request() -> Request<Bytes> {
        let mut request = Request::new(Bytes::from_static(b"{}"));
        *request.uri_mut() = "https://push.example.com/".parse().unwrap();
        request
    }

    type Served = h2::server::Connection<tokio::io::DuplexStream, Bytes>;

    /// A connection that has answered one request, and its other end, at which nobody looks any more.
    async fn connected() -> (Connection, Served) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(async move {
            let mut connection = h2::server::handshake(theirs).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_response(Response::new(()), true).unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(10), connection.accept()).await;
            connection
        });
        let connection = Connection::open(ours).await.unwrap();
        send(&connection).await.unwrap();
        assert_eq!((connection.answers(), connection.is_over()), (1, false));
        (connection, server.await.unwrap())
    }

    async fn send(connection: &Connection) -> Result<(Parts, Bytes), LineError> {
        connection.exchange(&request(), Some(10), &AtomicBool::new(false)).await
    }

    /// The first request after a silence asks whether anybody is there any more.
    #[tokio::test]
    async fn a_server_that_went_away_without_a_word_is_missed() {
        let (connection, _deaf) = connected().await;
        *connection.pulse.heard() = SystemTime::UNIX_EPOCH;
        let failed = send(&connection).await;
        assert!(matches!(failed, Err(LineError::Broken(_))), "it was written: {failed:?}");
        let failed = send(&connection).await;
        assert!(matches!(&failed, Err(LineError::Ended(cause)) if cause.contains("ping")), "{failed:?}");
    }

    /// What a connection has not written when it ends can be sent on another one without a doubt.
    #[tokio::test]
    async fn what_was_not_written_was_not_sent() {
        let (connection, served) = connected().await;
        drop(served);
        let failed = send(&connection).await;
        assert!(matches!(failed, Err(LineError::Ended(_))), "{failed:?}");
    }
}
