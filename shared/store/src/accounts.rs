//! WeChat accounts (Apps table): the secret sealed, the notice template as it is.

use crate::db::{Ask, Range, sort_key};
use crate::item::{Attributes, Item, Reader, json, s};
use crate::seal::{Opener, Sealer};
use crate::{Capability, Grant, Resource, Store, StoreError, keys};
use model::account::{NoticeTemplate, WechatAccount};
use model::ids::AccountId;
use model::secret::Secret;

/// Reads accounts and opens their secrets.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    opener: Opener,
}

impl Capability for Accounts {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), opener: Opener::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = Opener::grants();
        grants.push(Grant::new("dynamodb:GetItem", Resource::Apps));
        grants.push(Grant::new("dynamodb:Query", Resource::Apps));
        grants
    }
}

/// Writes accounts, sealing their secrets.
#[derive(Clone)]
pub struct AccountWriter {
    store: Store,
    sealer: Sealer,
}

impl Capability for AccountWriter {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), sealer: Sealer::open(store) }
    }

    fn grants() -> Vec<Grant> {
        let mut grants = Sealer::grants();
        grants.push(Grant::new("dynamodb:PutItem", Resource::Apps));
        grants
    }
}

impl Accounts {
    /// The account; `None` when there is none of that appid.
    pub async fn get(&self, id: &AccountId) -> Result<Option<WechatAccount>, StoreError> {
        let Some(item) = self.store.get(&self.store.names().apps, keys::account(id), false).await? else {
            return Ok(None);
        };
        self.read(id, &item).await.map(Some)
    }

    /// Every account, each read on its own: one whose secret cannot be opened spoils no other.
    pub async fn all(&self) -> Result<Vec<(AccountId, Result<WechatAccount, StoreError>)>, StoreError> {
        let ask = Ask::new(&self.store.names().apps, keys::ACCOUNTS.to_owned(), Range::All);
        let mut accounts = Vec::new();
        for item in self.store.query_all(&ask).await? {
            let id = AccountId::new(sort_key(&item));
            let account = self.read(&id, &item).await;
            accounts.push((id, account));
        }
        Ok(accounts)
    }

    async fn read(&self, id: &AccountId, item: &Attributes) -> Result<WechatAccount, StoreError> {
        let reader = Reader::new("account", item);
        let secret = self.opener.unseal(&owner(id), reader.string("secret")?).await?;
        let notice_template: NoticeTemplate = reader.json("notice_template")?;
        Ok(WechatAccount { id: id.clone(), secret, notice_template })
    }
}

impl AccountWriter {
    /// Writes an account.
    pub async fn put(&self, account: &WechatAccount) -> Result<(), StoreError> {
        let secret: &Secret<String> = &account.secret;
        let key = keys::account(&account.id);
        let item = Item::keyed(key.pk, key.sk)
            .with("secret", s(self.sealer.seal(&owner(&account.id), secret).await?))
            .with("notice_template", s(json("account", &account.notice_template)?))
            .build();
        self.store.put(&self.store.names().apps, item).await
    }
}

/// What an account's secret is bound to.
fn owner(id: &AccountId) -> String {
    format!("account:{id}")
}
