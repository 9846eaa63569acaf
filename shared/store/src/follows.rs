//! People and what they follow (Users table).
//!
//! A follow of a topic stands twice: under the user (so that it exists once, and the user's side can be changed), and
//! in the topic's audience (so that a fan-out reads only Query pages). Whatever delivery must know about the person
//! (address, switch, block, payment) is on both, so neither side reads the other. How a follow begins, changes and ends
//! is told in [`crate::following`], and what stands between the two copies in the page of `relations.rs`.

use crate::StoreError;
use crate::db::{Ask, Range, Update, sort_key};
use crate::followers::Marks;
use crate::item::{Attributes, Item, Reader, n, s};
use crate::keys::{self, Key};
use crate::relations::entry;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::audience::Follower;
use model::clock::{Day, Timestamp};
use model::follow::{Followed, ListClass};
use model::ids::{AccountId, AppId, FollowId, OpenId, TopicId, Uid};
use std::collections::{BTreeSet, HashMap, HashSet};

capability! {
    /// Reads who follows an app.
    Follows: [("dynamodb:GetItem", Users), ("dynamodb:BatchGetItem", Users)]
}

capability! {
    /// Marks people whom a channel cannot reach, or who have had their share of the day.
    Marker: [("dynamodb:GetItem", Users), ("dynamodb:Query", Users), ("dynamodb:UpdateItem", Users)]
}

capability! {
    /// Writes people and follows in bulk, whatever stands there: for filling a table that nobody uses yet. What users and
    /// owners do goes through [`crate::people::People`] and [`crate::following::Following`].
    FollowWriter: [("dynamodb:BatchWriteItem", Users), ("dynamodb:UpdateItem", Users)]
}

impl Follows {
    /// Those of `uids` that follow `app`. Strongly consistent: a block takes effect on the next call.
    pub async fn of_app(&self, app: AppId, uids: &[Uid]) -> Result<HashMap<Uid, Follower>, StoreError> {
        let table = &self.0.names().users;
        let items = match uids {
            // One read unit either way, but GetItem answers sooner than BatchGetItem.
            [uid] => self.0.get(table, keys::app_follow(uid, app), true).await?.into_iter().collect(),
            _ => self.0.get_many(table, uids.iter().map(|uid| keys::app_follow(uid, app)).collect()).await?,
        };
        // Who has left keeps an item with what outlives the follow.
        let following = items.iter().filter(|item| item.contains_key("follow_id"));
        following.map(follower).map(|read| read.map(|follower| (follower.uid.clone(), follower))).collect()
    }

    /// Those of `uids` that exist at all.
    pub async fn known(&self, uids: &[Uid]) -> Result<HashSet<Uid>, StoreError> {
        let items = self.0.get_many(&self.0.names().users, uids.iter().map(keys::user).collect()).await?;
        items.iter().map(|item| Reader::new("user", item).uid()).collect()
    }
}

/// What is marked on a person's follows.
#[derive(Clone, Copy)]
enum Mark<'a> {
    /// The vendor said at this moment that the address is dead.
    Unreachable(&'a OpenId, Timestamp),
    /// The daily quota was used up on this day.
    OverQuota(Day),
}

impl Marker {
    /// Marks everything that the person behind `openid` follows under that address: the vendor said at `at` that it is
    /// dead. `false` when we know no such person.
    pub async fn mark_unreachable(
        &self,
        account: &AccountId,
        openid: &OpenId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let table = &self.0.names().users;
        let Some(item) = self.0.get(table, keys::user_by_openid(account, openid), true).await? else {
            return Ok(false);
        };
        let uid = Reader::new("openid", &item).uid()?;
        self.mark(&uid, Mark::Unreachable(openid, at)).await?;
        Ok(true)
    }

    /// Marks everything that the person follows: they have had their share of `day`.
    pub async fn mark_over_quota(&self, uid: &Uid, day: Day) -> Result<(), StoreError> {
        self.mark(uid, Mark::OverQuota(day)).await
    }

    /// Marks the person and everything they follow. Rare, so it may write an item per follow.
    async fn mark(&self, uid: &Uid, mark: Mark<'_>) -> Result<(), StoreError> {
        let table = &self.0.names().users;
        let items = self.0.query_all(&Ask::new(table, keys::user(uid).pk, Range::All)).await?;
        for item in &items {
            let key = Key { pk: keys::user(uid).pk, sk: sort_key(item).to_owned() };
            self.write(key, mark, true).await?;
            if let Some(member) = audience_key(item)? {
                self.write(member, mark, false).await?;
            }
        }
        Ok(())
    }

    /// `is_truth`: not the copy in an audience. Whoever is copying the truth meanwhile sees by its `rev` that it changed.
    async fn write(&self, key: Key, mark: Mark<'_>, is_truth: bool) -> Result<(), StoreError> {
        let update = match mark {
            // A follow that is younger than the vendor's answer came after it, and so did whoever was seen since: the
            // person is back.
            Mark::Unreachable(openid, at) => {
                let update = if is_truth { Update::default().add("rev", 1) } else { Update::default() };
                update
                    .flag("unreachable", true)
                    .when("#openid = :known AND (attribute_not_exists(#created_ms) OR #created_ms <= :at)")
                    .when("attribute_not_exists(#reach_ms) OR #reach_ms <= :at")
                    .value(":known", s(openid.as_str()))
                    .value(":at", n(at.millis()))
            }
            Mark::OverQuota(day) => {
                Update::default().set("over_quota_day", n(day.number())).when("attribute_exists(#pk)")
            }
        };
        self.0.update(&self.0.names().users, key, update).await.map(drop)
    }
}

/// A person to be written.
#[derive(Debug, Clone)]
pub struct Person {
    /// The WeChat account through which the person is reached.
    pub account: AccountId,
    /// As what.
    pub openid: OpenId,
    /// Under which UID.
    pub uid: Uid,
}

impl FollowWriter {
    /// Writes people, in both directions.
    pub async fn put_people(&self, people: &[Person]) -> Result<(), StoreError> {
        let items = people.iter().flat_map(|person| {
            let user = keys::user(&person.uid);
            let by_openid = keys::user_by_openid(&person.account, &person.openid);
            [
                Item::keyed(user.pk, user.sk)
                    .with("uid", s(person.uid.as_str()))
                    .with("account", s(person.account.as_str()))
                    .with("openid", s(person.openid.as_str()))
                    .build(),
                Item::keyed(by_openid.pk, by_openid.sk).with("uid", s(person.uid.as_str())).build(),
            ]
        });
        self.0.put_many(&self.0.names().users, items.collect()).await
    }

    /// Writes follows of an app.
    pub async fn put_app_follows(&self, app: AppId, followers: &[Follower]) -> Result<(), StoreError> {
        let items = followers.iter().map(|follower| {
            let key = keys::app_follow(&follower.uid, app);
            follower_item(Item::keyed(key.pk, key.sk), follower)
        });
        self.put_follows(app, Followed::App, followers, items.collect()).await
    }

    /// Writes follows of a topic of `app` into a shard of its audience.
    pub async fn put_topic_follows(
        &self,
        app: AppId,
        topic: TopicId,
        shard: u16,
        followers: &[Follower],
    ) -> Result<(), StoreError> {
        let items = followers.iter().flat_map(|follower| {
            let member = keys::audience_member(app, topic, shard, follower.follow_id);
            let own = keys::topic_follow(&follower.uid, topic);
            let pointer = Item::keyed(own.pk, own.sk).with("audience", s(&member.pk)).with("app", n(app));
            [follower_item(Item::keyed(member.pk, member.sk), follower), follower_item(pointer, follower)]
        });
        self.put_follows(app, Followed::Topic(topic), followers, items.collect()).await
    }

    /// Writes what both kinds of follows have in common: their items, their entries in the lists of the app, and that
    /// their ids are taken.
    async fn put_follows(
        &self,
        app: AppId,
        followed: Followed,
        followers: &[Follower],
        mut items: Vec<Attributes>,
    ) -> Result<(), StoreError> {
        let table = &self.0.names().users;
        let Some(last) = followers.iter().map(|follower| follower.follow_id.stretch()).max() else { return Ok(()) };
        let taken = Update::default()
            .set("next_block", n(last))
            .when("attribute_not_exists(#next_block) OR #next_block < :last");
        self.0.update(table, keys::follow_stretches(), taken.value(":last", n(last))).await?;
        let listed = followers.iter().map(|follower| {
            let class = ListClass::of(followed, follower.rejected);
            entry(app, class, follower.follow_id, &follower.uid, followed).build()
        });
        items.extend(listed);
        self.0.put_many(table, items).await?;
        let stretches: BTreeSet<u64> = followers.iter().map(|follower| follower.follow_id.stretch()).collect();
        let marks = Marks::of(&self.0, app);
        let calls: Vec<_> = stretches.into_iter().map(|stretch| marks.until(stretch, Timestamp::default())).collect();
        stream::iter(calls).buffer_unordered(MARK_CALLS).try_collect().await
    }
}

/// How many stretches are marked side by side.
const MARK_CALLS: usize = 16;

/// Attribute names of a follower are short where every page of a large audience carries them: reading costs by size.
pub(crate) fn follower_item(item: Item, follower: &Follower) -> Attributes {
    item.with("uid", s(follower.uid.as_str()))
        .with_some("openid", Some(follower.openid.as_str()).filter(|openid| !openid.is_empty()).map(s))
        .with("follow_id", n(follower.follow_id))
        .with("created_ms", n(follower.created_ms.millis()))
        .with_flag("rejected", follower.rejected)
        .with_flag("muted", follower.muted)
        .with_flag("unreachable", follower.unreachable)
        .with_some("pay_end_ms", (follower.pay_end_ms.millis() != 0).then(|| n(follower.pay_end_ms.millis())))
        .with_some("over_quota_day", follower.over_quota_day.map(|day| n(day.number())))
        .build()
}

pub(crate) fn follower(item: &Attributes) -> Result<Follower, StoreError> {
    let reader = Reader::new("follow", item);
    Ok(Follower {
        follow_id: FollowId::new(reader.number("follow_id")?),
        uid: reader.uid()?,
        openid: OpenId::new(reader.optional("openid")?.unwrap_or_default()),
        created_ms: Timestamp::from_millis(reader.number("created_ms")?),
        rejected: reader.flag("rejected"),
        muted: reader.flag("muted"),
        unreachable: reader.flag("unreachable"),
        pay_end_ms: Timestamp::from_millis(reader.number_or("pay_end_ms", 0)?),
        over_quota_day: reader.some_number("over_quota_day")?.map(Day::from_number),
    })
}

/// Where a topic follow under a user stands in the audience; `None` for anything else.
fn audience_key(item: &Attributes) -> Result<Option<Key>, StoreError> {
    let reader = Reader::new("follow", item);
    if !reader.has("audience") {
        return Ok(None);
    }
    let sk = keys::audience_sort(FollowId::new(reader.number("follow_id")?));
    Ok(Some(Key { pk: reader.string("audience")?.to_owned(), sk }))
}
