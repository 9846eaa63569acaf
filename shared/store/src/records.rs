//! Batch records (Tasks table): segments, written once each. See [`model::record`].

use crate::db::{Ask, Put, Range, sort_key};
use crate::item::{Attributes, Item, Reader, b, n};
use crate::{StoreError, item, keys};
use model::batch::{BatchId, Part};
use model::clock::Timestamp;
use model::ids::TaskId;
use model::record::{BatchRecord, Entry, State, Tally, decode, encode};
use model::statistics::LegCounts;
use rand::distr::{Alphanumeric, SampleString};
use std::collections::BTreeMap;

capability! {
    /// Records what became of recipients.
    RecordWriter: [("dynamodb:PutItem", Tasks)]
}

capability! {
    /// Reads what became of recipients.
    RecordReader: [("dynamodb:GetItem", Tasks), ("dynamodb:Query", Tasks)]
}

/// One segment to be written.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// The batch it belongs to.
    pub batch: BatchId,
    /// What became of some of its recipients.
    pub entries: &'a BTreeMap<u64, Entry>,
    /// Nothing of the batch needs sending any more.
    pub closed: bool,
    /// The recipients that are still [`model::record::State::Retrying`] are not tried before this.
    pub hold_until: Option<Timestamp>,
    /// When it was learned.
    pub at: Timestamp,
    /// When the record may go: with its task.
    pub expires: Timestamp,
}

/// A batch's record as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What became of the recipients.
    pub record: BatchRecord,
    /// When a segment was last written.
    pub moved_at: Timestamp,
    /// Until when those rest whose attempts failed for a while, by slot and leg.
    rests: BTreeMap<(u64, u8), Timestamp>,
    /// When it was learned how a recipient stands, by slot and leg.
    learned: BTreeMap<(u64, u8), Timestamp>,
}

impl Kept {
    /// Until when the recipient at `slot` rests: no attempt before. Zero for one who need not.
    pub fn rests_until(&self, slot: u64) -> Timestamp {
        if self.record.is_final(slot) {
            Timestamp::default()
        } else {
            self.rests.get(&(slot, self.record.leg(slot))).copied().unwrap_or_default()
        }
    }

    /// When it was learned how the recipient at `slot` stands on `leg`; zero when nothing is known of that.
    pub fn learned_at(&self, slot: u64, leg: u8) -> Timestamp {
        self.learned.get(&(slot, leg)).copied().unwrap_or_default()
    }

    /// Until when everybody rests of whom something is recorded and who is not served; zero when there is nobody, or one
    /// who need not rest.
    pub fn all_rest_until(&self) -> Timestamp {
        let unserved = self.record.entries().filter(|(_, entry)| !entry.state.is_final());
        unserved.map(|(slot, _)| self.rests_until(slot)).min().unwrap_or_default()
    }
}

impl RecordWriter {
    /// Writes a segment. Its key is new for every write, so writing is unconditional, costs one write unit per KB, and
    /// two workers on one batch cannot undo each other.
    pub async fn write(&self, segment: Segment<'_>) -> Result<(), StoreError> {
        let writer = Alphanumeric.sample_string(&mut rand::rng(), 8);
        let key = keys::segment(segment.batch, &writer);
        let item = Item::keyed(key.pk, key.sk)
            .with("d", b(encode(segment.entries)))
            .with_flag("closed", segment.closed)
            .with_some("hold_ms", segment.hold_until.map(|until| n(until.millis())))
            .with("at_ms", n(segment.at.millis()))
            .expiring(segment.expires)
            .build();
        self.0.put(&self.0.names().tasks, item).await
    }

    /// Keeps the final tally of a part all of whose batches are closed. The segments never change after that, so
    /// whoever writes it second writes the same.
    pub async fn summarise(
        &self,
        task: TaskId,
        part: Part,
        tally: &Tally,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::summary(task, part);
        let item = Item::keyed(key.pk, key.sk)
            .with("counts", item::s(item::json("summary", &tally.counts())?))
            .expiring(expires)
            .build();
        match self.0.put_new(&self.0.names().tasks, item).await? {
            Put::Written | Put::Refused(_) => Ok(()),
        }
    }
}

impl RecordWriter {
    /// Keeps the final counters of a part of a push, as [`Self::summarise`] does.
    pub async fn summarise_legs(
        &self,
        task: TaskId,
        part: Part,
        legs: &LegCounts,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::summary(task, part);
        let item =
            Item::keyed(key.pk, key.sk).with("legs", item::s(item::json("summary", legs)?)).expiring(expires).build();
        match self.0.put_new(&self.0.names().tasks, item).await? {
            Put::Written | Put::Refused(_) => Ok(()),
        }
    }
}

impl RecordReader {
    /// The final counters of a part of a push, once somebody has drawn them up.
    pub async fn legs_summary(&self, task: TaskId, part: Part) -> Result<Option<LegCounts>, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::summary(task, part), true).await?;
        item.map(|item| Reader::new("summary", &item).json("legs")).transpose()
    }

    /// The record of one batch. Strongly consistent: what was recorded is not sent again.
    pub async fn batch(&self, batch: BatchId) -> Result<Kept, StoreError> {
        let range = Range::Prefix(keys::segment_prefix(batch));
        let ask = Ask::new(&self.0.names().tasks, keys::part(batch.task, batch.part), range);
        let mut kept = Kept::default();
        for item in self.0.query_all(&ask).await? {
            merge(&mut kept, &item)?;
        }
        Ok(kept)
    }

    /// The records of all batches of a part, by batch number.
    pub async fn part(&self, task: TaskId, part: Part) -> Result<BTreeMap<u32, Kept>, StoreError> {
        let range = Range::Prefix(keys::segments_of(task, part));
        let items = self.0.query_all(&Ask::new(&self.0.names().tasks, keys::part(task, part), range)).await?;
        by_batch(&items)
    }

    /// The final tally of a part, once somebody has drawn it up.
    pub async fn summary(&self, task: TaskId, part: Part) -> Result<Option<Tally>, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::summary(task, part), true).await?;
        item.map(|item| {
            let counts: Vec<u64> = Reader::new("summary", &item).json("counts")?;
            Ok(Tally::from_counts(&counts))
        })
        .transpose()
    }
}

/// Merges segments by batch.
pub(crate) fn by_batch(items: &[Attributes]) -> Result<BTreeMap<u32, Kept>, StoreError> {
    let mut batches: BTreeMap<u32, Kept> = BTreeMap::new();
    for item in items {
        let number = keys::segment_batch(sort_key(item))
            .ok_or_else(|| StoreError::corrupt("segment", "its key has no batch number"))?;
        merge(batches.entry(number).or_default(), item)?;
    }
    Ok(batches)
}

fn merge(kept: &mut Kept, item: &Attributes) -> Result<(), StoreError> {
    let reader = Reader::new("segment", item);
    let entries = decode(reader.bytes("d")?).map_err(|error| StoreError::corrupt("segment", error))?;
    let until = Timestamp::from_millis(reader.number_or("hold_ms", 0)?);
    for (&slot, entry) in entries.iter().filter(|(_, entry)| entry.state == State::Retrying) {
        let rest = kept.rests.entry((slot, entry.leg)).or_default();
        *rest = (*rest).max(until);
    }
    let at = Timestamp::from_millis(reader.number("at_ms")?);
    for (&slot, entry) in &entries {
        let learned = kept.learned.entry((slot, entry.leg)).or_default();
        *learned = (*learned).max(at);
    }
    kept.record.merge(entries, reader.flag("closed"));
    kept.moved_at = kept.moved_at.max(at);
    Ok(())
}
