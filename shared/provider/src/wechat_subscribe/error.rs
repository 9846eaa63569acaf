//! What is peculiar to subscription messages. The codes themselves are in [`crate::wechat::error`].

use crate::wechat::CallError;
use model::clock::Timestamp;
use model::outcome::{Attempt, Outcome};

/// How an attempt ended that failed with `error`. `jitter` is a random number in `0.0..1.0`.
pub(super) fn attempt(error: &CallError, now: Timestamp, jitter: f64) -> Attempt {
    error.attempt(now, jitter)
}

/// The attempt to send what a subscription message cannot carry.
pub(super) const fn no_form() -> Attempt {
    Attempt::failed(Outcome::Content, None)
}
