//! The time as the stand-ins see it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::clock::{Day, Timestamp};

/// The system's clock, moved forward by what tests asked for.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Milliseconds ahead of the system.
    ahead_ms: AtomicI64,
}

impl Clock {
    /// Milliseconds since 1970-01-01 UTC.
    pub(super) fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(since_epoch).saturating_add(self.ahead_ms.load(Ordering::SeqCst))
    }

    /// Move forward.
    pub(super) fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(millis(by), Ordering::SeqCst);
    }
}

/// The calendar day in Beijing, where WeChat's daily limits start anew at 00:00.
pub(super) fn beijing_day(now_ms: i64) -> Day {
    Timestamp::from_millis(now_ms).beijing_day()
}

/// A duration in whole milliseconds.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
