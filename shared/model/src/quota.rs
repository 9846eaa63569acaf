//! The daily quota of a user, and how it is counted without a write per follower and message.
//!
//! A user receives at most a fixed number of messages a day, all apps and topics together (WxPusher: 500). A direct
//! message is counted exactly, with one conditional write. For a topic that would be a write per follower, the dearest
//! part of a mass message by far. Every follower gets every message of a topic, so the topic's own number of the day
//! (its *sequence*: one write per message) already says how many each follower has received. It is carried over to
//! the follower's counter in steps of a *stride*: with message number `n`, only the followers whose turn it is are
//! written, and each by the whole step. So the counter lags by less than a stride per topic. It is ahead only for who
//! followed in the middle of a stride, by less than one, and only on that day.
//!
//! When a counter reaches the limit, the user's follows are marked with the day, and fan-out, which reads them anyway,
//! skips them without another read.

use crate::ids::Uid;

/// WxPusher's quota of messages per user and day, as the seed documents it.
pub const DEFAULT_DAILY_LIMIT: u32 = 500;

/// The stride for a limit: 1/32 of it, so the lag stays at about 3 %; 1 (exact) for limits below 64.
pub const fn stride(limit: u32) -> u32 {
    let stride = limit / 32;
    if stride < 2 { 1 } else { stride }
}

/// By how much the follower's counter rises with message number `sequence` (from 1) of the topic's day; `None` when
/// it is not this follower's turn.
pub fn step(uid: &Uid, sequence: u32, stride: u32) -> Option<u32> {
    let turn = (sequence.wrapping_add(spread(uid))) % stride.max(1);
    (turn == 0).then(|| sequence.min(stride.max(1)))
}

/// Spreads the turns evenly over followers (FNV-1a).
fn spread(uid: &Uid) -> u32 {
    uid.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) % 1009
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(n: u32) -> Uid {
        Uid::parse(&format!("UID_{n:028}")).unwrap()
    }

    #[test]
    fn the_counter_is_never_ahead_and_lags_less_than_a_stride() {
        let stride = stride(DEFAULT_DAILY_LIMIT);
        for n in 0..50 {
            let mut counted = 0;
            for sequence in 1..=500 {
                counted += step(&uid(n), sequence, stride).unwrap_or(0);
                assert!(counted <= sequence, "never ahead");
                assert!(sequence - counted < stride, "lag {} at {sequence}", sequence - counted);
            }
        }
    }

    #[test]
    fn a_message_touches_one_follower_in_a_stride() {
        let stride = stride(DEFAULT_DAILY_LIMIT);
        let touched = (0..15_000).filter(|&n| step(&uid(n), 7, stride).is_some()).count();
        assert!((800..1200).contains(&touched), "{touched} of 15,000 with a stride of {stride}");
    }

    #[test]
    fn a_small_limit_is_counted_exactly() {
        assert_eq!(stride(2), 1);
        assert_eq!(stride(63), 1);
        assert!((1..=5).all(|sequence| step(&uid(3), sequence, 1) == Some(1)));
    }
}
