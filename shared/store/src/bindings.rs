//! Bindings (Users table): which openid a user of an enterprise has on a channel; and invitations (Tokens table): whom the
//! scan of a QR code binds.
//!
//! A binding is an item by user id, and one under its openid by which leaving the account finds it. The second is written
//! first, so no binding is there that leaving would miss. When a person leaves, the openid is erased from the binding; what
//! stays is the user id and the hash of the openid, by which a person who returns is the same user again.

use crate::StoreError;
use crate::db::{Ask, Range, Update, Updated, sort_key};
use crate::item::{Attributes, Item, Reader, n, s};
use crate::keys::{self, hash};
use model::clock::Timestamp;
use model::ids::{AccountId, Ecode, OpenId, ServiceChannelId};
use std::collections::HashMap;
use std::time::Duration;

capability! {
    /// Finds whom users are bound to.
    Bindings: [("dynamodb:BatchGetItem", Users)]
}

capability! {
    /// Lists bindings.
    BindingLists: [("dynamodb:Query", Users)]
}

capability! {
    /// Binds users one by one, and lets them go.
    BindingWriter: [
        ("dynamodb:GetItem", Users),
        ("dynamodb:PutItem", Users),
        ("dynamodb:UpdateItem", Users),
        ("dynamodb:DeleteItem", Users),
    ]
}

capability! {
    /// Binds many users.
    BindingImporter: [("dynamodb:BatchWriteItem", Users)]
}

capability! {
    /// Erases openids that have left, and brings them back.
    BindingEraser: [("dynamodb:Query", Users), ("dynamodb:UpdateItem", Users)]
}

capability! {
    /// Keeps whom the scan of a QR code binds.
    Invitations: [("dynamodb:GetItem", Tokens), ("dynamodb:UpdateItem", Tokens)]
}

/// A user of an enterprise on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The enterprise's id of them.
    pub user: String,
    /// Where they are reached; `None` once they have left the account.
    pub openid: Option<OpenId>,
    /// Since when.
    pub at: Timestamp,
}

/// A QR code whose scan binds a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Whose channel it is.
    pub ecode: Ecode,
    /// On which channel.
    pub channel: ServiceChannelId,
    /// Whom.
    pub user: String,
    /// Until when.
    pub until: Timestamp,
}

/// What a scan of a QR code comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It binds whom the invitation is for.
    Yes(Invitation),
    /// It was used by somebody else, or its time is over.
    Over,
    /// It is no invitation.
    No,
}

/// How long a used or expired invitation is remembered, so that a late scan is told what it was.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

impl Bindings {
    /// The openids of those of `users` that are bound on `channel` and reachable. Strongly consistent.
    pub async fn openids(
        &self,
        channel: &ServiceChannelId,
        users: &[String],
    ) -> Result<HashMap<String, OpenId>, StoreError> {
        let wanted = users.iter().map(|user| keys::binding(channel, user)).collect();
        let mut found = HashMap::new();
        for item in self.0.get_many(&self.0.names().users, wanted).await? {
            if let Binding { user, openid: Some(openid), .. } = read(&item)? {
                found.insert(user, openid);
            }
        }
        Ok(found)
    }
}

impl BindingLists {
    /// At most `limit` bindings of `channel` after the user `after`, by user id.
    pub async fn page(
        &self,
        channel: &ServiceChannelId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Vec<Binding>, StoreError> {
        let mut ask = Ask::new(&self.0.names().users, keys::bindings(channel), Range::All);
        ask.limit = Some(i32::from(limit));
        let start = after.map(|user| {
            let key = keys::binding(channel, user);
            Attributes::from([("pk".to_owned(), s(key.pk)), ("sk".to_owned(), s(key.sk))])
        });
        self.0.query_page(&ask, start).await?.items.iter().map(read).collect()
    }
}

impl BindingWriter {
    /// Binds `user` to `openid`, unless a later event has said something else. `false`: it has.
    pub async fn bind(
        &self,
        account: &AccountId,
        channel: &ServiceChannelId,
        user: &str,
        openid: &OpenId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let table = &self.0.names().users;
        let key = keys::bound(account, openid, channel, user);
        self.0.put(table, Item::keyed(key.pk, key.sk).build()).await?;
        let bind = Update::default()
            .set("openid", s(openid.as_str()))
            .set("openid_hash", s(hash(openid.as_str())))
            .set("account", s(account.as_str()))
            .set("at_ms", n(at.millis()))
            .when("attribute_not_exists(#at_ms) OR #at_ms <= :at_ms");
        Ok(self.0.update(table, keys::binding(channel, user), bind).await?.is_done())
    }

    /// Lets `user` go. `false`: nobody was bound.
    pub async fn unbind(&self, channel: &ServiceChannelId, user: &str) -> Result<bool, StoreError> {
        let table = &self.0.names().users;
        let Some(item) = self.0.get(table, keys::binding(channel, user), true).await? else { return Ok(false) };
        let reader = Reader::new("binding", &item);
        self.0.delete(table, keys::binding(channel, user)).await?;
        // An openid that has left can only be named by its hash; what stands under it leads to nothing and says nothing.
        if let Some(openid) = reader.optional("openid")? {
            let account = AccountId::new(reader.string("account")?);
            self.0.delete(table, keys::bound(&account, &OpenId::new(openid), channel, user)).await?;
        }
        Ok(true)
    }
}

impl BindingImporter {
    /// Binds users to openids, whatever was there before. A repeat writes the same.
    pub async fn bind_all(
        &self,
        account: &AccountId,
        channel: &ServiceChannelId,
        rows: &[(String, OpenId)],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let table = &self.0.names().users;
        let bound = rows.iter().map(|(user, openid)| {
            let key = keys::bound(account, openid, channel, user);
            Item::keyed(key.pk, key.sk).build()
        });
        self.0.put_many(table, bound.collect()).await?;
        let bindings = rows.iter().map(|(user, openid)| {
            let key = keys::binding(channel, user);
            Item::keyed(key.pk, key.sk)
                .with("openid", s(openid.as_str()))
                .with("openid_hash", s(hash(openid.as_str())))
                .with("account", s(account.as_str()))
                .with("at_ms", n(at.millis()))
                .build()
        });
        self.0.put_many(table, bindings.collect()).await
    }
}

impl BindingEraser {
    /// Erases `openid`, which has left `account`, from every binding.
    pub async fn erase(&self, account: &AccountId, openid: &OpenId) -> Result<(), StoreError> {
        for (channel, user) in self.bound_to(account, openid).await? {
            let erase = Update::default().remove("openid").when("#openid = :left").value(":left", s(openid.as_str()));
            self.0.update(&self.0.names().users, keys::binding(&channel, &user), erase).await?;
        }
        Ok(())
    }

    /// Brings `openid`, which is back in `account`, into the bindings that it left.
    pub async fn restore(&self, account: &AccountId, openid: &OpenId) -> Result<(), StoreError> {
        for (channel, user) in self.bound_to(account, openid).await? {
            let restore = Update::default()
                .set("openid", s(openid.as_str()))
                .when("attribute_not_exists(#openid) AND #openid_hash = :hash")
                .value(":hash", s(hash(openid.as_str())));
            self.0.update(&self.0.names().users, keys::binding(&channel, &user), restore).await?;
        }
        Ok(())
    }

    async fn bound_to(
        &self,
        account: &AccountId,
        openid: &OpenId,
    ) -> Result<Vec<(ServiceChannelId, String)>, StoreError> {
        let pk = keys::user_by_openid(account, openid).pk;
        let ask = Ask::new(&self.0.names().users, pk, Range::Prefix(keys::BOUND_PREFIX.to_owned()));
        let items = self.0.query_all(&ask).await?;
        let bound = items.iter().filter_map(|item| keys::parse_bound(sort_key(item)));
        Ok(bound.map(|(channel, user)| (channel, user.to_owned())).collect())
    }
}

impl Invitations {
    /// Keeps `invitation` as what a scan of its user id means on `account`. `false`: the same scene is an invitation to
    /// another channel, which is open at `now`.
    pub async fn put(&self, account: &AccountId, invitation: &Invitation, now: Timestamp) -> Result<bool, StoreError> {
        let put = Update::default()
            .set("ecode", s(invitation.ecode.as_str()))
            .set("channel", s(invitation.channel.as_str()))
            .set("until_ms", n(invitation.until.millis()))
            .set("expires_at", n(invitation.until.plus(REMEMBERED).seconds()))
            .remove("used_by")
            .when("attribute_not_exists(#channel) OR #channel = :channel OR #until_ms <= :now OR attribute_exists(#used_by)")
            .value(":now", n(now.millis()));
        let key = keys::invitation(account, &invitation.user);
        Ok(self.0.update(&self.0.names().tokens, key, put).await?.is_done())
    }

    /// Uses the invitation behind `scene` for `openid`, who scanned it at `at`. The first one who scans is who is bound; a
    /// repeat of theirs is answered the same.
    pub async fn accept(
        &self,
        account: &AccountId,
        scene: &str,
        openid: &OpenId,
        at: Timestamp,
    ) -> Result<Accepted, StoreError> {
        let key = keys::invitation(account, scene);
        // Most scans are of other codes, so a read comes before the write.
        if self.0.get(&self.0.names().tokens, key.clone(), true).await?.is_none() {
            return Ok(Accepted::No);
        }
        let accept = Update::default()
            .set("used_by", s(hash(openid.as_str())))
            .when("attribute_exists(#channel) AND #until_ms > :at AND (attribute_not_exists(#used_by) OR #used_by = :used_by)")
            .value(":at", n(at.millis()));
        match self.0.update(&self.0.names().tokens, key, accept).await? {
            Updated::Refused(_) => Ok(Accepted::Over),
            Updated::Done(item) => {
                let reader = Reader::new("invitation", &item);
                let corrupt = || StoreError::corrupt("invitation", "its names");
                Ok(Accepted::Yes(Invitation {
                    ecode: Ecode::parse(reader.string("ecode")?).ok_or_else(corrupt)?,
                    channel: ServiceChannelId::parse(reader.string("channel")?).ok_or_else(corrupt)?,
                    user: scene.to_owned(),
                    until: Timestamp::from_millis(reader.number("until_ms")?),
                }))
            }
        }
    }
}

fn read(item: &Attributes) -> Result<Binding, StoreError> {
    let reader = Reader::new("binding", item);
    Ok(Binding {
        user: reader.string("sk")?.to_owned(),
        openid: reader.optional("openid")?.map(OpenId::new),
        at: Timestamp::from_millis(reader.number("at_ms")?),
    })
}
