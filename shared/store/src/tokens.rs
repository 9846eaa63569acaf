//! Upstream access tokens (Tokens table): one item per account, with the lease under which it is refreshed.
//!
//! The token is sealed like every secret we must use. The rules of who refreshes when are `provider`'s; here is only
//! what one conditional write can promise.

use crate::db::refused;
use crate::error::failed;
use crate::item::{Reader, n, s};
use crate::seal::{Opener, Sealer};
use crate::{Capability, Grant, Resource, Store, StoreError, keys};
use model::clock::Timestamp;
use model::secret::Secret;

/// Reads and writes upstream tokens.
#[derive(Clone)]
pub struct UpstreamTokens {
    store: Store,
    opener: Opener,
    sealer: Sealer,
}

impl Capability for UpstreamTokens {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), opener: Opener::open(store), sealer: Sealer::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = [Opener::grants(), Sealer::grants()].concat();
        grants.push(Grant::new("dynamodb:GetItem", Resource::Tokens));
        grants.push(Grant::new("dynamodb:UpdateItem", Resource::Tokens));
        grants
    }
}

/// A token as its item holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamToken {
    /// The token.
    pub value: Secret<String>,
    /// When it stops being valid.
    pub expires: Timestamp,
    /// Counts the tokens of this item, from 1. Ignored when writing.
    pub generation: u64,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// The last forced fetch.
    pub last_forced: Option<Timestamp>,
    /// Forced fetches on the day of `last_forced`.
    pub forced_today: u32,
    /// The latest generation that a sender reported as refused; 0 for none. Ignored when writing.
    pub reported: u64,
}

impl UpstreamTokens {
    /// The token held; `None` when none was stored yet. Strongly consistent.
    pub async fn load(&self, kind: &str, account: &str) -> Result<Option<UpstreamToken>, StoreError> {
        let key = keys::upstream_token(kind, account);
        let Some(item) = self.store.get(&self.store.names().tokens, key, true).await? else { return Ok(None) };
        let reader = Reader::new("upstream token", &item);
        if !reader.has("token") {
            return Ok(None);
        }
        let millis = |name| reader.number(name).map(Timestamp::from_millis);
        Ok(Some(UpstreamToken {
            value: self.opener.unseal(&owner(kind, account), reader.string("token")?).await?,
            expires: millis("valid_until_ms")?,
            generation: reader.number("generation")?,
            fetched: millis("fetched_ms")?,
            last_forced: reader.has("forced_ms").then(|| millis("forced_ms")).transpose()?,
            forced_today: reader.number_or("forced_today", 0)?,
            reported: reader.number_or("reported", 0)?,
        }))
    }

    /// Takes the lease for `holder` until `until`, unless somebody else holds it at `now` or the token held is no longer of
    /// `generation` (0: none). `true`: taken. A repeat after a lost answer finds its own lease and is content.
    pub async fn try_lease(
        &self,
        kind: &str,
        account: &str,
        generation: u64,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = keys::upstream_token(kind, account);
        let same = if generation == 0 { "attribute_not_exists(generation)" } else { "generation = :generation" };
        let mut call = self
            .store
            .dynamodb()
            .update_item()
            .table_name(&self.store.names().tokens)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("SET lease_holder = :holder, lease_until_ms = :until")
            .condition_expression(format!(
                "{same} AND (attribute_not_exists(lease_until_ms) OR lease_until_ms <= :now OR lease_holder = :holder)"
            ))
            .expression_attribute_values(":holder", s(holder))
            .expression_attribute_values(":until", n(until.millis()))
            .expression_attribute_values(":now", n(now.millis()));
        if generation != 0 {
            call = call.expression_attribute_values(":generation", n(generation));
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// Keeps `token` as the next generation and frees the lease. `false`: `holder` has lost the lease, nothing changed.
    pub async fn keep(
        &self,
        kind: &str,
        account: &str,
        holder: &str,
        token: &UpstreamToken,
    ) -> Result<bool, StoreError> {
        let key = keys::upstream_token(kind, account);
        let sealed = self.sealer.seal(&owner(kind, account), &token.value).await?;
        let mut sets =
            "SET #token = :token, valid_until_ms = :until, fetched_ms = :fetched, forced_today = :forced_today"
                .to_owned();
        if token.last_forced.is_some() {
            sets.push_str(", forced_ms = :forced");
        }
        let mut call = self
            .store
            .dynamodb()
            .update_item()
            .table_name(&self.store.names().tokens)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression(format!("{sets} ADD generation :one REMOVE lease_holder, lease_until_ms"))
            .condition_expression("lease_holder = :holder")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":token", s(sealed))
            .expression_attribute_values(":until", n(token.expires.millis()))
            .expression_attribute_values(":fetched", n(token.fetched.millis()))
            .expression_attribute_values(":forced_today", n(token.forced_today))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":holder", s(holder));
        if let Some(forced) = token.last_forced {
            call = call.expression_attribute_values(":forced", n(forced.millis()));
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// Notes that the upstream refuses the token of `generation`, unless that or a later one was noted, or the token held
    /// is a newer one. Many senders report at once: all but the first are refused and cost one write unit each.
    pub async fn report(&self, kind: &str, account: &str, generation: u64) -> Result<(), StoreError> {
        let key = keys::upstream_token(kind, account);
        let answer = self
            .store
            .dynamodb()
            .update_item()
            .table_name(&self.store.names().tokens)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("SET reported = :generation")
            .condition_expression(
                "generation <= :generation AND (attribute_not_exists(reported) OR reported < :generation)",
            )
            .expression_attribute_values(":generation", n(generation))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if refused(&error) => Ok(()),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// Frees the lease if `holder` still has it.
    pub async fn release(&self, kind: &str, account: &str, holder: &str) -> Result<(), StoreError> {
        let key = keys::upstream_token(kind, account);
        let answer = self
            .store
            .dynamodb()
            .update_item()
            .table_name(&self.store.names().tokens)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("REMOVE lease_holder, lease_until_ms")
            .condition_expression("lease_holder = :holder")
            .expression_attribute_values(":holder", s(holder))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if refused(&error) => Ok(()),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }
}

/// What a sealed token is bound to.
fn owner(kind: &str, account: &str) -> String {
    format!("upstream:{kind}:{account}")
}
