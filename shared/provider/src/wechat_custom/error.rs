//! What is peculiar to customer-service messages. The codes themselves are in [`crate::wechat::error`].

use crate::wechat::{Action, CallError, action_of};
use model::clock::Timestamp;
use model::outcome::{Attempt, Outcome};
use model::wechat::CustomMessage;

use super::settings::TEXT_BYTES;

/// On the account's blacklist: a template would not be shown either.
const BLACKLISTED: i64 = 43019;

/// How an attempt ended that failed with `error`, and whether a template may still reach the recipient: unless nothing
/// of the account does. `jitter` is a random number in `0.0..1.0`.
pub(super) fn attempt(error: &CallError, now: Timestamp, jitter: f64) -> Attempt {
    let elsewhere = match error {
        CallError::Code { code, .. } => *code != BLACKLISTED && action_of(*code) != Action::RecipientGone,
        CallError::Token(_)
        | CallError::Http(_)
        | CallError::Status { .. }
        | CallError::NotJson { .. }
        | CallError::Incomplete { .. } => true,
    };
    error.attempt(now, jitter).or_elsewhere(elsewhere)
}

/// The attempt that ends before it begins: WeChat would refuse the text (45002), whose limit is in bytes.
pub(super) fn too_large(message: &CustomMessage) -> Option<Attempt> {
    match message {
        CustomMessage::Text { text } if text.content.len() > TEXT_BYTES => {
            Some(Attempt::failed(Outcome::TooLarge, Some(45002)).or_elsewhere(true))
        }
        _ => None,
    }
}

/// The attempt to send what a customer-service message cannot carry.
pub(super) const fn no_form() -> Attempt {
    Attempt::failed(Outcome::Content, None).or_elsewhere(true)
}
