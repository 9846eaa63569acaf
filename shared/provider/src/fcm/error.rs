//! What Google's answers mean ("FCM error codes" and the reference page `ErrorCode`, read 2026-08).

use super::settings::QUOTA_WAIT;
use super::wire::Error;
use crate::vendor::{Ended, fault};
use http::StatusCode;
use model::outcome::Outcome;
use std::time::Duration;

/// What an answer asks of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The token is dead.
    Dead,
    /// The token is another project's, or the certificate is.
    DeadOrWrongCertificate,
    /// The message is wrong.
    Refuse,
    /// Only an operator can mend it.
    Operator,
    /// The same, for one platform of the project: a device that is no Android phone says nothing about the others.
    OperatorOfPlatform,
    /// Again later.
    Later,
    /// Again after [`QUOTA_WAIT`], unless Google names another time.
    LaterByAMinute,
    /// With another access token, at once.
    RefreshToken,
    /// Once more, smaller.
    Shrink,
}

/// Google's code and what it asks. `INVALID_ARGUMENT` is not here: it depends on what is invalid.
pub const CODES: &[(&str, Action)] = &[
    ("UNREGISTERED", Action::Dead),
    ("SENDER_ID_MISMATCH", Action::DeadOrWrongCertificate),
    ("THIRD_PARTY_AUTH_ERROR", Action::OperatorOfPlatform),
    ("QUOTA_EXCEEDED", Action::LaterByAMinute),
    ("INTERNAL", Action::Later),
    ("UNAVAILABLE", Action::Later),
];

const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";

/// What an answer asks, and its code in our words; `None` when neither code nor status are known.
pub(super) fn action_of(status: StatusCode, error: &Error) -> Option<(&'static str, Action)> {
    let code = error.details.iter().map(|detail| detail.error_code.as_str()).find(|code| !code.is_empty());
    if let Some(known) = CODES.iter().find(|(known, _)| Some(*known) == code) {
        return Some(*known);
    }
    match status.as_u16() {
        400 => Some((INVALID_ARGUMENT, invalid_argument(code, error))),
        401 => Some(("UNAUTHENTICATED", Action::RefreshToken)),
        403 => Some(("PERMISSION_DENIED", Action::Operator)),
        // Without `UNREGISTERED` it is the project that is not there.
        404 => Some(("NOT_FOUND", Action::Operator)),
        413 => Some(("TOO_LARGE", Action::Shrink)),
        429 => Some(("QUOTA_EXCEEDED", Action::LaterByAMinute)),
        500 => Some(("INTERNAL", Action::Later)),
        503 => Some(("UNAVAILABLE", Action::Later)),
        _ => None,
    }
}

/// A malformed token has no code of its own, so here, and only here, Google's words are read.
fn invalid_argument(code: Option<&str>, error: &Error) -> Action {
    let mut violations = error.details.iter().flat_map(|detail| &detail.field_violations).peekable();
    let explained = violations.peek().is_some();
    let says = |words: &str| error.message.to_ascii_lowercase().contains(words);
    if violations.any(|violation| violation.field == "message.token") {
        Action::Dead
    } else if says("too big") || says("too large") {
        Action::Shrink
    } else if code == Some(INVALID_ARGUMENT) && !explained && says("registration token") {
        Action::Dead
    } else {
        Action::Refuse
    }
}

/// How the attempt ended, repeats included.
pub(super) fn ended(status: StatusCode, error: &Error, retry_after: Option<Duration>) -> Ended {
    let Some((reason, action)) = action_of(status, error) else { return fault::of_status(status, retry_after) };
    let outcome = match action {
        Action::Dead | Action::DeadOrWrongCertificate => Outcome::Invalid,
        Action::Refuse => Outcome::Content,
        // Refused with a fresh token too: it is not the token.
        Action::Operator | Action::OperatorOfPlatform | Action::RefreshToken => Outcome::Config,
        Action::Later => fault::later(retry_after),
        Action::LaterByAMinute => fault::later(retry_after.or(Some(QUOTA_WAIT))),
        Action::Shrink => Outcome::TooLarge,
    };
    Ended {
        doubtful: matches!(action, Action::DeadOrWrongCertificate | Action::OperatorOfPlatform),
        ..Ended::with(outcome, Some(i32::from(status.as_u16())), reason)
    }
}
