//! The store as the place where channels hold their upstream tokens.

use async_trait::async_trait;
use model::clock::Timestamp;
use provider::token::{HeldToken, NewToken, TokenKey, TokenVault, VaultError};
use store::tokens::{UpstreamToken, UpstreamTokens};
use store::{Capability, Store, StoreError};

/// [`UpstreamTokens`] behind the trait that the token holder knows.
pub(crate) struct StoredTokens(UpstreamTokens);

impl StoredTokens {
    pub(crate) fn open(store: &Store) -> Self {
        Self(UpstreamTokens::open(store))
    }
}

fn failed(error: StoreError) -> VaultError {
    VaultError::new(error)
}

#[async_trait]
impl TokenVault for StoredTokens {
    async fn load(&self, key: &TokenKey) -> Result<Option<HeldToken>, VaultError> {
        let token = self.0.load(key.upstream.as_str(), key.account.as_str()).await.map_err(failed)?;
        Ok(token.map(|token| HeldToken {
            value: token.value,
            expires: token.expires,
            generation: token.generation,
            fetched: token.fetched,
            last_forced: token.last_forced,
            forced_today: token.forced_today,
            reported: token.reported,
        }))
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        generation: u64,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, VaultError> {
        let (kind, account) = (key.upstream.as_str(), key.account.as_str());
        self.0.try_lease(kind, account, generation, owner, now, until).await.map_err(failed)
    }

    async fn store(&self, key: &TokenKey, owner: &str, token: NewToken) -> Result<bool, VaultError> {
        let token = UpstreamToken {
            value: token.value,
            expires: token.expires,
            generation: 0,
            fetched: token.fetched,
            last_forced: token.last_forced,
            forced_today: token.forced_today,
            reported: 0,
        };
        self.0.keep(key.upstream.as_str(), key.account.as_str(), owner, &token).await.map_err(failed)
    }

    async fn report(&self, key: &TokenKey, generation: u64) -> Result<(), VaultError> {
        self.0.report(key.upstream.as_str(), key.account.as_str(), generation).await.map_err(failed)
    }

    async fn release(&self, key: &TokenKey, owner: &str) -> Result<(), VaultError> {
        self.0.release(key.upstream.as_str(), key.account.as_str(), owner).await.map_err(failed)
    }
}
