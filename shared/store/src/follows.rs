//! People and what they follow (Users table).
//!
//! A follow of a topic stands twice: under the user (so that it exists once, and the user's side can be changed), and
//! in the topic's audience (so that a fan-out reads only Query pages). Whatever delivery must know about the person
//! (address, switch, block, payment) is on both, so neither side reads the other.

use crate::StoreError;
use crate::db::{Ask, Range, sort_key};
use crate::error::failed;
use crate::item::{Attributes, Item, Reader, n, s};
use crate::keys::{self, Key};
use model::audience::Follower;
use model::clock::{Day, Timestamp};
use model::ids::{AccountId, AppId, FollowId, OpenId, TopicId, Uid};
use std::collections::{HashMap, HashSet};

capability! {
    /// Reads who follows an app.
    Follows: [("dynamodb:GetItem", Users), ("dynamodb:BatchGetItem", Users)]
}

capability! {
    /// Marks people whom a channel cannot reach, or who have had their share of the day.
    Marker: [("dynamodb:GetItem", Users), ("dynamodb:Query", Users), ("dynamodb:UpdateItem", Users)]
}

capability! {
    /// Writes people and follows.
    FollowWriter: [("dynamodb:BatchWriteItem", Users)]
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
        let followers = items.iter().map(follower).map(|read| read.map(|follower| (follower.uid.clone(), follower)));
        followers.collect()
    }

    /// Those of `uids` that exist at all.
    pub async fn known(&self, uids: &[Uid]) -> Result<HashSet<Uid>, StoreError> {
        let items = self.0.get_many(&self.0.names().users, uids.iter().map(keys::user).collect()).await?;
        items
            .iter()
            .map(|item| {
                let uid = Reader::new("user", item).string("uid")?;
                Uid::parse(uid).map_err(|error| StoreError::corrupt("user", error))
            })
            .collect()
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
        let uid = Uid::parse(Reader::new("openid", &item).string("uid")?)
            .map_err(|error| StoreError::corrupt("openid", error))?;
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
            self.write(key, mark).await?;
            if let Some(member) = audience_key(item)? {
                self.write(member, mark).await?;
            }
        }
        Ok(())
    }

    async fn write(&self, key: Key, mark: Mark<'_>) -> Result<(), StoreError> {
        let call =
            self.0.dynamodb().update_item().table_name(&self.0.names().users).key("pk", s(key.pk)).key("sk", s(key.sk));
        let call = match mark {
            // A follow that is younger than the vendor's answer came after it: the person is back.
            Mark::Unreachable(openid, at) => call
                .update_expression("SET unreachable = :yes")
                .condition_expression("openid = :openid AND (attribute_not_exists(created_ms) OR created_ms <= :at)")
                .expression_attribute_values(":yes", crate::db::flag())
                .expression_attribute_values(":openid", s(openid.as_str()))
                .expression_attribute_values(":at", n(at.millis())),
            Mark::OverQuota(day) => call
                .update_expression("SET over_quota_day = :day")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":day", n(day.number())),
        };
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if crate::db::refused(&error) => Ok(()),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
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
        self.0.put_many(&self.0.names().users, items.collect()).await
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
            let pointer = Item::keyed(own.pk, own.sk).with("audience", s(&member.pk));
            [follower_item(Item::keyed(member.pk, member.sk), follower), follower_item(pointer, follower)]
        });
        self.0.put_many(&self.0.names().users, items.collect()).await
    }
}

/// Attribute names of a follower are short where every page of a large audience carries them: reading costs by size.
fn follower_item(item: Item, follower: &Follower) -> Attributes {
    item.with("uid", s(follower.uid.as_str()))
        .with("openid", s(follower.openid.as_str()))
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
        uid: Uid::parse(reader.string("uid")?).map_err(|error| StoreError::corrupt("follow", error))?,
        openid: OpenId::new(reader.string("openid")?),
        created_ms: Timestamp::from_millis(reader.number("created_ms")?),
        rejected: reader.flag("rejected"),
        muted: reader.flag("muted"),
        unreachable: reader.flag("unreachable"),
        pay_end_ms: Timestamp::from_millis(reader.number_or("pay_end_ms", 0)?),
        over_quota_day: reader
            .has("over_quota_day")
            .then(|| reader.number("over_quota_day"))
            .transpose()?
            .map(Day::from_number),
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
