//! Telling of a message that did not go out.

use super::error::CallError;
use model::ids::{AccountId, OpenId};
use model::outcome::{Attempt, Outcome};

/// Logs a failed attempt, once. A recipient's own state is daily business, and a token that is not to be had has been
/// reported by its holder; the rest somebody may want to look into.
pub(crate) fn log(channel: &'static str, account: &AccountId, openid: &OpenId, error: &CallError, attempt: &Attempt) {
    let (outcome, code, rid) = (attempt.outcome.label(), attempt.vendor_code, error.rid());
    match attempt.outcome {
        _ if matches!(error, CallError::Token(_)) => {
            tracing::debug!(%account, channel, recipient = ?openid, outcome, code, "message has no token");
        }
        Outcome::Invalid | Outcome::Suppressed | Outcome::Ok { .. } => {
            tracing::debug!(%account, channel, recipient = ?openid, outcome, code, rid, error = %error, "message refused");
        }
        // The recipient is reached in another way.
        Outcome::Content if attempt.elsewhere => {
            tracing::debug!(%account, channel, recipient = ?openid, outcome, code, rid, error = %error, "leg closed");
        }
        Outcome::Retry { .. }
        | Outcome::Auth
        | Outcome::TooLarge
        | Outcome::Quota { .. }
        | Outcome::Config
        | Outcome::Content => {
            tracing::warn!(%account, channel, recipient = ?openid, outcome, code, rid, error = %error, "message failed");
        }
    }
}
