//! Reading cards: a shard of an app's audience, tags, or what a call lists.

use super::{Kept, cards};
use crate::StoreError;
use crate::db::{Ask, Range};
use crate::item::Reader;
use crate::keys::Key;
use crate::keys::mobile as keys;
use futures::future::try_join_all;
use model::device::Card;
use model::ids::{DeviceId, MobileAppId, PushUserId};
use model::push::Audience;
use std::collections::{BTreeMap, BTreeSet};

capability! {
    /// Reads the devices that a push is for.
    AudienceReader: [("dynamodb:BatchGetItem", Users), ("dynamodb:Query", Users)]
}

/// Cards that can be read page by page.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// A shard of the app's audience.
    Shard(u16),
    /// Who has one of these tags.
    Tags(&'a [String]),
}

/// Some cards, in the order of their devices, each device once.
#[derive(Debug, Clone, Default)]
pub struct CardPage {
    /// The cards.
    pub cards: Vec<Card>,
    /// The last device that was looked at; nothing after it is in the page.
    pub seen: Option<u64>,
    /// Whether the list ends here.
    pub last: bool,
}

/// Cards of a tag that are read at least, however many tags there are.
const LEAST_OF_A_TAG: usize = 100;

impl AudienceReader {
    /// The cards of `list` after the device `after`, up to and with `upto`: at least one page of some `limit`. Eventually
    /// consistent, half the price: who came in the last second is not owed this message.
    pub async fn page(
        &self,
        app: &MobileAppId,
        list: List<'_>,
        after: Option<u64>,
        upto: Option<u64>,
        limit: usize,
    ) -> Result<CardPage, StoreError> {
        let lists: Vec<String> = match list {
            List::Shard(shard) => vec![keys::audience(app, shard)],
            List::Tags(tags) => {
                tags.iter().map(|tag| keys::tag(app, tag)).collect::<BTreeSet<_>>().into_iter().collect()
            }
        };
        let each = if lists.len() > 1 { (limit / lists.len()).max(LEAST_OF_A_TAG) } else { limit };
        let read = try_join_all(lists.into_iter().map(|list| self.some(list, after, upto, each))).await?;
        // Only up to where every list was read can a device be known to be in none of them.
        let end = read.iter().filter(|(_, last)| !last).filter_map(|(cards, _)| cards.last()).map(|(id, _)| *id).min();
        let found = read.into_iter().flat_map(|(cards, _)| cards);
        let found: BTreeMap<u64, Option<Card>> = found.filter(|(id, _)| end.is_none_or(|end| *id <= end)).collect();
        let seen = found.last_key_value().map(|(id, _)| *id).or(after);
        Ok(CardPage { cards: found.into_values().flatten().collect(), seen, last: end.is_none() })
    }

    /// At most about `limit` cards of one list, and whether that is all of them.
    async fn some(
        &self,
        list: String,
        after: Option<u64>,
        upto: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<(u64, Option<Card>)>, bool), StoreError> {
        let from = keys::card_sort(after.map_or(0, |after| after + 1));
        let to = keys::card_sort(upto.unwrap_or(9_999_999_999_999_999));
        if from > to {
            return Ok((Vec::new(), true));
        }
        let mut ask = Ask::new(&self.0.names().users, list, Range::Between(from, to));
        ask.consistent = false;
        let (mut cards, mut start) = (Vec::new(), None);
        loop {
            ask.limit = i32::try_from(limit - cards.len()).ok();
            let page = self.0.query_page(&ask, start).await?;
            for item in &page.items {
                let device = keys::parse_card(crate::db::sort_key(item));
                let device = device.ok_or_else(|| StoreError::corrupt("card", "its key has no device"))?;
                cards.push((device.get(), cards::read(item)?));
            }
            match page.more {
                None => return Ok((cards, true)),
                Some(_) if cards.len() >= limit => return Ok((cards, false)),
                more => start = more,
            }
        }
    }

    /// Every device that `audience` lists, in the order of their ids, each once; unknown ones are left out. For an audience
    /// of everybody, or of tags, nothing: those are read page by page.
    ///
    /// Strongly consistent. A read per user, and one more per alias or push token, a hundred in a call.
    pub async fn listed(&self, app: &MobileAppId, audience: &Audience) -> Result<Vec<Card>, StoreError> {
        let (users, only): (BTreeSet<PushUserId>, Option<BTreeSet<DeviceId>>) = match audience {
            Audience::All | Audience::Tag(_) => return Ok(Vec::new()),
            Audience::UserId(ids) => {
                let ids = ids.iter().filter_map(|id| u64::try_from(*id).ok());
                (ids.map(PushUserId::new).collect(), None)
            }
            Audience::Alias(aliases) => {
                let keys = aliases.iter().map(|alias| keys::alias(app, alias)).collect();
                (self.owners(keys).await?.into_iter().map(|(user, _)| user).collect(), None)
            }
            Audience::PushToken(tokens) => {
                let keys = tokens.iter().map(|token| keys::push_token(app, token)).collect();
                let owners = self.owners(keys).await?;
                let devices = owners.iter().filter_map(|(_, device)| *device).collect();
                (owners.into_iter().map(|(user, _)| user).collect(), Some(devices))
            }
        };
        let keys = users.into_iter().map(|user| keys::user(app, user)).collect();
        let mut found = BTreeMap::new();
        for item in self.0.get_many(&self.0.names().users, keys).await? {
            let kept = Kept::of_item(&item)?;
            // A user keeps its alias as long as the alias says so; an alias that a dead process left behind leads nowhere.
            if let Audience::Alias(aliases) = audience
                && !kept.user.alias.as_ref().is_some_and(|alias| aliases.contains(alias))
            {
                continue;
            }
            let cards = kept.user.cards().filter(|card| only.as_ref().is_none_or(|only| only.contains(&card.device)));
            found.extend(cards.map(|card| (card.device, card)));
        }
        Ok(found.into_values().collect())
    }

    /// What pointers lead to: a user, and a device where they name one.
    async fn owners(&self, keys: BTreeSet<Key>) -> Result<Vec<(PushUserId, Option<DeviceId>)>, StoreError> {
        let items = self.0.get_many(&self.0.names().users, keys.into_iter().collect()).await?;
        let read = items.iter().map(|item| {
            let reader = Reader::new("pointer", item);
            Ok((PushUserId::new(reader.number("whose")?), reader.some_number("device")?.map(DeviceId::new)))
        });
        read.collect()
    }
}
