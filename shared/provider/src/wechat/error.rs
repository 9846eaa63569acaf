//! What WeChat's codes mean: section 2 of the WeChat contract, row by row.
//!
//! Never branch on `errmsg`: only the code decides. The `rid` at its end is for the log.

use crate::http::HttpError;
use crate::token::TokenError;
use http::StatusCode;
use model::clock::Timestamp;
use model::outcome::{Attempt, Hold, Outcome};
use std::time::Duration;

/// What a code asks of a sender. The letters are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// OK: nothing, it is done.
    Accept,
    /// T: get a fresh token and repeat once.
    RefreshToken,
    /// R: later.
    Retry(Wait),
    /// R after midnight in Beijing: the day's quota is used up.
    SpentForToday,
    /// X, and the openid is not, or no longer, a follower of this account.
    RecipientGone,
    /// X, but the openid lives: its user, or the operator, does not want the message to be shown.
    RecipientUnwilling,
    /// F: this leg cannot reach the recipient; another channel may.
    OtherChannel,
    /// B: the message is wrong.
    BadMessage,
    /// B, unless a text field was too long: shorten it and try once more.
    Shorten,
    /// O: only an operator can mend it.
    Operator,
    /// A code that the contract does not list: twice more, then give up.
    Unknown,
}

/// When to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// After the usual growing delay.
    Backoff,
    /// After this many seconds.
    Seconds(u64),
    /// When the next minute begins.
    NextMinute,
}

/// Attempts that a code nobody knows gets in all.
const UNKNOWN_ATTEMPTS: u32 = 3;
/// `NextMinute` is spread over this long, so that the new minute's limit is not gone in its first second.
const MINUTE_SPREAD: Duration = Duration::from_secs(10);

/// What `errcode`, in the answer to a send, asks of the sender.
pub const fn action_of(errcode: i64) -> Action {
    match errcode {
        // 45065: this `clientmsgid` has been sent already, which is what we wanted.
        0 | 45065 => Action::Accept,
        -1 => Action::Retry(Wait::Backoff),
        45011 => Action::Retry(Wait::NextMinute),
        45066 => Action::Retry(Wait::Seconds(60)),
        // Too many messages to this openid; it takes an hour at least.
        43117 => Action::Retry(Wait::Seconds(3600)),
        45009 => Action::SpentForToday,
        // 41001 is a bug of ours, but a fresh token cures it too.
        40001 | 40014 | 42001 | 41001 => Action::RefreshToken,
        // Not of this appid, does not follow, no relation, does not exist: the address is worth nothing until its owner
        // follows anew, and then WeChat tells us.
        40003 | 43004 | 43005 | 46004 | 50005 => Action::RecipientGone,
        // On the account's blacklist; refused, or the one-time grant is used up; messages switched off. All three still
        // follow and may come back without any event that would restore a forgotten address.
        43019 | 43101 | 48002 => Action::RecipientUnwilling,
        // Outside the reply window or over its count; message type not permitted here.
        45015 | 45047 | 48008 => Action::OtherChannel,
        // Credentials, and the right to use them.
        40002 | 40013 | 40125 | 41002 | 41004 | 40164 | 40243 | 42007 | 61007 | 45035 | 61004 => Action::Operator,
        89501 | 89503 | 89506 | 89507 => Action::Operator,
        // The account is punished, restricted, or never had the right; a ban on the template or its content.
        43107 | 43108 | 43116 | 40249 | 48001 | 48003 | 48004 | 48006 | 50001 | 50002 | 45026 | 45027 => {
            Action::Operator
        }
        47003 => Action::Shorten,
        // Templates and pages; form ids and retired calls.
        40036 | 40037 | 40165 | 41028 | 41029 | 41030 | 45103 => Action::BadMessage,
        // The request itself.
        40033 | 40035 | 43001..=43003 | 44002 | 47001 | 45067 => Action::BadMessage,
        // Media, message types, URLs, missing parts, sizes, lists of openids, risky content.
        40004..=40008 | 46001 | 45162 | 45166 | 40039 | 40048 | 40066 => Action::BadMessage,
        41005 | 41006 | 41009 | 44001 | 44003 | 44004 | 45001..=45008 => Action::BadMessage,
        40031 | 40032 | 40130 | 87014 => Action::BadMessage,
        // The typing indicator's own trouble. Its call has nothing to lose, and no send answers this.
        45072 | 45080 | 45081 => Action::BadMessage,
        _ => Action::Unknown,
    }
}

/// How an attempt ended that WeChat answered with `errcode`, a repeat with a fresh token included.
///
/// `jitter` is a random number in `0.0..1.0`.
pub fn outcome_of(errcode: i64, now: Timestamp, jitter: f64) -> Outcome {
    match action_of(errcode) {
        Action::Accept => Outcome::Ok { vendor_id: None },
        Action::Retry(wait) => Outcome::Retry { after: wait.duration(now, jitter), at_most: None },
        Action::SpentForToday => Outcome::Quota { hold: Hold::UntilBeijingMidnight },
        Action::RecipientGone => Outcome::Invalid,
        Action::RecipientUnwilling => Outcome::Suppressed,
        // Refused with a fresh token too.
        Action::RefreshToken => Outcome::Auth,
        Action::Operator => Outcome::Config,
        Action::OtherChannel | Action::BadMessage | Action::Shorten => Outcome::Content,
        Action::Unknown => Outcome::Retry { after: None, at_most: Some(UNKNOWN_ATTEMPTS) },
    }
}

/// What `errcode`, in the answer to the *token call*, means for the messages that wait for the token.
///
/// It differs from [`outcome_of`] where the call does: there is no message that could be at fault, 40001 is a wrong
/// secret, and 45009 is over within a minute.
pub fn token_outcome_of(errcode: i64, now: Timestamp, jitter: f64) -> Outcome {
    match action_of(errcode) {
        Action::Retry(_) | Action::Unknown => outcome_of(errcode, now, jitter),
        Action::SpentForToday => Outcome::Retry { after: Some(Duration::from_secs(60)), at_most: None },
        Action::Accept
        | Action::RefreshToken
        | Action::RecipientGone
        | Action::RecipientUnwilling
        | Action::OtherChannel
        | Action::BadMessage
        | Action::Shorten
        | Action::Operator => Outcome::Auth,
    }
}

impl Wait {
    fn duration(self, now: Timestamp, jitter: f64) -> Option<Duration> {
        match self {
            Self::Backoff => None,
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            Self::NextMinute => {
                let gone = u64::try_from(now.millis().rem_euclid(60_000)).unwrap_or(0);
                Some(Duration::from_millis(60_000 - gone) + MINUTE_SPREAD.mul_f64(jitter.clamp(0.0, 1.0)))
            }
        }
    }
}

/// Why a call to WeChat did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// There is no token to call with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No answer, or none that could be read.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An HTTP status other than 2xx. WeChat says everything at 200, so this is a gateway, a proxy or an outage.
    #[error("http status {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// A 2xx answer that is no JSON object: empty, or HTML from something in between.
    #[error("the answer is no JSON object ({bytes} bytes of `{content_type}`)")]
    NotJson {
        /// Size of the body.
        bytes: usize,
        /// Its media type as sent.
        content_type: String,
    },
    /// WeChat refused.
    #[error("errcode {code}")]
    Code {
        /// The code.
        code: i64,
        /// WeChat's text. It may name the caller's address or a template key; it holds no secret. Log it, never read it.
        message: String,
        /// WeChat's id of the message that this one repeats (45065).
        accepted: Option<u64>,
    },
    /// WeChat says that all is well but leaves out what the call must return.
    #[error("`{field}` is missing from the answer")]
    Incomplete {
        /// What is missing.
        field: &'static str,
    },
}

impl CallError {
    /// Whether a fresh token may cure it.
    pub fn wants_new_token(&self) -> bool {
        matches!(self, Self::Code { code, .. } if action_of(*code) == Action::RefreshToken)
    }

    /// How the attempt ended. `jitter` is a random number in `0.0..1.0`.
    pub fn outcome(&self, now: Timestamp, jitter: f64) -> Outcome {
        let later = |after, at_most| Outcome::Retry { after, at_most };
        match self {
            Self::Token(error) => error.outcome(),
            // Also when the outcome is unknown: `client_msg_id` makes a repeat within 10 min harmless, and later than
            // that a message shown twice is better than one never shown.
            Self::Http(HttpError::Unsent { .. } | HttpError::Unknown { .. }) => later(None, None),
            Self::Http(HttpError::TooLarge { .. }) => later(None, Some(UNKNOWN_ATTEMPTS)),
            // The base URL is a setting.
            Self::Http(HttpError::BadUrl { .. }) => Outcome::Config,
            Self::Status { status, retry_after } => status_outcome(*status, *retry_after),
            Self::NotJson { .. } => later(None, None),
            Self::Code { code, .. } => outcome_of(*code, now, jitter),
            Self::Incomplete { .. } => later(None, Some(UNKNOWN_ATTEMPTS)),
        }
    }

    /// WeChat's code, or the HTTP status, for the record and the log.
    pub fn vendor_code(&self) -> Option<i32> {
        match self {
            Self::Token(error) => error.attempt().vendor_code,
            Self::Status { status, .. } => Some(i32::from(status.as_u16())),
            Self::Code { code, .. } => i32::try_from(*code).ok(),
            Self::Http(_) | Self::NotJson { .. } | Self::Incomplete { .. } => None,
        }
    }

    /// How the attempt ended, with its code.
    pub fn attempt(&self, now: Timestamp, jitter: f64) -> Attempt {
        Attempt::failed(self.outcome(now, jitter), self.vendor_code())
    }

    /// WeChat's own id of the request, by which its support finds it.
    pub fn rid(&self) -> Option<&str> {
        match self {
            Self::Code { message, .. } => rid(message),
            Self::Token(_) | Self::Http(_) | Self::Status { .. } | Self::NotJson { .. } | Self::Incomplete { .. } => {
                None
            }
        }
    }
}

/// An HTTP status is about the way to WeChat rather than about the message: what is on the way is a setting.
fn status_outcome(status: StatusCode, retry_after: Option<Duration>) -> Outcome {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            Outcome::Retry { after: retry_after, at_most: None }
        }
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => Outcome::TooLarge,
        // Nothing of WeChat's is at this address, or something in between lets us through to nothing.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Outcome::Config,
        _ if status.is_client_error() => Outcome::Content,
        // Redirects are not followed: a base URL that answers with one is the wrong one.
        _ if status.is_redirection() => Outcome::Config,
        _ => Outcome::Retry { after: retry_after, at_most: None },
    }
}

/// The `rid` in `errmsg`: `… rid: xxxxxxxx-xxxxxxxx-xxxxxxxx`.
fn rid(message: &str) -> Option<&str> {
    let (_, rest) = message.rsplit_once("rid:")?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '-').unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests;
