//! What is peculiar to template messages. The codes themselves are in [`crate::wechat::error`].

use crate::wechat::{Action, CallError, action_of};
use model::outcome::{Attempt, Outcome};

/// A template key cannot hold the value that the account's settings put there. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template key `{key}` cannot show this value: {rule}; change what it shows in the account's settings")]
pub struct RenderError {
    /// The key.
    pub key: String,
    /// WeChat's rule for its prefix.
    pub rule: &'static str,
}

impl RenderError {
    /// What WeChat would have answered, had it been asked (47003).
    pub const VENDOR_CODE: i32 = 47003;

    /// The attempt that ended here.
    pub const fn attempt(&self) -> Attempt {
        Attempt::failed(Outcome::Content, Some(Self::VENDOR_CODE))
    }
}

/// Whether a shorter text may cure it.
pub(super) fn wants_shorter_text(error: &CallError) -> bool {
    matches!(error, CallError::Code { code, .. } if action_of(*code) == Action::Shorten)
}

/// The attempt to send what a template cannot carry, or for an account that has no template for it.
pub(super) const fn no_form() -> Attempt {
    Attempt::failed(Outcome::Content, None)
}
