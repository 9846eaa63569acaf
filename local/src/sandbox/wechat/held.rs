//! The tokens that an account holds, and how long each works. The rules are on the page of `token`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::clock::Day;
use model::secret::Secret;
use serde::Serialize;

use super::controls::TokenFetches;
use super::refusal::Refusal;
use crate::sandbox::clock::beijing_day;

/// The life of a new token, in milliseconds.
const LIFE_MS: i64 = 7_200_000;

/// How long before its end the shared token is replaced, and how long a replaced token still works, in milliseconds.
const OVERLAP_MS: i64 = 300_000;

/// The least time between two forced refreshes, in milliseconds.
const FORCE_GAP_MS: i64 = 30_000;

/// Forced refreshes per day.
const FORCES_PER_DAY: u64 = 20;

/// Calls of `GET /cgi-bin/token` per day.
const PLAIN_CALLS_PER_DAY: u64 = 2_000;

/// Random bytes in a token; 136 characters of base64url.
const RANDOM_BYTES: usize = 102;

/// The length of a token: two digits, an underscore, and the random part.
const TOKEN_LENGTH: usize = 3 + RANDOM_BYTES * 4 / 3;

/// A token answer. WeChat leaves `errcode` out.
#[derive(Serialize)]
pub(super) struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: i64,
}

/// Whether `token` looks like one that we could have issued.
pub(super) fn is_well_formed(token: &str) -> bool {
    let bytes = token.as_bytes();
    bytes.len() == TOKEN_LENGTH
        && bytes[..2].iter().all(u8::is_ascii_digit)
        && bytes[2] == b'_'
        && bytes[3..].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The tokens of one account.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    shared: Slot,
    own: Slot,
    fetches: TokenFetches,
    last_forced_ms: Option<i64>,
    forced_today: Daily,
    plain_today: Daily,
}

/// Something counted per Beijing day.
#[derive(Debug, Default)]
struct Daily {
    day: Option<Day>,
    count: u64,
}

impl Daily {
    /// Count one more, unless `limit` is reached today.
    fn take(&mut self, limit: u64, now_ms: i64) -> bool {
        let today = Some(beijing_day(now_ms));
        if self.day != today {
            *self = Self { day: today, count: 0 };
        }
        let free = self.count < limit;
        self.count += u64::from(free);
        free
    }
}

/// The newest token of one endpoint and the one before.
#[derive(Debug, Default)]
struct Slot {
    current: Option<Issued>,
    replaced: Option<Issued>,
}

/// One token.
#[derive(Debug)]
struct Issued {
    text: Secret<String>,
    /// When it stops working, in epoch milliseconds.
    until_ms: i64,
    /// Refused by message calls although it is still handed out.
    spoilt: bool,
}

impl Issued {
    /// A token that nobody has seen.
    fn new(now_ms: i64) -> Self {
        let mut random = [0_u8; RANDOM_BYTES];
        rand::fill(&mut random[..]);
        let series = rand::random_range(10..100);
        Self {
            text: Secret::new(format!("{series}_{}", URL_SAFE_NO_PAD.encode(random))),
            until_ms: now_ms + LIFE_MS,
            spoilt: false,
        }
    }
}

impl Slot {
    /// Makes a new token; the current one works for 5 more minutes at most, the one before it no more.
    fn replace(&mut self, now_ms: i64) {
        self.replaced = self.current.take();
        if let Some(replaced) = &mut self.replaced {
            replaced.until_ms = replaced.until_ms.min(now_ms + OVERLAP_MS);
        }
        self.current = Some(Issued::new(now_ms));
    }

    /// The current token with its remaining life, one made if there is none with more than `reserve_ms` to go.
    fn granted(&mut self, reserve_ms: i64, now_ms: i64) -> Granted {
        let fresh_enough = self.current.as_ref().is_some_and(|current| current.until_ms - now_ms > reserve_ms);
        if !fresh_enough {
            self.replace(now_ms);
        }
        let current = self.current.get_or_insert_with(|| Issued::new(now_ms));
        Granted { access_token: current.text.expose().clone(), expires_in: (current.until_ms - now_ms) / 1000 }
    }

    /// What a message call is told about `token`; `None` if it is not from here.
    fn standing(&self, token: &str, now_ms: i64) -> Option<Result<(), Refusal>> {
        let is_it = |issued: &&Issued| issued.text.expose() == token;
        if let Some(current) = self.current.as_ref().filter(is_it) {
            return Some(if current.spoilt {
                Err(Refusal::TokenNotLatest)
            } else if now_ms >= current.until_ms {
                Err(Refusal::TokenExpired)
            } else {
                Ok(())
            });
        }
        let replaced = self.replaced.as_ref().filter(is_it)?;
        Some(if replaced.spoilt || now_ms >= replaced.until_ms { Err(Refusal::TokenNotLatest) } else { Ok(()) })
    }

    /// Ends the life of both tokens.
    fn expire(&mut self, now_ms: i64) {
        for issued in [&mut self.current, &mut self.replaced].into_iter().flatten() {
            issued.until_ms = issued.until_ms.min(now_ms);
        }
    }
}

impl Tokens {
    /// `stable_token`.
    pub(super) fn stable(&mut self, force_refresh: bool, now_ms: i64) -> Granted {
        self.fetches.stable += 1;
        let rested = self.last_forced_ms.is_none_or(|last_ms| now_ms - last_ms >= FORCE_GAP_MS);
        if force_refresh && rested && self.forced_today.take(FORCES_PER_DAY, now_ms) {
            self.last_forced_ms = Some(now_ms);
            self.fetches.forced += 1;
            self.shared.replace(now_ms);
        }
        self.shared.granted(OVERLAP_MS, now_ms)
    }

    /// `token`.
    pub(super) fn plain(&mut self, now_ms: i64) -> Result<Granted, Refusal> {
        if !self.plain_today.take(PLAIN_CALLS_PER_DAY, now_ms) {
            return Err(Refusal::Quota);
        }
        self.fetches.plain += 1;
        self.own.replace(now_ms);
        Ok(self.own.granted(0, now_ms))
    }

    /// What a message call is told about `token`; `None` if it is not this account's.
    pub(super) fn standing(&self, token: &str, now_ms: i64) -> Option<Result<(), Refusal>> {
        self.shared.standing(token, now_ms).or_else(|| self.own.standing(token, now_ms))
    }

    /// How often tokens were handed out.
    pub(super) fn fetches(&self) -> TokenFetches {
        self.fetches
    }

    /// All tokens are past their life from now on.
    pub(super) fn expire(&mut self, now_ms: i64) {
        self.shared.expire(now_ms);
        self.own.expire(now_ms);
    }

    /// No token was ever issued.
    pub(super) fn revoke(&mut self) {
        self.shared = Slot::default();
        self.own = Slot::default();
    }

    /// Message calls refuse the shared token, which is handed out all the same until it is replaced.
    pub(super) fn spoil(&mut self) {
        if let Some(current) = &mut self.shared.current {
            current.spoilt = true;
        }
    }
}
