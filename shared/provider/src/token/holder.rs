//! What an instance has in front of the vault: a cache, and one flight per token.

use super::error::TokenError;
use super::flight::{Errand, Landing, Refused, Source};
use super::{DUE, FORCE_INTERVAL, FRESH, Fetch, Fetching, Token, TokenKey, TokenVault};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use model::clock::{Clock, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long this instance does not look again after a failure that is not the upstream's.
const FAILURE_HOLD: Duration = Duration::from_secs(1);
/// How long this instance does not look again for a token that the refresher has to bring.
const AWAITED_HOLD: Duration = Duration::from_secs(5);
/// How often, at most, this instance looks for a new token while it goes on with one that is about to end.
const ENDING_LOOK: Duration = Duration::from_secs(2);
/// How long a flight may take in all; each call within has its own, shorter limit.
const FLIGHT_LIMIT: Duration = Duration::from_secs(20);

/// Hands out tokens. One per process; see the [module](super) for its rules.
pub struct TokenHolder {
    inner: Arc<Inner>,
}

struct Inner {
    vault: Arc<dyn TokenVault>,
    clock: Arc<dyn Clock>,
    fetching: Fetching,
    slots: Mutex<HashMap<TokenKey, Slot>>,
}

/// What this instance knows of one token.
#[derive(Default)]
struct Slot {
    known: Option<Known>,
    flight: Option<Flight>,
    flights: u64,
    /// The last failure, and until when it is the answer.
    failure: Option<(TokenError, Timestamp)>,
    /// The generation that cannot be replaced, and until when nothing can be done about it.
    hopeless: Option<(u64, Timestamp)>,
}

struct Known {
    token: Token,
    expires: Timestamp,
    look_again: Timestamp,
}

#[derive(Clone)]
struct Flight {
    number: u64,
    /// The generation that this flight replaces; `None` for one that only looks for a valid token.
    replaces: Option<u64>,
    result: Shared<BoxFuture<'static, Result<Token, TokenError>>>,
}

/// What the scheduled refresher found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// More than [`DUE`] is left.
    NotDue,
    /// A new token is held.
    Renewed,
    /// The upstream goes on with the present token; WeChat does until its last five minutes.
    Unchanged,
    /// Another instance is at it.
    Elsewhere,
}

impl TokenHolder {
    /// A holder in front of `vault`. Reads nothing yet.
    pub fn new(vault: Arc<dyn TokenVault>, clock: Arc<dyn Clock>) -> Self {
        Self::that(vault, clock, Fetching::Here)
    }

    /// A holder that asks upstreams which check their callers' addresses only as `fetching` says.
    pub fn that(vault: Arc<dyn TokenVault>, clock: Arc<dyn Clock>, fetching: Fetching) -> Self {
        Self { inner: Arc::new(Inner { vault, clock, fetching, slots: Mutex::default() }) }
    }

    /// A token to send with. Never waits while a valid one is known.
    pub async fn get(&self, key: &TokenKey, fetch: &dyn Fetch) -> Result<Token, TokenError> {
        let flight = {
            let now = self.inner.clock.now();
            let mut slots = self.inner.slots();
            let slot = slots.entry(key.clone()).or_default();
            let valid = slot.known.as_ref().filter(|known| known.expires > now);
            if let Some(known) = valid.filter(|known| known.look_again > now) {
                return Ok(known.token.clone());
            }
            let valid = valid.map(|known| known.token.clone());
            if let Some((error, until)) = &slot.failure
                && *until > now
            {
                return valid.ok_or_else(|| error.clone());
            }
            let flight = slot.flight.clone().unwrap_or_else(|| self.inner.start(slot, key, None, fetch));
            // The flight goes on by itself: a refresh that hangs stalls nobody who has a valid token.
            if let Some(token) = valid {
                return Ok(token);
            }
            flight
        };
        flight.result.await
    }

    /// The token to repeat a call with, after the upstream refused the one of `generation`.
    pub async fn refused(&self, key: &TokenKey, generation: u64, fetch: &dyn Fetch) -> Result<Token, TokenError> {
        // Twice, because a flight that was under way already may bring back the very token that failed.
        for _ in 0..2 {
            let flight = {
                let now = self.inner.clock.now();
                let mut slots = self.inner.slots();
                let slot = slots.entry(key.clone()).or_default();
                if let Some(known) = slot.known.as_ref().filter(|known| known.token.generation > generation) {
                    return Ok(known.token.clone());
                }
                if slot.hopeless.is_some_and(|(hopeless, until)| hopeless >= generation && until > now) {
                    return Err(TokenError::Refused);
                }
                if let Some((error, _)) = slot.failure.as_ref().filter(|(_, until)| *until > now) {
                    return Err(error.clone());
                }
                let failed = slot.known.take_if(|known| known.token.generation == generation);
                let refused = Refused { generation, value: failed.map(|known| known.token.value) };
                slot.flight.clone().unwrap_or_else(|| self.inner.start(slot, key, Some(refused), fetch))
            };
            match flight.result.await {
                Ok(token) if token.generation > generation => return Ok(token),
                Err(error) if flight.replaces >= Some(generation) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Err(TokenError::Busy)
    }

    /// Renews the token when less than [`DUE`] of its life is left, when there is none, or when a sender that may not
    /// fetch reported it. Always asks the upstream from here: this is what the others wait for.
    pub async fn refresh_due(&self, key: &TokenKey, fetch: &dyn Fetch) -> Result<Refresh, TokenError> {
        let errand = self.inner.errand(key, None, DUE, fetch);
        let landing = Errand { fetching: Fetching::Here, heeds_reports: true, ..errand }.run().await?;
        Ok(match landing.source {
            Source::Vault => Refresh::NotDue,
            Source::Elsewhere => Refresh::Elsewhere,
            Source::Unchanged => Refresh::Unchanged,
            Source::Fetched => Refresh::Renewed,
        })
    }
}

impl Inner {
    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<TokenKey, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn errand(&self, key: &TokenKey, refused: Option<Refused>, enough: Duration, fetch: &dyn Fetch) -> Errand {
        Errand {
            vault: Arc::clone(&self.vault),
            clock: Arc::clone(&self.clock),
            key: key.clone(),
            refused,
            enough,
            fetching: if key.upstream.checks_addresses() { self.fetching } else { Fetching::Here },
            heeds_reports: false,
            plain: fetch.fetch(false),
            forced: fetch.fetch(true),
        }
    }

    /// Starts a flight that all who need this token share, and that ends whoever goes away meanwhile.
    fn start(self: &Arc<Self>, slot: &mut Slot, key: &TokenKey, refused: Option<Refused>, fetch: &dyn Fetch) -> Flight {
        slot.flights += 1;
        let number = slot.flights;
        let replaces = refused.as_ref().map(|refused| refused.generation);
        let errand = self.errand(key, refused, FRESH, fetch);
        let runway = Runway { inner: Arc::clone(self), key: key.clone(), number };
        let task = tokio::spawn(async move {
            let landed = tokio::time::timeout(FLIGHT_LIMIT, errand.run()).await.unwrap_or(Err(TokenError::Interrupted));
            runway.inner.land(&runway.key, replaces, &landed);
            landed.map(|landing| landing.token)
        });
        let result = task.map(|ended| ended.unwrap_or(Err(TokenError::Interrupted))).boxed().shared();
        let flight = Flight { number, replaces, result };
        slot.flight = Some(flight.clone());
        flight
    }

    /// Takes note of what a flight brought.
    fn land(&self, key: &TokenKey, replaces: Option<u64>, landed: &Result<Landing, TokenError>) {
        let now = self.clock.now();
        let mut slots = self.slots();
        let slot = slots.entry(key.clone()).or_default();
        match landed {
            Ok(landing) => {
                slot.failure = None;
                let left = landing.expires.since(now);
                // Half of what is left, and no longer than others would use it without a thought.
                let look_again = if left > FRESH { (left / 2).min(left - FRESH) } else { (left / 2).min(ENDING_LOOK) };
                slot.known = Some(Known {
                    token: landing.token.clone(),
                    expires: landing.expires,
                    look_again: now.plus(look_again),
                });
            }
            Err(TokenError::Refused) => {
                tracing::error!(token.key = %key, "the upstream refuses the token that it has just issued");
                slot.hopeless = replaces.map(|generation| (generation, now.plus(FORCE_INTERVAL)));
            }
            Err(error) => {
                let hold = match error {
                    TokenError::Fetch(error) => error.hold,
                    TokenError::Awaited => AWAITED_HOLD,
                    TokenError::Vault(_) | TokenError::Busy | TokenError::Refused | TokenError::Interrupted => {
                        FAILURE_HOLD
                    }
                };
                tracing::warn!(token.key = %key, error = %error, hold_ms = hold.as_millis() as u64, "no new upstream token");
                slot.failure = Some((error.clone(), now.plus(hold)));
            }
        }
    }
}

/// Clears the flight when it has ended, also when its task was dropped or panicked.
struct Runway {
    inner: Arc<Inner>,
    key: TokenKey,
    number: u64,
}

impl Drop for Runway {
    fn drop(&mut self) {
        if let Some(slot) = self.inner.slots().get_mut(&self.key) {
            slot.flight.take_if(|flight| flight.number == self.number);
        }
    }
}
