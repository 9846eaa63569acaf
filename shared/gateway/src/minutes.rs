//! What is counted by the minute, in each function instance on its own (see [`crate::limiter`] for why).

use model::clock::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Different keys of one minute that are counted; more than a hostile caller can make are not kept.
const MOST_KEYS: usize = 10_000;

/// Counts by key, within the present minute.
#[derive(Debug, Default)]
pub struct MinuteCounts(Mutex<(i64, HashMap<String, u32>)>);

impl MinuteCounts {
    /// Counts one more of `key` and answers how many that makes in this minute.
    pub fn count(&self, key: &str, now: Timestamp) -> u32 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.seconds().div_euclid(60);
        if counts.0 != minute || counts.1.len() >= MOST_KEYS {
            *counts = (minute, HashMap::new());
        }
        let count = counts.1.entry(key.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_of_a_key_and_a_minute() {
        let counts = MinuteCounts::default();
        let at = Timestamp::from_seconds;
        assert_eq!([counts.count("a", at(0)), counts.count("a", at(59)), counts.count("b", at(59))], [1, 2, 1]);
        assert_eq!(counts.count("a", at(60)), 1);
    }
}
