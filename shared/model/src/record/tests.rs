use super::*;
use rand::{Rng, SeedableRng};

fn sent(id: u64) -> Entry {
    Entry { vendor_id: Some(id), ..Entry::new(State::Sent) }
}

#[test]
fn what_was_written_is_read() {
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    for _ in 0..500 {
        let entries: BTreeMap<u64, Entry> = (0..random.random_range(0..40))
            .map(|_| {
                let entry = Entry {
                    leg: if random.random_bool(0.5) { 0 } else { random.random() },
                    state: State::ALL[random.random_range(0..State::ALL.len())],
                    vendor_code: random.random_bool(0.3).then(|| random.random()),
                    vendor_id: random.random_bool(0.7).then(|| random.random()),
                };
                (random.random::<u64>() >> random.random_range(0..64), entry)
            })
            .collect();
        assert_eq!(decode(&encode(&entries)).unwrap(), entries);
    }
}

#[test]
fn a_batch_of_500_is_four_segments_when_the_vendors_ids_grow_with_time() {
    // Ids of 19 digits that grow by milliseconds shifted by 22 bits; follows as far apart as on a busy deployment.
    let entries: BTreeMap<u64, Entry> = (0..125u64)
        .map(|n| (1_500_000_000 + n * 90, sent(3_717_005_636_572_528_642 + ((n * 37 % 125) << 22))))
        .collect();
    let bytes = encode(&entries).len();
    assert!(bytes <= SEGMENT_BYTES, "{bytes} bytes");
}

#[test]
fn the_least_number_of_entries_fits_whatever_they_are() {
    let worst = |n: u64| Entry {
        leg: if n.is_multiple_of(2) { 1 } else { 2 },
        state: if n.is_multiple_of(2) { State::Sent } else { State::Content },
        vendor_code: Some(if n.is_multiple_of(2) { i32::MIN } else { i32::MAX }),
        vendor_id: Some(if n.is_multiple_of(2) { 0 } else { 1 << 63 }),
    };
    let most = SEGMENT_ENTRIES_AT_LEAST as u64;
    let entries = (0..most).map(|n| (n * (u64::MAX / most), worst(n))).collect();
    let bytes = encode(&entries).len();
    assert!(bytes <= SEGMENT_BYTES, "{bytes} bytes");
}

#[test]
fn nonsense_is_refused_not_guessed() {
    let whole = encode(&BTreeMap::from([(5, sent(900)), (9, Entry::new(State::Retrying))]));
    assert_eq!(decode(&[]), Err(UnreadableRecord("it is empty")));
    assert_eq!(decode(&[9]), Err(UnreadableRecord("its version is unknown")));
    assert_eq!(decode(&whole[..whole.len() - 1]), Err(UnreadableRecord("it is cut short")));
    assert_eq!(decode(&[1, 0x0f, 1, 0]), Err(UnreadableRecord("it holds an unknown state")));
    assert_eq!(decode(&[&[1, 0, 1][..], &[0xff; 11]].concat()), Err(UnreadableRecord("a number is too long")));
    assert_eq!(decode(&[1, 0, 0xff, 0xff, 0x7f]), Err(UnreadableRecord("it is cut short")), "a run that never ends");
}

#[test]
fn a_recipient_counts_once_however_often_it_is_recorded() {
    let mut record = BatchRecord::default();
    record.merge(BTreeMap::from([(1, sent(10)), (2, Entry::new(State::Retrying))]), false);
    record.merge(BTreeMap::from([(1, Entry::new(State::Invalid)), (2, sent(11))]), false);
    record.merge(BTreeMap::from([(1, sent(12)), (2, sent(13))]), true);
    assert!(record.is_closed());
    assert_eq!(record.entry(1), Some(sent(10)), "the first final state stands");
    assert_eq!(record.entry(2), Some(sent(11)), "a retry gives way to what came of it");
    assert_eq!(record.tally().sent(), 2);
    assert_eq!(record.tally().total(), 2);
}

#[test]
fn a_late_retry_does_not_reopen_a_recipient() {
    let mut record = BatchRecord::default();
    record.merge(BTreeMap::from([(1, sent(10))]), false);
    record.merge(BTreeMap::from([(1, Entry::new(State::Retrying))]), false);
    assert!(record.is_final(1));
}

#[test]
fn both_legs_of_a_recipient_are_recorded_and_it_counts_once() {
    let passed = Entry { vendor_code: Some(45015), ..Entry::new(State::Passed) };
    let mut record = BatchRecord::default();
    record.merge(BTreeMap::from([(1, passed), (2, sent(9))]), false);
    assert_eq!((record.leg(1), record.is_final(1)), (1, false), "its second leg is to be tried");
    assert_eq!(record.tally().of(State::Retrying), 1);
    let segment = BTreeMap::from([(1, sent(10).on_leg(1))]);
    record.merge(decode(&encode(&segment)).unwrap(), true);
    assert_eq!(record.legs(1).collect::<Vec<_>>(), [passed, sent(10).on_leg(1)]);
    assert_eq!(record.entry(1), Some(sent(10).on_leg(1)));
    assert_eq!((record.tally().sent(), record.tally().total()), (2, 2));
    assert_eq!(record.entries().map(|(slot, _)| slot).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn who_was_reached_on_a_leg_is_not_passed_on_by_another_worker() {
    for reversed in [false, true] {
        let mut segments = [BTreeMap::from([(1, sent(10))]), BTreeMap::from([(1, Entry::new(State::Passed))])];
        if reversed {
            segments.reverse();
        }
        let mut record = BatchRecord::default();
        segments.into_iter().for_each(|segment| record.merge(segment, false));
        assert_eq!(record.entry(1), Some(sent(10)));
        assert!(record.is_final(1));
    }
}

#[test]
fn tallies_add_up_and_survive_storage() {
    let mut tally = Tally::default();
    for state in [State::Sent, State::Sent, State::Invalid, State::Content, State::Content] {
        tally.add(state);
    }
    let mut sum = Tally::from_counts(&tally.counts());
    sum.add_all(&tally);
    assert_eq!(sum.sent(), 4);
    assert_eq!(sum.total(), 10);
    assert_eq!(sum.worst_failure(), Some(State::Content));
}
