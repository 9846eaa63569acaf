//! Push users and their devices (Users table).
//!
//! The truth about a user is one item, devices included: `MUSER#<app>#<user>`. Copies of it, the *cards*, stand in the
//! lists that a fan-out reads: one per device in a shard of the app's audience, and one per device under each tag. So
//! nobody is read one by one.
//!
//! A change is one conditional write to the truth that also raises `rev` and names the cards that it owes; then the cards
//! are written, and the debt is struck off if `rev` is still the same. A process that dies in between leaves the debt, and
//! whoever changes the user next pays it: every call may be repeated. A card carries the `rev` that it was written from,
//! so that a late writer does not overwrite a newer one. One that is gone leaves its `rev` for a day, so that a late writer
//! does not bring it back.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `audience` | reading cards |
//! | `badges` | the number on the icon |
//! | `cards` | writing cards |
//! | `tokens` | vendors' tokens: bound, moved, forgotten |
//! | `users` | who there is, and what they have switched |

mod audience;
mod badges;
mod cards;
mod tokens;
mod users;

pub use audience::{AudienceReader, CardPage, List};
pub use badges::Badges;
pub use tokens::DeadTokens;
pub use users::{DeviceOwners, Devices, Found, NewUser, Registered, SignIn, Switch, Tagged, UserReader, UserWriter};

use crate::db::{Update, Updated};
use crate::item::{Attributes, Reader, json, n, s};
use crate::keys::Key;
use crate::keys::mobile as keys;
use crate::rounds::Rounds;
use crate::{Store, StoreError};
use futures::stream::{self, StreamExt, TryStreamExt};
use model::device::PushUser;
use model::ids::{MobileAppId, PushUserId};
use std::collections::BTreeSet;

/// Cards that are written side by side.
const SIDE_BY_SIDE: usize = 16;

/// A user as kept.
struct Kept {
    user: PushUser,
    rev: u64,
    owed: BTreeSet<Key>,
}

impl Kept {
    fn read(id: PushUserId, item: &Attributes) -> Result<Self, StoreError> {
        let reader = Reader::new("push user", item);
        let mut user: PushUser = reader.json("doc")?;
        user.id = id;
        let owed = reader.texts("owed")?;
        let owed = owed.iter().filter_map(|text| text.split_once('|'));
        let owed = owed.map(|(pk, sk)| Key { pk: pk.to_owned(), sk: sk.to_owned() }).collect();
        Ok(Self { user, rev: reader.number("rev")?, owed })
    }

    /// The user's item, whose key says the number.
    fn of_item(item: &Attributes) -> Result<Self, StoreError> {
        let pk = Reader::new("push user", item).string("pk")?;
        let id = pk.rsplit('#').next().and_then(|id| id.parse().ok());
        Self::read(PushUserId::new(id.ok_or_else(|| StoreError::corrupt("push user", "its key has no number"))?), item)
    }
}

fn owed_list(owed: &BTreeSet<Key>) -> Option<aws_sdk_dynamodb::types::AttributeValue> {
    let texts = owed.iter().map(|key| s(format!("{}|{}", key.pk, key.sk)));
    (!owed.is_empty()).then(|| aws_sdk_dynamodb::types::AttributeValue::L(texts.collect()))
}

async fn load(store: &Store, app: &MobileAppId, id: PushUserId) -> Result<Option<Kept>, StoreError> {
    let item = store.get(&store.names().users, keys::user(app, id), true).await?;
    item.map(|item| Kept::read(id, &item)).transpose()
}

/// Changes a user and pays what cards are owed. `change` may be called several times; what it answers last is answered.
/// `None` when there is no such user.
async fn change<T>(
    store: &Store,
    app: &MobileAppId,
    id: PushUserId,
    change: impl Fn(&mut PushUser) -> T,
) -> Result<Option<(T, PushUser)>, StoreError> {
    let mut rounds = Rounds::of("changing a push user");
    loop {
        rounds.next().await?;
        let Some(kept) = load(store, app, id).await? else { return Ok(None) };
        let mut user = kept.user.clone();
        let answer = change(&mut user);
        if user == kept.user {
            if !kept.owed.is_empty() {
                settle(store, app, kept).await?;
            }
            return Ok(Some((answer, user)));
        }
        let (before, after) = (cards::wanted(app, &kept.user), cards::wanted(app, &user));
        let mut owed = kept.owed;
        owed.extend(before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).cloned());
        let rev = kept.rev + 1;
        let update = Update::default()
            .set("doc", s(json("push user", &user)?))
            .set("rev", n(rev))
            .set_or_remove("owed", owed_list(&owed))
            .when("#rev = :seen")
            .value(":seen", n(kept.rev));
        if store.update(&store.names().users, keys::user(app, id), update).await?.is_done() {
            settle(store, app, Kept { user: user.clone(), rev, owed }).await?;
            return Ok(Some((answer, user)));
        }
        // Somebody else was here since it was read: look again.
    }
}

/// Writes and removes the cards that a user owes, and strikes the debt off.
async fn settle(store: &Store, app: &MobileAppId, mut kept: Kept) -> Result<(), StoreError> {
    let mut rounds = Rounds::of("settling a push user");
    loop {
        rounds.next().await?;
        let wanted = cards::wanted(app, &kept.user);
        let paid: Vec<_> =
            kept.owed.iter().map(|key| cards::pay(store, key.clone(), wanted.get(key), kept.rev)).collect();
        stream::iter(paid).buffer_unordered(SIDE_BY_SIDE).try_collect::<()>().await?;
        let id = kept.user.id;
        let update = Update::default().remove("owed").when("#rev = :seen").value(":seen", n(kept.rev));
        match store.update(&store.names().users, keys::user(app, id), update).await? {
            Updated::Done(_) | Updated::Refused(None) => return Ok(()),
            // A newer truth: what we wrote may be older than what its writer did.
            Updated::Refused(Some(item)) => {
                let newer = Kept::read(id, &item)?;
                kept.owed.extend(newer.owed);
                (kept.user, kept.rev) = (newer.user, newer.rev);
            }
        }
    }
}
