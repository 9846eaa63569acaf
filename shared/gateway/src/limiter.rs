//! How often somebody may call.
//!
//! Counted in each function instance on its own: a shared counter would be an item that every call writes, and double
//! the price of a call. A Lambda instance serves one call at a time, so a flood meets many instances with a count each;
//! what really bounds a deployment is API Gateway's throttle. This one keeps a runaway loop from hammering a small one.

use model::clock::Timestamp;
use model::ids::{AppId, Ecode, Uid};
use model::qrcode::Code;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

/// The window in which calls of apps are counted.
pub const WINDOW: Duration = Duration::from_secs(10);
/// The window in which questions for the scan of one QR code are counted.
pub const SCAN_WINDOW: Duration = Duration::from_secs(60);
/// Callers above which those whose window is over are forgotten.
const MANY: usize = 10_000;

/// Whose calls are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An app.
    App(AppId),
    /// An enterprise.
    Enterprise(Ecode),
    /// Whoever sends to this user with a simple push token.
    Simple(Uid),
    /// Whoever shows a wrong token to the operator's API.
    Stranger,
    /// A connection of our own channel, by its id.
    Connection(String),
    /// Whoever asks who scanned this code.
    Scan(Code),
}

impl Caller {
    const fn window(&self) -> Duration {
        match self {
            Self::App(_) | Self::Enterprise(_) | Self::Simple(_) | Self::Stranger | Self::Connection(_) => WINDOW,
            Self::Scan(_) => SCAN_WINDOW,
        }
    }
}

/// Sliding windows by caller.
#[derive(Debug, Default)]
pub struct Limiter(Mutex<HashMap<Caller, VecDeque<Timestamp>>>);

impl Limiter {
    /// Counts a call. `Err` says how long to wait when it would be one more than `most` in the caller's window; 0 means no
    /// limit.
    pub fn admit(&self, caller: Caller, most: u32, now: Timestamp) -> Result<(), Duration> {
        if most == 0 {
            return Ok(());
        }
        let mut windows = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if windows.len() >= MANY {
            windows.retain(|caller, calls| calls.back().is_some_and(|&last| now.since(last) < caller.window()));
        }
        let window = caller.window();
        let calls = windows.entry(caller).or_default();
        while calls.front().is_some_and(|&first| now.since(first) >= window || first > now) {
            calls.pop_front();
        }
        if let (true, Some(&first)) = (calls.len() >= most as usize, calls.front()) {
            return Err(window.saturating_sub(now.since(first)));
        }
        calls.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn the_window_slides() {
        let limiter = Limiter::default();
        let app = || Caller::App(AppId::new(1));
        assert!((0..20).all(|n| limiter.admit(app(), 20, at(n * 10)).is_ok()));
        assert_eq!(limiter.admit(app(), 20, at(1_000)), Err(Duration::from_millis(9_000)));
        assert!(limiter.admit(Caller::App(AppId::new(2)), 20, at(1_000)).is_ok(), "apps do not share a window");
        assert!(limiter.admit(app(), 0, at(1_000)).is_ok(), "no limit");
        assert!(limiter.admit(app(), 20, at(10_000)).is_ok());
        assert!(limiter.admit(app(), 20, at(10_001)).is_err(), "only the first call has left the window");
    }

    #[test]
    fn callers_of_long_ago_are_forgotten() {
        let limiter = Limiter::default();
        for n in 0..MANY as u64 {
            assert!(limiter.admit(Caller::App(AppId::new(n)), 1, at(0)).is_ok());
        }
        assert!(limiter.admit(Caller::App(AppId::new(0)), 1, at(10_000)).is_ok());
        assert_eq!(limiter.0.lock().unwrap().len(), 1);
    }
}
