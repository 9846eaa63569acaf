//! WeChat accounts (Apps table): the secrets sealed, all else as it is.

use crate::db::{Ask, Put, Range, sort_key};
use crate::item::{Attributes, Item, Reader, json, s};
use crate::revision::Revision;
use crate::seal::{Opener, Sealer};
use crate::{StoreError, keys};
use aws_sdk_dynamodb::types::AttributeValue;
use model::account::{CallbackMode, NoticeTemplate, WechatAccount, WechatCallback};
use model::ids::AccountId;
use model::secret::Secret;
use serde::{Deserialize, Serialize};

capability_with! {
    /// Reads accounts and opens their secrets.
    Accounts { opener: Opener }: [("dynamodb:GetItem", Apps), ("dynamodb:Query", Apps)]
}

capability_with! {
    /// Writes accounts, sealing their secrets.
    AccountWriter { sealer: Sealer }: [("dynamodb:PutItem", Apps)]
}

impl Accounts {
    /// The account; `None` when there is none of that appid.
    pub async fn get(&self, id: &AccountId) -> Result<Option<WechatAccount>, StoreError> {
        let Some(item) = self.store.get(&self.store.names().apps, keys::account(id), false).await? else {
            return Ok(None);
        };
        self.read(id, &item).await.map(Some)
    }

    /// The account as it stands now, to be changed and given to [`AccountWriter::replace`]. Strongly consistent.
    pub async fn for_change(&self, id: &AccountId) -> Result<Option<Standing>, StoreError> {
        let Some(item) = self.store.get(&self.store.names().apps, keys::account(id), true).await? else {
            return Ok(None);
        };
        let revision = Revision::of("account", &item)?;
        match self.read(id, &item).await {
            Ok(account) => Ok(Some(Standing { account, is_broken: false, revision })),
            Err(StoreError::Seal(_)) => {
                let notice_template = notice_template(&Reader::new("account", &item))?;
                let secret = Secret::new(String::new());
                let account = WechatAccount { id: id.clone(), secret, notice_template, callback: None };
                Ok(Some(Standing { account, is_broken: true, revision }))
            }
            Err(error) => Err(error),
        }
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
        let notice_template = notice_template(&reader)?;
        let callback = match reader.has("callback") {
            true => Some(self.read_callback(id, &reader).await?),
            false => None,
        };
        Ok(WechatAccount { id: id.clone(), secret, notice_template, callback })
    }

    async fn read_callback(&self, id: &AccountId, reader: &Reader<'_>) -> Result<WechatCallback, StoreError> {
        let open: CallbackInTheOpen = reader.json("callback")?;
        let owner = owner(id);
        let token = self.opener.unseal(&owner, reader.string("callback_token")?).await?;
        let (mut aes_key, mut previous_aes_key) = (None, None);
        for (name, key) in [("aes_key", &mut aes_key), ("previous_aes_key", &mut previous_aes_key)] {
            if reader.has(name) {
                *key = Some(self.opener.unseal(&owner, reader.string(name)?).await?);
            }
        }
        let CallbackInTheOpen { original_id, mode } = open;
        Ok(WechatCallback { original_id, token, aes_key, previous_aes_key, mode })
    }
}

/// An account that is about to be changed.
#[derive(Debug)]
pub struct Standing {
    /// The account. Without secret and callback when these cannot be opened.
    pub account: WechatAccount,
    /// Its secrets cannot be opened: they were sealed under a key that is gone.
    pub is_broken: bool,
    /// Which state of it this is.
    pub revision: Revision,
}

fn notice_template(reader: &Reader<'_>) -> Result<Option<NoticeTemplate>, StoreError> {
    reader.has("notice_template").then(|| reader.json("notice_template")).transpose()
}

/// What of an account's callback is no secret.
#[derive(Serialize, Deserialize)]
struct CallbackInTheOpen {
    original_id: String,
    mode: CallbackMode,
}

impl AccountWriter {
    /// Writes an account, whatever stands there.
    pub async fn put(&self, account: &WechatAccount) -> Result<(), StoreError> {
        let item = self.item(account).await?.build();
        self.store.put(&self.store.names().apps, item).await
    }

    /// Writes an account that is not there yet; `false` when it is.
    pub async fn create(&self, account: &WechatAccount) -> Result<bool, StoreError> {
        let item = self.item(account).await?.build();
        Ok(match self.store.put_new(&self.store.names().apps, item.clone()).await? {
            Put::Written => true,
            // What stands there may be ours: the SDK repeats a call whose answer was lost.
            Put::Refused(standing) => standing.as_ref() == Some(&item),
        })
    }

    /// Writes an account over the one that was read; `false` when somebody has changed it since.
    pub async fn replace(&self, account: &WechatAccount, seen: Revision) -> Result<bool, StoreError> {
        self.store.put_over(&self.store.names().apps, self.item(account).await?, seen).await
    }

    async fn item(&self, account: &WechatAccount) -> Result<Item, StoreError> {
        let key = keys::account(&account.id);
        let template = account.notice_template.as_ref().map(|template| json("account", template)).transpose()?;
        let mut item = Item::keyed(key.pk, key.sk)
            .with("secret", self.sealed(&account.id, &account.secret).await?)
            .with_some("notice_template", template.map(s));
        if let Some(callback) = &account.callback {
            let open = CallbackInTheOpen { original_id: callback.original_id.clone(), mode: callback.mode };
            item = item
                .with("callback", s(json("account", &open)?))
                .with("callback_token", self.sealed(&account.id, &callback.token).await?);
            for (name, key) in [("aes_key", &callback.aes_key), ("previous_aes_key", &callback.previous_aes_key)] {
                if let Some(key) = key {
                    item = item.with(name, self.sealed(&account.id, key).await?);
                }
            }
        }
        Ok(item)
    }

    async fn sealed(&self, id: &AccountId, secret: &Secret<String>) -> Result<AttributeValue, StoreError> {
        Ok(s(self.sealer.seal(&owner(id), secret).await?))
    }
}

/// What an account's secret is bound to.
fn owner(id: &AccountId) -> String {
    format!("account:{id}")
}
