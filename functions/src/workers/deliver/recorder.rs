//! Writing a batch's record while the batch is being sent.

use super::legs::{Away, Turn};
use gateway::error::causes;
use model::batch::BatchId;
use model::clock::Timestamp;
use model::record::{Entry, SEGMENT_BYTES, SEGMENT_ENTRIES_AT_LEAST, State, encode};
use std::collections::BTreeMap;
use std::time::Duration;
use store::StoreError;
use store::records::{RecordWriter, Segment};
use tracing::warn;

/// After this long, what is known is written down although a segment is not full: it is what a kill can cost twice.
const WRITE_AFTER: Duration = Duration::from_secs(2);

/// Gathers entries and writes them a segment at a time.
pub(super) struct Recorder {
    writer: RecordWriter,
    batch: BatchId,
    expires: Timestamp,
    entries: BTreeMap<u64, Entry>,
    since: Option<Timestamp>,
    /// With fewer entries it is not looked whether a segment is full.
    look_at: usize,
    left_out: Vec<(u64, u8)>,
}

impl Recorder {
    pub(super) fn new(writer: RecordWriter, batch: BatchId, expires: Timestamp) -> Self {
        Self {
            writer,
            batch,
            expires,
            entries: BTreeMap::new(),
            since: None,
            look_at: SEGMENT_ENTRIES_AT_LEAST + 1,
            left_out: Vec::new(),
        }
    }

    /// These, on these legs, get nothing any more if the batch is closed now.
    pub(super) fn leave_out(&mut self, left_out: Vec<(u64, u8)>) {
        self.left_out = left_out;
    }

    /// Notes what became of `slot`. Written with the next segment.
    pub(super) fn note(&mut self, slot: u64, entry: Entry) {
        self.entries.insert(slot, entry);
    }

    /// Notes that those of `turns` who have another leg go on to it without a try of this one, for the reason that the
    /// vendor gave others. Answers where they are then.
    pub(super) fn skip(&mut self, turns: &[Turn<'_>], vendor_code: Option<i32>) -> Vec<Away> {
        let onward = turns.iter().filter_map(|turn| turn.onward().map(|away| (turn, away)));
        onward
            .map(|(turn, away)| {
                let skipped = Entry { vendor_code, ..Entry::new(State::Skipped).on_leg(turn.leg) };
                self.note(turn.recipient.slot, skipped);
                away
            })
            .collect()
    }

    /// Writes a segment when one is full, or when the oldest note has waited long enough.
    ///
    /// A write that fails is tolerated here: the notes are kept and written with the next segment, at the latest at the
    /// end of the batch, where a failure counts. Stopping in the middle would only leave more calls unrecorded.
    pub(super) async fn write_when_due(&mut self, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        let waited = !self.entries.is_empty() && now.since(since) >= WRITE_AFTER;
        let written = match (waited, self.entries.len() >= self.look_at) {
            (true, _) => self.write(false, None, now).await,
            (false, true) => self.write_full(None, now).await,
            (false, false) => Ok(()),
        };
        if let Err(error) = written {
            warn!(batch.id = %self.batch, cause = causes(&error), "a segment could not be written yet");
        }
    }

    /// Whether the entries fill a write unit. It takes encoding all of them to know.
    fn is_full(&self) -> bool {
        self.entries.len() > SEGMENT_ENTRIES_AT_LEAST && encode(&self.entries).len() > SEGMENT_BYTES
    }

    /// Writes what is noted; whoever is retrying is not tried before `hold_until`.
    pub(super) async fn flush(&mut self, hold_until: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        self.write(false, hold_until, now).await
    }

    /// Writes what is noted and closes the batch.
    pub(super) async fn close(&mut self, now: Timestamp) -> Result<(), StoreError> {
        for (slot, leg) in std::mem::take(&mut self.left_out) {
            self.note(slot, Entry::new(State::Suppressed).on_leg(leg));
        }
        self.write(true, None, now).await
    }

    /// Writes the segments that are full. What is left in the notes is not.
    async fn write_full(&mut self, hold_until: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        while self.is_full() {
            let mut later = BTreeMap::new();
            while self.is_full() {
                later.extend(self.entries.pop_last());
            }
            let written = self.put(false, hold_until, now).await;
            if written.is_ok() {
                self.entries = later;
            } else {
                self.entries.append(&mut later);
                return written;
            }
        }
        self.look_at = self.entries.len() + SEGMENT_ENTRIES_AT_LEAST;
        Ok(())
    }

    async fn write(&mut self, closed: bool, hold_until: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        self.write_full(hold_until, now).await?;
        if closed || !self.entries.is_empty() {
            self.put(closed, hold_until, now).await?;
        }
        self.entries.clear();
        self.look_at = SEGMENT_ENTRIES_AT_LEAST + 1;
        self.since = Some(now);
        Ok(())
    }

    async fn put(&self, closed: bool, hold_until: Option<Timestamp>, at: Timestamp) -> Result<(), StoreError> {
        let segment =
            Segment { batch: self.batch, entries: &self.entries, closed, hold_until, at, expires: self.expires };
        self.writer.write(segment).await
    }
}
