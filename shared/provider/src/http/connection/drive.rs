//! The task that drives a connection: what comes in goes to the session, what the session has goes out.

use super::{PING_INTERVAL, PING_TIMEOUT, Shared};
use crate::http::error::root_cause;
use crate::http2::{Session, Violation};
use futures::future::{Either, select};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The most streams at a time, whatever the server takes.
const MOST_STREAMS: usize = 10_000;
/// How much is read at a time: what one record of TLS carries.
const READ_BYTES: usize = 16 << 10;
/// How long there is for last words. What a server said before it went away is there already, or it is lost; and one that does
/// not read our goodbye is not waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Keeps a connection going until it ends or does not answer a ping any more. That it ended, each of its requests is told.
pub(super) async fn drive<T>(stream: T, shared: Arc<Shared>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // Whatever becomes of this task: nobody waits for one that is not there.
    let mut ending = Ending { shared: &shared, cause: "the connection's task stopped".into() };
    let mut wire = Wire {
        stream,
        shared: &shared,
        read: vec![0; READ_BYTES].into(),
        writing: Vec::new(),
        wrote: 0,
        failed: None,
        patience: None,
    };
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
    /// Why nothing more can be written.
    failed: Option<Arc<str>>,
    /// Until when last words are waited for.
    patience: Option<Pin<Box<Sleep>>>,
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
        if let Some(patience) = &mut self.patience
            && patience.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(self.failed.take().unwrap_or_else(|| self.closed()));
        }
        if self.failed.is_some() {
            return Poll::Pending;
        }
        match self.poll_write(context) {
            Poll::Ready(Written::Over) => return Poll::Ready(self.closed()),
            Poll::Ready(Written::Failed(cause)) => {
                // Answers may have come before, and what the server has not processed.
                self.shared.turns.close();
                self.shared.state().session.close();
                self.failed = Some(cause);
                self.wait(context);
            }
            Poll::Pending if self.patience.is_none() && self.shared.state().session.is_closed() => self.wait(context),
            Poll::Pending if is_behind && !self.shared.state().session.is_behind() => {
                // What was not read has waked nobody.
                context.waker().wake_by_ref();
            }
            Poll::Pending => {}
        }
        Poll::Pending
    }

    /// Waits for last words from now on.
    fn wait(&mut self, context: &Context<'_>) {
        self.patience = Some(Box::pin(tokio::time::sleep(LAST_WORDS)));
        // So that it is looked at, and what there is is read once more.
        context.waker().wake_by_ref();
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
                let is_over = state.session.wind_up();
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
