//! What Xiaomi's codes mean. Xiaomi publishes no complete list; the rest follows the general rule for unknown codes.

use crate::vendor::code::Code;
use crate::vendor::fault::later_by;
use model::outcome::{Hold, Outcome};

/// How the attempt ended for every recipient of a call that was answered with `code`.
pub fn outcome_of(code: Code) -> Outcome {
    match code.0 {
        0 => Outcome::Ok { vendor_id: None },
        // The key is static, so there is nothing to refresh. The package belongs to no app of this key.
        21301 | 22022 => Outcome::Config,
        // "quota" and "acked" of the day, which turns at midnight in Beijing (Xiaomi, "message limits", read 2026-11).
        200_001 => Outcome::Quota { hold: Hold::UntilBeijingMidnight },
        // Too many calls in this second.
        200_002 => later_by(1),
        _ => Outcome::Content,
    }
}
