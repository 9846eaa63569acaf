//! How back ends of a WeChat account prove themselves to us (Apps table): the secret and the push keys that we issued,
//! as hashes, and the key that signs their access tokens, sealed.

use crate::item::{Item, Reader, json, s};
use crate::keys::{self, hash};
use crate::seal::{Opener, Sealer};
use crate::{Capability, Grant, Resource, Store, StoreError};
use model::account::AccountAccess;
use model::ids::AccountId;
use model::secret::Secret;
use rand::distr::{Alphanumeric, SampleString};

/// Reads how back ends of accounts prove themselves.
#[derive(Clone)]
pub struct Access {
    store: Store,
    opener: Opener,
}

impl Capability for Access {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), opener: Opener::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = Opener::grants();
        grants.push(Grant::new("dynamodb:GetItem", Resource::Apps));
        grants
    }
}

/// Issues secrets and push keys.
#[derive(Clone)]
pub struct AccessWriter {
    store: Store,
    sealer: Sealer,
}

impl Capability for AccessWriter {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), sealer: Sealer::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = Sealer::grants();
        grants.push(Grant::new("dynamodb:PutItem", Resource::Apps));
        grants
    }
}

capability! {
    /// Says for which account a push key speaks.
    PushKeys: [("dynamodb:GetItem", Apps)]
}

/// An account as its back ends meet it.
#[derive(Debug, Clone)]
pub struct Accessible {
    /// What it is.
    pub access: AccountAccess,
    /// What signs its access tokens. It changes with the secret, so tokens of an earlier secret are worth nothing.
    pub token_key: Secret<String>,
}

impl Accessible {
    /// Whether `secret` is the one that was issued last.
    pub fn has_secret(&self, secret: &Secret<String>) -> bool {
        // Hashes may be compared in any time: they tell nothing of what has the same beginning.
        hash(secret.expose()) == self.access.secret_hash
    }
}

impl Access {
    /// How back ends of `account` prove themselves; `None` when there is no such account. Strongly consistent.
    pub async fn get(&self, account: &AccountId) -> Result<Option<Accessible>, StoreError> {
        let key = keys::access(account);
        let Some(item) = self.store.get(&self.store.names().apps, key, true).await? else { return Ok(None) };
        let reader = Reader::new("account access", &item);
        let token_key = self.opener.unseal(&owner(account), reader.string("token_key")?).await?;
        Ok(Some(Accessible { access: reader.json("access")?, token_key }))
    }
}

impl PushKeys {
    /// The account that `key` speaks for; `None` for a key that is unknown or was withdrawn. Strongly consistent.
    pub async fn account(&self, key: &Secret<String>) -> Result<Option<AccountId>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::push_key(&hash(key.expose())), true).await?;
        item.map(|item| Reader::new("push key", &item).string("account").map(AccountId::new)).transpose()
    }
}

impl AccessWriter {
    /// Writes what an account's back ends may do, with `secret` as the one that they prove themselves by from now on:
    /// tokens that were issued for an earlier one die with this.
    pub async fn put(
        &self,
        account: &AccountId,
        access: &AccountAccess,
        secret: &Secret<String>,
    ) -> Result<(), StoreError> {
        let access = AccountAccess { secret_hash: hash(secret.expose()), ..access.clone() };
        let token_key = Secret::new(Alphanumeric.sample_string(&mut rand::rng(), 43));
        let key = keys::access(account);
        let item = Item::keyed(key.pk, key.sk)
            .with("access", s(json("account access", &access)?))
            .with("token_key", s(self.sealer.seal(&owner(account), &token_key).await?))
            .build();
        self.store.put(&self.store.names().apps, item).await
    }

    /// Lets `key` speak for `account`.
    pub async fn put_push_key(&self, account: &AccountId, key: &Secret<String>) -> Result<(), StoreError> {
        let at = keys::push_key(&hash(key.expose()));
        let item = Item::keyed(at.pk, at.sk).with("account", s(account.as_str())).build();
        self.store.put(&self.store.names().apps, item).await
    }
}

/// What an account's token key is bound to.
fn owner(account: &AccountId) -> String {
    format!("access:{account}")
}
