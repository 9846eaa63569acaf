//! What vivo's codes mean (vivo, "server API", 2.9.2, read 2026-11).

use crate::vendor::code::Code;
use crate::vendor::fault::later_by;
use model::outcome::{Hold, Outcome};

/// The quota of `saveListPayload` is gone; `send` has its own.
pub(super) const LIST_QUOTA: Code = Code(10252);

/// This `requestId` has been seen, so an earlier attempt whose answer was lost has arrived. Not documented; taken from
/// public SDKs.
pub(super) const ALREADY_SEEN: Code = Code(10102);

/// How the attempt ended for every recipient of a call that was answered with `result`, a repeat with a fresh token
/// included.
pub fn outcome_of(result: Code) -> Outcome {
    match result.0 {
        _ if result == ALREADY_SEEN => Outcome::Ok { vendor_id: None },
        0 => Outcome::Ok { vendor_id: None },
        10302 => Outcome::Invalid,
        // Refused with a fresh token too: it is not the token.
        _ if wants_new_token(result) => Outcome::Config,
        // vivo asks not to send at all for the rest of the day. 10252 and 10254 are those of lists and of broadcasts.
        10070 | 10073 | 10252 | 10254 => Outcome::Quota { hold: Hold::UntilBeijingMidnight },
        // Too fast, or outside of the hours in which operation messages are shown.
        10071 | 10072 => later_by(60),
        // The appId is not the token's; the parameters of the token call.
        10094 | 10200..=10207 => Outcome::Config,
        // 10043, 10045, 10097 and the other parameters.
        _ => Outcome::Content,
    }
}

/// Whether a fresh `authToken` may cure it.
pub(super) const fn wants_new_token(result: Code) -> bool {
    result.0 == 10000
}

/// How the attempt ended for one recipient whom the answer lists as invalid, with this `status`.
pub fn outcome_of_status(status: Code) -> Outcome {
    match status.0 {
        // Unknown to this app; uninstalled or unsubscribed.
        1 | 2 => Outcome::Invalid,
        // 4: no test user, in test mode.
        _ => Outcome::Content,
    }
}
