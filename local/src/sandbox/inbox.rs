//! The inbox: every message that a stand-in accepted, in order, in memory or in a file that survives the process.
//!
//! One message is one line of JSON, from memory or file alike, so a page of the inbox is a copy of bytes. Only where each
//! line ends is kept beside them: 8 bytes a message.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The most messages in one page of the inbox.
pub const MAX_PAGE_MESSAGES: u64 = 1_000;

/// How much of the file is read at a time when it is opened.
const READ_BYTES: usize = 1 << 20;

/// One message, as the inbox gives it back.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    /// Its place in the inbox, from 1, without gaps.
    pub seq: u64,
    /// When it was accepted, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The channel it came by: `wechat-template`.
    pub channel: String,
    /// The account it came from: for WeChat the appid.
    pub account: String,
    /// Whom it is for, in the channel's own terms: for WeChat the openid.
    pub recipient: String,
    /// What the recipient reads first.
    pub title: String,
    /// What the recipient reads, in lines.
    pub body: String,
    /// The request as the upstream got it, and what it answered (for WeChat `msgid`, a decimal string).
    pub raw: Value,
}

/// A message to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// See [`Message::at_ms`].
    pub(super) at_ms: i64,
    /// See [`Message::channel`].
    pub(super) channel: &'static str,
    /// See [`Message::account`].
    pub(super) account: &'a str,
    /// See [`Message::recipient`].
    pub(super) recipient: &'a str,
    /// See [`Message::title`].
    pub(super) title: &'a str,
    /// See [`Message::body`].
    pub(super) body: &'a str,
    /// See [`Message::raw`]. Must not contain a line break.
    pub(super) raw: &'a RawValue,
}

/// An entry with its place, in the order of the line's fields.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at_ms: i64,
    channel: &'a str,
    account: &'a str,
    recipient: &'a str,
    title: &'a str,
    body: &'a str,
    raw: &'a RawValue,
}

/// What opening checks in the last line.
#[derive(Deserialize)]
struct Place {
    seq: u64,
}

/// What the search for a moment reads of a line.
#[derive(Deserialize)]
struct Moment {
    at_ms: i64,
}

/// The messages.
pub(super) struct Inbox {
    kept: Mutex<Kept>,
}

impl Inbox {
    /// An empty inbox that ends with the process.
    pub(super) fn in_memory() -> Self {
        Self::of(Lines::Memory(Vec::new()), Vec::new())
    }

    /// The inbox `inbox.jsonl` in `folder`, which is created if it is not there. A last line without its line break
    /// is what a crash left of a message nobody was told about; it is removed.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("inbox.jsonl");
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let (ends, torn) = line_ends(&file)?;
        if torn {
            file.set_len(ends.last().copied().unwrap_or(0))?;
        }
        let inbox = Self::of(Lines::File(file), ends);
        inbox.check().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(inbox)
    }

    /// An inbox of these lines.
    fn of(lines: Lines, ends: Vec<u64>) -> Self {
        Self { kept: Mutex::new(Kept { lines, ends }) }
    }

    /// Keeps a message; its sequence number. When this returns, a file holds it.
    pub(super) fn append(&self, entry: Entry<'_>) -> io::Result<u64> {
        let mut kept = self.lock();
        let seq = kept.count() + 1;
        let mut line = serde_json::to_vec(&Line {
            seq,
            at_ms: entry.at_ms,
            channel: entry.channel,
            account: entry.account,
            recipient: entry.recipient,
            title: entry.title,
            body: entry.body,
            raw: entry.raw,
        })?;
        line.push(b'\n');
        kept.append(&line)?;
        Ok(seq)
    }

    /// How many messages there are.
    pub(super) fn count(&self) -> u64 {
        self.lock().count()
    }

    /// `{"messages": […], "next": N}`: up to `limit` messages after `since`, and the `since` of the next page. A `since`
    /// beyond the end, as after a restart that lost the inbox, gives no messages and the true end.
    pub(super) fn page(&self, since: u64, limit: u64) -> io::Result<Vec<u8>> {
        let mut kept = self.lock();
        let since = since.min(kept.count());
        let until = since.saturating_add(limit).min(kept.count());
        let mut lines = kept.between(since, until)?;
        drop(kept);
        lines.pop();
        for byte in &mut lines {
            if *byte == b'\n' {
                *byte = b',';
            }
        }
        let mut page = Vec::with_capacity(lines.len() + 64);
        page.extend_from_slice(b"{\"messages\":[");
        page.append(&mut lines);
        page.extend_from_slice(format!("],\"next\":{until}}}").as_bytes());
        Ok(page)
    }

    /// The messages after `since`.
    pub(super) fn messages_since(&self, since: u64) -> io::Result<Vec<Message>> {
        let mut kept = self.lock();
        let count = kept.count();
        let lines = kept.between(since.min(count), count)?;
        drop(kept);
        lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(io::Error::from))
            .collect()
    }

    /// The lines of the messages accepted at `at_ms` or later.
    pub(super) fn lines_from(&self, at_ms: i64) -> io::Result<Vec<u8>> {
        let mut kept = self.lock();
        let (mut low, mut high) = (0, kept.count());
        while low < high {
            let middle = low.midpoint(high);
            let line = kept.between(middle, middle + 1)?;
            if serde_json::from_slice::<Moment>(&line)?.at_ms < at_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let count = kept.count();
        kept.between(low, count)
    }

    /// Whether the last line is where the line ends say it is.
    fn check(&self) -> io::Result<()> {
        let mut kept = self.lock();
        let count = kept.count();
        let Some(before) = count.checked_sub(1) else {
            return Ok(());
        };
        let last = kept.between(before, count)?;
        match serde_json::from_slice::<Place>(&last) {
            Ok(place) if place.seq == count => Ok(()),
            Ok(place) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {count} holds message {}; move the file away", place.seq),
            )),
            Err(error) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {count} is no message ({error}); move the file away"),
            )),
        }
    }

    /// The messages; a panic elsewhere leaves them usable.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines and where they end.
struct Kept {
    lines: Lines,
    /// Byte offset after each line.
    ends: Vec<u64>,
}

/// Where the lines are.
enum Lines {
    Memory(Vec<u8>),
    /// Opened for appending: writes go to the end, wherever reading left off.
    File(File),
}

impl Kept {
    /// How many lines there are.
    fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The offset after line number `line` (0: before the first).
    fn end_of(&self, line: u64) -> u64 {
        line.checked_sub(1)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.ends.get(index).copied())
            .unwrap_or(0)
    }

    /// Add a line, its line break included.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let end = self.end_of(self.count());
        match &mut self.lines {
            Lines::Memory(bytes) => bytes.extend_from_slice(line),
            Lines::File(file) => {
                if let Err(error) = file.write_all(line) {
                    // A part of the line may stand there (a full disk); the next line must not follow it.
                    file.set_len(end)?;
                    return Err(error);
                }
            }
        }
        self.ends.push(end + line.len() as u64);
        Ok(())
    }

    /// The bytes of the lines after `first`, up to and with `last`.
    fn between(&mut self, first: u64, last: u64) -> io::Result<Vec<u8>> {
        let (start, end) = (self.end_of(first), self.end_of(last));
        let length = usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?;
        match &mut self.lines {
            Lines::Memory(bytes) => {
                let start = usize::try_from(start).map_err(io::Error::other)?;
                Ok(bytes.get(start..start + length).map(<[u8]>::to_vec).unwrap_or_default())
            }
            Lines::File(file) => {
                file.seek(SeekFrom::Start(start))?;
                let mut bytes = vec![0; length];
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// Where the lines of `file` end, and whether something without a line break follows the last.
fn line_ends(mut file: &File) -> io::Result<(Vec<u64>, bool)> {
    let mut reader = BufReader::with_capacity(READ_BYTES, file);
    let mut ends = Vec::new();
    let mut offset = 0;
    loop {
        let length = reader.skip_until(b'\n')? as u64;
        if length == 0 {
            break;
        }
        offset += length;
        ends.push(offset);
    }
    let Some(last_byte) = offset.checked_sub(1) else {
        return Ok((ends, false));
    };
    let mut byte = [0];
    file.seek(SeekFrom::Start(last_byte))?;
    file.read_exact(&mut byte)?;
    let torn = byte != *b"\n";
    if torn {
        ends.pop();
    }
    Ok((ends, torn))
}
