//! What became of each recipient, compactly.
//!
//! A batch's record is a set of *segments*: each is written once, never changed, and says of some of the batch's
//! recipients how they ended. Counters are not kept anywhere: they are the tally of the segments. So redelivery, a kill
//! between two writes, or two workers on the same batch can neither lose nor double a count, and no item is written by
//! everybody.

mod segment;

use std::collections::BTreeMap;

pub use segment::{SEGMENT_BYTES, SEGMENT_ENTRIES_AT_LEAST, UnreadableRecord, decode, encode};

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
    /// This leg did not reach the recipient; the next one is tried.
    Passed = 8,
    /// This leg was not even tried, being hopeless; the next one is.
    Skipped = 9,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Sent,
        Self::Invalid,
        Self::Suppressed,
        Self::TooLarge,
        Self::Config,
        Self::Content,
        Self::Expired,
        Self::Retrying,
        Self::Passed,
        Self::Skipped,
    ];

    /// Whether nothing more will happen to the recipient.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Retrying | Self::Passed | Self::Skipped)
    }

    /// Whether the leg is over and the recipient's next one is to be tried.
    pub const fn is_passed(self) -> bool {
        matches!(self, Self::Passed | Self::Skipped)
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
            Self::Passed => "passed",
            Self::Skipped => "skipped",
        }
    }
}

/// What the record says of one recipient on one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// On which leg, from 0.
    pub leg: u8,
    /// How it stands.
    pub state: State,
    /// The vendor's error code of the last attempt, where there was one.
    pub vendor_code: Option<i32>,
    /// What the vendor calls the message, where it said so. Receipts are matched by it.
    pub vendor_id: Option<u64>,
}

impl Entry {
    /// An entry for the first leg that says only the state.
    pub const fn new(state: State) -> Self {
        Self { leg: 0, state, vendor_code: None, vendor_id: None }
    }

    /// The same entry for another leg.
    #[must_use]
    pub const fn on_leg(mut self, leg: u8) -> Self {
        self.leg = leg;
        self
    }
}

/// All that is known of one batch: its segments merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchRecord {
    /// By slot and leg.
    entries: BTreeMap<(u64, u8), Entry>,
    closed: bool,
}

/// How much an entry settles of its leg: nothing, that the next one is tried, or everything.
const fn weight(state: State) -> u8 {
    if state.is_final() {
        2
    } else if state.is_passed() {
        1
    } else {
        0
    }
}

impl BatchRecord {
    /// Adds a segment. The first final state of a recipient on a leg stands: what a second worker saw later does not
    /// count again. One that reached the recipient counts for more than one that gave the leg up.
    pub fn merge(&mut self, segment: BTreeMap<u64, Entry>, closed: bool) {
        for (slot, entry) in segment {
            let known = self.entries.entry((slot, entry.leg)).or_insert(entry);
            if weight(known.state) == 0 || weight(entry.state) > weight(known.state) {
                *known = entry;
            }
        }
        self.closed |= closed;
    }

    /// Whether every recipient of the batch is served: nothing of it needs sending any more.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// How the recipient at `slot` stands: the leg that ended it, or else the last one that was tried.
    pub fn entry(&self, slot: u64) -> Option<Entry> {
        self.legs(slot).reduce(standing)
    }

    /// What is recorded of `slot`, leg by leg.
    pub fn legs(&self, slot: u64) -> impl Iterator<Item = Entry> + '_ {
        self.entries.range((slot, 0)..=(slot, u8::MAX)).map(|(_, &entry)| entry)
    }

    /// The leg on which the recipient at `slot` is to be served; meaningless for one who is served.
    pub fn leg(&self, slot: u64) -> u8 {
        self.entry(slot)
            .map_or(0, |entry| if entry.state.is_passed() { entry.leg.saturating_add(1) } else { entry.leg })
    }

    /// Whether nothing more will happen to the recipient at `slot`.
    pub fn is_final(&self, slot: u64) -> bool {
        self.entry(slot).is_some_and(|entry| entry.state.is_final())
    }

    /// Everything recorded: every slot on every leg that it came to.
    pub fn deliveries(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        self.entries.iter().map(|(&(slot, _), &entry)| (slot, entry))
    }

    /// The batch's counters. Who is on the way from one leg to the next counts as retrying.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (_, entry) in self.entries() {
            tally.add(if entry.state.is_passed() { State::Retrying } else { entry.state });
        }
        tally
    }

    /// How every recorded recipient stands, in slot order.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        let mut rest = self.entries.iter().map(|(&(slot, _), &entry)| (slot, entry)).peekable();
        std::iter::from_fn(move || {
            let (slot, mut entry) = rest.next()?;
            while let Some((_, next)) = rest.next_if(|(next, _)| *next == slot) {
                entry = standing(entry, next);
            }
            Some((slot, entry))
        })
    }
}

/// Of two entries of a recipient, in the order of their legs, the one that says how it stands.
fn standing(earlier: Entry, later: Entry) -> Entry {
    if earlier.state.is_final() { earlier } else { later }
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
