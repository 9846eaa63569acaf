//! What the server sends.

use super::{CONNECTION_WINDOW, Continued, Session, Stage, Violation};
use crate::http2::frame::{
    self, Code, HEAD_BYTES, Head, PAYLOAD_BYTES, PREFACE, SETTING_BYTES, flag, id, kind, setting,
};
use crate::http2::hpack::Malformed;
use crate::http2::stream::{Answer, Failure, HEADER_BYTES, Offence, Reading, Stream, WINDOW};
use bytes::Bytes;

/// The largest window that there can be, bytes.
const MOST_WINDOW: u32 = u32::MAX >> 1;
/// The largest frames that a reader can ask for.
const MOST_PAYLOAD_BYTES: usize = (1 << 24) - 1;

const fn violation(what: &'static str) -> Violation {
    Violation { code: Code::PROTOCOL_ERROR, what }
}

const WRONG_SIZE: Violation = Violation { code: Code::FRAME_SIZE_ERROR, what: "a frame of a size that it cannot have" };
const NO_ROOM: Violation = Violation { code: Code::FLOW_CONTROL_ERROR, what: "more than there is room for" };
const ENDLESS: Violation = Violation { code: Code::ENHANCE_YOUR_CALM, what: "headers without an end" };
const UNREADABLE: Violation = Violation { code: Code::COMPRESSION_ERROR, what: "headers that cannot be read" };

impl Session {
    /// Takes what came in. After an error nothing more is to be brought: what is to go out tells the server why, and nothing
    /// else does, so that requests that have not gone out never will.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let mut input = std::mem::take(&mut self.input);
        let taken = if input.is_empty() {
            let taken = self.frames(bytes);
            input.extend_from_slice(&bytes[taken.unwrap_or(0)..]);
            taken.map(drop)
        } else {
            input.extend_from_slice(bytes);
            self.frames(&input).map(|taken| drop(input.drain(..taken)))
        };
        self.input = input;
        taken.inspect_err(|violation| {
            let passed = self.passed;
            let kept: Vec<u32> =
                self.streams.iter().filter(|(_, one)| one.begins >= passed).map(|(id, _)| *id).collect();
            for id in kept {
                self.finish(id, Err(Failure::Unwritten), None);
            }
            self.output.clear();
            frame::goaway(&mut self.output, violation.code);
            self.stage = Stage::Closed;
        })
    }

    /// Takes all frames of `bytes` that are complete. How many bytes they were.
    fn frames(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let mut rest = bytes;
        while let Some(head) = Head::read(rest) {
            if head.length > PAYLOAD_BYTES {
                return Err(WRONG_SIZE);
            }
            let Some(payload) = rest.get(HEAD_BYTES..HEAD_BYTES + head.length) else { break };
            self.frame(head, payload)?;
            rest = &rest[HEAD_BYTES + head.length..];
        }
        Ok(bytes.len() - rest.len())
    }

    fn frame(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        if !self.theirs.is_known && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
            return Err(violation("something before the settings"));
        }
        let goes_on = |continued: &Continued| head.kind == kind::CONTINUATION && head.stream == continued.stream;
        if self.continued.as_ref().is_some_and(|continued| !goes_on(continued)) {
            return Err(violation("something between headers"));
        }
        match head.kind {
            kind::DATA | kind::HEADERS | kind::RST_STREAM => self.begun(head.stream)?,
            kind::SETTINGS | kind::PING | kind::GOAWAY if head.stream != 0 => {
                return Err(violation("a stream where there can be none"));
            }
            _ => {}
        }
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => self.headers_begin(head, payload),
            kind::CONTINUATION => self.headers_go_on(head, payload),
            kind::RST_STREAM => self.reset(head, payload),
            kind::SETTINGS => self.settings(head, payload),
            kind::PING => self.pinged(head, payload),
            kind::GOAWAY => self.goodbye(payload),
            kind::WINDOW_UPDATE => self.more_room(head, payload),
            kind::PRIORITY if payload.len() != 5 => Err(WRONG_SIZE),
            kind::PUSH_PROMISE => Err(violation("a push")),
            // Whatever is new is to be overlooked.
            _ => Ok(()),
        }
    }

    /// An error for a stream that we have not begun.
    fn begun(&self, stream: u32) -> Result<(), Violation> {
        let is_ours = stream % 2 == 1 && stream < self.next_id;
        if is_ours { Ok(()) } else { Err(violation("a stream that nobody has begun")) }
    }

    /// That stream, unless it has ended, of which a server may not know yet.
    fn live(&mut self, stream: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&stream).filter(|stream| stream.end.is_none())
    }

    fn data(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        let id = head.stream;
        // What fills a frame up takes room as well, and so does what comes for a stream that has ended.
        let size = u32::try_from(payload.len()).map_err(|_| NO_ROOM)?;
        self.window = self.window.checked_sub(size).ok_or(NO_ROOM)?;
        if self.window < CONNECTION_WINDOW / 2 {
            frame::number(&mut self.output, kind::WINDOW_UPDATE, 0, CONNECTION_WINDOW - self.window);
            self.window = CONNECTION_WINDOW;
        }
        let data = unpadded(head, payload)?;
        let Some(stream) = self.live(id) else { return Ok(()) };
        stream.window = stream.window.checked_sub(size).ok_or(NO_ROOM)?;
        if stream.head.is_none() {
            self.offend(id, Offence("a body before headers"));
        } else if stream.body.len() + data.len() > stream.limit.unwrap_or(0) {
            self.finish(id, Err(Failure::TooLarge), Some(Code::CANCEL));
        } else {
            stream.body.extend_from_slice(data);
            if head.has(flag::END_STREAM) {
                self.complete(id);
            } else if stream.window < WINDOW / 2 {
                let more = WINDOW - std::mem::replace(&mut stream.window, WINDOW);
                frame::number(&mut self.output, kind::WINDOW_UPDATE, id, more);
            }
        }
        Ok(())
    }

    fn headers_begin(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        let block = unpadded(head, payload)?;
        // What depends on what does not matter to us.
        let skipped = if head.has(flag::PRIORITY) { 5 } else { 0 };
        let block = block.get(skipped..).ok_or(WRONG_SIZE)?;
        let ends = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.fields(head.stream, ends, block);
        }
        self.continued = Some(Continued { stream: head.stream, ends, block: block.to_vec() });
        Ok(())
    }

    fn headers_go_on(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        let mut continued = self.continued.take().ok_or(violation("headers that continue nothing"))?;
        continued.block.extend_from_slice(payload);
        if head.has(flag::END_HEADERS) {
            return self.fields(continued.stream, continued.ends, &continued.block);
        }
        if payload.is_empty() || continued.block.len() > HEADER_BYTES {
            return Err(ENDLESS);
        }
        self.continued = Some(continued);
        Ok(())
    }

    fn fields(&mut self, id: u32, ends: bool, block: &[u8]) -> Result<(), Violation> {
        let mut reading = Reading::default();
        self.decoder.read(block, |name, value| reading.take(name, value)).map_err(|Malformed| UNREADABLE)?;
        let Some(stream) = self.live(id) else { return Ok(()) };
        match reading.read() {
            Err(offence) => self.offend(id, offence),
            // An answer before the answer.
            Ok((Some(status), _)) if status.is_informational() && !ends && stream.head.is_none() => {}
            Ok((Some(status), _)) if status.is_informational() => {
                self.offend(id, Offence("an answer before the answer"))
            }
            Ok((Some(status), headers)) if stream.head.is_none() => {
                let is_enough = stream.limit.is_none();
                stream.head = Some((status, headers));
                if ends {
                    self.complete(id);
                } else if is_enough && let Some((status, headers)) = stream.head.take() {
                    self.finish(id, Ok(Answer { status, headers, body: Bytes::new() }), Some(Code::CANCEL));
                }
            }
            // Trailers.
            Ok((None, _)) if ends && stream.head.is_some() => self.complete(id),
            Ok(_) => self.offend(id, Offence("headers out of place")),
        }
        Ok(())
    }

    fn complete(&mut self, id: u32) {
        let Some(stream) = self.live(id) else { return };
        match stream.answer() {
            Ok(answer) => self.finish(id, Ok(answer), None),
            Err(offence) => self.offend(id, offence),
        }
    }

    fn offend(&mut self, id: u32, offence: Offence) {
        self.finish(id, Err(offence.failure()), Some(Code::PROTOCOL_ERROR));
    }

    fn reset(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        let code = Code(u32::from_be_bytes(*payload.as_array().ok_or(WRONG_SIZE)?));
        if let Some(stream) = self.live(head.stream) {
            let failure = match code {
                // Whoever has begun to answer has processed it, whatever is said now.
                Code::REFUSED_STREAM if stream.head.is_none() => Failure::Refused,
                code => Failure::Broken(format!("the server reset the stream: {}", code.name()).into()),
            };
            // It is not to be told that we reset it, too.
            stream.unsent.clear();
            self.finish(head.stream, Err(failure), None);
        }
        Ok(())
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        if head.has(flag::ACK) {
            return if payload.is_empty() { Ok(()) } else { Err(WRONG_SIZE) };
        }
        let (settings, []) = payload.as_chunks::<SETTING_BYTES>() else { return Err(WRONG_SIZE) };
        for [a, b, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            self.set(u16::from_be_bytes([*a, *b]), value)?;
        }
        self.theirs.is_known = true;
        frame::begin(&mut self.output, 0, kind::SETTINGS, flag::ACK, 0);
        self.send_waiting();
        Ok(())
    }

    fn set(&mut self, name: u16, value: u32) -> Result<(), Violation> {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        match name {
            setting::HEADER_TABLE_SIZE => self.encoder.resize(size),
            setting::ENABLE_PUSH if value != 0 => return Err(violation("a server that allows pushes")),
            setting::MAX_CONCURRENT_STREAMS => self.theirs.streams = Some(value),
            setting::INITIAL_WINDOW_SIZE if value > MOST_WINDOW => return Err(NO_ROOM),
            setting::INITIAL_WINDOW_SIZE => {
                let more = i64::from(value) - i64::from(self.theirs.window);
                self.theirs.window = value;
                for stream in self.streams.values_mut().filter(|stream| stream.end.is_none()) {
                    stream.room = widened(stream.room, more)?;
                }
            }
            setting::MAX_FRAME_SIZE if (PAYLOAD_BYTES..=MOST_PAYLOAD_BYTES).contains(&size) => {
                self.theirs.payload = size;
            }
            setting::MAX_FRAME_SIZE => return Err(violation("frames of a size that there cannot be")),
            _ => {}
        }
        Ok(())
    }

    fn pinged(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        let payload = *payload.as_array().ok_or(WRONG_SIZE)?;
        if head.has(flag::ACK) {
            self.pongs += 1;
        } else {
            frame::ping(&mut self.output, flag::ACK, payload);
        }
        Ok(())
    }

    fn goodbye(&mut self, payload: &[u8]) -> Result<(), Violation> {
        let [last, code] = payload.first_chunk::<8>().ok_or(WRONG_SIZE)?.as_chunks::<4>().0 else {
            return Err(WRONG_SIZE);
        };
        let last = id(*last);
        self.farewell = Some(Code(u32::from_be_bytes(*code)));
        self.close();
        let later: Vec<u32> = self.streams.keys().copied().filter(|id| *id > last).collect();
        for id in later {
            if let Some(stream) = self.live(id) {
                stream.unsent.clear();
                let was_begun = stream.head.is_some();
                let failure =
                    if was_begun { Failure::Broken("the server took it back".into()) } else { Failure::LeftOut };
                self.finish(id, Err(failure), None);
            }
        }
        self.withdraw(last);
        Ok(())
    }

    /// Keeps what has not gone out of later streams than `last` from going out. They are the last ones of all, so nothing that
    /// stays was written on the strength of what goes.
    fn withdraw(&mut self, last: u32) {
        let begin = if self.output.starts_with(PREFACE) { PREFACE.len() } else { 0 };
        let mut kept = self.output[..begin].to_vec();
        let mut rest = &self.output[begin..];
        while let Some(head) = Head::read(rest) {
            let (frame, after) = rest.split_at(HEAD_BYTES + head.length);
            if head.stream <= last {
                kept.extend_from_slice(frame);
            }
            rest = after;
        }
        self.output = kept;
    }

    fn more_room(&mut self, head: Head, payload: &[u8]) -> Result<(), Violation> {
        let more = i64::from(id(*payload.as_array().ok_or(WRONG_SIZE)?));
        if more == 0 {
            return Err(violation("no more room"));
        }
        if head.stream == 0 {
            self.room = widened(self.room, more)?;
        } else {
            self.begun(head.stream)?;
            if let Some(stream) = self.live(head.stream) {
                stream.room = widened(stream.room, more)?;
            }
        }
        self.send_waiting();
        Ok(())
    }

    /// Goes on with bodies for which there was no room.
    fn send_waiting(&mut self) {
        for id in std::mem::take(&mut self.waiting) {
            self.send_body(id);
        }
    }
}

/// A window that becomes larger or smaller by so much.
fn widened(room: i64, more: i64) -> Result<i64, Violation> {
    let room = room + more;
    if room > i64::from(MOST_WINDOW) { Err(NO_ROOM) } else { Ok(room) }
}

/// What a frame carries without what it is filled up with.
fn unpadded(head: Head, payload: &[u8]) -> Result<&[u8], Violation> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(WRONG_SIZE)?;
    let length =
        rest.len().checked_sub(usize::from(*padding)).ok_or(violation("more padding than there is room for"))?;
    Ok(&rest[..length])
}
