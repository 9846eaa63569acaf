//! One request and its answer.

use super::fields::Fields;
use super::frame::Code;
use crate::text;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use std::sync::Arc;
use std::task::Waker;

/// What a server may send of an answer before we have read it, bytes.
pub(super) const WINDOW: u32 = 65_535;
/// The most of an answer's headers that is read: names, values and 32 bytes for each, as RFC 9113 counts them.
pub(super) const HEADER_BYTES: usize = 16 << 10;

/// A request. Its parts lie where they are kept: the same headers go with thousands of requests.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    /// Host and port.
    pub(crate) authority: &'a str,
    /// Path and query, in two parts.
    pub(crate) path: [&'a str; 2],
    /// Headers. `content-length` is said of every body, so must not be one of them.
    pub(crate) headers: &'a HeaderMap,
    /// More of them: printable ASCII.
    pub(crate) more: &'a [(HeaderName, &'a str)],
    /// The body; empty for none.
    pub(crate) body: &'a Bytes,
}

/// An answer. All of it, or as much as was asked for.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers, without trailers.
    pub(crate) headers: Fields,
    /// The body; empty when only the status was asked for.
    pub(crate) body: Bytes,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (status, headers, body) = (self.status.as_u16(), &self.headers, self.body.len());
        write!(f, "Answer {{ {status}, {headers:?}, {body} bytes }}")
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection ended, or takes no more requests, and nothing of this one was written.
    Unwritten,
    /// The server said that it has not processed it, and will not: it refused the stream, and may take the next one.
    Refused,
    /// The server said that it has not processed it, and will not: it is about to close the connection.
    LeftOut,
    /// It was written, at least in part, and what became of it is unknown.
    Broken(Arc<str>),
    /// The answer is larger than what is read of it.
    TooLarge,
}

/// A stream, until whoever waits for it has taken how it ended.
pub(super) struct Stream {
    /// How many bytes went out on the connection before its first one.
    pub(super) begins: u64,
    /// What is not sent yet of the body, because the server has no room for it.
    pub(super) unsent: Bytes,
    /// How much the server has room for. Below zero when it took room away.
    pub(super) room: i64,
    /// How much the server may send before it hears from us.
    pub(super) window: u32,
    /// How much of the body is read at most; `None`: none, the status is the answer.
    pub(super) limit: Option<usize>,
    pub(super) head: Option<(StatusCode, Fields)>,
    /// Whether the length that an answer announces is that of its body: not if only its head was asked for.
    pub(super) has_length: bool,
    pub(super) body: Vec<u8>,
    pub(super) end: Option<Result<Answer, Failure>>,
    pub(super) waker: Option<Waker>,
}

impl Stream {
    /// Says how it ended, if it has not yet.
    pub(super) fn finish(&mut self, end: Result<Answer, Failure>) {
        self.end.get_or_insert(end);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The answer, now that all of it is there. An error when its length is not what the server said.
    pub(super) fn answer(&mut self) -> Result<Answer, Offence> {
        let (status, headers) = self.head.take().ok_or(Offence("an answer without headers"))?;
        let body = Bytes::from(std::mem::take(&mut self.body));
        let announced = headers.get(&header::CONTENT_LENGTH).map(str::parse);
        // An answer that has no body may say how long the one was that it stands for.
        let has_length = self.has_length && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if has_length && announced.is_some_and(|announced| announced != Ok(body.len())) {
            return Err(Offence("a body of another length than was announced"));
        }
        Ok(Answer { status, headers, body })
    }
}

/// What is wrong with an answer. The connection goes on: it is about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offence(pub(super) &'static str);

impl Offence {
    pub(super) fn failure(self) -> Failure {
        Failure::Broken(format!("{}: {}", Code::PROTOCOL_ERROR.name(), self.0).into())
    }
}

/// Headers as they are read: a status and fields, within a limit.
#[derive(Default)]
pub(super) struct Reading {
    status: Option<StatusCode>,
    fields: Fields,
    bytes: usize,
    offence: Option<Offence>,
}

impl Reading {
    /// Takes one more field. What is wrong with it is said in the end, since all fields of a connection have to be read.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) {
        self.bytes += name.len() + value.len() + 32;
        if self.offence.is_none() {
            self.offence = self.add(name, value).err();
        }
    }

    fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Offence> {
        if self.bytes > HEADER_BYTES {
            return Err(Offence("headers that are too large"));
        }
        if name == b":status" {
            let status = StatusCode::from_bytes(value).map_err(|_| Offence("a status that is no number"))?;
            let is_first = self.status.replace(status).is_none() && self.fields.is_empty();
            return if is_first { Ok(()) } else { Err(Offence("a status out of place")) };
        }
        // Any other name with a colon is none.
        let is_name = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b':';
        if name.is_empty() || !text::all(name, is_name) {
            return Err(Offence("a header's name that is none"));
        }
        if !text::all(value, |byte| !matches!(byte, b'\0' | b'\r' | b'\n')) {
            return Err(Offence("a header's value that is none"));
        }
        self.fields.push(name, value);
        Ok(())
    }

    /// Status and headers of an answer; no status for trailers.
    pub(super) fn read(self) -> Result<(Option<StatusCode>, Fields), Offence> {
        match self.offence {
            Some(offence) => Err(offence),
            None => Ok((self.status, self.fields)),
        }
    }
}
