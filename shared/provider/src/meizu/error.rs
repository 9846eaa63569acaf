//! What Meizu's codes mean (MEIZUPUSH/PushAPI, README, read 2026-11).
//!
//! The same number can mean two things: 110010 is "too fast" at the top of an answer and "switched off" in its `value`.

use crate::vendor::code::Code;
use crate::vendor::fault::{later, later_by};
use model::outcome::{Hold, Outcome};

/// How the attempt ended for every recipient of a call that was answered with `code`.
pub fn outcome_of(code: Code) -> Outcome {
    match code.0 {
        200 => Outcome::Ok { vendor_id: None },
        110_010 => later_by(5),
        // Busy, unavailable, failed.
        1003 | 1001 | 500 => later(None),
        110_019 | 110_051 => Outcome::Quota { hold: Hold::UntilBeijingMidnight },
        // Signature, application, key, blacklist, right to push.
        1006 | 110_000 | 110_001 | 110_031 | 110_033 | 110_009 => Outcome::Config,
        // 1005, 110004, 110032 and 110053: parameters, and messages without a notification.
        _ => Outcome::Content,
    }
}

/// How the attempt ended for the recipients whom a successful answer lists under `code`.
pub fn outcome_of_value(code: Code) -> Outcome {
    match code.0 {
        // Unsubscribed; not an id.
        110_002 | 110_003 => Outcome::Invalid,
        // Switched off; alias or switch; folded, over 5 a minute; over the device's public messages of the day.
        110_010 | 110_005 | 520 | 110_011 => Outcome::Suppressed,
        501 | 513 | 518 | 519 => later(None),
        // 201 refused, and whatever else there may be.
        _ => Outcome::Content,
    }
}

/// Whether a wrong appId would look the same: the id may be another app's.
pub(super) fn is_doubtful(code: Code) -> bool {
    code.0 == 110_003
}
