//! A call to a vendor that answers JSON with a code in it: reading the answer, and what a failure means.

use super::code::Code;
use super::{Ended, fault};
use crate::http::{HttpError, HttpResponse};
use crate::token::{FetchError, TokenError};
use http::StatusCode;
use model::outcome::Outcome;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long an instance does not ask for a token again after an error that only an operator can mend.
const CONFIG_HOLD: Duration = Duration::from_secs(30);
/// How long it does not after passing trouble.
const RETRY_HOLD: Duration = Duration::from_secs(1);
/// The most of a vendor's text that is kept for the log.
const TEXT_CHARS: usize = 200;

/// An answer that says how the call as a whole went.
pub(crate) trait Answer: DeserializeOwned {
    /// The code that means success.
    const OK: Code;

    /// The code of this answer.
    fn code(&self) -> Code;

    /// The vendor's words, for the log, and its own id of the request; empty where it gives none.
    fn words(&self) -> (&str, &str);
}

/// Why a call did not succeed as a whole. What single targets of a successful call met is not here.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    /// There is no token to call with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No answer, or none that could be read to its end.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An HTTP status that speaks for itself.
    #[error("http status {status}")]
    Status { status: StatusCode, retry_after: Option<Duration> },
    /// A 2xx answer that is not of the vendor's form.
    #[error("the answer is not of the vendor's form ({bytes} bytes)")]
    Unreadable { status: StatusCode, bytes: usize },
    /// The vendor refused.
    #[error("code {code}")]
    Code { code: Code, retry_after: Option<Duration>, message: String, request_id: String },
}

/// Reads `response` by its content, whatever its media type.
///
/// A code counts at any status but 5xx, since a business code may come with HTTP 400. Success counts at 2xx only.
pub(crate) fn read<T: Answer>(response: &HttpResponse) -> Result<T, CallError> {
    let (status, retry_after) = (response.status, response.retry_after);
    if status.is_server_error() {
        return Err(CallError::Status { status, retry_after });
    }
    let answer = serde_json::from_slice::<T>(&response.body).ok();
    match answer {
        None if status.is_success() => Err(CallError::Unreadable { status, bytes: response.body.len() }),
        Some(answer) if answer.code() == T::OK && status.is_success() => Ok(answer),
        Some(answer) if answer.code() != T::OK => {
            let (message, request_id) = answer.words();
            let short = |text: &str| text.chars().take(TEXT_CHARS).collect();
            let (message, request_id) = (short(message), short(request_id));
            Err(CallError::Code { code: answer.code(), retry_after, message, request_id })
        }
        None | Some(_) => Err(CallError::Status { status, retry_after }),
    }
}

impl CallError {
    /// The vendor's code, where that is why the call failed.
    pub(crate) const fn code(&self) -> Option<Code> {
        match self {
            Self::Code { code, .. } => Some(*code),
            Self::Token(_) | Self::Http(_) | Self::Status { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// How it ended for every target of the call. `of_code` is the vendor's table.
    pub(crate) fn ended(&self, of_code: fn(Code) -> Outcome) -> Ended {
        match self {
            Self::Token(error) => fault::of_token(error),
            Self::Http(error) => fault::of_call(error),
            Self::Status { status, retry_after } => fault::of_status(*status, *retry_after),
            Self::Unreadable { status, .. } => fault::unreadable(Some(*status)),
            Self::Code { code, retry_after, .. } => {
                let outcome = match of_code(*code) {
                    Outcome::Retry { after, at_most } => Outcome::Retry { after: retry_after.or(after), at_most },
                    other => other,
                };
                of_code_alone(outcome, *code)
            }
        }
    }

    /// As [`CallError::ended`], with the one line of log that a failed call is worth. `repeats_are_known`: the vendor
    /// recognises a repeat, so that it is shown once.
    pub(crate) fn report(&self, call: Called<'_>, of_code: fn(Code) -> Outcome) -> Ended {
        let ended = self.ended(of_code);
        let Called { channel, account, targets, repeats_are_known } = call;
        let (outcome, code) = (ended.attempt.outcome.label(), ended.attempt.vendor_code);
        let arrived = match self {
            Self::Http(error) => !error.is_unsent(),
            Self::Unreadable { .. } => true,
            Self::Token(_) | Self::Status { .. } | Self::Code { .. } => false,
        };
        let maybe_duplicate = arrived && !repeats_are_known;
        let request_id = if let Self::Code { request_id, .. } = self { request_id } else { "" };
        if matches!(self, Self::Token(_)) {
            // Its holder has reported it.
            tracing::debug!(channel, account, targets, outcome, code, "push has no token");
        } else {
            tracing::warn!(channel, account, targets, outcome, code, request_id, maybe_duplicate, error = %self, "push call failed");
        }
        ended
    }

    /// Why there is no token, when this is how the token call failed. What would speak against a message speaks against
    /// our settings here.
    pub(crate) fn of_token_call(&self, of_code: fn(Code) -> Outcome) -> FetchError {
        let ended = self.ended(of_code);
        let outcome = match ended.attempt.outcome {
            retry @ Outcome::Retry { .. } => retry,
            Outcome::Quota { .. } => fault::later_by(60),
            Outcome::Ok { .. }
            | Outcome::Invalid
            | Outcome::Suppressed
            | Outcome::Auth
            | Outcome::TooLarge
            | Outcome::Config
            | Outcome::Content => Outcome::Auth,
        };
        let hold = match &outcome {
            Outcome::Retry { after, .. } => after.unwrap_or(RETRY_HOLD),
            _ => CONFIG_HOLD,
        };
        // The text of a send may quote registration ids and stays unlogged; a token call has none.
        let reason = match self {
            Self::Code { message, .. } => format!("{self}: {message}"),
            other => other.to_string(),
        };
        FetchError { outcome, code: ended.attempt.vendor_code, reason, hold }
    }
}

impl Called<'_> {
    /// Logs in one line that single targets of a call failed which the vendor answered with success. Dead and muted
    /// devices are daily business; the rest somebody may want to look into.
    pub(crate) fn noted(self, ended: Vec<Ended>) -> Vec<Ended> {
        let failed = |one: &&Ended| !matches!(one.attempt.outcome, Outcome::Ok { .. });
        let is_daily = |one: &Ended| matches!(one.attempt.outcome, Outcome::Invalid | Outcome::Suppressed);
        let count = ended.iter().filter(failed).count();
        let Some(worst) = ended.iter().filter(failed).min_by_key(|one| is_daily(one)) else { return ended };
        let Self { channel, account, targets, .. } = self;
        let (outcome, code) = (worst.attempt.outcome.label(), worst.attempt.vendor_code);
        if is_daily(worst) {
            tracing::debug!(channel, account, targets, failed = count, outcome, code, "some devices got no push");
        } else {
            tracing::warn!(channel, account, targets, failed = count, outcome, code, "some devices got no push");
        }
        ended
    }
}

/// What ended with `outcome` because the vendor said `code`. The code says more than any word of ours.
pub(crate) fn of_code_alone(outcome: Outcome, code: Code) -> Ended {
    let reason = outcome.label();
    Ended::with(outcome, code.recorded(), reason)
}

/// A call, as the log names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called<'a> {
    /// The channel's name.
    pub(crate) channel: &'static str,
    /// In whose name it was.
    pub(crate) account: &'a str,
    /// How many targets it had.
    pub(crate) targets: usize,
    /// Whether the vendor recognises a repeat and shows it once.
    pub(crate) repeats_are_known: bool,
}
