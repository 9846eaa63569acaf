//! One look into the vault, and the leased fetch that may follow from it.

use super::error::{FetchError, TokenError};
use super::{
    FORCE_INTERVAL, FORCES_PER_DAY, Fetched, Fetching, HeldToken, LEASE, NewToken, PATIENCE, Token, TokenKey,
    TokenVault,
};
use futures::future::BoxFuture;
use model::clock::{Clock, Timestamp};
use model::outcome::Outcome;
use model::secret::Secret;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the upstream may take. Shorter than the lease, so that there is time left to store what it gave.
const FETCH_LIMIT: Duration = Duration::from_secs(8);
const _: () = assert!(FETCH_LIMIT.as_secs() < LEASE.as_secs());

/// How often one who waits for another instance's fetch looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The same token again is stored only when it lives longer than was known, by this much. A new generation for an old
/// token would make its next refusal look cured.
const WORTH_STORING: Duration = Duration::from_secs(60);

/// A way to the vault, and to the upstream if need be.
pub(super) struct Errand {
    pub(super) vault: Arc<dyn TokenVault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) key: TokenKey,
    /// The token that failed, if one did.
    pub(super) refused: Option<Refused>,
    /// Nothing is fetched while more life than this is left.
    pub(super) enough: Duration,
    /// Whether the upstream may be asked from here.
    pub(super) fetching: Fetching,
    /// Whether a token is replaced because others reported it.
    pub(super) heeds_reports: bool,
    pub(super) plain: BoxFuture<'static, Result<Fetched, FetchError>>,
    pub(super) forced: BoxFuture<'static, Result<Fetched, FetchError>>,
}

/// A token that the upstream refused.
pub(super) struct Refused {
    pub(super) generation: u64,
    /// Its value, where the sender's instance still knows it; otherwise the vault does.
    pub(super) value: Option<Secret<String>>,
}

/// A token, and where it came from.
pub(super) struct Landing {
    pub(super) token: Token,
    pub(super) expires: Timestamp,
    pub(super) source: Source,
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The vault has a good one.
    Vault,
    /// The vault's is about to end, and another instance is fetching the next.
    Elsewhere,
    /// The upstream gave the present one again.
    Unchanged,
    /// The upstream gave a new one.
    Fetched,
}

impl Errand {
    pub(super) async fn run(mut self) -> Result<Landing, TokenError> {
        let give_up = Instant::now() + PATIENCE;
        // Each try of the lease has a name of its own, so a lease that ran out is never taken for the present one.
        let owner = format!("{:032x}", rand::random::<u128>());
        loop {
            let held = self.vault.load(&self.key).await?;
            let now = self.clock.now();
            if let Some(held) = held.as_ref().filter(|held| self.heeds_reports && held.reported >= held.generation) {
                self.refused.get_or_insert(Refused { generation: held.generation, value: None });
            }
            // A token that failed, or came before one that did, is no use however long it lives.
            let usable = held.as_ref().filter(|held| held.expires > now && self.is_newer(held));
            if let Some(held) = usable
                && (self.refused.is_some() || held.expires > now.plus(self.enough))
            {
                return Ok(landing(held, Source::Vault));
            }
            if held.as_ref().is_some_and(|held| !self.is_newer(held) && forced_lately(held, now)) {
                return Err(TokenError::Refused);
            }
            let generation = held.as_ref().map_or(0, |held| held.generation);
            if self.fetching == Fetching::Elsewhere {
                return match (usable, &self.refused) {
                    (Some(held), _) => Ok(landing(held, Source::Elsewhere)),
                    // None, or one that has run out: the refresher sees that by itself.
                    (None, None) => Err(TokenError::Awaited),
                    (None, Some(refused)) => {
                        self.vault.report(&self.key, refused.generation).await?;
                        Err(TokenError::Awaited)
                    }
                };
            }
            if self.vault.try_lease(&self.key, generation, &owner, now, now.plus(LEASE)).await? {
                return self.renew(held, &owner).await;
            }
            if let Some(held) = usable {
                return Ok(landing(held, Source::Elsewhere));
            }
            if Instant::now() >= give_up {
                return Err(TokenError::Busy);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    fn is_newer(&self, held: &HeldToken) -> bool {
        self.refused.as_ref().is_none_or(|refused| held.generation > refused.generation)
    }

    /// Fetches and stores, under the lease.
    async fn renew(self, held: Option<HeldToken>, owner: &str) -> Result<Landing, TokenError> {
        let Self { vault, clock, key, refused, plain, forced, .. } = self;
        let asked = clock.now();
        let fetching = fetch(held.as_ref(), refused.as_ref(), asked, plain, forced);
        let fetched = match tokio::time::timeout(FETCH_LIMIT, fetching).await {
            Ok(fetched) => fetched,
            Err(_) => Err(TokenError::Fetch(too_slow())),
        };
        let (fetched, was_forced) = match fetched {
            Ok(fetched) => fetched,
            Err(error) => {
                release(vault.as_ref(), &key, owner).await;
                return Err(error);
            }
        };
        let expires = asked.plus(fetched.life);
        let generation = held.as_ref().map_or(0, |held| held.generation);
        if let Some(held) = held.as_ref().filter(|held| held.value == fetched.value && !was_forced)
            && expires <= held.expires.plus(WORTH_STORING)
        {
            release(vault.as_ref(), &key, owner).await;
            return Ok(landing(held, Source::Unchanged));
        }
        let (last_forced, forced_today) = match &held {
            _ if was_forced => (Some(asked), 1 + held.as_ref().map_or(0, |held| forces_on_day_of(held, asked))),
            Some(held) => (held.last_forced, held.forced_today),
            None => (None, 0),
        };
        let token = NewToken { value: fetched.value.clone(), expires, fetched: asked, last_forced, forced_today };
        let stored = vault.store(&key, owner, token).await;
        let token = Token { value: fetched.value, generation: generation + 1 };
        match stored {
            Ok(true) => {
                let life_s = fetched.life.as_secs();
                tracing::info!(token.key = %key, generation = token.generation, life_s, was_forced, "upstream token renewed");
            }
            // Somebody was quicker. Theirs is the one that everybody reports on.
            Ok(false) => {
                if let Some(newer) = vault.load(&key).await?.filter(|newer| newer.generation > generation) {
                    return Ok(landing(&newer, Source::Vault));
                }
            }
            // The token is good all the same: this instance uses it, the others fetch their own.
            Err(error) => {
                tracing::warn!(token.key = %key, error = %error, "upstream token could not be stored");
            }
        }
        Ok(Landing { token, expires, source: Source::Fetched })
    }
}

/// A token, and whether it was forced.
async fn fetch(
    held: Option<&HeldToken>,
    refused: Option<&Refused>,
    now: Timestamp,
    plain: BoxFuture<'static, Result<Fetched, FetchError>>,
    forced: BoxFuture<'static, Result<Fetched, FetchError>>,
) -> Result<(Fetched, bool), TokenError> {
    let fetched = plain.await?;
    let failed = refused.and_then(|refused| refused.value.as_ref().or(held.map(|held| &held.value)));
    if failed != Some(&fetched.value) {
        return Ok((fetched, false));
    }
    let may_force = held.is_none_or(|held| !forced_lately(held, now) && forces_on_day_of(held, now) < FORCES_PER_DAY);
    if may_force { Ok((forced.await?, true)) } else { Err(TokenError::Refused) }
}

fn forced_lately(held: &HeldToken, now: Timestamp) -> bool {
    held.last_forced.is_some_and(|forced| now < forced.plus(FORCE_INTERVAL))
}

fn forces_on_day_of(held: &HeldToken, now: Timestamp) -> u32 {
    let same_day = held.last_forced.is_some_and(|forced| forced.beijing_day() == now.beijing_day());
    if same_day { held.forced_today } else { 0 }
}

fn landing(held: &HeldToken, source: Source) -> Landing {
    let token = Token { value: held.value.clone(), generation: held.generation };
    Landing { token, expires: held.expires, source }
}

fn too_slow() -> FetchError {
    FetchError {
        outcome: Outcome::Retry { after: None, at_most: None },
        code: None,
        reason: format!("no answer within {} s", FETCH_LIMIT.as_secs()),
        hold: Duration::from_secs(1),
    }
}

/// A lease that cannot be freed runs out by itself, so this failure is tolerated.
async fn release(vault: &dyn TokenVault, key: &TokenKey, owner: &str) {
    if let Err(error) = vault.release(key, owner).await {
        tracing::warn!(token.key = %key, error = %error, "token lease not freed; it runs out by itself");
    }
}
