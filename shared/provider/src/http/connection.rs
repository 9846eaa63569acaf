//! One HTTP/2 connection, and the task that drives it.

use super::error::root_cause;
use super::line::LineError;
use crate::http2::{Answer, Failure, Outgoing, Session, Violation};
use futures::future::{Either, select};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Sleep;

/// A connection with requests under way that has been silent for so long is pinged, and how long the answer may take.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Streams on a new connection before the server has said how many it takes. More would only be refused by a server that
/// takes few, as Apple's does at first.
const FIRST_STREAMS: usize = 1;
/// The most streams at a time, whatever the server takes.
const MOST_STREAMS: usize = 10_000;
/// How much is read at a time: what one record of TLS carries.
const READ_BYTES: usize = 16 << 10;

/// How long a connection that cannot be written to any more is read from: what the server said before it went away is there
/// already, or it is lost.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) struct Connection(Arc<Shared>);

/// What the requests of a connection and the task that drives it share.
struct Shared {
    state: Mutex<State>,
    /// As many as the server takes streams at a time. Whoever waits for one has given nothing to the connection yet, so can go
    /// to another. Closed when the connection is not to be used any more.
    turns: Semaphore,
    /// No two connections of a process have the same one.
    number: u64,
    answers: AtomicU64,
    /// Woken by requests that come after a silence.
    silence: Notify,
    /// Woken by answers to pings.
    pong: Notify,
    /// Why it ended.
    end: OnceLock<Arc<str>>,
}

struct State {
    session: Session,
    /// The task, while it waits.
    driver: Option<Waker>,
    /// When anything was last heard of the server, by the wall clock, which goes on while a process is frozen.
    heard: SystemTime,
    /// How many turns there are, taken ones included, and how many there should be.
    turns: usize,
    takes: usize,
}

impl Connection {
    /// Begins one on `stream`, and drives it.
    pub(super) fn open<T>(stream: T) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
        let (session, heard) = (Session::new(), SystemTime::now());
        let state = State { session, driver: None, heard, turns: FIRST_STREAMS, takes: FIRST_STREAMS };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            turns: Semaphore::new(FIRST_STREAMS),
            number: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            answers: AtomicU64::new(0),
            silence: Notify::new(),
            pong: Notify::new(),
            end: OnceLock::new(),
        });
        tokio::spawn(drive(stream, Arc::clone(&shared)));
        Self(shared)
    }

    /// Whether it takes no more requests.
    pub(super) fn is_over(&self) -> bool {
        self.0.turns.is_closed()
    }

    /// Which one it is.
    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    /// Takes no more requests: whoever waits for a turn is told that it ended. What is under way still gets its answer here.
    pub(super) fn retire(&self) {
        self.0.turns.close();
        self.0.state().change(Session::close);
    }

    /// How many requests it has answered.
    pub(super) fn answers(&self) -> u64 {
        self.0.answers.load(Ordering::Relaxed)
    }

    /// Sends one request. At most `limit` bytes of the answer's body are read; without a limit none. `given` says whether the
    /// connection has the request: until then nothing of it was written.
    pub(super) async fn exchange(
        &self,
        request: Outgoing<'_>,
        limit: Option<usize>,
        given: &AtomicBool,
        now: SystemTime,
    ) -> Result<Answer, LineError> {
        let shared = &*self.0;
        // The turn is held until the answer is read: until then the server counts the stream.
        let (answer, _turn) = shared.begin(request, limit, now).await?;
        given.store(true, Ordering::Relaxed);
        match answer.await {
            Ok(answer) => {
                shared.answers.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
            Err(Failure::Unwritten) => Err(shared.ended()),
            Err(Failure::Refused) => Err(LineError::Refused),
            Err(Failure::LeftOut) => Err(LineError::LeftOut),
            Err(Failure::Broken(cause)) => Err(LineError::Broken(cause)),
            Err(Failure::TooLarge) => Err(LineError::TooLarge),
        }
    }
}

/// Nobody has requests for it any more, and its task ends when those under way have.
impl Drop for Connection {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Shared {
    fn ended(&self) -> LineError {
        LineError::Ended(self.end.get().cloned().unwrap_or_else(|| "the connection takes no more requests".into()))
    }

    /// Writes a request once it is its turn.
    async fn begin(
        &self,
        request: Outgoing<'_>,
        limit: Option<usize>,
        now: SystemTime,
    ) -> Result<(Waiting<'_>, Turn<'_>), LineError> {
        loop {
            let Ok(permit) = self.turns.acquire().await else { return Err(self.ended()) };
            let turn = Turn { shared: self, permit: Some(permit) };
            let mut state = self.state();
            if state.session.open() >= state.takes {
                // The server takes fewer by now, so this turn is none any more.
                continue;
            }
            let Ok(stream) = state.change(|session| session.request(request, limit)) else { return Err(self.ended()) };
            if state.is_silent(now) {
                self.silence.notify_one();
            }
            return Ok((Waiting { shared: self, stream: Some(stream) }, turn));
        }
    }

    /// Whether anything is under way.
    fn is_busy(&self) -> bool {
        self.turns.available_permits() < self.state().turns
    }

    /// Makes as many turns as the server takes streams. Those that are out are taken back as they end ([`Turn`]).
    fn make_turns(&self, state: &mut State, takes: usize) {
        state.takes = takes;
        if takes > state.turns {
            self.turns.add_permits(takes - state.turns);
            state.turns = takes;
        } else {
            state.turns -= self.turns.forget_permits(state.turns - takes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Changes the session in a way that may leave something to go out, and has it sent.
    fn change<R>(&mut self, change: impl FnOnce(&mut Session) -> R) -> R {
        let changed = change(&mut self.session);
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
        changed
    }

    /// Whether at `now` nothing has been heard for as long as it takes to ping.
    fn is_silent(&self, now: SystemTime) -> bool {
        // A clock that was set back tells nothing about how long it was. A little ahead is whoever has waited since `now`.
        let silence = now.duration_since(self.heard).unwrap_or_else(|ahead| ahead.duration());
        silence >= PING_INTERVAL
    }
}

/// A turn that is taken. It goes to the next one who waits, unless the server takes fewer streams by now.
struct Turn<'a> {
    shared: &'a Shared,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.turns > state.takes
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.turns -= 1;
        }
    }
}

/// The answer to a request. Whoever drops it before it is there has the server told.
struct Waiting<'a> {
    shared: &'a Shared,
    stream: Option<u32>,
}

impl Future for Waiting<'_> {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(stream) = self.stream else { return Poll::Pending };
        let answer = ready!(self.shared.state().session.poll_answer(stream, context));
        self.stream = None;
        Poll::Ready(answer)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            self.shared.state().change(|session| session.forget(stream));
        }
    }
}

/// Keeps a connection going until it ends or does not answer a ping any more. That it ended, each of its requests is told.
async fn drive<T>(stream: T, shared: Arc<Shared>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // Whatever becomes of this task: nobody waits for one that is not there.
    let mut ending = Ending { shared: &shared, cause: "the connection's task stopped".into() };
    let mut wire =
        Wire { stream, shared: &shared, read: vec![0; READ_BYTES].into(), writing: Vec::new(), wrote: 0, failed: None };
    let driving = poll_fn(|context| wire.poll(context));
    // The connection first: an answer that is there is to be found before its time is up, also after a freeze.
    ending.cause = match select(pin!(driving), pin!(ping(&shared))).await {
        Either::Left((end, _)) => end,
        Either::Right(((), _)) => "the server does not answer a ping".into(),
    };
}

/// Tells everybody that a connection has ended.
struct Ending<'a> {
    shared: &'a Shared,
    cause: Arc<str>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        tracing::debug!(cause = &*self.cause, "an HTTP/2 connection ended");
        let _ = self.shared.end.set(Arc::clone(&self.cause));
        self.shared.turns.close();
        self.shared.state().session.end(&self.cause);
    }
}

/// Why nothing more is read.
enum End {
    /// The stream is at its end.
    Closed(Arc<str>),
    /// The server does not keep to HTTP/2.
    Violation(Violation),
}

/// Why nothing more is written.
enum Written {
    /// There is nothing to do any more.
    Over,
    /// It failed.
    Failed(Arc<str>),
}

/// The stream below a session.
struct Wire<'a, T> {
    stream: T,
    shared: &'a Shared,
    read: Box<[u8]>,
    /// What is going out, and how much of it has gone.
    writing: Vec<u8>,
    wrote: usize,
    /// Why nothing more can be written, and until when what the server said before is waited for.
    failed: Option<(Arc<str>, Pin<Box<Sleep>>)>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<'_, T> {
    /// Moves what there is to move. Why the connection ended, once it has.
    ///
    /// What has come in is read before anything is written: of a connection that turns out to be over then, nothing that
    /// waited was written.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Arc<str>> {
        self.shared.state().driver = Some(context.waker().clone());
        let is_behind = match self.poll_read(context) {
            Ok(is_behind) => is_behind,
            Err(End::Closed(cause)) => return Poll::Ready(cause),
            Err(End::Violation(violation)) => {
                // One try to tell the server what it did, if nothing else has to go before that.
                if self.wrote == self.writing.len() {
                    let _ = self.poll_write(context);
                }
                return Poll::Ready(violation.cause());
            }
        };
        if let Some((cause, patience)) = &mut self.failed {
            return patience.as_mut().poll(context).map(|()| Arc::clone(cause));
        }
        match self.poll_write(context) {
            Poll::Ready(Written::Over) => return Poll::Ready(self.closed()),
            Poll::Ready(Written::Failed(cause)) => {
                // Answers may have come before, and what the server has not processed.
                self.shared.turns.close();
                self.shared.state().session.close();
                self.failed = Some((cause, Box::pin(tokio::time::sleep(LAST_WORDS))));
                context.waker().wake_by_ref();
            }
            Poll::Pending if is_behind && !self.shared.state().session.is_behind() => {
                // What was not read has waked nobody.
                context.waker().wake_by_ref();
            }
            Poll::Pending => {}
        }
        Poll::Pending
    }

    /// Reads what is there. Whether some of it was left there, because the server reads too little itself.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        loop {
            if self.failed.is_none() && self.shared.state().session.is_behind() {
                return Ok(true);
            }
            let mut buffer = ReadBuf::new(&mut self.read);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(error)) => return Err(End::Closed(root_cause(&error))),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Err(End::Closed(self.closed())),
                Poll::Ready(Ok(())) => {
                    let mut state = self.shared.state();
                    state.heard = SystemTime::now();
                    let pongs = state.session.pongs();
                    let received = state.session.received(buffer.filled());
                    if state.session.pongs() > pongs {
                        self.shared.pong.notify_one();
                    }
                    if let Some(takes) = state.session.most_streams() {
                        self.shared.make_turns(&mut state, takes.min(MOST_STREAMS));
                    }
                    if !state.session.is_open() {
                        self.shared.turns.close();
                    }
                    received.map_err(End::Violation)?;
                }
            }
        }
    }

    /// Writes what there is room for.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Written> {
        loop {
            if self.wrote == self.writing.len() {
                self.writing.clear();
                self.wrote = 0;
                let mut state = self.shared.state();
                let is_over = state.session.is_over();
                state.session.take_output(&mut self.writing);
                drop(state);
                if self.writing.is_empty() {
                    return match ready!(Pin::new(&mut self.stream).poll_flush(context)) {
                        Err(error) => Poll::Ready(Written::Failed(root_cause(&error))),
                        Ok(()) if is_over => Pin::new(&mut self.stream).poll_shutdown(context).map(|_| Written::Over),
                        Ok(()) => Poll::Pending,
                    };
                }
            }
            let left = &self.writing[self.wrote..];
            let wrote = match ready!(Pin::new(&mut self.stream).poll_write(context, left)) {
                Ok(wrote) if wrote > 0 => Ok(wrote),
                Ok(_) => Err("nothing more can be written".into()),
                Err(error) => Err(root_cause(&error)),
            };
            // A write that failed may have got through in part.
            self.shared.state().session.note_written(*wrote.as_ref().unwrap_or(&left.len()));
            match wrote {
                Ok(wrote) => self.wrote += wrote,
                Err(cause) => return Poll::Ready(Written::Failed(cause)),
            }
        }
    }

    fn closed(&self) -> Arc<str> {
        match self.shared.state().session.farewell() {
            Some(reason) => format!("the server closed the connection: {reason}").into(),
            None => "the connection was closed".into(),
        }
    }
}

/// Pings when there is something under way and nothing was heard, until there is no answer.
async fn ping(shared: &Shared) {
    loop {
        // The first request after a silence, perhaps of a freeze, does not wait for the next round.
        drop(tokio::time::timeout(PING_INTERVAL, shared.silence.notified()).await);
        if !shared.is_busy() || !shared.state().is_silent(SystemTime::now()) {
            continue;
        }
        shared.state().change(Session::ping);
        if tokio::time::timeout(PING_TIMEOUT, shared.pong.notified()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, Method, Response};
    use std::collections::VecDeque;

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
        let connection = Connection::open(ours);
        send(&connection).await.unwrap();
        assert_eq!((connection.answers(), connection.is_over()), (1, false));
        (connection, server.await.unwrap())
    }

    async fn send(connection: &Connection) -> Result<Answer, LineError> {
        let request = Outgoing {
            method: &Method::POST,
            scheme: "https",
            authority: "push.example.com",
            path: ["/", ""],
            headers: &HeaderMap::new(),
            more: &[],
            body: &Bytes::from_static(b"{}"),
        };
        connection.exchange(request, Some(10), &AtomicBool::new(false), SystemTime::now()).await
    }

    /// The first request after a silence asks whether anybody is there any more.
    #[tokio::test]
    async fn a_server_that_went_away_without_a_word_is_missed() {
        let (connection, _deaf) = connected().await;
        connection.0.state().heard = SystemTime::UNIX_EPOCH;
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

    /// A server as it is seen from here.
    #[derive(Clone, Default)]
    struct Script(Arc<Mutex<Played>>);

    #[derive(Default)]
    struct Played {
        reads: VecDeque<Read>,
        reader: Option<Waker>,
        writing: Writing,
        written: Vec<u8>,
    }

    enum Read {
        Bytes(Vec<u8>),
        /// Nothing yet, as far as the runtime knows.
        Later,
        Panic,
    }

    #[derive(Default, Clone, Copy, PartialEq)]
    enum Writing {
        #[default]
        Works,
        Waits,
        Fails,
    }

    impl Script {
        fn says(&self, reads: impl IntoIterator<Item = Read>) {
            let mut played = self.0.lock().unwrap();
            played.reads.extend(reads);
            if let Some(reader) = played.reader.take() {
                reader.wake();
            }
        }

        fn writing(&self, writing: Writing) {
            self.0.lock().unwrap().writing = writing;
        }

        fn unread(&self) -> usize {
            self.0.lock().unwrap().reads.len()
        }

        /// How many frames of that kind were written.
        fn frames(&self, kind: u8) -> usize {
            let written = self.0.lock().unwrap().written.clone();
            let mut rest = &written[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()..];
            let mut frames = 0;
            while let [_, a, b, this, ..] = *rest {
                frames += usize::from(this == kind);
                rest = &rest[9 + usize::from(u16::from_be_bytes([a, b]))..];
            }
            frames
        }
    }

    impl AsyncRead for Script {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            let mut played = self.0.lock().unwrap();
            match played.reads.pop_front() {
                Some(Read::Bytes(bytes)) => buffer.put_slice(&bytes),
                Some(Read::Later) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Read::Panic) => {
                    drop(played);
                    panic!("ordered by a test");
                }
                None => {
                    played.reader = Some(context.waker().clone());
                    return Poll::Pending;
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
            let mut played = self.0.lock().unwrap();
            match played.writing {
                Writing::Works => {
                    played.written.extend_from_slice(bytes);
                    Poll::Ready(Ok(bytes.len()))
                }
                Writing::Waits => Poll::Pending,
                Writing::Fails => Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into())),
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const PING: u8 = 6;
    /// A frame of that kind and with these flags, about that stream.
    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// Settings: so many streams.
    fn takes(streams: u8) -> Read {
        Read::Bytes(frame(4, 0, 0, &[0, 3, 0, 0, 0, streams]))
    }

    fn answered(stream: u8) -> Vec<u8> {
        frame(HEADERS, 5, stream, &[0x88])
    }

    fn goaway(last: u8) -> Vec<u8> {
        frame(7, 0, 0, &[0, 0, 0, last, 0, 0, 0, 0])
    }

    /// A connection to a server that takes so many streams.
    async fn scripted(streams: u8) -> (Arc<Connection>, Script) {
        let script = Script::default();
        script.says([takes(streams)]);
        let connection = Arc::new(Connection::open(script.clone()));
        pause().await;
        (connection, script)
    }

    async fn pause() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    type Sent = tokio::task::JoinHandle<Result<Answer, LineError>>;

    /// Sends, and waits until it has gone as far as it goes.
    async fn sending(connection: &Arc<Connection>) -> Sent {
        let connection = Arc::clone(connection);
        let sent = tokio::spawn(async move { send(&connection).await });
        pause().await;
        sent
    }

    /// The server said something and went away. That it is gone is noticed first by a write.
    #[tokio::test]
    async fn what_a_server_said_before_it_went_away_counts() {
        let (connection, script) = scripted(10).await;
        let [good, left] = [sending(&connection).await, sending(&connection).await];
        script.writing(Writing::Fails);
        script.0.lock().unwrap().reads.extend([Read::Later, Read::Bytes([answered(1), goaway(1)].concat())]);
        let tried = sending(&connection).await;
        assert!(good.await.unwrap().is_ok());
        for turned_away in [left, tried] {
            let failed = turned_away.await.unwrap();
            assert!(matches!(failed, Err(LineError::LeftOut)), "{failed:?}");
        }
        assert!(connection.is_over());
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_written_to_ends_when_nothing_is_heard() {
        let (connection, script) = scripted(10).await;
        script.writing(Writing::Fails);
        let failed = send(&connection).await;
        assert!(matches!(failed, Err(LineError::Broken(_))), "{failed:?}");
    }

    #[tokio::test]
    async fn what_waits_behind_a_violation_is_not_sent() {
        let (connection, script) = scripted(10).await;
        let sent = sending(&connection).await;
        script.writing(Writing::Waits);
        let waits = sending(&connection).await;
        script.writing(Writing::Works);
        script.says([Read::Bytes(answered(2))]);
        let failed = sent.await.unwrap();
        assert!(matches!(&failed, Err(LineError::Broken(cause)) if cause.contains("PROTOCOL_ERROR")), "{failed:?}");
        let failed = waits.await.unwrap();
        assert!(matches!(failed, Err(LineError::Ended(_))), "{failed:?}");
        assert_eq!(script.frames(HEADERS), 1);
    }

    #[tokio::test]
    async fn a_server_that_takes_fewer_by_now_gets_fewer() {
        let (connection, script) = scripted(3).await;
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.push(sending(&connection).await);
        }
        assert_eq!(script.frames(HEADERS), 3);
        script.says([takes(1), Read::Bytes([answered(1), answered(3)].concat())]);
        pause().await;
        assert_eq!(script.frames(HEADERS), 3, "one is under way");
        script.says([Read::Bytes(answered(5))]);
        pause().await;
        assert_eq!(script.frames(HEADERS), 4);
        script.says([takes(2)]);
        pause().await;
        assert_eq!(script.frames(HEADERS), 5);
        script.says([Read::Bytes([answered(7), answered(9)].concat())]);
        pause().await;
        script.says([Read::Bytes(answered(11))]);
        for sent in sent {
            assert!(sent.await.unwrap().is_ok());
        }
    }

    #[tokio::test]
    async fn whoever_gives_up_makes_room() {
        let (connection, script) = scripted(1).await;
        let [under_way, waits] = [sending(&connection).await, sending(&connection).await];
        let next = sending(&connection).await;
        waits.abort();
        pause().await;
        assert_eq!((script.frames(HEADERS), script.frames(RST_STREAM)), (1, 0));
        under_way.abort();
        pause().await;
        assert_eq!((script.frames(HEADERS), script.frames(RST_STREAM)), (2, 1));
        script.says([Read::Bytes(answered(3))]);
        assert!(next.await.unwrap().is_ok());
    }

    /// A server that asks without end and does not read.
    #[tokio::test]
    async fn nothing_is_read_from_a_server_that_does_not_read() {
        let (connection, script) = scripted(10).await;
        script.writing(Writing::Waits);
        let pings = || Read::Bytes(frame(PING, 0, 0, &[0; 8]).repeat(900));
        script.says(std::iter::repeat_with(pings).take(200));
        pause().await;
        let unread = script.unread();
        assert!((1..150).contains(&unread), "{unread} of 200 are not read");
        script.writing(Writing::Works);
        let sent = sending(&connection).await;
        pause().await;
        assert_eq!(script.unread(), 0);
        assert_eq!(script.frames(PING), 180_000, "all are answered");
        script.says([Read::Bytes(answered(1))]);
        assert!(sent.await.unwrap().is_ok());
    }

    /// Nobody waits for a task that is not there any more.
    #[tokio::test]
    async fn a_task_that_stops_is_told_of() {
        let (connection, script) = scripted(10).await;
        let sent = sending(&connection).await;
        script.says([Read::Panic]);
        let failed = sent.await.unwrap();
        assert!(matches!(&failed, Err(LineError::Broken(cause)) if cause.contains("stopped")), "{failed:?}");
        let failed = send(&connection).await;
        assert!(connection.is_over() && matches!(failed, Err(LineError::Ended(_))), "{failed:?}");
    }

    #[tokio::test]
    async fn a_connection_that_nobody_needs_says_goodbye() {
        let (connection, script) = scripted(10).await;
        let sent = sending(&connection).await;
        connection.retire();
        pause().await;
        assert_eq!(script.frames(7), 0, "one is under way");
        script.says([Read::Bytes(answered(1))]);
        assert!(sent.await.unwrap().is_ok());
        pause().await;
        assert_eq!((script.frames(7), connection.0.end.get().is_some()), (1, true));
    }
}
