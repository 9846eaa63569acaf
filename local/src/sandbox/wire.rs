//! An HTTP/2 connection to a stand-in, on the wire: frames of the connection that a vendor's server sends of itself.
//!
//! It stands between TLS and the HTTP/2 server, which knows nothing of it, and does two things on order:
//!
//! - *GOAWAY* (RFC 9113, section 6.8). The connection takes a few more streams; the first one after these is turned away,
//!   with all that follow, by a GOAWAY that names the last one taken. What was taken is answered. Whatever is turned away is
//!   not seen by the stand-in.
//! - *Another number of streams* (`SETTINGS_MAX_CONCURRENT_STREAMS`), in the middle of the connection. It holds once the
//!   client has acknowledged it; who opens one more than that is turned away with a GOAWAY of `PROTOCOL_ERROR`.
//!
//! Streams that are turned away are dropped with their header block. So the table of compressed headers is lost, and nothing
//! but their like may follow: a GOAWAY is for good.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What every client says first (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;
/// Bytes for the client that wait for the connection before the server has to.
const MOST_WAITING_BYTES: usize = 256 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
/// The flag of DATA and HEADERS that end their stream, and of SETTINGS that acknowledge.
const END_STREAM_OR_ACK: u8 = 1;
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// What happened on all connections of a process.
#[derive(Debug, Default)]
pub struct Traffic {
    connections: AtomicU64,
    goaways: AtomicU64,
    turned_away: AtomicU64,
    limits: AtomicU64,
    violations: AtomicU64,
}

impl Traffic {
    /// Connections that were opened.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections that said GOAWAY as ordered.
    pub fn goaways(&self) -> u64 {
        self.goaways.load(Ordering::Relaxed)
    }

    /// Streams behind the last one that a GOAWAY names.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Other numbers of streams that clients acknowledged.
    pub fn limits(&self) -> u64 {
        self.limits.load(Ordering::Relaxed)
    }

    /// Streams that were opened beyond such a number.
    pub fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }
}

/// One connection, as its requests and its bytes share it.
#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    traffic: Arc<Traffic>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many more streams are taken; `None`: no end is in sight.
    takes: Option<u32>,
    /// The highest stream that was taken.
    highest: u32,
    /// The last stream that is seen to, once GOAWAY is said.
    last: Option<u32>,
    /// Streams that were taken and are not answered.
    open: HashSet<u32>,
    /// Streams that may be open at a time, once acknowledged.
    limit: Option<usize>,
    /// Frames to be said between those of the server.
    to_say: Vec<Say>,
    /// SETTINGS that are not acknowledged: of the server, or of here with a number of streams.
    settings: VecDeque<Option<u32>>,
}

#[derive(Debug, Clone, Copy)]
enum Say {
    GoAway {
        last: u32,
        code: u32,
    },
    /// As many bytes of DATA were dropped: they count for the connection's window all the same.
    Window(u32),
    Streams(u32),
}

/// A frame's header.
#[derive(Debug, Clone, Copy)]
struct Header {
    bytes: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Header {
    fn of(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, s @ ..] = *bytes;
        Self {
            bytes: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes(s) & (u32::MAX >> 1),
        }
    }

    const fn ends_stream(self) -> bool {
        match self.kind {
            DATA | HEADERS => self.flags & END_STREAM_OR_ACK != 0,
            RST_STREAM => true,
            _ => false,
        }
    }

    const fn acknowledges(self) -> bool {
        self.kind == SETTINGS && self.flags & END_STREAM_OR_ACK != 0
    }
}

impl Wire {
    pub(super) fn new(traffic: Arc<Traffic>) -> Self {
        traffic.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner { traffic, state: Mutex::default() }))
    }

    /// The connection ends after `more` streams. `false` when its end is in sight already.
    pub(super) fn go_away_after(&self, more: u32) -> bool {
        let mut state = self.state();
        if state.takes.is_some() || state.last.is_some() {
            return false;
        }
        state.takes = Some(more);
        true
    }

    /// No more than `streams` may be open at a time from now on.
    pub(super) fn allow_streams(&self, streams: u32) {
        self.state().to_say.push(Say::Streams(streams));
    }

    /// Whether a frame of the client's reaches the server.
    fn takes(&self, header: Header) -> bool {
        let (traffic, mut state) = (&self.0.traffic, self.state());
        let Header { bytes, kind, stream, .. } = header;
        if header.acknowledges() {
            let Some(Some(limit)) = state.settings.pop_front() else { return true };
            state.limit = Some(limit as usize);
            traffic.limits.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        if stream == 0 {
            return true;
        }
        let is_new = kind == HEADERS && stream > state.highest;
        if is_new && state.last.is_none() {
            let too_many = state.limit.is_some_and(|limit| state.open.len() >= limit);
            match state.takes {
                _ if too_many => {
                    traffic.violations.fetch_add(1, Ordering::Relaxed);
                    state.end(PROTOCOL_ERROR);
                }
                Some(0) => {
                    traffic.goaways.fetch_add(1, Ordering::Relaxed);
                    state.end(NO_ERROR);
                }
                takes => {
                    state.takes = takes.map(|takes| takes - 1);
                    state.highest = stream;
                    state.open.insert(stream);
                }
            }
        }
        if state.last.is_none_or(|last| stream <= last) {
            if kind == RST_STREAM {
                state.open.remove(&stream);
            }
            return true;
        }
        if is_new {
            traffic.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        if kind == DATA && bytes > 0 {
            state.to_say.push(Say::Window(u32::try_from(bytes).unwrap_or(u32::MAX >> 1)));
        }
        false
    }

    /// Notes a frame of the server's.
    fn said(&self, header: Header) {
        let mut state = self.state();
        if header.ends_stream() {
            state.open.remove(&header.stream);
        }
        if header.kind == SETTINGS && !header.acknowledges() {
            state.settings.push_back(None);
        }
    }

    /// What is to be said now, as frames.
    fn say(&self, out: &mut BytesMut) {
        let mut state = self.state();
        for say in std::mem::take(&mut state.to_say) {
            match say {
                Say::GoAway { last, code } => {
                    frame(out, GOAWAY, &[last.to_be_bytes(), code.to_be_bytes()].concat());
                }
                Say::Window(bytes) => frame(out, WINDOW_UPDATE, &bytes.to_be_bytes()),
                Say::Streams(streams) => {
                    state.settings.push_back(Some(streams));
                    frame(out, SETTINGS, &[&MAX_CONCURRENT_STREAMS.to_be_bytes()[..], &streams.to_be_bytes()].concat());
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, code: u32) {
        self.last = Some(self.highest);
        self.to_say.push(Say::GoAway { last: self.highest, code });
    }
}

/// A frame of the connection as a whole, without flags. Its payload is a few bytes.
fn frame(out: &mut BytesMut, kind: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, 0, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
}

/// The bytes of a connection.
pub(crate) struct Framed<S> {
    stream: S,
    wire: Wire,
    /// From the client: what is no whole frame yet, what the server is to read, and whether that was all.
    raw: BytesMut,
    taken: BytesMut,
    preface: usize,
    ended: bool,
    /// For the client.
    out: BytesMut,
    /// The header of the server's frame as far as it is written, and how much of the frame is to follow.
    header: [u8; HEADER_BYTES],
    known: usize,
    rest: usize,
}

impl<S> Framed<S> {
    pub(crate) fn new(stream: S, wire: Wire) -> Self {
        Self {
            stream,
            wire,
            raw: BytesMut::new(),
            taken: BytesMut::new(),
            preface: PREFACE_BYTES,
            ended: false,
            out: BytesMut::new(),
            header: [0; HEADER_BYTES],
            known: 0,
            rest: 0,
        }
    }

    /// Sorts what the client said.
    fn sort(&mut self) {
        let preface = self.preface.min(self.raw.len());
        self.preface -= preface;
        self.taken.unsplit(self.raw.split_to(preface));
        while let Some(first) = self.raw.first_chunk() {
            let header = Header::of(first);
            let whole = HEADER_BYTES + header.bytes;
            if self.raw.len() < whole {
                break;
            }
            let frame = self.raw.split_to(whole);
            if self.wire.takes(header) {
                self.taken.extend_from_slice(&frame);
            }
        }
    }

    /// Goes along with what the server says.
    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let payload = self.rest.min(bytes.len());
            self.rest -= payload;
            bytes = &bytes[payload..];
            let more = (HEADER_BYTES - self.known).min(bytes.len());
            self.header[self.known..self.known + more].copy_from_slice(&bytes[..more]);
            self.known += more;
            bytes = &bytes[more..];
            if self.known == HEADER_BYTES {
                let header = Header::of(&self.header);
                self.wire.said(header);
                (self.known, self.rest) = (0, header.bytes);
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Framed<S> {
    /// Sends what is there, with what is to be said in between once no frame is half said.
    fn drive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if (self.known, self.rest) == (0, 0) {
            self.wire.say(&mut self.out);
        }
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Framed<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.taken.is_empty() && !this.ended {
            let mut bytes = [0; 8 << 10];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))?;
            this.ended = read.filled().is_empty();
            this.raw.extend_from_slice(read.filled());
            this.sort();
            // What is turned away is told at once: nobody else will write.
            if let Poll::Ready(Err(error)) = this.drive(context) {
                return Poll::Ready(Err(error));
            }
        }
        let count = into.remaining().min(this.taken.len());
        into.put_slice(&this.taken.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.out.len() > MOST_WAITING_BYTES {
            ready!(self.drive(context))?;
        }
        self.follow(bytes);
        self.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.drive(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drive(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn frame_of(kind: u8, flags: u8, stream: u32, bytes: usize) -> Header {
        Header { bytes, kind, flags, stream }
    }

    fn said(wire: &Wire) -> Vec<(u8, Vec<u8>)> {
        let mut out = BytesMut::new();
        wire.say(&mut out);
        let mut frames = Vec::new();
        while let Some(first) = out.first_chunk() {
            let header = Header::of(first);
            let frame = out.split_to(HEADER_BYTES + header.bytes);
            assert_eq!((header.flags, header.stream), (0, 0));
            frames.push((header.kind, frame[HEADER_BYTES..].to_vec()));
        }
        frames
    }

    #[test]
    fn goaway_names_the_last_stream_that_was_taken() {
        let wire = Wire::new(Arc::default());
        assert!(wire.takes(frame_of(HEADERS, 0, 1, 50)));
        assert!(wire.go_away_after(1) && !wire.go_away_after(9), "once");
        assert!(wire.takes(frame_of(HEADERS, 0, 3, 50)));
        assert!(said(&wire).is_empty(), "nobody was turned away yet");
        assert!(!wire.takes(frame_of(HEADERS, 0, 5, 50)));
        assert!(!wire.takes(frame_of(DATA, END_STREAM_OR_ACK, 5, 300)));
        assert!(!wire.takes(frame_of(HEADERS, 0, 7, 50)));
        assert!(wire.takes(frame_of(DATA, END_STREAM_OR_ACK, 3, 300)), "what was taken is seen to");
        assert!(wire.takes(frame_of(6, 0, 0, 8)), "a ping");
        let goaway = (GOAWAY, vec![0, 0, 0, 3, 0, 0, 0, 0]);
        assert_eq!(said(&wire), [goaway, (WINDOW_UPDATE, vec![0, 0, 1, 44])]);
        let traffic = &wire.0.traffic;
        assert_eq!((traffic.goaways(), traffic.turned_away(), traffic.violations()), (1, 2, 0));
    }

    #[test]
    fn another_number_of_streams_holds_once_it_is_acknowledged() {
        let wire = Wire::new(Arc::default());
        let ack = frame_of(SETTINGS, END_STREAM_OR_ACK, 0, 0);
        wire.said(frame_of(SETTINGS, 0, 0, 12));
        wire.allow_streams(2);
        assert_eq!(said(&wire), [(SETTINGS, vec![0, 3, 0, 0, 0, 2])]);
        assert!([1, 3, 5].iter().all(|stream| wire.takes(frame_of(HEADERS, 0, *stream, 50))));
        assert!(wire.takes(ack), "the server's own");
        assert!(!wire.takes(ack), "which the server knows nothing of");
        wire.said(frame_of(HEADERS, END_STREAM_OR_ACK, 1, 9));
        wire.said(frame_of(DATA, END_STREAM_OR_ACK, 3, 9));
        assert!(wire.takes(frame_of(HEADERS, 0, 7, 50)), "one was open");
        assert!(!wire.takes(frame_of(HEADERS, 0, 9, 50)), "two were open");
        assert_eq!(said(&wire), [(GOAWAY, vec![0, 0, 0, 7, 0, 0, 0, 1])]);
        let traffic = &wire.0.traffic;
        assert_eq!((traffic.limits(), traffic.violations(), traffic.goaways()), (1, 1, 0));
    }

    #[test]
    fn the_servers_frames_are_followed_however_they_are_cut() {
        let mut bytes = BytesMut::new();
        frame(&mut bytes, SETTINGS, &[0; 6]);
        frame(&mut bytes, 6, &[0; 8]);
        for cut in 1..bytes.len() {
            let mut framed = Framed::new((), Wire::new(Arc::default()));
            framed.follow(&bytes[..cut]);
            assert_eq!((framed.known, framed.rest) == (0, 0), cut == HEADER_BYTES + 6, "{cut}");
            framed.follow(&bytes[cut..]);
            assert_eq!((framed.known, framed.rest), (0, 0));
            assert_eq!(framed.wire.state().settings.len(), 1);
        }
    }
}
