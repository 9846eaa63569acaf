//! How long those rest whose attempts failed for a while.

use super::sending::Again;
use model::clock::Timestamp;
use std::collections::BTreeMap;

/// Who is to be tried again, under the moment before which that is not to be.
///
/// Those who have to wait about equally long, to a factor of two, rest together until the last of their moments: each
/// moment costs a write that notes it and an invocation that serves it.
pub(super) fn rests(again: &[Again], now: Timestamp) -> BTreeMap<Timestamp, Vec<Again>> {
    let mut groups: BTreeMap<u32, (Timestamp, Vec<Again>)> = BTreeMap::new();
    for one in again {
        let (until, members) = groups.entry((one.at.since(now).as_secs() + 1).ilog2()).or_default();
        *until = (*until).max(one.at);
        members.push(*one);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_449_600);

    fn again(slot: u64, millis: u64) -> Again {
        Again { slot, leg: 0, at: NOW.plus(Duration::from_millis(millis)), vendor_code: Some(503) }
    }

    #[test]
    fn nobody_rests_when_nobody_failed() {
        assert!(rests(&[], NOW).is_empty());
    }

    #[test]
    fn those_who_failed_alike_rest_together_until_the_last_moment() {
        let rests = rests(&[again(1, 400), again(2, 412), again(3, 405)], NOW);
        assert_eq!(rests.keys().collect::<Vec<_>>(), [&again(2, 412).at]);
        assert_eq!(rests.into_values().map(|members| members.len()).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_long_rest_lengthens_no_short_one() {
        let rests = rests(&[again(1, 3_600_000), again(2, 900), again(3, 45_000), again(4, 3_700_000)], NOW);
        let slots = |until: u64| -> Vec<u64> { rests[&again(0, until).at].iter().map(|one| one.slot).collect() };
        assert_eq!(rests.len(), 3);
        assert_eq!((slots(900), slots(45_000), slots(3_700_000)), (vec![2], vec![3], vec![1, 4]));
    }
}
