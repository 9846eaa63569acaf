//! How follows begin, change and end (Users table).
//!
//! Every call may be repeated: after an error, or because its cause comes twice. It converges then, and two at the same
//! time do the thing once. How that is held is told in the page of `relations.rs`.

use crate::StoreError;
use crate::db::{Update, Updated};
use crate::followers::find;
use crate::item::{Reader, n, s};
use crate::keys;
use crate::people::PersonRecord;
use crate::relations::{Relation, Relations, change, with_person};
use crate::rounds::Rounds;
use model::clock::Timestamp;
use model::follow::{FollowOutcome, Followed, Source};
use model::ids::{AppId, FollowId, STRETCH_IDS, TopicId, Uid};

capability! {
    /// Begins, changes and ends follows.
    Following: [
        ("dynamodb:GetItem", Users), ("dynamodb:BatchGetItem", Users), ("dynamodb:PutItem", Users),
        ("dynamodb:UpdateItem", Users), ("dynamodb:DeleteItem", Users),
    ]
}

/// A wish to follow.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Who wishes it.
    pub uid: &'a Uid,
    /// By which way.
    pub source: Source,
    /// Names what made the user follow, for example the id of WeChat's event: a repeat with the same cause is answered
    /// as the first was. At most 200 characters.
    pub cause: &'a str,
    /// When.
    pub at: Timestamp,
}

impl Following {
    /// The user follows the app.
    ///
    /// Two who do it at once get one follow; its id is the same for both. [`FollowOutcome::New`] also when the same
    /// cause comes again, so that whatever follows from a new follow can be done by a repeat.
    pub async fn follow_app(&self, app: AppId, wish: Wish<'_>) -> Result<FollowOutcome, StoreError> {
        self.follow(app, Followed::App, None, wish).await
    }

    /// The user follows a topic of the app, in one of the `shards` of its audience. The caller has read the topic, so it
    /// exists and is the app's.
    pub async fn follow_topic(
        &self,
        app: AppId,
        topic: TopicId,
        shards: u16,
        wish: Wish<'_>,
    ) -> Result<FollowOutcome, StoreError> {
        let shard = shard_of(wish.uid, shards);
        let audience = keys::audience_shard(app, topic, shard);
        self.follow(app, Followed::Topic(topic), Some(audience), wish).await
    }

    async fn follow(
        &self,
        app: AppId,
        followed: Followed,
        audience: Option<String>,
        wish: Wish<'_>,
    ) -> Result<FollowOutcome, StoreError> {
        let relations = Relations(&self.0);
        let key = keys::relation(wish.uid, app, followed);
        let mut rounds = Rounds::of("following");
        loop {
            rounds.next().await?;
            let table = &self.0.names().users;
            let (person, relation) = futures::try_join!(
                self.0.get(table, keys::user(wish.uid), true),
                relations.get(wish.uid, app, followed)
            )?;
            let Some(person) = person.map(|item| PersonRecord::read(&item)).transpose()? else {
                return Ok(FollowOutcome::NoSuchPerson);
            };
            match relation {
                Some(relation) if relation.rejected => return Ok(FollowOutcome::Rejected),
                Some(relation) => {
                    if let Some(outcome) = self.stands(relation, wish).await? {
                        return Ok(outcome);
                    }
                }
                None => {}
            }
            let (id, created) = self.draw(app, wish.at).await?;
            let mut update = with_person(change(), &person)
                .set("uid", s(wish.uid.as_str()))
                .set("follow_id", n(id))
                .set("created_ms", n(created.millis()))
                .set("source", s(wish.source.as_str()))
                .set("cause", s(wish.cause))
                .set_or_remove("audience", audience.as_ref().map(s))
                .when("attribute_not_exists(#follow_id) AND attribute_not_exists(#left_id)")
                .when("attribute_not_exists(#rejected)");
            if followed.topic().is_some() {
                update = update.set("app", n(app));
            }
            if let Some(relation) = relations.update(key.clone(), update).await? {
                relations.settle(relation, wish.at).await?;
                return Ok(FollowOutcome::New(id));
            }
            // Somebody else was here since it was read: look again.
        }
    }

    /// What a relation that stands says to a wish; `None` when the user may begin to follow.
    async fn stands(&self, relation: Relation, wish: Wish<'_>) -> Result<Option<FollowOutcome>, StoreError> {
        // Whoever died before us left it unsettled; a follow that ended must be gone before a new one begins.
        let relation = Relations(&self.0).settle(relation, wish.at).await?;
        Ok(relation.follow_id.map(|id| match &relation.cause {
            Some(cause) if cause == wish.cause => FollowOutcome::New(id),
            _ => FollowOutcome::Already(id),
        }))
    }

    /// The user leaves. `false` when there was nothing to leave. A block and a paid period stay.
    pub async fn leave(&self, app: AppId, followed: Followed, uid: &Uid, at: Timestamp) -> Result<bool, StoreError> {
        match Relations(&self.0).get(uid, app, followed).await? {
            Some(relation) => self.end(relation, at).await,
            None => Ok(false),
        }
    }

    /// The app's owner removes the follow with the record id `id`. `false` when it is gone, never was, or is another
    /// app's: the three look the same. A block and a paid period stay.
    pub async fn remove(&self, app: AppId, id: FollowId, at: Timestamp) -> Result<bool, StoreError> {
        match find(&self.0, app, id).await? {
            Some(relation) => self.end(relation, at).await,
            None => Ok(false),
        }
    }

    async fn end(&self, relation: Relation, at: Timestamp) -> Result<bool, StoreError> {
        let relations = Relations(&self.0);
        if relation.left.is_some() {
            // Ended by a process that died: this call finishes it, and is what its caller asked for.
            relations.settle(relation, at).await?;
            return Ok(true);
        }
        let Some(id) = relation.follow_id else { return Ok(false) };
        match relations.end(&relation, id).await? {
            Some(ended) => relations.settle(ended, at).await.map(|_| true),
            None => Ok(false),
        }
    }

    /// The app's owner blocks the user of the follow with the record id `id`, or lifts the block. `false` when there is
    /// no such follow of the app. Doing it twice is doing it once.
    ///
    /// A blocked user receives nothing through this follow, from the next page of a running fan-out on, and cannot follow
    /// anew after leaving. Other follows of the user are left alone.
    pub async fn reject(&self, app: AppId, id: FollowId, reject: bool, at: Timestamp) -> Result<bool, StoreError> {
        let Some(relation) = find(&self.0, app, id).await?.filter(|relation| relation.follow_id == Some(id)) else {
            return Ok(false);
        };
        let update = change().flag("rejected", reject).when("#follow_id = :id").value(":id", n(id));
        self.change(relation, relation_is(reject), update, at).await
    }

    /// Blocks a user from an app or a topic, or lifts the block, whether or not the user follows: the way to lift the
    /// block of a follow that was removed. `false` when there is nothing to lift.
    pub async fn set_block(
        &self,
        app: AppId,
        followed: Followed,
        uid: &Uid,
        reject: bool,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(relation) = Relations(&self.0).get(uid, app, followed).await? else { return Ok(false) };
        let update = change().flag("rejected", reject).when("attribute_exists(#pk)");
        self.change(relation, relation_is(reject), update, at).await
    }

    /// The owner's note on the user of a follow, shown as the user's name in lists; `None` takes it away. `false` when
    /// there is no such follow of the app.
    pub async fn set_remark(&self, app: AppId, id: FollowId, remark: Option<&str>) -> Result<bool, StoreError> {
        let Some(relation) = find(&self.0, app, id).await? else { return Ok(false) };
        // Lists read it where it stands, so there is nothing to settle.
        let update = Update::default().set_or_remove("remark", remark.map(s));
        let update = update.when("#follow_id = :id").value(":id", n(id));
        Ok(self.0.update(&self.0.names().users, relation.key(), update).await?.is_done())
    }

    /// Changes a relation unless it is as wanted already, and settles it.
    async fn change(
        &self,
        relation: Relation,
        is_so: impl Fn(&Relation) -> bool,
        update: Update,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let relations = Relations(&self.0);
        if is_so(&relation) {
            return relations.settle(relation, at).await.map(|_| true);
        }
        match relations.update(relation.key(), update).await? {
            Some(changed) => relations.settle(changed, at).await.map(|_| true),
            None => Ok(false),
        }
    }

    /// The next follow id of `app`, and the time of its follow.
    ///
    /// An app draws ids from stretches that are its own, so that a stretch can be counted for it. The time is `now`, or
    /// that of the follow before when a clock is behind: so the order of ids is the order of times, and of lists.
    async fn draw(&self, app: AppId, now: Timestamp) -> Result<(FollowId, Timestamp), StoreError> {
        let table = &self.0.names().users;
        let mut now = now;
        let mut rounds = Rounds::of("drawing a follow id");
        loop {
            rounds.next().await?;
            let update = Update::default()
                .add("drawn", 1)
                .set("last_ms", n(now.millis()))
                .when("attribute_exists(#stretch) AND #drawn < :all AND #last_ms <= :last_ms")
                .value(":all", n(STRETCH_IDS));
            let seen = match self.0.update(table, keys::follow_ids(app), update).await? {
                Updated::Done(item) => {
                    let reader = Reader::new("follow ids", &item);
                    let (stretch, drawn): (u64, u64) = (reader.number("stretch")?, reader.number("drawn")?);
                    return Ok((FollowId::new(stretch * STRETCH_IDS + drawn - 1), now));
                }
                Updated::Refused(item) => item.unwrap_or_default(),
            };
            let reader = Reader::new("follow ids", &seen);
            now = now.max(Timestamp::from_millis(reader.number_or("last_ms", 0)?));
            let drawn: Option<u64> = reader.some_number("drawn")?;
            if drawn.is_none_or(|drawn| drawn >= STRETCH_IDS) {
                self.next_stretch(app, reader.some_number("stretch")?, now).await?;
            }
        }
    }

    /// Gives the app a new stretch, unless somebody else has since it used up the stretch `used`.
    async fn next_stretch(&self, app: AppId, used: Option<u64>, now: Timestamp) -> Result<(), StoreError> {
        let table = &self.0.names().users;
        let next = Update::default().add("next_block", 1);
        let stretch: u64 = match self.0.update(table, keys::follow_stretches(), next).await? {
            Updated::Done(item) | Updated::Refused(Some(item)) => {
                Reader::new("follow stretches", &item).number("next_block")?
            }
            Updated::Refused(None) => return Ok(()),
        };
        let update = Update::default().set("stretch", n(stretch)).set("drawn", n(0)).set("last_ms", n(now.millis()));
        let update = match used {
            None => update.when("attribute_not_exists(#stretch)"),
            Some(used) => update.when("#stretch = :used").value(":used", n(used)),
        };
        // Refused: the other one's stretch is as good, and ours is never used.
        self.0.update(table, keys::follow_ids(app), update).await.map(drop)
    }
}

/// Whether the relation's block is as it should be.
fn relation_is(rejected: bool) -> impl Fn(&Relation) -> bool {
    move |relation| relation.rejected == rejected
}

/// The shard of a topic's audience that a user goes to.
fn shard_of(uid: &Uid, shards: u16) -> u16 {
    // FNV-1a: spread evenly, the same everywhere. A follower stays where it was written, whatever this says later.
    let hash =
        uid.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u16::try_from(hash % u32::from(shards.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_spread_over_shards() {
        let mut counts = [0_u32; 4];
        for n in 0..4_000 {
            let uid = Uid::parse(&format!("UID_crowd{n:023}")).unwrap();
            counts[usize::from(shard_of(&uid, 4))] += 1;
        }
        assert!(counts.iter().all(|&count| (850..1_150).contains(&count)), "{counts:?}");
        assert_eq!(shard_of(&Uid::parse("UID_demo000000000000000000000001").unwrap(), 0), 0);
    }
}
