//! Purchases and refunds (Users table): each moves the ends of paid periods exactly once.
//!
//! A trade is written first, by its number and kind. Every relation that it moves keeps the names of its last trades,
//! written with the new end in one conditional write: so a repeat, or a second process at the same time, finds it moved.
//! When the caller has done what is to follow from the trade (telling the developer), it says so, and a repeat does
//! nothing from then on.

use crate::apps::Topics;
use crate::db::{Put, Update};
use crate::following::{Following, Wish};
use crate::item::{Item, Reader, json, n, s};
use crate::relations::{Relations, change, unchanged};
use crate::rounds::Rounds;
use crate::{Capability, Grant, Store, StoreError, keys};
use aws_sdk_dynamodb::types::AttributeValue;
use model::app::Product;
use model::clock::Timestamp;
use model::follow::{FollowOutcome, Followed, Source};
use model::ids::FollowId;
use model::payment::{Trade, TradeKind};

/// How many trades a relation remembers. A trade that is still being recorded must be among them.
const REMEMBERED: usize = 32;

/// Records purchases and refunds.
#[derive(Clone)]
pub struct Payments {
    store: Store,
    following: Following,
    topics: Topics,
}

impl Capability for Payments {
    fn open(store: &Store) -> Self {
        Self { store: store.clone(), following: Following::open(store), topics: Topics::open(store) }
    }

    fn grants() -> Vec<Grant> {
        [Following::grants(), Topics::grants()].concat()
    }
}

/// What became of a trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Every paid period that the product pays for has been moved, by this call or by one before that did not say
    /// [`Payments::finish`]: the developer is to be told, then the trade finished.
    Applied {
        /// The trade as it was first recorded.
        trade: Trade,
        /// The follow of the app that the purchase made; the developer is told of it first, with the source `order`.
        followed_app: Option<FollowId>,
    },
    /// It was recorded and finished before.
    Already,
    /// The app has blocked the buyer from something that the product pays for: nothing was written.
    Blocked,
    /// Nobody has the UID: nothing was written.
    NoSuchPerson,
}

impl Payments {
    /// Records a trade of `product`. A buyer who does not follow what was bought follows it from now on.
    pub async fn record(&self, trade: &Trade, product: &Product, now: Timestamp) -> Result<Recorded, StoreError> {
        let table = &self.store.names().users;
        let (person, relations) = futures::try_join!(
            self.store.get(table, keys::user(&trade.uid), true),
            futures::future::try_join_all(
                product.resources.iter().map(|&followed| self.relations_get(trade, followed))
            ),
        )?;
        if person.is_none() {
            return Ok(Recorded::NoSuchPerson);
        }
        let key = keys::trade(trade.app_id, &trade.key());
        let is_blocked =
            trade.kind == TradeKind::Purchase && relations.iter().flatten().any(|is_rejected| *is_rejected);
        let before = self.store.get(table, key.clone(), true).await?;
        if before.is_none() && is_blocked {
            return Ok(Recorded::Blocked);
        }
        let item = Item::keyed(key.pk, key.sk).with("trade", s(json("trade", trade)?)).build();
        let trade = match self.store.put_new(table, item).await? {
            Put::Written | Put::Refused(None) => trade.clone(),
            Put::Refused(Some(item)) => {
                let reader = Reader::new("trade", &item);
                if reader.flag("finished") {
                    return Ok(Recorded::Already);
                }
                reader.json("trade")?
            }
        };
        for &followed in &product.resources {
            self.apply(&trade, followed, now).await?;
        }
        let mut followed_app = None;
        if trade.kind == TradeKind::Purchase {
            for &followed in &product.resources {
                if let (Followed::App, FollowOutcome::New(id)) = (followed, self.follow(&trade, followed, now).await?) {
                    followed_app = Some(id);
                }
            }
        }
        Ok(Recorded::Applied { trade, followed_app })
    }

    /// Says that everything that follows from the trade is done.
    pub async fn finish(&self, trade: &Trade) -> Result<(), StoreError> {
        let update = Update::default().flag("finished", true).when("attribute_exists(#pk)");
        let key = keys::trade(trade.app_id, &trade.key());
        self.store.update(&self.store.names().users, key, update).await.map(drop)
    }

    /// Whether the buyer is blocked from `followed`; `None` when the two have nothing to do with each other yet.
    async fn relations_get(&self, trade: &Trade, followed: Followed) -> Result<Option<bool>, StoreError> {
        let relation = Relations(&self.store).get(&trade.uid, trade.app_id, followed).await?;
        Ok(relation.map(|relation| relation.rejected))
    }

    /// Moves the end of one paid period, once.
    async fn apply(&self, trade: &Trade, followed: Followed, now: Timestamp) -> Result<(), StoreError> {
        let relations = Relations(&self.store);
        let name = trade.key();
        let mut rounds = Rounds::of("recording a trade");
        loop {
            rounds.next().await?;
            let relation = relations.get(&trade.uid, trade.app_id, followed).await?;
            let (before, mut trades, rev) = match relation {
                Some(relation) if relation.trades.contains(&name) => {
                    return relations.settle(relation, now).await.map(drop);
                }
                Some(relation) => (relation.pay_end_ms, relation.trades, relation.rev),
                None => (Timestamp::default(), Vec::new(), 0),
            };
            trades.push(name.clone());
            let forgotten = trades.len().saturating_sub(REMEMBERED);
            let trades: Vec<AttributeValue> = trades.into_iter().skip(forgotten).map(s).collect();
            let end = trade.pay_end(before, now);
            let mut update = unchanged(change(), rev)
                .set("uid", s(trade.uid.as_str()))
                .set_or_remove("pay_end_ms", (end != Timestamp::default()).then(|| n(end.millis())))
                .set("trades", AttributeValue::L(trades));
            if followed.topic().is_some() {
                update = update.set("app", n(trade.app_id));
            }
            let key = keys::relation(&trade.uid, trade.app_id, followed);
            if let Some(changed) = relations.update(key, update).await? {
                return relations.settle(changed, now).await.map(drop);
            }
        }
    }

    async fn follow(&self, trade: &Trade, followed: Followed, now: Timestamp) -> Result<FollowOutcome, StoreError> {
        let cause = trade.key();
        let wish = Wish { uid: &trade.uid, source: Source::Order, cause: &cause, at: now };
        match followed {
            Followed::App => self.following.follow_app(trade.app_id, wish).await,
            Followed::Topic(topic) => match self.topics.get(trade.app_id, topic).await? {
                Some(found) => self.following.follow_topic(trade.app_id, topic, found.shards, wish).await,
                // A product outlives a topic of it: there is nothing left to follow.
                None => Ok(FollowOutcome::Rejected),
            },
        }
    }
}
