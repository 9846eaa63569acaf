//! What Apple's reasons mean ("Handling notification responses from APNs", read 2026-08).

use crate::vendor::{Ended, fault};
use http::StatusCode;
use model::clock::Timestamp;
use model::outcome::Outcome;
use std::time::Duration;

/// What a reason asks of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The token is dead.
    Dead,
    /// The token is not known for this app or in this environment: it is dead, or the certificate is wrong.
    DeadOrWrongCertificate,
    /// The message is wrong.
    Refuse,
    /// Only an operator can mend it.
    Operator,
    /// Again later.
    Later,
    /// Again a minute later: too many to this device.
    LaterByAMinute,
    /// Again later, over another connection: this one is being closed.
    Reconnect,
    /// Again a minute later, over another connection, and with the same token: it was replaced too often.
    KeepToken,
    /// With another token, at once.
    RefreshToken,
    /// Once more, smaller.
    Shrink,
}

/// The wait after 429.
const MINUTE: Duration = Duration::from_secs(60);

/// Status, reason, action.
pub const REASONS: &[(u16, &str, Action)] = &[
    (400, "BadCollapseId", Action::Refuse),
    (400, "BadDeviceToken", Action::DeadOrWrongCertificate),
    (400, "BadExpirationDate", Action::Refuse),
    (400, "BadMessageId", Action::Refuse),
    (400, "BadPriority", Action::Refuse),
    (400, "BadTopic", Action::Operator),
    (400, "DeviceTokenNotForTopic", Action::DeadOrWrongCertificate),
    (400, "DuplicateHeaders", Action::Refuse),
    (400, "IdleTimeout", Action::Later),
    (400, "InvalidPushType", Action::Refuse),
    (400, "MissingDeviceToken", Action::Dead),
    (400, "MissingTopic", Action::Operator),
    (400, "PayloadEmpty", Action::Refuse),
    (400, "TopicDisallowed", Action::Operator),
    (403, "BadCertificate", Action::Operator),
    (403, "BadCertificateEnvironment", Action::Operator),
    (403, "BadEnvironmentKeyIdInToken", Action::Operator),
    (403, "ExpiredProviderToken", Action::RefreshToken),
    (403, "Forbidden", Action::Operator),
    (403, "InvalidProviderToken", Action::Operator),
    (403, "MissingProviderToken", Action::Operator),
    (403, "UnrelatedKeyIdInToken", Action::Operator),
    // These two would be bugs of ours.
    (404, "BadPath", Action::Operator),
    (405, "MethodNotAllowed", Action::Operator),
    (410, "ExpiredToken", Action::Dead),
    (410, "Unregistered", Action::Dead),
    (413, "PayloadTooLarge", Action::Shrink),
    (429, "TooManyProviderTokenUpdates", Action::KeepToken),
    (429, "TooManyRequests", Action::LaterByAMinute),
    (500, "InternalServerError", Action::Later),
    (503, "ServiceUnavailable", Action::Later),
    (503, "Shutdown", Action::Reconnect),
];

/// The reason in the words of the table, and what it asks; `None` for one that Apple had not documented when it was read.
pub fn action_of(reason: &str) -> Option<(&'static str, Action)> {
    REASONS.iter().find(|(_, known, _)| *known == reason).map(|(_, known, action)| (*known, *action))
}

/// How the attempt ended that Apple answered with `status` and `reason`, repeats included. `dead_since` is the `timestamp`
/// of a 410.
pub fn ended(status: StatusCode, reason: &str, dead_since: Option<Timestamp>, retry_after: Option<Duration>) -> Ended {
    let Some((reason, action)) = action_of(reason) else { return fault::of_status(status, retry_after) };
    let outcome = match action {
        Action::Dead | Action::DeadOrWrongCertificate => Outcome::Invalid,
        Action::Refuse => Outcome::Content,
        // Refused with a fresh token too: it is not the token.
        Action::Operator | Action::RefreshToken => Outcome::Config,
        Action::Later | Action::Reconnect => fault::later(retry_after),
        Action::LaterByAMinute | Action::KeepToken => fault::later(retry_after.or(Some(MINUTE))),
        Action::Shrink => Outcome::TooLarge,
    };
    Ended {
        dead_since,
        doubtful: action == Action::DeadOrWrongCertificate,
        ..Ended::with(outcome, Some(i32::from(status.as_u16())), reason)
    }
}
