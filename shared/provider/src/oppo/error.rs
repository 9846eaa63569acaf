//! What OPPO's codes mean (OPPO, "addresses, common parameters and return codes", read 2026-11).
//!
//! The same numbers stand at the top of an answer, for the whole call, and in an element of it, for one recipient.

use crate::vendor::code::Code;
use crate::vendor::fault::later_by;
use model::outcome::{Hold, Outcome};

/// How long to wait after flow control, an outage and HTTP 5xx, seconds.
pub(super) const SOON_SECONDS: u64 = 5;

/// The category or its notify level is not permitted to this app: once more without them.
pub(super) const CATEGORY_REFUSED: i64 = 67;

/// How the attempt ended for the recipients that `code` is about, a repeat with a fresh token included.
pub fn outcome_of(code: Code) -> Outcome {
    match code.0 {
        0 => Outcome::Ok { vendor_id: None },
        10000 => Outcome::Invalid,
        // Unsubscribed, or switched off on the device.
        10001 => Outcome::Suppressed,
        // Refused with a fresh token too: it is not the token.
        _ if wants_new_token(code) => Outcome::Config,
        // Flow control, and the service being away.
        -2 | -1 => later_by(SOON_SECONDS),
        13 | 55 => later_by(60),
        33 | 34 => Outcome::Quota { hold: Hold::UntilBeijingMidnight },
        // Key, signature and timestamp; address; right to use the call.
        14..=19 | 26 | 27 | 28 | 30 => Outcome::Config,
        // Aliases, which are never sent; parameters, limits of fields, categories.
        10002 | 10003 | 12 | 20..=25 | 31 | 32 | 40 | 41 | 51 | 59 | CATEGORY_REFUSED => Outcome::Content,
        _ => Outcome::Content,
    }
}

/// Whether a fresh `auth_token` may cure it: it is bad, or missing.
pub(super) const fn wants_new_token(code: Code) -> bool {
    matches!(code.0, 11 | 29)
}
