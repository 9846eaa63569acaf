//! Who there is, on which devices, and what they have switched.

use super::tokens::{Holder, release};
use super::{Kept, badges, cards, change, load};
use crate::db::{Ask, Put, Range, Update, Updated, sort_key};
use crate::item::{Attributes, Item, Reader, json, n, s};
use crate::keys::Key;
use crate::keys::mobile as keys;
use crate::{Store, StoreError};
use model::clock::Timestamp;
use model::device::{Device, MOST_DEVICES, MOST_TAGS, PushUser, QuietHours};
use model::ids::{DeviceId, MobileAppId, PushUserId, letters};
use std::collections::BTreeSet;

capability! {
    /// Signs up, signs in, and changes push users and their devices.
    Devices: [
        ("dynamodb:GetItem", Users), ("dynamodb:PutItem", Users), ("dynamodb:UpdateItem", Users),
        ("dynamodb:DeleteItem", Users),
    ]
}

capability! {
    /// Reads push users and lists tags.
    UserReader: [("dynamodb:GetItem", Users), ("dynamodb:Query", Users)]
}

capability! {
    /// Writes push users in bulk, whatever stands there: for filling a table that nobody uses yet.
    UserWriter: [("dynamodb:BatchWriteItem", Users), ("dynamodb:UpdateItem", Users)]
}

capability! {
    /// Says whether a device is still a user's.
    DeviceOwners: [("dynamodb:GetItem", Users)]
}

/// Characters of a push token.
const PUSH_TOKEN_CHARS: usize = 32;

/// A user who signs up.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub username: String,
    /// Salt and hash of the password.
    pub password: String,
    /// When.
    pub at: Timestamp,
}

/// What became of signing up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// There is a new user.
    New(PushUserId),
    /// The name is taken.
    Taken,
}

/// Where somebody signs in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// How the app names its installation.
    pub guid: String,
    /// See [`Device::platform`]; 0 leaves it as it is.
    pub platform: i32,
    /// Over how many shards the app's devices are spread.
    pub shards: u16,
    /// When.
    pub at: Timestamp,
}

/// A device, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whose.
    pub user: PushUserId,
    /// The device.
    pub device: Device,
}

impl Devices {
    /// The user with that number. Strongly consistent.
    pub async fn user(&self, app: &MobileAppId, user: PushUserId) -> Result<Option<PushUser>, StoreError> {
        Ok(load(&self.0, app, user).await?.map(|kept| kept.user))
    }

    /// The user with that name. Strongly consistent.
    pub async fn by_name(&self, app: &MobileAppId, username: &str) -> Result<Option<PushUser>, StoreError> {
        by_name(&self.0, app, username).await
    }

    /// The device that a push token names. Strongly consistent.
    pub async fn by_push_token(&self, app: &MobileAppId, token: &str) -> Result<Option<Found>, StoreError> {
        by_push_token(&self.0, app, token).await
    }

    /// Signs a user up.
    ///
    /// The user is written before the name leads to it: a process that dies in between leaves a user that nobody finds, not a
    /// name that nobody can have.
    pub async fn register(&self, app: &MobileAppId, new: NewUser) -> Result<Registered, StoreError> {
        let table = &self.0.names().users;
        let name = keys::username(app, &new.username);
        if self.0.get(table, name.clone(), true).await?.is_some() {
            return Ok(Registered::Taken);
        }
        let id = PushUserId::new(self.next(app, "users").await?);
        let user = PushUser {
            id,
            username: new.username,
            password: new.password,
            nickname: None,
            alias: None,
            tags: BTreeSet::new(),
            muted: false,
            hidden: false,
            quiet: None,
            created_ms: new.at,
            devices: Vec::new(),
        };
        let key = keys::user(app, id);
        let item = Item::keyed(key.pk, key.sk).with("doc", s(json("push user", &user)?)).with("rev", n(1)).build();
        self.0.put(table, item).await?;
        match self.0.put_new(table, Item::keyed(name.pk, name.sk).with("whose", n(id)).build()).await? {
            Put::Written => Ok(Registered::New(id)),
            Put::Refused(Some(standing)) if Reader::new("name", &standing).number::<u64>("whose")? == id.get() => {
                Ok(Registered::New(id))
            }
            Put::Refused(_) => {
                self.0.delete(table, keys::user(app, id)).await?;
                Ok(Registered::Taken)
            }
        }
    }

    /// Signs a user in on a device, which is new when the user has none of that name. `None` when there is no such user.
    ///
    /// Of a user with too many devices the one that was used the longest time ago goes.
    pub async fn sign_in(
        &self,
        app: &MobileAppId,
        user: PushUserId,
        at: SignIn,
    ) -> Result<Option<(Device, PushUser)>, StoreError> {
        let Some(known) = load(&self.0, app, user).await? else { return Ok(None) };
        let fresh = match known.user.devices.iter().any(|device| device.guid == at.guid) {
            true => None,
            false => Some(self.fresh(app, user, &at).await?),
        };
        let signed = change(&self.0, app, user, |user| sign_in(user, &at, fresh.as_ref()));
        let Some(((device, gone), user)) = signed.await? else { return Ok(None) };
        if let Some(gone) = gone {
            self.forget(app, user.id, &gone).await?;
        }
        // Signed in twice at once: the other one's device stands, and ours is nobody's.
        if let (Some(fresh), Some(device)) = (&fresh, &device)
            && fresh.id != device.id
        {
            self.forget(app, user.id, fresh).await?;
        }
        Ok(device.map(|device| (device, user)))
    }

    /// A device that is not the user's yet: its push token leads to it, and its badge begins at nothing.
    async fn fresh(&self, app: &MobileAppId, user: PushUserId, at: &SignIn) -> Result<Device, StoreError> {
        let id = DeviceId::new(self.next(app, "devices").await?);
        let shard = u16::try_from(id.get() % u64::from(at.shards.max(1))).unwrap_or(0);
        let push_token = letters(&mut rand::rng(), PUSH_TOKEN_CHARS);
        let key = keys::push_token(app, &push_token);
        let item = Item::keyed(key.pk, key.sk).with("whose", n(user)).with("device", n(id)).build();
        self.0.put(&self.0.names().users, item).await?;
        badges::begin(&self.0, app, (shard, id), 0).await?;
        Ok(Device {
            id,
            shard,
            sn: 0,
            guid: at.guid.clone(),
            push_token,
            platform: at.platform,
            seen_ms: at.at,
            bindings: Default::default(),
        })
    }

    /// Removes a device. `false` when the user has no such device.
    pub async fn remove(&self, app: &MobileAppId, user: PushUserId, sn: i32) -> Result<bool, StoreError> {
        let removed = change(&self.0, app, user, |user| {
            let at = user.devices.iter().position(|device| device.sn == sn)?;
            Some(user.devices.remove(at))
        });
        let Some((Some(device), _)) = removed.await? else { return Ok(false) };
        self.forget(app, user, &device).await?;
        Ok(true)
    }

    /// Removes what leads to a device that is no user's any more.
    async fn forget(&self, app: &MobileAppId, user: PushUserId, device: &Device) -> Result<(), StoreError> {
        let table = &self.0.names().users;
        self.0.delete(table, keys::push_token(app, &device.push_token)).await?;
        for (channel, binding) in &device.bindings {
            release(&self.0, app, *channel, &binding.token, Holder { user, device: device.id }).await?;
        }
        let card = Key { pk: keys::audience(app, device.shard), sk: keys::card_sort(device.id.get()) };
        // A card that never was one has no `rev`; one that was says by now that it is gone.
        self.0.delete_if(table, card, "attribute_not_exists(rev)", Default::default()).await
    }

    /// Gives a user an alias, or takes it with `None`. `Ok(false)` when another user has it; `None` when there is no such
    /// user.
    ///
    /// Of users who want it at the same moment at most one is told that it is theirs; a loser is left without an alias.
    pub async fn set_alias(
        &self,
        app: &MobileAppId,
        user: PushUserId,
        alias: Option<&str>,
    ) -> Result<Option<bool>, StoreError> {
        let table = &self.0.names().users;
        if let Some(alias) = alias
            && let Put::Refused(standing) = self.0.put_new(table, lead(app, alias, user)).await?
        {
            let standing = standing.unwrap_or_default();
            let other = PushUserId::new(Reader::new("alias", &standing).number("whose")?);
            if other != user && self.has_alias(app, other, alias).await? {
                return Ok(Some(false));
            }
            if other != user {
                // Left behind by a process that died: its user has another alias by now.
                self.release_alias(app, other, alias).await?;
                if self.has_alias(app, other, alias).await? {
                    // No dead one's: it was about to write its user down.
                    self.0.put_new(table, lead(app, alias, other)).await?;
                    return Ok(Some(false));
                }
                return Box::pin(self.set_alias(app, user, Some(alias))).await;
            }
        }
        let changed = change(&self.0, app, user, |user| std::mem::replace(&mut user.alias, alias.map(str::to_owned)));
        let Some((old, _)) = changed.await? else { return Ok(None) };
        if let Some(old) = old.filter(|old| Some(old.as_str()) != alias) {
            self.release_alias(app, user, &old).await?;
        }
        // Before our user was written down, another may have taken us for dead: whom the pointer names has it.
        if let Some(alias) = alias
            && !self.is_led_to(app, alias, user).await?
        {
            change(&self.0, app, user, |user| user.alias = user.alias.take().filter(|own| own != alias)).await?;
            return Ok(Some(false));
        }
        Ok(Some(true))
    }

    /// Whether an alias leads to `user`.
    async fn is_led_to(&self, app: &MobileAppId, alias: &str, user: PushUserId) -> Result<bool, StoreError> {
        let Some(item) = self.0.get(&self.0.names().users, keys::alias(app, alias), true).await? else {
            return Ok(false);
        };
        Ok(PushUserId::new(Reader::new("alias", &item).number("whose")?) == user)
    }

    async fn has_alias(&self, app: &MobileAppId, user: PushUserId, alias: &str) -> Result<bool, StoreError> {
        let kept = load(&self.0, app, user).await?;
        Ok(kept.is_some_and(|kept| kept.user.alias.as_deref() == Some(alias)))
    }

    async fn release_alias(&self, app: &MobileAppId, user: PushUserId, alias: &str) -> Result<(), StoreError> {
        let values = [(":whose".to_owned(), n(user))].into();
        self.0.delete_if(&self.0.names().users, keys::alias(app, alias), "whose = :whose", values).await
    }

    /// Changes a user's tags, unless there would be more than [`MOST_TAGS`] and more than before. `None` when there is no
    /// such user.
    pub async fn change_tags(
        &self,
        app: &MobileAppId,
        user: PushUserId,
        change_tags: impl Fn(&mut BTreeSet<String>),
    ) -> Result<Option<Tagged>, StoreError> {
        let changed = change(&self.0, app, user, |user| {
            let mut tags = user.tags.clone();
            change_tags(&mut tags);
            let fits = tags.len() <= MOST_TAGS.max(user.tags.len());
            fits.then(|| std::mem::replace(&mut user.tags, tags))
        });
        let Some((before, user)) = changed.await? else { return Ok(None) };
        let Some(before) = before else { return Ok(Some(Tagged::TooMany)) };
        for tag in user.tags.difference(&before) {
            let item = Item::keyed(keys::tags(app), tag.as_str()).build();
            self.0.put(&self.0.names().users, item).await?;
        }
        Ok(Some(Tagged::With(user.tags)))
    }

    /// Changes a user's switches and name. `None` when there is no such user.
    pub async fn set(
        &self,
        app: &MobileAppId,
        user: PushUserId,
        switch: Switch,
    ) -> Result<Option<PushUser>, StoreError> {
        let changed = change(&self.0, app, user, |user| match &switch {
            Switch::Muted(muted) => user.muted = *muted,
            Switch::Hidden(hidden) => user.hidden = *hidden,
            Switch::Quiet(quiet) => user.quiet = *quiet,
            Switch::Nickname(name) => user.nickname.clone_from(name),
        });
        Ok(changed.await?.map(|((), user)| user))
    }

    async fn next(&self, app: &MobileAppId, what: &str) -> Result<u64, StoreError> {
        let update = Update::default().add(what, 1);
        match self.0.update(&self.0.names().users, keys::ids(app), update).await? {
            Updated::Done(item) | Updated::Refused(Some(item)) => Reader::new("mobile ids", &item).number(what),
            Updated::Refused(None) => {
                Err(StoreError::corrupt("mobile ids", "an update without a condition was refused"))
            }
        }
    }
}

/// What became of a change to a user's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tagged {
    /// The user has these now.
    With(BTreeSet<String>),
    /// There would be too many; nothing was changed.
    TooMany,
}

/// What a user can switch.
#[derive(Debug, Clone)]
pub enum Switch {
    /// `no_push`.
    Muted(bool),
    /// `no_push_detail`.
    Hidden(bool),
    /// Quiet hours.
    Quiet(Option<QuietHours>),
    /// The name shown.
    Nickname(Option<String>),
}

impl DeviceOwners {
    /// Whether `user` has the device. Strongly consistent.
    pub async fn has(&self, app: &MobileAppId, user: PushUserId, device: DeviceId) -> Result<bool, StoreError> {
        let kept = load(&self.0, app, user).await?;
        Ok(kept.is_some_and(|kept| kept.user.devices.iter().any(|known| known.id == device)))
    }
}

impl UserReader {
    /// The user with that number.
    pub async fn user(&self, app: &MobileAppId, user: PushUserId) -> Result<Option<PushUser>, StoreError> {
        Ok(load(&self.0, app, user).await?.map(|kept| kept.user))
    }

    /// The user with that name.
    pub async fn by_name(&self, app: &MobileAppId, username: &str) -> Result<Option<PushUser>, StoreError> {
        by_name(&self.0, app, username).await
    }

    /// The user with that alias.
    pub async fn by_alias(&self, app: &MobileAppId, alias: &str) -> Result<Option<PushUser>, StoreError> {
        let Some(item) = self.0.get(&self.0.names().users, keys::alias(app, alias), true).await? else {
            return Ok(None);
        };
        let user = PushUserId::new(Reader::new("alias", &item).number("whose")?);
        // An alias that a dead process left behind leads nowhere.
        Ok(self.user(app, user).await?.filter(|user| user.alias.as_deref() == Some(alias)))
    }

    /// The device that a push token names.
    pub async fn by_push_token(&self, app: &MobileAppId, token: &str) -> Result<Option<Found>, StoreError> {
        by_push_token(&self.0, app, token).await
    }

    /// At most `limit` of the tags that were ever used in the app, after `after`.
    pub async fn tags(&self, app: &MobileAppId, after: Option<&str>, limit: u16) -> Result<Vec<String>, StoreError> {
        // A space sorts before every character that a tag may have: just behind the tag itself.
        let from = after.map_or_else(|| " ".to_owned(), |after| format!("{after} "));
        let mut ask = Ask::new(&self.0.names().users, keys::tags(app), Range::Between(from, "\u{10ffff}".to_owned()));
        ask.limit = Some(i32::from(limit));
        let page = self.0.query_page(&ask, None).await?;
        Ok(page.items.iter().map(|item| sort_key(item).to_owned()).collect())
    }
}

impl UserWriter {
    /// Writes users with all that leads to them and their devices.
    pub async fn put(&self, app: &MobileAppId, users: &[PushUser]) -> Result<(), StoreError> {
        self.0.put_many(&self.0.names().users, Self::items(app, users)?).await
    }

    /// What [`put`](Self::put) writes into the users' table.
    pub fn items(app: &MobileAppId, users: &[PushUser]) -> Result<Vec<Attributes>, StoreError> {
        let mut items = Vec::new();
        let pointer = |key: Key, user: PushUserId| Item::keyed(key.pk, key.sk).with("whose", n(user));
        for user in users {
            let key = keys::user(app, user.id);
            let doc = s(json("push user", user)?);
            items.push(Item::keyed(key.pk, key.sk).with("doc", doc).with("rev", n(1)).build());
            items.push(pointer(keys::username(app, &user.username), user.id).build());
            items.extend(user.alias.as_ref().map(|alias| pointer(keys::alias(app, alias), user.id).build()));
            for device in &user.devices {
                let leads = |key| pointer(key, user.id).with("device", n(device.id)).build();
                items.push(leads(keys::push_token(app, &device.push_token)));
                let bound = device.bindings.iter();
                items.extend(bound.map(|(channel, binding)| leads(keys::vendor_token(app, *channel, &binding.token))));
            }
            for (key, card) in cards::wanted(app, user) {
                items.push(cards::item(key, &card, 1)?);
            }
        }
        let tags: BTreeSet<&String> = users.iter().flat_map(|user| &user.tags).collect();
        items.extend(tags.into_iter().map(|tag| Item::keyed(keys::tags(app), tag.as_str()).build()));
        Ok(items)
    }

    /// Says up to where ids of users and devices are taken.
    pub async fn take_ids(&self, app: &MobileAppId, users: u64, devices: u64) -> Result<(), StoreError> {
        let update = Update::default().set("users", n(users)).set("devices", n(devices));
        self.0.update(&self.0.names().users, keys::ids(app), update).await.map(drop)
    }
}

/// What leads from an alias to its user.
fn lead(app: &MobileAppId, alias: &str, user: PushUserId) -> Attributes {
    let key = keys::alias(app, alias);
    Item::keyed(key.pk, key.sk).with("whose", n(user)).build()
}

async fn by_name(store: &Store, app: &MobileAppId, username: &str) -> Result<Option<PushUser>, StoreError> {
    let item = store.get(&store.names().users, keys::username(app, username), true).await?;
    let Some(item) = item else { return Ok(None) };
    let user = PushUserId::new(Reader::new("name", &item).number("whose")?);
    Ok(load(store, app, user).await?.map(|kept| kept.user))
}

async fn by_push_token(store: &Store, app: &MobileAppId, token: &str) -> Result<Option<Found>, StoreError> {
    let item = store.get(&store.names().users, keys::push_token(app, token), true).await?;
    let Some(item) = item else { return Ok(None) };
    let user = PushUserId::new(Reader::new("push token", &item).number("whose")?);
    let Some(Kept { user: known, .. }) = load(store, app, user).await? else { return Ok(None) };
    let device = known.devices.into_iter().find(|device| device.push_token == token);
    Ok(device.map(|device| Found { user, device }))
}

/// Signs in on the device of that name, or on `fresh`. Answers the device, and the one that had to go for it.
fn sign_in(user: &mut PushUser, at: &SignIn, fresh: Option<&Device>) -> (Option<Device>, Option<Device>) {
    if let Some(device) = user.devices.iter_mut().find(|device| device.guid == at.guid) {
        device.seen_ms = device.seen_ms.max(at.at);
        if at.platform != 0 {
            device.platform = at.platform;
        }
        return (Some(device.clone()), None);
    }
    // It was there a moment ago and somebody removed it: the caller tries again.
    let Some(fresh) = fresh else { return (None, None) };
    let sn = user.devices.iter().map(|device| device.sn).max().unwrap_or(0) + 1;
    let device = Device { sn, ..fresh.clone() };
    user.devices.push(device.clone());
    let oldest = user.devices.iter().enumerate().min_by_key(|(_, device)| device.seen_ms).map(|(at, _)| at);
    let gone = oldest.filter(|_| user.devices.len() > MOST_DEVICES).map(|at| user.devices.remove(at));
    (Some(device), gone)
}
