//! Writing cards: one device in one list.

use crate::db::{Update, Updated};
use crate::item::{Attributes, Reader, json, n, s};
use crate::keys::Key;
use crate::keys::mobile as keys;
use crate::{Store, StoreError};
use model::device::{Card, Counter, PushUser, QuietHours};
use model::ids::{MobileAppId, PushUserId};
use std::collections::BTreeMap;

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

/// Has a card stand as it is wanted, or gone. One that a newer truth has written stays.
pub(super) async fn pay(store: &Store, key: Key, card: Option<&Card>, rev: u64) -> Result<(), StoreError> {
    let table = &store.names().users;
    let Some(card) = card else { return store.delete_unless_newer(table, key, rev).await };
    let update = update(card)?.set("rev", n(rev)).when("attribute_not_exists(#rev) OR #rev <= :rev");
    match store.update(table, key, update).await? {
        Updated::Done(_) | Updated::Refused(_) => Ok(()),
    }
}

/// Everything of a card but the badge, which is its own truth.
fn update(card: &Card) -> Result<Update, StoreError> {
    Ok(Update::default()
        .set("user", n(card.user))
        .set("shard", n(card.shard))
        .set("b", s(json("card", &card.bindings)?))
        .flag("muted", card.muted)
        .flag("hidden", card.hidden)
        .set_or_remove("quiet", card.quiet.map(|quiet| s(format!("{}-{}", quiet.start, quiet.end)))))
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

/// Reads a card; `None` for one that is not written yet.
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
