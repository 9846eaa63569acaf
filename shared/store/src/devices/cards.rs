//! Writing cards: one device in one list.

use crate::db::{Update, Updated};
use crate::item::{Attributes, Reader, json, n, s};
use crate::keys::Key;
use crate::keys::mobile as keys;
use crate::{Store, StoreError};
use model::device::{Card, Counter, PushUser, QuietHours};
use model::ids::{MobileAppId, PushUserId};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Every card of a user, by the place where it is to stand.
pub(super) fn wanted(app: &MobileAppId, user: &PushUser) -> BTreeMap<Key, Card> {
    let tags: Vec<String> = user.tags.iter().map(|tag| keys::tag(app, tag)).collect();
    let mut wanted = BTreeMap::new();
    for card in user.cards() {
        let sk = keys::card_sort(card.device.get());
        for list in std::iter::once(keys::audience(app, card.shard)).chain(tags.iter().cloned()) {
            wanted.insert(Key { pk: list, sk: sk.clone() }, card.clone());
        }
    }
    wanted
}

/// How long a card that is gone says so: longer than any writer may be late.
const GONE_FOR: Duration = Duration::from_secs(86_400);

/// Has a card stand as it is wanted, or gone. One that a newer truth has written stays.
///
/// A card without `user` is none: what is left of one that is gone says from which truth, and goes by itself.
pub(super) async fn pay(store: &Store, key: Key, card: Option<&Card>, rev: u64) -> Result<(), StoreError> {
    let update = card.map_or_else(|| Ok(gone()), update)?;
    let update = update.set("rev", n(rev)).when("attribute_not_exists(#rev) OR #rev <= :rev");
    match store.update(&store.names().users, key, update).await? {
        Updated::Done(_) | Updated::Refused(_) => Ok(()),
    }
}

/// Nothing of a card.
fn gone() -> Update {
    // DynamoDB clears away by its own clock, whatever ours says.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let empty = Update::default().set("expires_at", n((now + GONE_FOR).as_secs()));
    let attributes =
        ["user", "shard", "b", "muted", "hidden", "quiet", "badge", "badge_adds", "badge_sets", "badge_task"];
    attributes.into_iter().fold(empty, Update::remove)
}

/// Everything of a card but the badge, which is its own truth.
fn update(card: &Card) -> Result<Update, StoreError> {
    Ok(Update::default()
        .set("user", n(card.user))
        .set("shard", n(card.shard))
        .set("b", s(json("card", &card.bindings)?))
        .flag("muted", card.muted)
        .flag("hidden", card.hidden)
        .set_or_remove("quiet", card.quiet.map(|quiet| s(format!("{}-{}", quiet.start, quiet.end))))
        .remove("expires_at"))
}

/// A new card as an item, for filling a table that nobody uses yet.
pub(super) fn item(key: Key, card: &Card, rev: u64) -> Result<Attributes, StoreError> {
    let item = crate::item::Item::keyed(key.pk, key.sk)
        .with("user", n(card.user))
        .with("shard", n(card.shard))
        .with("b", s(json("card", &card.bindings)?))
        .with_flag("muted", card.muted)
        .with_flag("hidden", card.hidden)
        .with_some("quiet", card.quiet.map(|quiet| s(format!("{}-{}", quiet.start, quiet.end))))
        .with("rev", n(rev));
    Ok(item.build())
}

/// Reads a card; `None` for one that is not written yet, or gone.
pub(super) fn read(item: &Attributes) -> Result<Option<Card>, StoreError> {
    let reader = Reader::new("card", item);
    if !reader.has("user") {
        return Ok(None);
    }
    let device = keys::parse_card(reader.string("sk")?);
    let quiet = reader.optional("quiet")?.and_then(|text| {
        let (start, end) = text.split_once('-')?;
        Some(QuietHours { start: start.parse().ok()?, end: end.parse().ok()? })
    });
    Ok(Some(Card {
        device: device.ok_or_else(|| StoreError::corrupt("card", "its key has no device"))?,
        shard: reader.number("shard")?,
        user: PushUserId::new(reader.number("user")?),
        muted: reader.flag("muted"),
        hidden: reader.flag("hidden"),
        quiet,
        bindings: reader.json("b")?,
        badge: counter(&reader)?,
    }))
}

/// The badge counter in an item.
pub(super) fn counter(reader: &Reader<'_>) -> Result<Counter, StoreError> {
    Ok(Counter {
        count: reader.number_or("badge", 0)?,
        adds: reader.number_or("badge_adds", 0)?,
        sets: reader.number_or("badge_sets", 0)?,
    })
}
