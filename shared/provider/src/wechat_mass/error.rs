//! What is peculiar to mass messages. The codes themselves are in [`crate::wechat::error`].

use crate::wechat::CallError;
use model::clock::Timestamp;
use model::outcome::{Attempt, Hold, Outcome};

/// This `clientmsgid` has been sent already: what we wanted, under the id that the answer names.
const REPEATED: i64 = 45065;
/// The account has sent as many messages to everybody as it may: for today or for this month.
const NONE_LEFT: i64 = 45028;

/// How an attempt ended that failed with `error`. `jitter` is a random number in `0.0..1.0`.
pub(super) fn attempt(error: &CallError, now: Timestamp, jitter: f64) -> Attempt {
    match error {
        CallError::Code { code: REPEATED, accepted, .. } => Attempt::ok(*accepted),
        CallError::Code { code: NONE_LEFT, .. } => {
            Attempt::failed(Outcome::Quota { hold: Hold::UntilBeijingMidnight }, error.vendor_code())
        }
        _ => error.attempt(now, jitter),
    }
}

/// The attempt to send what is no mass message, or to somebody alone.
pub(super) const fn no_form() -> Attempt {
    Attempt::failed(Outcome::Content, None)
}
