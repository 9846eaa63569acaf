//! Moments and days, and the clock that is handed in.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::{OffsetDateTime, UtcOffset};

/// A moment, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This moment moved by `duration` into the future.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment moved by `duration` into the past.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The natural day in Asia/Shanghai: what every daily quota of WxPusher and WeChat counts by.
    pub fn beijing_day(self) -> Day {
        Day(self.0.saturating_add(BEIJING_OFFSET_MS).div_euclid(DAY_MS))
    }

    /// `YYYY-MM-DD HH:mm:ss` in Asia/Shanghai, as message cards show it.
    pub fn beijing_text(self) -> String {
        let moment = OffsetDateTime::from_unix_timestamp(self.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let local = moment.to_offset(UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC));
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            local.year(),
            u8::from(local.month()),
            local.day(),
            local.hour(),
            local.minute(),
            local.second()
        )
    }
}

/// Asia/Shanghai has been UTC+8 without daylight saving since 1991.
const BEIJING_OFFSET_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// A natural day in Asia/Shanghai, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i64);

impl Day {
    /// From the number of days since 1970-01-01 (Asia/Shanghai).
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Days since 1970-01-01 (Asia/Shanghai).
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The first moment of the day after this one: when a daily quota starts anew.
    pub const fn end(self) -> Timestamp {
        Timestamp((self.0 + 1) * DAY_MS - BEIJING_OFFSET_MS)
    }
}

/// Where "now" comes from. Handed in, so that a test can live through seven days in a millisecond.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_turns_at_midnight_in_beijing() {
        // 2026-11-23T15:59:59.999Z is one millisecond before midnight in Beijing.
        let last = Timestamp::from_millis(1_795_449_599_999);
        let first = Timestamp::from_millis(1_795_449_600_000);
        assert_eq!(last.beijing_day().number() + 1, first.beijing_day().number());
        assert_eq!(last.beijing_day().end(), first);
        assert_eq!(last.beijing_text(), "2026-11-23 23:59:59");
        assert_eq!(first.beijing_text(), "2026-11-24 00:00:00");
    }

    #[test]
    fn time_does_not_run_backwards() {
        let now = Timestamp::from_millis(5);
        assert_eq!(now.since(Timestamp::from_millis(9)), Duration::ZERO);
    }
}
