//! How many calls an app may make.
//!
//! Counted in each function instance on its own: a shared counter would be an item that every call writes, and double
//! the price of a call. A Lambda instance serves one call at a time, so a flood meets many instances with a count each;
//! what really bounds a deployment is API Gateway's throttle. This one keeps a runaway loop from hammering a small one.

use model::clock::Timestamp;
use model::ids::AppId;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

/// The window in which calls are counted.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Sliding windows by app.
#[derive(Debug, Default)]
pub struct Limiter(Mutex<HashMap<AppId, VecDeque<Timestamp>>>);

impl Limiter {
    /// Counts a call of `app`. `Err` says how long to wait when it would be one too many; 0 means no limit.
    pub fn admit(&self, app: AppId, most: u32, now: Timestamp) -> Result<(), Duration> {
        if most == 0 {
            return Ok(());
        }
        let mut windows = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let calls = windows.entry(app).or_default();
        while calls.front().is_some_and(|&first| now.since(first) >= WINDOW || first > now) {
            calls.pop_front();
        }
        if let (true, Some(&first)) = (calls.len() >= most as usize, calls.front()) {
            return Err(WINDOW.saturating_sub(now.since(first)));
        }
        calls.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let limiter = Limiter::default();
        let app = AppId::new(1);
        let at = |ms: i64| Timestamp::from_millis(1_000_000 + ms);
        assert!((0..20).all(|n| limiter.admit(app, 20, at(n * 10)).is_ok()));
        assert_eq!(limiter.admit(app, 20, at(1_000)), Err(Duration::from_millis(9_000)));
        assert!(limiter.admit(AppId::new(2), 20, at(1_000)).is_ok(), "apps do not share a window");
        assert!(limiter.admit(app, 0, at(1_000)).is_ok(), "no limit");
        assert!(limiter.admit(app, 20, at(10_000)).is_ok());
        assert!(limiter.admit(app, 20, at(10_001)).is_err(), "only the first call has left the window");
    }
}
