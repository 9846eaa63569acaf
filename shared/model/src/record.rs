//! What became of each recipient, compactly.
//!
//! A batch's record is a set of *segments*: each is written once, never changed, and says of some of the batch's
//! recipients how they ended. Counters are not kept anywhere: they are the tally of the segments. So redelivery, a kill
//! between two writes, or two workers on the same batch can neither lose nor double a count, and no item is written by
//! everybody.

use std::collections::BTreeMap;

/// How a recipient stands in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// The vendor accepted it.
    Sent = 0,
    /// The address is dead.
    Invalid = 1,
    /// The user does not want it.
    Suppressed = 2,
    /// Too large for the vendor.
    TooLarge = 3,
    /// An operator must mend the account.
    Config = 4,
    /// The vendor refused the message.
    Content = 5,
    /// It could not be handed over within the message's life.
    Expired = 6,
    /// Not over: an attempt failed and another will follow.
    Retrying = 7,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Sent,
        Self::Invalid,
        Self::Suppressed,
        Self::TooLarge,
        Self::Config,
        Self::Content,
        Self::Expired,
        Self::Retrying,
    ];

    /// Whether nothing more will happen to the recipient.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Retrying)
    }

    /// The metric and log label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Invalid => "invalid",
            Self::Suppressed => "suppressed",
            Self::TooLarge => "too_large",
            Self::Config => "config",
            Self::Content => "content",
            Self::Expired => "expired",
            Self::Retrying => "retrying",
        }
    }
}

/// What the record says of one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// How it stands.
    pub state: State,
    /// The vendor's error code of the last attempt, where there was one.
    pub vendor_code: Option<i32>,
    /// What the vendor calls the message, where it said so. Receipts are matched by it.
    pub vendor_id: Option<u64>,
}

impl Entry {
    /// An entry that says only the state.
    pub const fn new(state: State) -> Self {
        Self { state, vendor_code: None, vendor_id: None }
    }
}

/// A record that cannot be read: cut short, or written by a version this one does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a batch record is unreadable: {0}")]
pub struct UnreadableRecord(&'static str);

/// The first byte of every encoded segment.
const VERSION: u8 = 1;
const HAS_CODE: u8 = 0x10;
const HAS_ID: u8 = 0x20;
const STATE_BITS: u8 = 0x0f;

/// Encodes entries by slot.
///
/// Layout: the version; then runs of entries that have the same state and fields: flags and state (one byte), length
/// (LEB128); then per entry its slot (LEB128, difference to the one before), vendor code (zigzag LEB128) and vendor id
/// (zigzag LEB128, difference to the one before) where the flags say so.
pub fn encode(entries: &BTreeMap<u64, Entry>) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    let (mut last_slot, mut last_id) = (0u64, 0u64);
    let mut rest = entries.iter().peekable();
    while let Some((_, first)) = rest.peek() {
        let flags = flags(first);
        let run = rest.clone().take_while(|(_, entry)| self::flags(entry) == flags).count();
        bytes.push(flags);
        write_varint(&mut bytes, run as u64);
        for (&slot, entry) in rest.by_ref().take(run) {
            write_varint(&mut bytes, slot - last_slot);
            last_slot = slot;
            if let Some(code) = entry.vendor_code {
                write_varint(&mut bytes, zigzag(i64::from(code)));
            }
            if let Some(id) = entry.vendor_id {
                write_varint(&mut bytes, zigzag(id.wrapping_sub(last_id).cast_signed()));
                last_id = id;
            }
        }
    }
    bytes
}

fn flags(entry: &Entry) -> u8 {
    let code = if entry.vendor_code.is_some() { HAS_CODE } else { 0 };
    let id = if entry.vendor_id.is_some() { HAS_ID } else { 0 };
    entry.state as u8 | code | id
}

/// Bytes of a segment's entries that fit one write unit (1 KB) together with the item's keys and times.
pub const SEGMENT_BYTES: usize = 930;
/// How many entries fit [`SEGMENT_BYTES`] whatever they are: a slot and an id of ten bytes each, and a run of its own.
pub const SEGMENT_ENTRIES_AT_LEAST: usize = 35;

/// Decodes what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<BTreeMap<u64, Entry>, UnreadableRecord> {
    let (&version, mut rest) = bytes.split_first().ok_or(UnreadableRecord("it is empty"))?;
    if version != VERSION {
        return Err(UnreadableRecord("its version is unknown"));
    }
    let mut entries = BTreeMap::new();
    let (mut slot, mut last_id) = (0u64, 0u64);
    while let Some((&flags, tail)) = rest.split_first() {
        rest = tail;
        let state = State::ALL
            .get(usize::from(flags & STATE_BITS))
            .copied()
            .ok_or(UnreadableRecord("it holds an unknown state"))?;
        for _ in 0..read_varint(&mut rest)? {
            slot = slot.wrapping_add(read_varint(&mut rest)?);
            let vendor_code = if flags & HAS_CODE == 0 {
                None
            } else {
                let code = unzigzag(read_varint(&mut rest)?);
                Some(i32::try_from(code).map_err(|_| UnreadableRecord("a vendor code is out of range"))?)
            };
            let vendor_id = if flags & HAS_ID == 0 {
                None
            } else {
                last_id = last_id.wrapping_add(unzigzag(read_varint(&mut rest)?).cast_unsigned());
                Some(last_id)
            };
            entries.insert(slot, Entry { state, vendor_code, vendor_id });
        }
    }
    Ok(entries)
}

const fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(rest: &mut &[u8]) -> Result<u64, UnreadableRecord> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(UnreadableRecord("it is cut short"))?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(UnreadableRecord("a number is too long"))
}

/// All that is known of one batch: its segments merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchRecord {
    entries: BTreeMap<u64, Entry>,
    closed: bool,
}

impl BatchRecord {
    /// Adds a segment. The first final state of a recipient stands: what a second worker saw later does not count
    /// again.
    pub fn merge(&mut self, segment: BTreeMap<u64, Entry>, closed: bool) {
        for (slot, entry) in segment {
            let known = self.entries.entry(slot).or_insert(entry);
            if !known.state.is_final() {
                *known = entry;
            }
        }
        self.closed |= closed;
    }

    /// Whether every recipient of the batch is served: nothing of it needs sending any more.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is recorded of `slot`.
    pub fn entry(&self, slot: u64) -> Option<Entry> {
        self.entries.get(&slot).copied()
    }

    /// Whether nothing more will happen to the recipient at `slot`.
    pub fn is_final(&self, slot: u64) -> bool {
        self.entries.get(&slot).is_some_and(|entry| entry.state.is_final())
    }

    /// The batch's counters.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for entry in self.entries.values() {
            tally.add(entry.state);
        }
        tally
    }

    /// Every recorded recipient in slot order.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.entries.iter().map(|(&slot, &entry)| (slot, entry))
    }
}

/// Counters: how many recipients are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; State::ALL.len()]);

impl Tally {
    /// Counts one recipient.
    pub const fn add(&mut self, state: State) {
        self.0[state as usize] += 1;
    }

    /// Adds another tally.
    pub fn add_all(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// How many are in `state`.
    pub const fn of(&self, state: State) -> u64 {
        self.0[state as usize]
    }

    /// How many the vendor accepted.
    pub const fn sent(&self) -> u64 {
        self.of(State::Sent)
    }

    /// How many are recorded at all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The most frequent failure, if there was one.
    pub fn worst_failure(&self) -> Option<State> {
        State::ALL
            .into_iter()
            .filter(|&state| state.is_final() && state != State::Sent && self.of(state) > 0)
            .max_by_key(|&state| self.of(state))
    }

    /// The counts in the order of [`State::ALL`], for storage.
    pub const fn counts(&self) -> [u64; State::ALL.len()] {
        self.0
    }

    /// From counts in the order of [`State::ALL`]; missing ones are zero.
    pub fn from_counts(counts: &[u64]) -> Self {
        let mut tally = Self::default();
        for (slot, count) in tally.0.iter_mut().zip(counts) {
            *slot = *count;
        }
        tally
    }
}

#[cfg(test)]
mod tests;
