//! What a failed call means, where the vendor's own table says nothing.

use super::Ended;
use crate::http::HttpError;
use crate::token::TokenError;
use http::StatusCode;
use model::outcome::Outcome;
use std::time::Duration;

/// Attempts that trouble gets in all which may never pass: an answer that cannot be read.
pub const UNREADABLE_ATTEMPTS: u32 = 3;

/// Passing trouble: again after the usual growing delay, or after what the vendor asked for.
pub const fn later(after: Option<Duration>) -> Outcome {
    Outcome::Retry { after, at_most: None }
}

/// Again after this many seconds.
pub const fn later_by(seconds: u64) -> Outcome {
    later(Some(Duration::from_secs(seconds)))
}

/// No answer, or none that could be read.
///
/// Where it is not known whether the request arrived, it is sent again: a message shown twice is better than one never
/// shown. The reason `maybe_duplicate` marks these in the log.
pub const fn of_call(error: &HttpError) -> Ended {
    match error {
        HttpError::Unsent { .. } => Ended::with(later(None), None, "not_reached"),
        HttpError::Unknown { .. } => Ended::with(later(None), None, "maybe_duplicate"),
        HttpError::TooLarge { .. } => unreadable(None),
        // Base URLs are settings.
        HttpError::BadUrl { .. } => Ended::with(Outcome::Config, None, "bad_url"),
    }
}

/// Why a call ended that was cut off.
pub const CUT_OFF: &str = "cut_off";

/// No answer, because time was up. Whether it arrived is not known.
pub const fn cut_off() -> Ended {
    Ended::with(later(None), None, CUT_OFF)
}

/// Time was up before the call was made.
pub const fn not_begun() -> Ended {
    Ended::with(later(None), None, "not_begun")
}

/// There is no token to call with. The holder has logged why.
pub fn of_token(error: &TokenError) -> Ended {
    let attempt = error.attempt();
    let outcome = match attempt.outcome {
        // It stands in the way of this vendor alone.
        Outcome::Auth => Outcome::Config,
        other => other,
    };
    Ended::with(outcome, attempt.vendor_code, "no_token")
}

/// An answer that is not what the vendor documents. It is not known what became of the message.
pub const fn unreadable(status: Option<StatusCode>) -> Ended {
    let code = match status {
        Some(status) => Some(status.as_u16() as i32),
        None => None,
    };
    Ended::with(Outcome::Retry { after: None, at_most: Some(UNREADABLE_ATTEMPTS) }, code, "unreadable_answer")
}

/// An HTTP status that the vendor's table does not name, or a code of its own that nobody knows: by its kind. Never
/// [`Outcome::Invalid`], which would cost the token.
pub const fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Ended {
    let (outcome, reason) = match status.as_u16() {
        408 | 425 | 429 => (later(retry_after), "later"),
        413 | 414 => (Outcome::TooLarge, "too_large"),
        // Nothing of the vendor's is at this address, or something in between lets us through to nothing.
        300..=399 | 401 | 403 | 404 | 405 | 407 => (Outcome::Config, "refused_by_status"),
        400..=499 => (Outcome::Content, "refused_by_status"),
        500..=599 => (later(retry_after), "vendor_trouble"),
        // 1xx and 2xx: an answer, but not the documented one.
        _ => return unreadable(Some(status)),
    };
    Ended::with(outcome, Some(status.as_u16() as i32), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_statuses_are_judged_by_their_kind_and_never_cost_a_token() {
        for number in 200..=599 {
            let status = StatusCode::from_u16(number).unwrap();
            let ended = of_status(status, Some(Duration::from_secs(7)));
            assert_ne!(ended.attempt.outcome, Outcome::Invalid, "{number}");
            assert_eq!(ended.attempt.vendor_code, Some(i32::from(number)));
            match number {
                500..=599 => assert_eq!(ended.attempt.outcome, later_by(7), "{number}"),
                418 | 422 => assert_eq!(ended.attempt.outcome, Outcome::Content),
                _ => {}
            }
        }
    }

    #[test]
    fn what_may_have_arrived_is_marked() {
        let request = || "POST https://push.example/".to_owned();
        let unsent = HttpError::Unsent { request: request(), cause: "refused".into() };
        let unknown = HttpError::Unknown { request: request(), cause: "reset".into() };
        assert_eq!(of_call(&unsent), Ended::with(later(None), None, "not_reached"));
        assert_eq!(of_call(&unknown), Ended::with(later(None), None, "maybe_duplicate"));
    }
}
