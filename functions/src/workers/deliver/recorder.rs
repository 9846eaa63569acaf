//! Writing a batch's record while the batch is being sent.

use model::batch::BatchId;
use model::clock::Timestamp;
use model::record::{Entry, SEGMENT_ENTRIES};
use std::collections::BTreeMap;
use std::time::Duration;
use store::StoreError;
use store::records::{RecordWriter, Segment};

/// After this long, what is known is written down although a segment is not full: it is what a kill can cost twice.
const WRITE_AFTER: Duration = Duration::from_secs(2);

/// Gathers entries and writes them a segment at a time.
pub(super) struct Recorder {
    writer: RecordWriter,
    batch: BatchId,
    expires: Timestamp,
    entries: BTreeMap<u64, Entry>,
    since: Option<Timestamp>,
}

impl Recorder {
    pub(super) fn new(writer: RecordWriter, batch: BatchId, expires: Timestamp) -> Self {
        Self { writer, batch, expires, entries: BTreeMap::new(), since: None }
    }

    /// Notes what became of `slot`. Written with the next segment.
    pub(super) fn note(&mut self, slot: u64, entry: Entry) {
        self.entries.insert(slot, entry);
    }

    /// Writes a segment when one is full, or when the oldest note has waited long enough.
    pub(super) async fn write_when_due(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let since = *self.since.get_or_insert(now);
        if self.entries.len() >= SEGMENT_ENTRIES || (!self.entries.is_empty() && now.since(since) >= WRITE_AFTER) {
            self.flush(None, now).await?;
        }
        Ok(())
    }

    /// Writes what is noted; whoever is retrying is not tried before `hold_until`.
    pub(super) async fn flush(&mut self, hold_until: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        self.write(false, hold_until, now).await
    }

    /// Writes what is noted and closes the batch.
    pub(super) async fn close(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.write(true, None, now).await
    }

    async fn write(&mut self, closed: bool, hold_until: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        self.since = Some(now);
        while self.entries.len() > SEGMENT_ENTRIES {
            let rest = self.entries.keys().nth(SEGMENT_ENTRIES).copied().unwrap_or(u64::MAX);
            let later = self.entries.split_off(&rest);
            self.put(false, hold_until, now).await?;
            self.entries = later;
        }
        if closed || !self.entries.is_empty() {
            self.put(closed, hold_until, now).await?;
        }
        self.entries.clear();
        Ok(())
    }

    async fn put(&self, closed: bool, hold_until: Option<Timestamp>, at: Timestamp) -> Result<(), StoreError> {
        let segment =
            Segment { batch: self.batch, entries: &self.entries, closed, hold_until, at, expires: self.expires };
        self.writer.write(segment).await
    }
}
