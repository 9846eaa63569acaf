//! One HTTP/2 connection: its requests, and what they share with the task that drives it.

mod drive;
#[cfg(test)]
mod tests;

use self::drive::drive;
use super::line::LineError;
use crate::http2::{Answer, Failure, Outgoing, Session};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// A connection with requests under way that has been silent for so long is pinged, and how long the answer may take.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Streams on a new connection before the server has said how many it takes. More would only be refused by a server that
/// takes few, as Apple's does at first.
const FIRST_STREAMS: usize = 1;

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
    made: usize,
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
        let state = State { session, driver: None, heard, made: FIRST_STREAMS, takes: FIRST_STREAMS };
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
        self.turns.available_permits() < self.state().made
    }

    /// Makes as many turns as the server takes streams. Those that are out are taken back as they end ([`Turn`]).
    fn make_turns(&self, state: &mut State, takes: usize) {
        state.takes = takes;
        if takes > state.made {
            self.turns.add_permits(takes - state.made);
            state.made = takes;
        } else {
            state.made -= self.turns.forget_permits(state.made - takes);
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
        if state.made > state.takes
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.made -= 1;
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
