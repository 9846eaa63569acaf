//! When to try again.

use std::time::Duration;

/// How long after its acceptance a message is still tried. A day rides out a vendor's outage; later than that, an alarm
/// or a code is noise.
pub const MESSAGE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The longest wait of the first minutes.
const SHORT_CAP_SECS: u64 = 60;
/// Attempts of the short schedule (1, 2, 4 … 60 s): about seven minutes.
const SHORT_ATTEMPTS: u32 = 12;
/// Attempts of five minutes each that follow: about an hour.
const MIDDLE_ATTEMPTS: u32 = 24;

/// The wait before the next attempt, after attempt number `attempt` (from 1) ended in passing trouble.
///
/// Exponential from one second, capped at a minute, with full jitter; after some minutes capped at five minutes, after an
/// hour at eight, so that a long outage costs little. Never above eight: WeChat recognises a repeat for ten minutes, and
/// an attempt that seemed to fail may have gone through. A vendor's own wish (`after`) is a floor, with a tenth of
/// jitter on top so that its clients do not return all at once. `jitter` is a random number in `0.0..1.0`.
pub fn delay(attempt: u32, after: Option<Duration>, jitter: f64) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    if let Some(wish) = after {
        return wish.mul_f64(1.0 + jitter / 10.0).min(MESSAGE_LIFE);
    }
    let cap = if attempt <= SHORT_ATTEMPTS {
        Duration::from_secs(1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX).min(SHORT_CAP_SECS))
    } else if attempt <= SHORT_ATTEMPTS + MIDDLE_ATTEMPTS {
        Duration::from_secs(300)
    } else {
        Duration::from_secs(480)
    };
    cap.mul_f64(jitter).max(Duration::from_millis(200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_then_grow_sparse() {
        let caps: Vec<u64> = (1..=8).map(|attempt| delay(attempt, None, 1.0).as_secs()).collect();
        assert_eq!(caps, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(delay(13, None, 1.0).as_secs(), 300);
        assert_eq!(delay(37, None, 1.0).as_secs(), 480);
        assert_eq!(delay(u32::MAX, None, 1.0).as_secs(), 480);
    }

    #[test]
    fn jitter_is_full_but_never_zero() {
        assert_eq!(delay(5, None, 0.0), Duration::from_millis(200));
        assert_eq!(delay(5, None, 0.5), Duration::from_secs(8));
    }

    #[test]
    fn retry_after_is_a_floor() {
        assert_eq!(delay(1, Some(Duration::from_secs(30)), 0.0), Duration::from_secs(30));
        assert_eq!(delay(1, Some(Duration::from_secs(30)), 1.0), Duration::from_secs(33));
    }
}
