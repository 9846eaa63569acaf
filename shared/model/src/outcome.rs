//! How an attempt ended, and what is to be done about it.

use crate::clock::Timestamp;
use crate::limits;
use crate::record::State;
use crate::retry;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How one attempt of one delivery ended: the closed set that every channel speaks.
///
/// A channel returns facts; the worker acts on them. Rules match this class, never a vendor's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The vendor accepted it. `vendor_id` is what the vendor calls the message, where it says so.
    Ok {
        /// The vendor's id of the message, for example WeChat's `msgid`.
        vendor_id: Option<u64>,
    },
    /// The address is dead or not of this account: forget it (when it is older than this answer).
    Invalid,
    /// The address lives, but its user does not want the message, or the vendor folded it away.
    Suppressed,
    /// Passing trouble: the same recipients again, later.
    Retry {
        /// What the vendor asked for (`Retry-After` and the like).
        after: Option<Duration>,
        /// Give up after this many attempts; `None` goes on for the message's life.
        at_most: Option<u32>,
    },
    /// Our token was refused even after a refresh.
    Auth,
    /// The payload is over the vendor's limit even after shrinking.
    TooLarge,
    /// The account's quota is gone: hold everything on (account, channel) until it is back.
    Quota {
        /// How long.
        hold: Hold,
    },
    /// A wrong key, certificate, permission or account state: only an operator can mend it.
    Config,
    /// The message itself was refused.
    Content,
}

/// How long a spent quota keeps a channel closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// Until the next day begins in Asia/Shanghai.
    UntilBeijingMidnight,
    /// For this long.
    For(Duration),
}

impl Hold {
    /// The moment the hold ends.
    pub fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::UntilBeijingMidnight => now.beijing_day().end(),
            Self::For(duration) => now.plus(duration),
        }
    }
}

impl Outcome {
    /// The metric and log label.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Ok { .. } => "ok",
            Self::Invalid => "invalid",
            Self::Suppressed => "suppressed",
            Self::Retry { .. } => "retry",
            Self::Auth => "auth",
            Self::TooLarge => "too_large",
            Self::Quota { .. } => "quota",
            Self::Config => "config",
            Self::Content => "content",
        }
    }
}

/// One try of one delivery: how it ended, and the vendor's own code for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// The vendor's code (WeChat's `errcode`, an HTTP status), where there was one.
    pub vendor_code: Option<i32>,
    /// The recipient may well be reached in another way, although this one is closed for good.
    pub elsewhere: bool,
    /// For [`Outcome::Invalid`]: a wrong certificate or environment would look the same. For [`Outcome::Config`]: it may
    /// be about this recipient alone, and says nothing of the account.
    pub doubtful: bool,
    /// For [`Outcome::Invalid`]: since when the vendor knows the address as dead. One that was bound later is alive.
    pub dead_since: Option<Timestamp>,
}

impl Attempt {
    /// An attempt that the vendor accepted.
    pub const fn ok(vendor_id: Option<u64>) -> Self {
        Self::failed(Outcome::Ok { vendor_id }, None)
    }

    /// An attempt that failed with the vendor's `code`.
    pub const fn failed(outcome: Outcome, code: Option<i32>) -> Self {
        Self { outcome, vendor_code: code, elsewhere: false, doubtful: false, dead_since: None }
    }

    /// The same attempt, after which another way may be tried if `elsewhere`.
    #[must_use]
    pub const fn or_elsewhere(mut self, elsewhere: bool) -> Self {
        self.elsewhere = elsewhere;
        self
    }
}

/// What to do about a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is over: record this.
    Final(State),
    /// Try again, not before `at`.
    Again {
        /// The earliest moment of the next attempt.
        at: Timestamp,
    },
    /// This leg is over; the recipient's next one is tried.
    Pass,
}

/// How long a breaker keeps an (account, channel) closed for an error that only an operator can mend, before one
/// probe is let through.
pub const BREAKER_OPEN: Duration = Duration::from_secs(300);

/// Attempts that a leg gets while another one can follow it. Passing trouble then is no reason to wait for long.
pub const LEG_ATTEMPTS: u32 = 3;
/// The longest wait that a vendor may ask for before a leg that another one can follow is given up.
pub const LEG_PATIENCE: Duration = Duration::from_secs(120);

/// Decides after attempt number `tried` (from 1) on one leg of a message accepted at `accepted`.
///
/// `further`: the recipient has another leg after this one. `jitter` is a random number in `0.0..1.0`.
pub fn decide(
    attempt: &Attempt,
    tried: u32,
    further: bool,
    accepted: Timestamp,
    now: Timestamp,
    jitter: f64,
) -> Decision {
    let again = |at: Timestamp| {
        if at.since(accepted) > limits_life() { Decision::Final(State::Expired) } else { Decision::Again { at } }
    };
    let or_pass = |pass: bool, state| if further && pass { Decision::Pass } else { Decision::Final(state) };
    match &attempt.outcome {
        Outcome::Ok { .. } => Decision::Final(State::Sent),
        Outcome::Invalid => or_pass(attempt.elsewhere, State::Invalid),
        Outcome::Suppressed => or_pass(attempt.elsewhere, State::Suppressed),
        Outcome::Retry { at_most: Some(most), .. } if tried >= *most => or_pass(true, State::Content),
        Outcome::Retry { after, .. }
            if further && (tried >= LEG_ATTEMPTS || after.is_some_and(|w| w > LEG_PATIENCE)) =>
        {
            Decision::Pass
        }
        Outcome::Retry { after, .. } => again(now.plus(retry::delay(tried, *after, jitter))),
        Outcome::Quota { .. } if further => Decision::Pass,
        Outcome::Quota { hold } => again(hold.end(now)),
        // The other legs act for the same account, with the same token.
        Outcome::Auth => Decision::Final(State::Config),
        Outcome::Config => or_pass(true, State::Config),
        Outcome::TooLarge => or_pass(true, State::TooLarge),
        Outcome::Content => or_pass(attempt.elsewhere, State::Content),
    }
}

const fn limits_life() -> Duration {
    retry::MESSAGE_LIFE
}

// A message must end before its record does, or a late attempt would have nothing to report to.
const _: () = assert!(retry::MESSAGE_LIFE.as_secs() < limits::TASK_RETENTION.as_secs());

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: Timestamp = Timestamp::from_millis(1_795_449_000_000);

    /// On the only leg there is.
    fn alone(outcome: Outcome, tried: u32, now: Timestamp, jitter: f64) -> Decision {
        decide(&Attempt::failed(outcome, None), tried, false, ACCEPTED, now, jitter)
    }

    #[test]
    fn a_leg_that_another_can_follow_is_given_up_early() {
        let with = |outcome, elsewhere, tried| {
            decide(&Attempt::failed(outcome, None).or_elsewhere(elsewhere), tried, true, ACCEPTED, ACCEPTED, 0.5)
        };
        let retry = |after| Outcome::Retry { after, at_most: None };
        assert_eq!(with(Outcome::Content, true, 1), Decision::Pass);
        assert_eq!(with(Outcome::Suppressed, true, 1), Decision::Pass);
        assert_eq!(with(Outcome::Quota { hold: Hold::UntilBeijingMidnight }, false, 1), Decision::Pass);
        assert_eq!(with(Outcome::Config, false, 1), Decision::Pass);
        assert!(matches!(with(retry(None), false, 2), Decision::Again { .. }), "passing trouble is tried twice more");
        assert_eq!(with(retry(None), false, 3), Decision::Pass);
        assert_eq!(with(retry(Some(Duration::from_secs(3600))), false, 1), Decision::Pass);
        assert_eq!(with(Outcome::Invalid, false, 1), Decision::Final(State::Invalid), "who is gone is gone everywhere");
        assert_eq!(with(Outcome::Auth, false, 1), Decision::Final(State::Config), "the token is the account's");
        assert_eq!(with(Outcome::Ok { vendor_id: None }, false, 1), Decision::Final(State::Sent));
    }

    #[test]
    fn what_cannot_get_better_is_final() {
        let decide = |outcome| alone(outcome, 1, ACCEPTED, 0.5);
        assert_eq!(decide(Outcome::Ok { vendor_id: None }), Decision::Final(State::Sent));
        assert_eq!(decide(Outcome::Invalid), Decision::Final(State::Invalid));
        assert_eq!(decide(Outcome::Suppressed), Decision::Final(State::Suppressed));
        assert_eq!(decide(Outcome::Config), Decision::Final(State::Config));
        assert_eq!(decide(Outcome::Auth), Decision::Final(State::Config));
        assert_eq!(decide(Outcome::TooLarge), Decision::Final(State::TooLarge));
        assert_eq!(decide(Outcome::Content), Decision::Final(State::Content));
    }

    #[test]
    fn passing_trouble_is_tried_again_until_the_message_is_a_day_old() {
        let retry = Outcome::Retry { after: None, at_most: None };
        assert!(matches!(alone(retry.clone(), 40, ACCEPTED, 0.5), Decision::Again { .. }));
        let late = ACCEPTED.plus(retry::MESSAGE_LIFE);
        assert_eq!(alone(retry, 40, late, 0.5), Decision::Final(State::Expired));
    }

    #[test]
    fn an_unknown_error_is_tried_a_few_times_only() {
        let retry = Outcome::Retry { after: None, at_most: Some(3) };
        assert!(matches!(alone(retry.clone(), 2, ACCEPTED, 0.5), Decision::Again { .. }));
        assert_eq!(alone(retry, 3, ACCEPTED, 0.5), Decision::Final(State::Content));
    }

    #[test]
    fn a_spent_daily_quota_waits_for_midnight_in_beijing() {
        let outcome = Outcome::Quota { hold: Hold::UntilBeijingMidnight };
        let Decision::Again { at } = alone(outcome, 1, ACCEPTED, 0.5) else { panic!("held") };
        assert_eq!(at, ACCEPTED.beijing_day().end());
    }

    #[test]
    fn the_vendors_wish_is_honoured() {
        let outcome = Outcome::Retry { after: Some(Duration::from_secs(70)), at_most: None };
        let Decision::Again { at } = alone(outcome, 1, ACCEPTED, 0.0) else { panic!("again") };
        assert!(at.since(ACCEPTED) >= Duration::from_secs(70));
    }
}
