//! What an instance has read a moment ago and need not read again.

use model::clock::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Values by key, each believed for a fixed time.
#[derive(Debug)]
pub struct Remembered<K, V> {
    life: Duration,
    values: Mutex<HashMap<K, (Timestamp, V)>>,
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    /// Believes each value for `life`.
    pub fn for_at_most(life: Duration) -> Self {
        Self { life, values: Mutex::default() }
    }

    /// The value for `key`, if it is fresh.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(key).filter(|(at, _)| now >= *at && now.since(*at) < self.life).map(|(_, value)| value.clone())
    }

    /// Remembers `value`.
    pub fn put(&self, key: K, value: V, now: Timestamp) {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (now, value));
    }

    /// Forgets `key`.
    pub fn forget(&self, key: &K) {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_believed_for_its_life() {
        let remembered = Remembered::for_at_most(Duration::from_secs(5));
        let at = Timestamp::from_seconds;
        remembered.put("k", 1, at(100));
        assert_eq!(remembered.get(&"k", at(104)), Some(1));
        assert_eq!(remembered.get(&"k", at(105)), None);
        assert_eq!(remembered.get(&"k", at(99)), None, "a clock that was turned back is not trusted");
        remembered.forget(&"k");
        assert_eq!(remembered.get(&"k", at(100)), None);
    }
}
