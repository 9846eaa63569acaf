//! The one holder of an upstream's access token.
//!
//! Many instances send in the name of one account, and its token is theirs together: one record per account in the
//! [`TokenVault`], with a lease. [`TokenHolder`] is what an instance has in front of it. The rules (WeChat contract,
//! section 1.1; the other vendors' tokens fit them too):
//!
//! - A token is taken as it is while more than [`FRESH`] of its life is left.
//! - Below that, one instance wins the lease ([`LEASE`]) and fetches a new token. The others go on with the old one
//!   while it is valid, or wait for at most [`PATIENCE`].
//! - A sender whose token was refused reports the *generation* that failed. If the vault holds a newer one, that is
//!   used; otherwise one leased fetch replaces it. A fetch is forced only if the upstream hands out the very token that
//!   failed, at least [`FORCE_INTERVAL`] after the last force and at most [`FORCES_PER_DAY`] times a day.
//! - Within an instance, all who need the same token share one look into the vault and one fetch.
//! - Where only one function may call the token endpoint, because the upstream checks its caller's address, all others
//!   are [`Fetching::Elsewhere`]: they note which generation failed and wait for the scheduled refresher.
//!
//! The lease only saves calls. Correctness does not rest on it: a token that was fetched twice is valid twice.

mod error;
mod flight;
mod holder;
#[cfg(test)]
mod tests;

pub use error::{FetchError, TokenError, VaultError};
pub use holder::{Refresh, TokenHolder};

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::clock::Timestamp;
use model::ids::AccountId;
use model::secret::Secret;
use std::fmt;
use std::time::Duration;

/// While more than this is left of a token's life, nobody thinks of a new one. WeChat rotates in the last 5 minutes.
pub const FRESH: Duration = Duration::from_secs(300);
/// The scheduled refresher acts when less than this is left: three of its 5-minute rounds.
pub const DUE: Duration = Duration::from_secs(900);
/// How long a lease is held at most. Longer than a fetch may take, so a live fetch does not lose it.
pub const LEASE: Duration = Duration::from_secs(10);
/// How long one who has no valid token waits for another instance's fetch.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The least time between two forced fetches. WeChat ignores a force within 30 s of the last.
pub const FORCE_INTERVAL: Duration = Duration::from_secs(30);
/// Most forced fetches of one token per day (Asia/Shanghai). WeChat allows 20; the rest is the operator's.
pub const FORCES_PER_DAY: u32 = 10;
/// How long one who may not fetch waits for the refresher: one of its rounds where it is alone in fetching.
pub const ROUND: Duration = Duration::from_secs(60);

/// Who asks an upstream that checks its callers' addresses for a token, when a sender has none. All others are asked
/// by whoever needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fetching {
    /// The sender's own instance.
    #[default]
    Here,
    /// The scheduled refresher alone ([`TokenHolder::refresh_due`]).
    Elsewhere,
}

/// Whose tokens they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Upstream {
    /// WeChat's API token of an official account or mini program.
    Wechat,
    /// Apple's push service. The token is a JWT of our own making, which has to be shared all the same.
    Apns,
    /// Google's OAuth token for Firebase Cloud Messaging.
    Fcm,
    /// Huawei's OAuth token for Push Kit.
    Huawei,
    /// OPPO's `auth_token`.
    Oppo,
    /// vivo's `authToken`.
    Vivo,
}

impl Upstream {
    /// The text form, used in keys and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::Huawei => "huawei",
            Self::Oppo => "oppo",
            Self::Vivo => "vivo",
        }
    }

    /// Whether it gives tokens to listed addresses only, so that not everybody may be able to ask ([`Fetching`]).
    pub const fn checks_addresses(self) -> bool {
        match self {
            Self::Wechat => true,
            Self::Apns | Self::Fcm | Self::Huawei | Self::Oppo | Self::Vivo => false,
        }
    }
}

/// Names a token: one per upstream and account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey {
    /// Who issues it.
    pub upstream: Upstream,
    /// For whom.
    pub account: AccountId,
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.upstream.as_str(), self.account)
    }
}

/// A token as the vault holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldToken {
    /// The token.
    pub value: Secret<String>,
    /// When it stops being valid.
    pub expires: Timestamp,
    /// Counts the tokens of this key, from 1.
    pub generation: u64,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// The last forced fetch of this key, of this generation or an earlier one.
    pub last_forced: Option<Timestamp>,
    /// Forced fetches on the day (Asia/Shanghai) of `last_forced`.
    pub forced_today: u32,
    /// The latest generation that a sender reported as refused; 0 for none. The refresher replaces it.
    pub reported: u64,
}

/// A token that is about to be held. The vault stores it as it is and counts the generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The token.
    pub value: Secret<String>,
    /// When it stops being valid.
    pub expires: Timestamp,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// See [`HeldToken::last_forced`].
    pub last_forced: Option<Timestamp>,
    /// See [`HeldToken::forced_today`].
    pub forced_today: u32,
}

/// Where tokens are held for all instances.
///
/// A record exists from the first lease on; its generation is 0 until a token has been stored.
#[async_trait]
pub trait TokenVault: Send + Sync {
    /// The token held for `key`; `None` when none has been stored yet. A read that sees every earlier write.
    async fn load(&self, key: &TokenKey) -> Result<Option<HeldToken>, VaultError>;

    /// Takes the lease until `until`. `true`: taken. `false`: somebody holds it and it has not run out at `now`, or the
    /// generation held is no longer `generation` (0 for none).
    async fn try_lease(
        &self,
        key: &TokenKey,
        generation: u64,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, VaultError>;

    /// Stores `token` as the next generation and frees the lease. `false`: `owner` no longer holds the lease, and
    /// nothing was changed.
    async fn store(&self, key: &TokenKey, owner: &str, token: NewToken) -> Result<bool, VaultError>;

    /// Notes that the upstream refuses the token of `generation`, as [`HeldToken::reported`]. Nothing happens when that
    /// or a later one was noted, or when the token held is a newer one.
    async fn report(&self, key: &TokenKey, generation: u64) -> Result<(), VaultError>;

    /// Frees the lease if `owner` still holds it; nothing happens otherwise.
    async fn release(&self, key: &TokenKey, owner: &str) -> Result<(), VaultError>;
}

/// A token to send with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub value: Secret<String>,
    /// What to report when the upstream refuses it.
    pub generation: u64,
}

/// A token that the upstream has just issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The token.
    pub value: Secret<String>,
    /// What is left of its life.
    pub life: Duration,
}

/// How a token is got from its upstream.
pub trait Fetch: Send + Sync {
    /// One call to the upstream. `force` asks for a new token although the current one has not run out.
    ///
    /// The future owns what it needs: it runs on when the sender that started it has gone on with the old token.
    fn fetch(&self, force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>>;
}
