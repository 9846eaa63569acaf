//! Keys for pushes by openid (Apps table): each speaks for one account, and is kept as a hash.
//!
//! A key is two items: one by its hash, which a push reads, and one in the list of its account. The list is written first
//! and struck off last, so no key works that is not listed; one that is listed and does not work is withdrawn once more.

use crate::StoreError;
use crate::db::{Ask, Range, sort_key};
use crate::item::{Item, Reader, json, s};
use crate::keys::{self, hash};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::secret::Secret;
use serde::{Deserialize, Serialize};

capability! {
    /// Says for which account a push key speaks.
    PushKeys: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Issues push keys, lists and withdraws them.
    PushKeyWriter: [("dynamodb:PutItem", Apps), ("dynamodb:DeleteItem", Apps), ("dynamodb:Query", Apps)]
}

/// A push key as its account's list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushKeyEntry {
    /// Whose back end has it, in the operator's words.
    pub name: Option<String>,
    /// The first characters of the key: enough to tell it from others, of no use for anything else.
    pub begins: String,
    /// When it was issued.
    pub at_ms: Timestamp,
}

/// Characters of a key that its list shows: of 32 random ones, four.
const SHOWN: usize = 7;

impl PushKeyEntry {
    /// Of a new key.
    pub fn of(key: &Secret<String>, name: Option<String>, at: Timestamp) -> Self {
        Self { name, begins: key.expose().chars().take(SHOWN).collect(), at_ms: at }
    }
}

impl PushKeys {
    /// The account that `key` speaks for; `None` for a key that is unknown or was withdrawn. Strongly consistent.
    pub async fn account(&self, key: &Secret<String>) -> Result<Option<AccountId>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::push_key(&hash(key.expose())), true).await?;
        item.map(|item| Reader::new("push key", &item).string("account").map(AccountId::new)).transpose()
    }
}

impl PushKeyWriter {
    /// Lets `key` speak for `account`; its id.
    pub async fn issue(
        &self,
        account: &AccountId,
        key: &Secret<String>,
        entry: &PushKeyEntry,
    ) -> Result<String, StoreError> {
        let (table, hash) = (&self.0.names().apps, hash(key.expose()));
        let listed = keys::push_key_listed(account, &hash);
        let entry = Item::keyed(listed.pk, listed.sk).with("entry", s(json("push key", entry)?));
        self.0.put(table, entry.build()).await?;
        let at = keys::push_key(&hash);
        self.0.put(table, Item::keyed(at.pk, at.sk).with("account", s(account.as_str())).build()).await?;
        Ok(id_of(&hash))
    }

    /// The keys of an account, each with its id: in the order of ids, which is none.
    pub async fn all(&self, account: &AccountId) -> Result<Vec<(String, PushKeyEntry)>, StoreError> {
        let entries = self.entries(account).await?.into_iter();
        Ok(entries.map(|(hash, entry)| (id_of(&hash), entry)).collect())
    }

    /// Withdraws a key: nothing is pushed with it from the next call on. `false` when the account has none of that id.
    pub async fn withdraw(&self, account: &AccountId, id: &str) -> Result<bool, StoreError> {
        let table = &self.0.names().apps;
        let entries = self.entries(account).await?;
        let Some((hash, _)) = entries.into_iter().find(|(hash, _)| id_of(hash) == id) else { return Ok(false) };
        self.0.delete(table, keys::push_key(&hash)).await?;
        self.0.delete(table, keys::push_key_listed(account, &hash)).await?;
        Ok(true)
    }

    /// Hash and entry of every key of an account.
    async fn entries(&self, account: &AccountId) -> Result<Vec<(String, PushKeyEntry)>, StoreError> {
        let prefix = keys::push_key_listed(account, "");
        let ask = Ask::new(&self.0.names().apps, prefix.pk, Range::Prefix(prefix.sk.clone()));
        let mut entries = Vec::new();
        for item in self.0.query_all(&ask).await? {
            let hash = sort_key(&item).strip_prefix(prefix.sk.as_str()).unwrap_or_default().to_owned();
            entries.push((hash, Reader::new("push key", &item).json("entry")?));
        }
        Ok(entries)
    }
}

/// What names a key without being of use to anybody: the beginning of its hash.
fn id_of(hash: &str) -> String {
    hash.chars().take(ID_DIGITS).collect()
}

/// 80 bits: no two keys of an account have the same.
const ID_DIGITS: usize = 20;
