//! A token vault in memory.

use crate::token::{HeldToken, NewToken, TokenKey, TokenVault, VaultError};
use async_trait::async_trait;
use model::clock::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A vault in memory that keeps every promise of [`TokenVault`], counts its reads and can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryVault {
    records: Mutex<HashMap<TokenKey, Record>>,
    loads: AtomicUsize,
    broken: AtomicBool,
}

#[derive(Debug, Default)]
struct Record {
    token: Option<HeldToken>,
    lease: Option<(String, Timestamp)>,
}

impl MemoryVault {
    /// How often a token was read.
    pub fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// From now on every call fails, or works again.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// The token held, without counting as a read.
    pub fn peek(&self, key: &TokenKey) -> Option<HeldToken> {
        self.records().get(key).and_then(|record| record.token.clone())
    }

    fn records(&self) -> MutexGuard<'_, HashMap<TokenKey, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), VaultError> {
        if self.broken.load(Ordering::SeqCst) { Err(VaultError::new("the vault was told to fail")) } else { Ok(()) }
    }
}

#[async_trait]
impl TokenVault for MemoryVault {
    async fn load(&self, key: &TokenKey) -> Result<Option<HeldToken>, VaultError> {
        self.check()?;
        self.loads.fetch_add(1, Ordering::SeqCst);
        // Other tasks get a turn, as they would while a real vault is read.
        tokio::task::yield_now().await;
        Ok(self.peek(key))
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        generation: u64,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, VaultError> {
        self.check()?;
        tokio::task::yield_now().await;
        let mut records = self.records();
        let record = records.entry(key.clone()).or_default();
        let held = record.token.as_ref().map_or(0, |token| token.generation);
        let taken = held == generation && record.lease.as_ref().is_none_or(|(_, end)| *end <= now);
        if taken {
            record.lease = Some((owner.to_owned(), until));
        }
        Ok(taken)
    }

    async fn store(&self, key: &TokenKey, owner: &str, token: NewToken) -> Result<bool, VaultError> {
        self.check()?;
        tokio::task::yield_now().await;
        let mut records = self.records();
        let Some(record) = records.get_mut(key) else { return Ok(false) };
        if record.lease.take_if(|(holder, _)| holder == owner).is_none() {
            return Ok(false);
        }
        let generation = 1 + record.token.as_ref().map_or(0, |token| token.generation);
        let NewToken { value, expires, fetched, last_forced, forced_today } = token;
        let reported = record.token.as_ref().map_or(0, |token| token.reported);
        record.token = Some(HeldToken { value, expires, generation, fetched, last_forced, forced_today, reported });
        Ok(true)
    }

    async fn report(&self, key: &TokenKey, generation: u64) -> Result<(), VaultError> {
        self.check()?;
        if let Some(token) = self.records().get_mut(key).and_then(|record| record.token.as_mut())
            && token.generation <= generation
        {
            token.reported = token.reported.max(generation);
        }
        Ok(())
    }

    async fn release(&self, key: &TokenKey, owner: &str) -> Result<(), VaultError> {
        self.check()?;
        if let Some(record) = self.records().get_mut(key) {
            record.lease.take_if(|(holder, _)| holder == owner);
        }
        Ok(())
    }
}
