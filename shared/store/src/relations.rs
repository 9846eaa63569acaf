//! How a user stands to an app or a topic (Users table): the one item that is the truth about it, and its copies.
//!
//! The truth is `UID#<uid>` / `APP#<app>` or `TOPIC#<topic>`. It is there from the first follow or purchase on and stays
//! when the user leaves: a block and a paid period outlive the follow. It is a follow while it has a `follow_id`.
//!
//! Two copies are written from it: the member of a topic's audience (so that a fan-out reads only Query pages) and the
//! entry in the app's list of followers. A change is one conditional write to the truth that also raises `rev` and sets
//! `unsettled`; then [`Relations::settle`] writes the copies and takes the mark away, if `rev` is still the same. So a
//! process that dies in between leaves a mark, whoever comes next finishes, and of two who settle at once the one with
//! the older truth starts again. A copy carries the `rev` it was written from, so that a late writer does not overwrite
//! a newer one.

use crate::db::{Update, Updated};
use crate::followers::Marks;
use crate::item::{Attributes, Item, Reader, n, s};
use crate::keys::{self, Key};
use crate::people::PersonRecord;
use crate::rounds::Rounds;
use crate::{Store, StoreError};
use model::audience::Follower;
use model::clock::{Day, Timestamp};
use model::follow::{FollowRecord, Followed, ListClass};
use model::ids::{AppId, FollowId, OpenId, TopicId, Uid};

/// How a user stands to an app or a topic.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) uid: Uid,
    pub(crate) app: AppId,
    pub(crate) followed: Followed,
    /// Absent while the user does not follow.
    pub(crate) follow_id: Option<FollowId>,
    pub(crate) created_ms: Timestamp,
    pub(crate) openid: Option<OpenId>,
    pub(crate) rejected: bool,
    pub(crate) muted: bool,
    pub(crate) unreachable: bool,
    pub(crate) pay_end_ms: Timestamp,
    pub(crate) over_quota_day: Option<Day>,
    /// Partition of the audience that a topic's follower is in.
    pub(crate) audience: Option<String>,
    pub(crate) remark: Option<String>,
    /// What made the user follow: a repeat of it is no second follow.
    pub(crate) cause: Option<String>,
    /// A follow that ended and whose copies are still to be removed.
    pub(crate) left: Option<(FollowId, Option<String>)>,
    /// The last trades that moved `pay_end_ms`.
    pub(crate) trades: Vec<String>,
    pub(crate) rev: u64,
    pub(crate) unsettled: bool,
}

impl Relation {
    /// Reads an item; the key says what it is about. `None` when the item is about something else (a person, or another
    /// app's topic).
    pub(crate) fn read(item: &Attributes) -> Result<Option<Self>, StoreError> {
        let reader = Reader::new("follow", item);
        let sort = crate::db::sort_key(item);
        let number = |text: &str| text.parse::<u64>().map_err(|error| StoreError::corrupt("follow", error));
        let (app, followed) = match sort.split_once('#') {
            Some(("APP", app)) => (AppId::new(number(app)?), Followed::App),
            Some(("TOPIC", topic)) => {
                (AppId::new(reader.number("app")?), Followed::Topic(TopicId::new(number(topic)?)))
            }
            _ => return Ok(None),
        };
        let left = reader.some_number("left_id")?.map(FollowId::new);
        let left_audience = reader.optional("left_audience")?.map(str::to_owned);
        Ok(Some(Self {
            uid: reader.uid()?,
            app,
            followed,
            follow_id: reader.some_number("follow_id")?.map(FollowId::new),
            created_ms: Timestamp::from_millis(reader.number_or("created_ms", 0)?),
            openid: reader.optional("openid")?.map(OpenId::new),
            rejected: reader.flag("rejected"),
            muted: reader.flag("muted"),
            unreachable: reader.flag("unreachable"),
            pay_end_ms: Timestamp::from_millis(reader.number_or("pay_end_ms", 0)?),
            over_quota_day: reader.some_number("over_quota_day")?.map(Day::from_number),
            audience: reader.optional("audience")?.map(str::to_owned),
            remark: reader.optional("remark")?.map(str::to_owned),
            cause: reader.optional("cause")?.map(str::to_owned),
            left: left.map(|id| (id, left_audience)),
            trades: reader.texts("trades")?,
            rev: reader.number_or("rev", 0)?,
            unsettled: reader.flag("unsettled"),
        }))
    }

    pub(crate) fn key(&self) -> Key {
        keys::relation(&self.uid, self.app, self.followed)
    }

    pub(crate) const fn class(&self) -> ListClass {
        ListClass::of(self.followed, self.rejected)
    }

    /// What lists show of it; `None` while the user does not follow.
    pub(crate) fn record(&self) -> Option<FollowRecord> {
        Some(FollowRecord {
            id: self.follow_id?,
            app_id: self.app,
            followed: self.followed,
            uid: self.uid.clone(),
            created_ms: self.created_ms,
            rejected: self.rejected,
            muted: self.muted,
            unreachable: self.unreachable || self.openid.is_none(),
            pay_end_ms: self.pay_end_ms,
            remark: self.remark.clone(),
        })
    }

    fn follower(&self, follow_id: FollowId) -> Follower {
        Follower {
            follow_id,
            uid: self.uid.clone(),
            openid: self.openid.clone().unwrap_or_else(|| OpenId::new("")),
            created_ms: self.created_ms,
            rejected: self.rejected,
            muted: self.muted,
            unreachable: self.unreachable,
            pay_end_ms: self.pay_end_ms,
            over_quota_day: self.over_quota_day,
        }
    }

    /// Whether the follow says of the person what the person's own record says.
    pub(crate) fn agrees_with(&self, person: &PersonRecord) -> bool {
        self.openid == person.openid && self.muted == person.muted && self.unreachable == person.unreachable
    }
}

/// An update of the truth: raises `rev` and marks it unsettled.
pub(crate) fn change() -> Update {
    Update::default().add("rev", 1).flag("unsettled", true)
}

/// Sets what a follow copies from the person.
pub(crate) fn with_person(update: Update, person: &PersonRecord) -> Update {
    update
        .set_or_remove("openid", person.openid.as_ref().map(|openid| s(openid.as_str())))
        .flag("muted", person.muted)
        .flag("unreachable", person.unreachable)
}

/// The condition that nobody has changed the relation since it was read.
pub(crate) fn unchanged(update: Update, rev: u64) -> Update {
    if rev == 0 {
        update.when("attribute_not_exists(#rev)")
    } else {
        update.when("#rev = :seen_rev").value(":seen_rev", n(rev))
    }
}

/// Access to relations; see the page of this file.
pub(crate) struct Relations<'a>(pub(crate) &'a Store);

impl Relations<'_> {
    fn table(&self) -> &str {
        &self.0.names().users
    }

    /// The relation; `None` when there never was one, or when the topic is another app's.
    pub(crate) async fn get(&self, uid: &Uid, app: AppId, followed: Followed) -> Result<Option<Relation>, StoreError> {
        let item = self.0.get(self.table(), keys::relation(uid, app, followed), true).await?;
        let relation = item.map(|item| Relation::read(&item)).transpose()?.flatten();
        Ok(relation.filter(|relation| relation.app == app))
    }

    /// Changes the truth under the update's own condition; `None` when the condition does not hold.
    pub(crate) async fn update(&self, key: Key, update: Update) -> Result<Option<Relation>, StoreError> {
        match self.0.update(self.table(), key, update).await? {
            Updated::Done(item) => Relation::read(&item),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Ends the follow `id`; `None` when the user does not follow by that id (any more).
    pub(crate) async fn end(&self, relation: &Relation, id: FollowId) -> Result<Option<Relation>, StoreError> {
        let update = change()
            .set("left_id", n(id))
            .set_or_remove("left_audience", relation.audience.as_ref().map(s))
            .remove("follow_id")
            .remove("created_ms")
            .remove("audience")
            .remove("cause")
            .when("#follow_id = :gone AND attribute_not_exists(#left_id)")
            .value(":gone", n(id));
        self.update(relation.key(), update).await
    }

    /// Writes the copies of a relation and takes its mark away. Nothing is written when it is settled. Returns the
    /// relation as it is then.
    pub(crate) async fn settle(&self, relation: Relation, now: Timestamp) -> Result<Relation, StoreError> {
        let mut relation = relation;
        let mut must = relation.unsettled;
        let mut rounds = Rounds::of("settling a follow");
        loop {
            rounds.next().await?;
            if !must {
                return Ok(relation);
            }
            self.remove_left(&relation, now).await?;
            self.write_copies(&relation, now).await?;
            if relation.follow_id.is_some() {
                // Whoever changes the person writes the person first and the follows that stand then second. So either
                // they see this follow, or we see their change here.
                let person = self.0.get(self.table(), keys::user(&relation.uid), true).await?;
                if let Some(person) = person.map(|item| PersonRecord::read(&item)).transpose()?
                    && !relation.agrees_with(&person)
                {
                    let update = with_person(unchanged(change(), relation.rev), &person);
                    relation = match self.update(relation.key(), update).await? {
                        Some(changed) => changed,
                        None => self.again(relation).await?,
                    };
                    continue;
                }
            }
            let update = Update::default().remove("unsettled").remove("left_id").remove("left_audience");
            match self.update(relation.key(), unchanged(update, relation.rev)).await? {
                Some(settled) => return Ok(settled),
                // Somebody changed it meanwhile, and may have settled it from another truth than ours.
                None => relation = self.again(relation).await?,
            }
            must = true;
        }
    }

    async fn again(&self, relation: Relation) -> Result<Relation, StoreError> {
        let Relation { uid, app, followed, .. } = &relation;
        Ok(self.get(uid, *app, *followed).await?.unwrap_or(relation))
    }

    async fn remove_left(&self, relation: &Relation, now: Timestamp) -> Result<(), StoreError> {
        let Some((id, audience)) = &relation.left else { return Ok(()) };
        if let Some(audience) = audience {
            let key = Key { pk: audience.clone(), sk: keys::audience_sort(*id) };
            self.0.delete(self.table(), key).await?;
        }
        let marks = Marks::of(self.0, relation.app);
        let mark = marks.mark(id.stretch(), now).await?;
        for class in ListClass::ALL.into_iter().filter(|class| class.topic == relation.followed.topic().is_some()) {
            self.0.delete(self.table(), keys::follower_entry(relation.app, class, *id)).await?;
        }
        marks.confirm(mark, now).await
    }

    async fn write_copies(&self, relation: &Relation, now: Timestamp) -> Result<(), StoreError> {
        let Some(id) = relation.follow_id else { return Ok(()) };
        if let Some(audience) = &relation.audience {
            let item = Item::keyed(audience.as_str(), keys::audience_sort(id)).with("rev", n(relation.rev));
            let item = crate::follows::follower_item(item, &relation.follower(id));
            self.0.put_unless_newer(self.table(), item, relation.rev).await?;
        }
        let marks = Marks::of(self.0, relation.app);
        let mark = marks.mark(id.stretch(), now).await?;
        let (class, rev) = (relation.class(), relation.rev);
        let entry = entry(relation.app, class, id, &relation.uid, relation.followed).with("rev", n(rev)).build();
        self.0.put_unless_newer(self.table(), entry, rev).await?;
        let other = ListClass { rejected: !class.rejected, ..class };
        self.0.delete_unless_newer(self.table(), keys::follower_entry(relation.app, other, id), rev).await?;
        marks.confirm(mark, now).await
    }
}

/// An entry in a list of followers.
pub(crate) fn entry(app: AppId, class: ListClass, id: FollowId, uid: &Uid, followed: Followed) -> Item {
    let key = keys::follower_entry(app, class, id);
    Item::keyed(key.pk, key.sk)
        .with("uid", s(uid.as_str()))
        .with_some("topic", followed.topic().map(|topic| n(topic.get())))
}
