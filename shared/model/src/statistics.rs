//! What a push came to, channel by channel: the counters of `POST /push/task/detail`.
//!
//! - *target*: devices that were routed to the channel. One that moves on to another channel counts on both.
//! - *sent*: what the vendor accepted.
//! - *received*: what the vendor or the app on the device says arrived. Never more than sent.
//!
//! The first two follow from plans and records, so redelivery, a kill and two workers at once change nothing; the last one
//! from a set of devices per batch. A vendor that names no devices is [asked](next_question) for its sums, and the largest
//! answer stands.

use crate::channel::ChannelKind;
use crate::clock::Timestamp;
use crate::record::{BatchRecord, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long after a message began its vendor is asked what arrived: phones that are off get it later. Ours.
const QUESTIONS: [Duration; 3] =
    [Duration::from_secs(10 * 60), Duration::from_secs(60 * 60), Duration::from_secs(24 * 60 * 60)];
/// How long after a message that went out later than these. Ours.
const LATE_QUESTION: Duration = Duration::from_secs(60 * 60);

/// Whether a vendor says what arrived when it is asked, and only in sums.
pub const fn is_asked(channel: ChannelKind) -> bool {
    matches!(channel, ChannelKind::Vivo)
}

/// When the vendor is to be asked about what is sent now, of a message that began at `begins`.
pub fn first_question(begins: Timestamp, now: Timestamp) -> Timestamp {
    next_question(begins, now).unwrap_or_else(|| now.plus(LATE_QUESTION))
}

/// When the vendor is to be asked again that was asked at `asked`; `None`: not any more. Not in the second in which it was:
/// questions are noted by the second, and one that is done is struck off.
pub fn next_question(begins: Timestamp, asked: Timestamp) -> Option<Timestamp> {
    QUESTIONS.iter().map(|after| begins.plus(*after)).find(|at| at.seconds() > asked.seconds())
}

/// Counters by leg of a part of a task. Sums may be added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegCounts {
    /// Devices that only our own channel was to reach, and that were not online.
    #[serde(default)]
    pub offline: u64,
    /// By leg: routed there, and accepted there.
    pub legs: BTreeMap<u8, Counts>,
}

/// Counters of one leg.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Devices routed there.
    #[serde(rename = "t")]
    pub target: u64,
    /// Accepted by the vendor.
    #[serde(rename = "s")]
    pub sent: u64,
}

impl LegCounts {
    /// Adds a batch that was planned for `recipients` devices, all first on leg `first`. `record` is what is known of it.
    ///
    /// A closed batch has an entry for every device and leg; of an open one the plan says who is still to come.
    pub fn add_batch(&mut self, first: u8, recipients: u32, record: Option<&BatchRecord>) {
        let mut seen: BTreeMap<u8, BTreeSet<u64>> = BTreeMap::new();
        for (slot, entry) in record.into_iter().flat_map(BatchRecord::deliveries) {
            seen.entry(entry.leg).or_default().insert(slot);
            if entry.state == State::Sent {
                self.legs.entry(entry.leg).or_default().sent += 1;
            }
        }
        for (leg, slots) in &seen {
            self.legs.entry(*leg).or_default().target += slots.len() as u64;
        }
        if !record.is_some_and(BatchRecord::is_closed) {
            let known = seen.get(&first).map_or(0, BTreeSet::len) as u64;
            self.legs.entry(first).or_default().target += u64::from(recipients).saturating_sub(known);
        }
    }

    /// Adds those of another part.
    pub fn add_all(&mut self, other: &Self) {
        self.offline += other.offline;
        for (leg, counts) in &other.legs {
            let sum = self.legs.entry(*leg).or_default();
            sum.target += counts.target;
            sum.sent += counts.sent;
        }
    }

    /// By channel, where leg n is `legs[n]`, with what was received.
    pub fn by_channel(
        &self,
        legs: &[ChannelKind],
        received: &BTreeMap<ChannelKind, u64>,
    ) -> BTreeMap<ChannelKind, ChannelCounts> {
        let counted = legs.iter().zip(0u8..).map(|(channel, leg)| {
            let Counts { target, sent } = self.legs.get(&leg).copied().unwrap_or_default();
            // Who was offline was routed there all the same, where no other channel was to be tried.
            let offline = if *channel == ChannelKind::Own { self.offline } else { 0 };
            let received = received.get(channel).copied().unwrap_or_default().min(sent);
            (*channel, ChannelCounts { target: target + offline, sent, received })
        });
        counted.collect()
    }
}

/// Counters of one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ChannelCounts {
    /// Devices routed there.
    pub target: u64,
    /// Accepted by the vendor.
    pub sent: u64,
    /// Arrived, by what the vendor or the device says.
    pub received: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Entry;

    #[test]
    fn a_vendor_is_asked_three_times_and_once_about_what_went_out_later() {
        let begins = Timestamp::from_seconds(1_795_449_600);
        let after = |seconds| begins.plus(Duration::from_secs(seconds));
        assert_eq!(first_question(begins, after(3)), after(600));
        assert_eq!(next_question(begins, after(600)), Some(after(3_600)));
        assert_eq!(next_question(begins, after(3_600)), Some(after(86_400)));
        assert_eq!(next_question(begins, after(86_400)), None);
        // A message that began within a second, asked about a moment before its ten minutes are full.
        let within = begins.plus(Duration::from_millis(700));
        let early = within.plus(Duration::from_millis(600_000 - 500));
        assert_eq!(next_question(within, early), Some(within.plus(Duration::from_secs(3_600))));
        assert_eq!(first_question(begins, after(5_000)), after(86_400));
        assert_eq!(first_question(begins, after(90_000)), after(93_600));
    }

    fn record(entries: &[(u64, u8, State)], closed: bool) -> BatchRecord {
        let mut record = BatchRecord::default();
        for &(slot, leg, state) in entries {
            record.merge(BTreeMap::from([(slot, Entry::new(state).on_leg(leg))]), false);
        }
        record.merge(BTreeMap::new(), closed);
        record
    }

    fn counts(first: u8, recipients: u32, record: Option<&BatchRecord>) -> Vec<(u8, u64, u64)> {
        let mut counts = LegCounts::default();
        counts.add_batch(first, recipients, record);
        counts.legs.iter().map(|(leg, counts)| (*leg, counts.target, counts.sent)).collect()
    }

    #[test]
    fn what_is_planned_is_a_target_before_it_is_tried() {
        assert_eq!(counts(1, 3, None), [(1, 3, 0)]);
        let open = record(&[(7, 1, State::Sent), (8, 1, State::Retrying)], false);
        assert_eq!(counts(1, 3, Some(&open)), [(1, 3, 1)]);
    }

    #[test]
    fn who_moves_on_counts_on_both_legs() {
        let closed =
            record(&[(7, 1, State::Passed), (7, 4, State::Sent), (8, 1, State::Sent), (9, 1, State::Invalid)], true);
        assert_eq!(counts(1, 3, Some(&closed)), [(1, 3, 2 - 1), (4, 1, 1)]);
    }

    #[test]
    fn a_closed_batch_counts_who_was_there() {
        let closed = record(&[(7, 1, State::Sent)], true);
        assert_eq!(counts(1, 3, Some(&closed)), [(1, 1, 1)], "two had left before it was built again");
    }

    #[test]
    fn no_more_is_received_than_was_sent() {
        let mut sums = LegCounts::default();
        sums.add_batch(0, 2, Some(&record(&[(7, 0, State::Sent), (8, 0, State::Expired)], true)));
        let received = BTreeMap::from([(ChannelKind::Huawei, 2)]);
        let counts = sums.by_channel(&[ChannelKind::Huawei, ChannelKind::Fcm], &received);
        assert_eq!(counts[&ChannelKind::Huawei], ChannelCounts { target: 2, sent: 1, received: 1 });
        assert_eq!(counts[&ChannelKind::Fcm], ChannelCounts::default());
    }
}
