use super::*;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use std::collections::VecDeque;
use tokio::io::ReadBuf;

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

#[tokio::test]
async fn a_server_that_does_not_read_our_goodbye_is_not_waited_for() {
    let (connection, script) = scripted(10).await;
    script.writing(Writing::Waits);
    connection.retire();
    pause().await;
    assert!(connection.0.end.get().is_none(), "it is given a moment");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(connection.0.end.get().is_some() && script.frames(7) == 0);
}
