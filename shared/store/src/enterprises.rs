//! Enterprises of the service account's API (Apps table): their channels, and the access tokens that speak for them, as
//! hashes.
//!
//! Callers name a channel by an id that is unique over all enterprises; whose it is, is compared here, so that no caller of
//! this module can forget to.

use crate::StoreError;
use crate::db::{Ask, Put, Range, sort_key};
use crate::item::{Item, Reader, n, s};
use crate::keys::{self, hash};
use model::clock::Timestamp;
use model::ids::{AccountId, Ecode, ServiceChannelId};
use model::secret::Secret;

capability! {
    /// Says for whom a token speaks, and what a channel is.
    ServiceCallers: [("dynamodb:GetItem", Apps)]
}

capability! {
    /// Lists enterprises and what they have.
    Enterprises: [("dynamodb:GetItem", Apps), ("dynamodb:Query", Apps), ("dynamodb:BatchGetItem", Apps)]
}

capability! {
    /// Makes enterprises, channels and access tokens, and withdraws tokens.
    EnterpriseWriter: [
        ("dynamodb:GetItem", Apps),
        ("dynamodb:PutItem", Apps),
        ("dynamodb:DeleteItem", Apps),
    ]
}

/// An enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enterprise {
    /// Its code, as it stands in the paths of its calls.
    pub ecode: Ecode,
    /// What it is called.
    pub name: String,
    /// Since when it is here.
    pub created: Timestamp,
}

/// A channel of an enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceChannel {
    /// Its id.
    pub id: ServiceChannelId,
    /// Whose it is.
    pub ecode: Ecode,
    /// In the name of which WeChat account it sends.
    pub account: AccountId,
    /// What it is called.
    pub name: String,
    /// Since when it is here.
    pub created: Timestamp,
}

/// An access token in the operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenEntry {
    /// By which it is withdrawn.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// When it was issued.
    pub created: Timestamp,
}

/// What became of a look for a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundChannel {
    /// It is the enterprise's.
    Own(ServiceChannel),
    /// It is another's.
    Anothers,
    /// There is none.
    Unknown,
}

/// What became of making something whose name may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is there now, made by this call or by an equal one before.
    Made,
    /// The name is taken by something else.
    Taken,
}

impl ServiceCallers {
    /// The enterprise that `token` speaks for; `None` for one that is unknown or was withdrawn. Strongly consistent.
    pub async fn by_token(&self, token: &Secret<String>) -> Result<Option<Ecode>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::service_token(&hash(token.expose())), true).await?;
        item.map(|item| ecode(&Reader::new("service token", &item))).transpose()
    }

    /// Whether there is such an enterprise. Strongly consistent.
    pub async fn exists(&self, ecode: &Ecode) -> Result<bool, StoreError> {
        Ok(self.0.get(&self.0.names().apps, keys::enterprise(ecode), true).await?.is_some())
    }

    /// The channel `id` as `ecode` may see it. Strongly consistent.
    pub async fn channel(&self, ecode: &Ecode, id: &ServiceChannelId) -> Result<FoundChannel, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::service_channel(id), true).await?;
        Ok(match item.map(|item| read_channel(id, &Reader::new("service channel", &item))).transpose()? {
            None => FoundChannel::Unknown,
            Some(channel) if channel.ecode != *ecode => FoundChannel::Anothers,
            Some(channel) => FoundChannel::Own(channel),
        })
    }
}

impl Enterprises {
    /// The enterprise. Strongly consistent.
    pub async fn get(&self, ecode: &Ecode) -> Result<Option<Enterprise>, StoreError> {
        let item = self.0.get(&self.0.names().apps, keys::enterprise(ecode), true).await?;
        item.map(|item| read_enterprise(ecode.clone(), &Reader::new("enterprise", &item))).transpose()
    }

    /// Every enterprise, by code.
    pub async fn all(&self) -> Result<Vec<Enterprise>, StoreError> {
        let ask = Ask::new(&self.0.names().apps, keys::ENTERPRISES.to_owned(), Range::All);
        let read = |item: &crate::item::Attributes| {
            let ecode = Ecode::parse(sort_key(item)).ok_or_else(|| StoreError::corrupt("enterprise", "its code"))?;
            read_enterprise(ecode, &Reader::new("enterprise", item))
        };
        self.0.query_all(&ask).await?.iter().map(read).collect()
    }

    /// The enterprise's channels, by id.
    pub async fn channels(&self, ecode: &Ecode) -> Result<Vec<ServiceChannel>, StoreError> {
        let things = keys::enterprise_things(ecode);
        let ask = Ask::new(&self.0.names().apps, things, Range::Prefix(keys::CHANNEL_PREFIX.to_owned()));
        let read = |item: &crate::item::Attributes| {
            let id = sort_key(item).strip_prefix(keys::CHANNEL_PREFIX).and_then(ServiceChannelId::parse);
            let id = id.ok_or_else(|| StoreError::corrupt("service channel", "its id"))?;
            read_channel(&id, &Reader::new("service channel", item))
        };
        self.0.query_all(&ask).await?.iter().map(read).collect()
    }

    /// The enterprise's access tokens, oldest first.
    pub async fn tokens(&self, ecode: &Ecode) -> Result<Vec<AccessTokenEntry>, StoreError> {
        let things = keys::enterprise_things(ecode);
        let ask = Ask::new(&self.0.names().apps, things, Range::Prefix(keys::ACCESS_TOKEN_PREFIX.to_owned()));
        let items = self.0.query_all(&ask).await?;
        let mut tokens = Vec::with_capacity(items.len());
        for item in &items {
            let reader = Reader::new("service token", item);
            tokens.push(AccessTokenEntry {
                id: sort_key(item).strip_prefix(keys::ACCESS_TOKEN_PREFIX).unwrap_or_default().to_owned(),
                name: reader.string("name")?.to_owned(),
                created: Timestamp::from_millis(reader.number("created_ms")?),
            });
        }
        tokens.sort_by_key(|token| token.created);
        Ok(tokens)
    }
}

impl EnterpriseWriter {
    /// Makes an enterprise.
    pub async fn create(&self, enterprise: &Enterprise) -> Result<Made, StoreError> {
        let key = keys::enterprise(&enterprise.ecode);
        let item = Item::keyed(key.pk, key.sk)
            .with("name", s(&enterprise.name))
            .with("created_ms", n(enterprise.created.millis()));
        Ok(match self.0.put_new(&self.0.names().apps, item.build()).await? {
            Put::Written => Made::Made,
            Put::Refused(_) => Made::Taken,
        })
    }

    /// Makes a channel. First the channel under its id, which may be taken, then the enterprise's list: a call whose process
    /// died in between is made up for by a repeat.
    pub async fn create_channel(&self, channel: &ServiceChannel) -> Result<Made, StoreError> {
        let of = |key: keys::Key| {
            Item::keyed(key.pk, key.sk)
                .with("ecode", s(channel.ecode.as_str()))
                .with("account", s(channel.account.as_str()))
                .with("name", s(&channel.name))
                .with("created_ms", n(channel.created.millis()))
                .build()
        };
        let table = &self.0.names().apps;
        if let Put::Refused(standing) = self.0.put_new(table, of(keys::service_channel(&channel.id))).await? {
            let standing = standing.unwrap_or_default();
            let standing = read_channel(&channel.id, &Reader::new("service channel", &standing))?;
            if standing != (ServiceChannel { created: standing.created, ..channel.clone() }) {
                return Ok(Made::Taken);
            }
        }
        self.0.put(table, of(keys::enterprise_channel(&channel.ecode, &channel.id))).await?;
        Ok(Made::Made)
    }

    /// Lets `token` speak for the enterprise, under `entry`. First the list, so that no token works that cannot be found and
    /// withdrawn.
    pub async fn issue(
        &self,
        ecode: &Ecode,
        entry: &AccessTokenEntry,
        token: &Secret<String>,
    ) -> Result<(), StoreError> {
        let (table, token_hash) = (&self.0.names().apps, hash(token.expose()));
        let key = keys::enterprise_token(ecode, &entry.id);
        let listed = Item::keyed(key.pk, key.sk)
            .with("name", s(&entry.name))
            .with("created_ms", n(entry.created.millis()))
            .with("token_hash", s(&token_hash));
        self.0.put(table, listed.build()).await?;
        let key = keys::service_token(&token_hash);
        self.0.put(table, Item::keyed(key.pk, key.sk).with("ecode", s(ecode.as_str())).build()).await
    }

    /// Withdraws the token `id` of the enterprise: it is dead with the next call. `false`: there is none. First the token,
    /// so that one that works can be found.
    pub async fn revoke(&self, ecode: &Ecode, id: &str) -> Result<bool, StoreError> {
        let (table, key) = (&self.0.names().apps, keys::enterprise_token(ecode, id));
        let Some(item) = self.0.get(table, key.clone(), true).await? else { return Ok(false) };
        let token_hash = Reader::new("service token", &item).string("token_hash")?;
        self.0.delete(table, keys::service_token(token_hash)).await?;
        self.0.delete(table, key).await?;
        Ok(true)
    }
}

fn ecode(reader: &Reader<'_>) -> Result<Ecode, StoreError> {
    Ecode::parse(reader.string("ecode")?).ok_or_else(|| StoreError::corrupt("enterprise", "its code"))
}

fn read_enterprise(ecode: Ecode, reader: &Reader<'_>) -> Result<Enterprise, StoreError> {
    Ok(Enterprise {
        ecode,
        name: reader.string("name")?.to_owned(),
        created: Timestamp::from_millis(reader.number("created_ms")?),
    })
}

fn read_channel(id: &ServiceChannelId, reader: &Reader<'_>) -> Result<ServiceChannel, StoreError> {
    Ok(ServiceChannel {
        id: id.clone(),
        ecode: ecode(reader)?,
        account: AccountId::new(reader.string("account")?),
        name: reader.string("name")?.to_owned(),
        created: Timestamp::from_millis(reader.number("created_ms")?),
    })
}
