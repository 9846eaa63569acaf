//! WeChat's ids of what is ours (Tokens table): got when first needed, by one caller at a time under a lease, and used by
//! all until shortly before WeChat forgets them.
//!
//! As with access tokens, the lease only saves calls: what was uploaded twice is there twice, and either id works.

use crate::StoreError;
use crate::db::Update;
use crate::item::{Reader, n, s};
use crate::keys;
use model::clock::Timestamp;
use model::ids::AccountId;

capability! {
    /// Holds WeChat's ids of what is ours.
    WechatMedia: [("dynamodb:GetItem", Tokens), ("dynamodb:UpdateItem", Tokens)]
}

/// How long an item outlives what it holds.
const LINGERS: std::time::Duration = std::time::Duration::from_secs(86_400);

impl WechatMedia {
    /// WeChat's id of `name` on `account`; `None` when there is none that works at `now`. Strongly consistent.
    pub async fn load(&self, account: &AccountId, name: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let item = self.0.get(&self.0.names().tokens, keys::wechat_media(account, name), true).await?;
        let Some(item) = item else { return Ok(None) };
        let reader = Reader::new("wechat media", &item);
        if !reader.has("media_id") || reader.number_or("until_ms", i64::MAX)? <= now.millis() {
            return Ok(None);
        }
        reader.string("media_id").map(|id| Some(id.to_owned()))
    }

    /// Takes the right to get an id of `name` for `holder` until `until`. `false`: somebody else has it, or there is an id
    /// that works and is not `refused`, which WeChat said it does not know.
    pub async fn try_lease(
        &self,
        account: &AccountId,
        name: &str,
        refused: Option<&str>,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let lease = Update::default()
            .set("lease_holder", s(holder))
            .set("lease_until_ms", n(until.millis()))
            .set("expires_at", n(until.plus(LINGERS).seconds()))
            .when("attribute_not_exists(#media_id) OR #until_ms <= :now OR #media_id = :refused")
            .when("attribute_not_exists(#lease_until_ms) OR #lease_until_ms <= :now OR #lease_holder = :lease_holder")
            .value(":now", n(now.millis()))
            // No id of WeChat's is empty.
            .value(":refused", s(refused.unwrap_or("-")));
        Ok(self.0.update(&self.0.names().tokens, keys::wechat_media(account, name), lease).await?.is_done())
    }

    /// Keeps `id` as WeChat's id of `name` until `until` (for good without one), and frees the lease. `false`: `holder` has
    /// lost it, and nothing changed.
    pub async fn keep(
        &self,
        account: &AccountId,
        name: &str,
        holder: &str,
        id: &str,
        until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let keep = Update::default()
            .set("media_id", s(id))
            .set_or_remove("until_ms", until.map(|until| n(until.millis())))
            .set_or_remove("expires_at", until.map(|until| n(until.plus(LINGERS).seconds())))
            .remove("lease_holder")
            .remove("lease_until_ms")
            .when("#lease_holder = :holder")
            .value(":holder", s(holder));
        Ok(self.0.update(&self.0.names().tokens, keys::wechat_media(account, name), keep).await?.is_done())
    }

    /// Frees the lease if `holder` has it.
    pub async fn release(&self, account: &AccountId, name: &str, holder: &str) -> Result<(), StoreError> {
        let release = Update::default()
            .remove("lease_holder")
            .remove("lease_until_ms")
            .when("#lease_holder = :holder")
            .value(":holder", s(holder));
        self.0.update(&self.0.names().tokens, keys::wechat_media(account, name), release).await.map(drop)
    }
}
