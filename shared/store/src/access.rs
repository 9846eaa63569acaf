//! How back ends of a WeChat account prove themselves to us (Apps table): the secret that we issued, as a hash, and the
//! key that signs their access tokens, sealed. Push keys are in [`crate::push_keys`].

use crate::StoreError;
use crate::db::Put;
use crate::item::{Item, Reader, json, s};
use crate::keys::{self, hash};
use crate::revision::Revision;
use crate::seal::{Opener, Sealer};
use model::account::AccountAccess;
use model::ids::AccountId;
use model::secret::Secret;
use rand::distr::{Alphanumeric, SampleString};

capability_with! {
    /// Reads how back ends of accounts prove themselves.
    Access { opener: Opener }: [("dynamodb:GetItem", Apps)]
}

capability_with! {
    /// Issues secrets, and says what may be done with them.
    AccessWriter { sealer: Sealer }: [("dynamodb:PutItem", Apps)]
}

/// An account as its back ends meet it.
#[derive(Debug, Clone)]
pub struct Accessible {
    /// What it is.
    pub access: AccountAccess,
    /// What signs its access tokens. It changes with the secret, so tokens of an earlier secret are worth nothing.
    pub token_key: Secret<String>,
    revision: Revision,
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
        let revision = Revision::of("account access", &item)?;
        Ok(Some(Accessible { access: reader.json("access")?, token_key, revision }))
    }
}

impl AccessWriter {
    /// Writes what an account's back ends may do, with `secret` as the one that they prove themselves by from now on,
    /// whatever stands there: for filling a table that nobody uses yet.
    pub async fn put(
        &self,
        account: &AccountId,
        access: &AccountAccess,
        secret: &Secret<String>,
    ) -> Result<(), StoreError> {
        let item = self.item(account, access, secret).await?.build();
        self.store.put(&self.store.names().apps, item).await
    }

    /// Writes what an account's back ends may do over what was `seen` (`None`: nothing), with `secret` as the one that
    /// they prove themselves by from now on: tokens that were issued for an earlier one die with this. `false` when
    /// somebody has changed it since.
    pub async fn issue(
        &self,
        account: &AccountId,
        access: &AccountAccess,
        secret: &Secret<String>,
        seen: Option<&Accessible>,
    ) -> Result<bool, StoreError> {
        let item = self.item(account, access, secret).await?;
        let table = &self.store.names().apps;
        match seen {
            Some(seen) => self.store.put_over(table, item, seen.revision).await,
            None => Ok(matches!(self.store.put_new(table, item.build()).await?, Put::Written)),
        }
    }

    /// Writes what an account's back ends may do over what was `seen`; secret and tokens stay as they are. `false` when
    /// somebody has changed it since.
    pub async fn change(
        &self,
        account: &AccountId,
        access: &AccountAccess,
        seen: &Accessible,
    ) -> Result<bool, StoreError> {
        let access = AccountAccess {
            secret_hash: seen.access.secret_hash.clone(),
            secret_version: seen.access.secret_version,
            ..access.clone()
        };
        let item = self.sealed(account, &access, &seen.token_key).await?;
        self.store.put_over(&self.store.names().apps, item, seen.revision).await
    }

    async fn item(
        &self,
        account: &AccountId,
        access: &AccountAccess,
        secret: &Secret<String>,
    ) -> Result<Item, StoreError> {
        let access = AccountAccess { secret_hash: hash(secret.expose()), ..access.clone() };
        let token_key = Secret::new(Alphanumeric.sample_string(&mut rand::rng(), 43));
        self.sealed(account, &access, &token_key).await
    }

    async fn sealed(
        &self,
        account: &AccountId,
        access: &AccountAccess,
        token_key: &Secret<String>,
    ) -> Result<Item, StoreError> {
        let key = keys::access(account);
        Ok(Item::keyed(key.pk, key.sk)
            .with("access", s(json("account access", access)?))
            .with("token_key", s(self.sealer.seal(&owner(account), token_key).await?)))
    }
}

/// What an account's token key is bound to.
fn owner(account: &AccountId) -> String {
    format!("access:{account}")
}
