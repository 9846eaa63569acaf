//! A connection as a state: what comes in changes it, and leaves what is to go out.

mod incoming;
#[cfg(test)]
mod tests;

use super::frame::{self, Code, HEAD_BYTES, PAYLOAD_BYTES, PREFACE, flag, kind, setting};
use super::hpack::{Decoder, Encoder};
use super::stream::{Answer, Failure, HEADER_BYTES, Outgoing, Stream, WINDOW};
use http::Method;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::task::{Context, Poll};

/// What may come in before we have read it, of all answers together. They have some hundred bytes each.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// The window that everybody has at first, bytes.
const FIRST_WINDOW: u32 = 65_535;
/// Room for the bytes of a hundred requests.
const OUTPUT_BYTES: usize = 64 << 10;
/// With so much to go out, nothing more is read: a server that does not read cannot make us remember ever more answers to
/// what it sends.
const BEHIND_BYTES: usize = 1 << 20;

/// The client's side of a connection.
pub(crate) struct Session {
    /// What is to go out next, and how many bytes went before it.
    output: Vec<u8>,
    passed: u64,
    /// Before which byte all may have been written.
    written: u64,
    /// What came in of a frame that is not complete yet.
    input: Vec<u8>,
    encoder: Encoder,
    decoder: Decoder,
    /// The fields of a stream that go on in the next frame.
    continued: Option<Continued>,
    streams: HashMap<u32, Stream, BuildHasherDefault<ById>>,
    next_id: u32,
    /// Streams that have not ended.
    open: usize,
    /// Those whose body has no room yet, in the order in which they came.
    waiting: VecDeque<u32>,
    room: i64,
    window: u32,
    theirs: Theirs,
    pongs: u64,
    /// Why the server said goodbye, if it did.
    farewell: Option<Code>,
    stage: Stage,
}

/// What the server has set.
struct Theirs {
    /// Nothing yet; it must be the first thing that it says.
    is_known: bool,
    streams: Option<u32>,
    window: u32,
    payload: usize,
}

struct Continued {
    stream: u32,
    ends: bool,
    block: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It takes requests.
    Open,
    /// It takes no more, and ends when those under way have.
    Closing,
    /// We have said goodbye, or need not any more.
    Closed,
}

/// What a server did that nothing can follow, and the code that it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Violation {
    code: Code,
    what: &'static str,
}

impl Violation {
    /// For the log.
    pub(crate) fn cause(self) -> Arc<str> {
        format!("{}: {}", self.code.name(), self.what).into()
    }
}

impl Session {
    /// One that has everything before it.
    pub(crate) fn new() -> Self {
        let mut output = Vec::with_capacity(OUTPUT_BYTES);
        output.extend_from_slice(PREFACE);
        let header_bytes = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
        frame::settings(&mut output, &[(setting::ENABLE_PUSH, 0), (setting::MAX_HEADER_LIST_SIZE, header_bytes)]);
        frame::number(&mut output, kind::WINDOW_UPDATE, 0, CONNECTION_WINDOW - FIRST_WINDOW);
        Self {
            output,
            passed: 0,
            written: 0,
            input: Vec::new(),
            encoder: Encoder::new(),
            decoder: Decoder::default(),
            continued: None,
            streams: HashMap::default(),
            next_id: 1,
            open: 0,
            waiting: VecDeque::new(),
            room: i64::from(FIRST_WINDOW),
            window: CONNECTION_WINDOW,
            theirs: Theirs { is_known: false, streams: None, window: FIRST_WINDOW, payload: PAYLOAD_BYTES },
            pongs: 0,
            farewell: None,
            stage: Stage::Open,
        }
    }

    /// How many requests the server takes at a time: not known before it has said so, and then perhaps without a limit.
    pub(crate) fn most_streams(&self) -> Option<usize> {
        let most = self.theirs.streams.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        self.theirs.is_known.then_some(most)
    }

    /// Whether it takes requests.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether it has said goodbye, or need not any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// How many requests are under way.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    /// Why the server said goodbye, if it did.
    pub(crate) fn farewell(&self) -> Option<&'static str> {
        self.farewell.map(Code::name)
    }

    /// How many answers to pings have come.
    pub(crate) const fn pongs(&self) -> u64 {
        self.pongs
    }

    /// Writes a request, and answers the number of its stream. At most `limit` bytes of the answer's body are read; without
    /// a limit, its status is the answer.
    pub(crate) fn request(&mut self, request: Outgoing<'_>, limit: Option<usize>) -> Result<u32, Failure> {
        if !self.is_open() {
            return Err(Failure::Unwritten);
        }
        let (id, begins) = (self.next_id, self.passed + self.output.len() as u64);
        self.next_id += 2;
        if self.next_id > u32::MAX >> 1 {
            self.close();
        }
        self.headers(id, request);
        self.open += 1;
        let stream = Stream {
            begins,
            unsent: request.body.clone(),
            room: i64::from(self.theirs.window),
            window: WINDOW,
            limit,
            head: None,
            has_length: *request.method != Method::HEAD,
            body: Vec::new(),
            end: None,
            waker: None,
        };
        self.streams.insert(id, stream);
        self.send_body(id);
        Ok(id)
    }

    /// How a request ended, once it has.
    pub(crate) fn poll_answer(&mut self, id: u32, context: &Context<'_>) -> Poll<Result<Answer, Failure>> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(Failure::Broken("nobody has asked for it".into())));
        };
        if let Some(end) = stream.end.take() {
            self.streams.remove(&id);
            return Poll::Ready(end);
        }
        match &mut stream.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Nobody waits for that request any more.
    pub(crate) fn forget(&mut self, id: u32) {
        if let Some(Stream { end: None, unsent, .. }) = self.streams.remove(&id) {
            self.open -= 1;
            if !unsent.is_empty() {
                self.waiting.retain(|waiting| *waiting != id);
            }
            frame::number(&mut self.output, kind::RST_STREAM, id, Code::CANCEL.0);
        }
    }

    /// Takes no more requests. Those under way go on.
    pub(crate) fn close(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    /// Asks whether the server is there.
    pub(crate) fn ping(&mut self) {
        frame::ping(&mut self.output, 0, *b"tuisong!");
    }

    /// Whether so much is to go out that nothing more should be read.
    pub(crate) fn is_behind(&self) -> bool {
        self.output.len() > BEHIND_BYTES
    }

    /// Says goodbye once nothing is under way any more. Whether there is nothing to do when what is to go out has gone.
    pub(crate) fn wind_up(&mut self) -> bool {
        if self.stage == Stage::Closing && self.open == 0 {
            frame::goaway(&mut self.output, Code::NO_ERROR);
            self.stage = Stage::Closed;
        }
        self.stage == Stage::Closed
    }

    /// Exchanges `output`, which must be empty, for what is to go out next.
    pub(crate) fn take_output(&mut self, output: &mut Vec<u8>) {
        debug_assert!(output.is_empty(), "it would be lost");
        self.passed += self.output.len() as u64;
        std::mem::swap(&mut self.output, output);
    }

    /// So many bytes more may have been written.
    pub(crate) fn note_written(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// The connection has ended: whoever waits is told.
    pub(crate) fn end(&mut self, cause: &Arc<str>) {
        self.stage = Stage::Closed;
        let written = self.written;
        for stream in self.streams.values_mut() {
            let unwritten = stream.begins >= written;
            stream.finish(Err(if unwritten { Failure::Unwritten } else { Failure::Broken(Arc::clone(cause)) }));
        }
        self.open = 0;
    }

    /// Writes the headers of a request.
    fn headers(&mut self, id: u32, request: Outgoing<'_>) {
        let at = self.output.len();
        let last = if request.body.is_empty() { flag::END_STREAM } else { 0 };
        frame::begin(&mut self.output, 0, kind::HEADERS, flag::END_HEADERS | last, id);
        self.encoder.write(request, &mut self.output);
        if self.output.len() - at - HEAD_BYTES <= self.theirs.payload {
            frame::end(&mut self.output, at);
            return;
        }
        let block = self.output.split_off(at + HEAD_BYTES);
        self.output.truncate(at);
        let (mut kind, mut flags, mut rest) = (kind::HEADERS, last, &block[..]);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(self.theirs.payload));
            let end = if after.is_empty() { flag::END_HEADERS } else { 0 };
            frame::begin(&mut self.output, part.len(), kind, flags | end, id);
            self.output.extend_from_slice(part);
            (kind, flags, rest) = (kind::CONTINUATION, 0, after);
        }
    }

    /// Writes as much of a body as there is room for.
    fn send_body(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        while !stream.unsent.is_empty() {
            let room = usize::try_from(self.room.min(stream.room)).unwrap_or(0);
            let length = stream.unsent.len().min(self.theirs.payload).min(room);
            if length == 0 {
                self.waiting.push_back(id);
                return;
            }
            let part = stream.unsent.split_to(length);
            let last = if stream.unsent.is_empty() { flag::END_STREAM } else { 0 };
            frame::begin(&mut self.output, length, kind::DATA, last, id);
            self.output.extend_from_slice(&part);
            self.room -= length as i64;
            stream.room -= length as i64;
        }
    }

    /// Tells whoever waits for that request how it ended. The server is told so where it would send or wait for more.
    fn finish(&mut self, id: u32, end: Result<Answer, Failure>, reset: Option<Code>) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.end.is_none()) else { return };
        self.open -= 1;
        let unsent = std::mem::take(&mut stream.unsent);
        stream.finish(end);
        if let Some(code) = reset.or((!unsent.is_empty()).then_some(Code::CANCEL)) {
            frame::number(&mut self.output, kind::RST_STREAM, id, code.0);
        }
    }
}

/// Streams by their number, which nobody else chooses.
#[derive(Default)]
struct ById(u64);

impl Hasher for ById {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u32(&mut self, id: u32) {
        // The table looks at both ends of the number.
        self.0 = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
