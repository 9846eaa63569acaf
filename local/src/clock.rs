//! A clock that tests can move.

use gateway::context::SystemClock;
use model::clock::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// This machine's clock, moved forward by as much as somebody asked for, or standing still.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    shift_ms: AtomicI64,
    /// Where it stands; 0 while it runs.
    stands_at_ms: AtomicI64,
}

impl ShiftedClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.shift_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Lets the clock stand: what a test counts does not depend on how fast the machine is.
    pub fn stand_still(&self) {
        self.stands_at_ms.store(SystemClock.now().millis(), Ordering::Relaxed);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let base = match self.stands_at_ms.load(Ordering::Relaxed) {
            0 => SystemClock.now().millis(),
            stands => stands,
        };
        Timestamp::from_millis(base.saturating_add(self.shift_ms.load(Ordering::Relaxed)))
    }
}
