//! Who the targets of a call are, and whether each gets anything: follows, payment, quotas.

use super::AcceptStore;
use futures::future::{try_join, try_join_all};
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::{ApiError, Context};
use model::app::{App, Topic};
use model::audience::{Follower, Ineligible, PayFilter, Recipient};
use model::channel::Address;
use model::clock::{Day, Timestamp};
use model::ids::{TopicId, Uid};
use model::task::TopicTarget;
use model::wxpusher::{Sending, TargetRefusal};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::quotas::Taken;
use tracing::warn;

/// What became of each target, in the order of the request.
pub(super) struct Resolved {
    /// People, by the name that the call has for them.
    pub(super) uids: Vec<(String, Result<Follower, String>)>,
    pub(super) topics: Vec<(i64, Result<TopicTarget, String>)>,
    /// The names are simple push tokens, not UIDs.
    pub(super) simple: bool,
    /// Whose quota was counted and who get something.
    pub(super) counted: Vec<Uid>,
    /// Whose quota was counted although they get nothing.
    pub(super) unused: Vec<Uid>,
    /// Those of the counted for whom it was the last of the day.
    pub(super) spent: Vec<Uid>,
    pub(super) day: Day,
}

impl Resolved {
    pub(super) fn recipients(&self) -> Vec<Recipient> {
        let followers = self.uids.iter().filter_map(|(_, found)| found.as_ref().ok());
        let recipient = |(slot, follower): (usize, &Follower)| Recipient {
            slot: slot as u64,
            address: Address::Wechat(follower.openid.clone()),
            quota_uid: None,
        };
        followers.enumerate().map(recipient).collect()
    }

    pub(super) fn topic_targets(&self) -> Vec<TopicTarget> {
        self.topics.iter().filter_map(|(_, found)| found.as_ref().ok().cloned()).collect()
    }

    /// Marks whose quota is spent, so that topics skip them. After the task stands, and within a moment.
    pub(super) async fn mark_spent(&self, store: &AcceptStore) {
        let calls: Vec<_> = self.spent.iter().map(|uid| store.marker.mark_over_quota(uid, self.day)).collect();
        let marks = stream::iter(calls).buffer_unordered(QUOTA_CALLS).collect::<Vec<_>>();
        match tokio::time::timeout(MARK_PATIENCE, marks).await {
            Ok(marks) => {
                for error in marks.into_iter().filter_map(Result::err) {
                    // Tolerated: topics may send them a few more today.
                    warn!(cause = gateway::error::causes(&error), "a spent quota could not be marked");
                }
            }
            Err(_) => warn!(users = self.spent.len(), "not every spent quota could be marked in time"),
        }
    }
}

/// How much longer a call may take because the quota of many is spent with it.
const MARK_PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn give_back(store: &AcceptStore, uids: &[Uid], day: Day) {
    let calls: Vec<_> = uids.iter().map(|uid| store.quotas.give_back(uid, day)).collect();
    let given: Vec<_> = stream::iter(calls).buffer_unordered(QUOTA_CALLS).collect().await;
    for error in given.into_iter().filter_map(Result::err) {
        // Tolerated: the user may receive one message less today.
        warn!(cause = gateway::error::causes(&error), "quota could not be given back");
    }
}

pub(super) async fn resolve(
    context: &Context,
    store: &AcceptStore,
    app: &App,
    sending: &Sending,
) -> Result<Resolved, ApiError> {
    let now = context.clock.now();
    let well_formed: Vec<Uid> = sending.uids.iter().filter_map(|text| Uid::parse(text).ok()).collect();
    let (people, topics) = try_join(
        resolve_people(context, store, app, sending, &well_formed, now),
        try_join_all(
            sending.topics.iter().map(|&(number, topic)| resolve_topic(store, app, sending, number, topic, now)),
        ),
    )
    .await?;
    let People { mut by_uid, counted, unused, spent } = people;
    let uids = sending.uids.iter().map(|text| {
        let found = Uid::parse(text).ok().and_then(|uid| by_uid.remove(&uid));
        (text.clone(), found.unwrap_or_else(|| Err(TargetRefusal::Malformed.status())))
    });
    Ok(Resolved { uids: uids.collect(), topics, simple: false, counted, unused, spent, day: now.beijing_day() })
}

/// What became of UIDs, and of their quotas (see [`Resolved`]).
#[derive(Default)]
struct People {
    by_uid: HashMap<Uid, Result<Follower, String>>,
    counted: Vec<Uid>,
    unused: Vec<Uid>,
    spent: Vec<Uid>,
}

/// UIDs of one call up to which quotas are counted beside the look-up. That saves a round trip and costs two writes for
/// everybody who turns out to get nothing; a call to many takes the trip instead.
const FEW_UIDS: usize = 25;

/// Looks up followers and counts their quotas; whoever was counted and gets nothing after all is given back.
async fn resolve_people(
    context: &Context,
    store: &AcceptStore,
    app: &App,
    sending: &Sending,
    uids: &[Uid],
    now: Timestamp,
) -> Result<People, ApiError> {
    if uids.is_empty() {
        return Ok(People::default());
    }
    let filter = sending.pay_filter.within(app.in_product);
    let follows = async { Ok(store.follows.of_app(app.id, uids).await?) };
    let (mut followers, taken) = if uids.len() <= FEW_UIDS {
        try_join(follows, take_quotas(context, store, uids, now)).await?
    } else {
        let followers = follows.await?;
        let eligible = uids.iter().filter(|uid| followers.get(uid).is_some_and(|f| eligible(f, filter, now).is_ok()));
        let eligible: Vec<Uid> = eligible.cloned().collect();
        let taken = take_quotas(context, store, &eligible, now).await?;
        (followers, taken)
    };
    let missing: Vec<Uid> = uids.iter().filter(|uid| !followers.contains_key(uid)).cloned().collect();
    let known = if missing.is_empty() { HashSet::new() } else { store.follows.known(&missing).await? };

    let mut people = People::default();
    for uid in uids {
        let taken = taken.get(uid).copied();
        let found = match followers.remove(uid) {
            None if known.contains(uid) => Err(TargetRefusal::NotFollowing(uid)),
            None => Err(TargetRefusal::UnknownUser(uid)),
            Some(follower) => match eligible(&follower, filter, now) {
                Err(why) => Err(TargetRefusal::Ineligible(uid, why)),
                Ok(()) if taken == Some(Taken::Refused) => Err(TargetRefusal::Ineligible(uid, Ineligible::OverQuota)),
                Ok(()) => Ok(follower),
            },
        };
        match (taken, &found) {
            (None | Some(Taken::Refused), _) => {}
            (Some(Taken::Counted | Taken::Last), Err(_)) => people.unused.push(uid.clone()),
            (Some(Taken::Counted), Ok(_)) => people.counted.push(uid.clone()),
            (Some(Taken::Last), Ok(_)) => {
                people.counted.push(uid.clone());
                people.spent.push(uid.clone());
            }
        }
        people.by_uid.insert(uid.clone(), found.map_err(|refusal| refusal.status()));
    }
    Ok(people)
}

/// Whether a direct message goes to `follower`, apart from the quota: its counter is exact for direct messages, the mark
/// on the follow is for topics.
fn eligible(follower: &Follower, filter: PayFilter, now: Timestamp) -> Result<(), Ineligible> {
    match follower.eligible(filter, now) {
        Err(Ineligible::OverQuota) => Ok(()),
        eligible => eligible,
    }
}

/// How many counters of one call are written side by side.
const QUOTA_CALLS: usize = 32;

pub(super) async fn take_quotas(
    context: &Context,
    store: &AcceptStore,
    uids: &[Uid],
    now: Timestamp,
) -> Result<HashMap<Uid, Taken>, ApiError> {
    let (day, limit) = (now.beijing_day(), context.config.daily_limit);
    let calls: Vec<_> = uids
        .iter()
        .map(|uid| async move { Ok::<_, ApiError>((uid.clone(), store.quotas.take(uid, day, limit).await?)) })
        .collect();
    stream::iter(calls).buffer_unordered(QUOTA_CALLS).try_collect().await
}

type TopicFound = (i64, Result<TopicTarget, String>);

async fn resolve_topic(
    store: &AcceptStore,
    app: &App,
    sending: &Sending,
    number: i64,
    topic: Option<TopicId>,
    now: Timestamp,
) -> Result<TopicFound, ApiError> {
    let unknown = || (number, Err(TargetRefusal::UnknownTopic(number).status()));
    let Some(topic_id) = topic else { return Ok(unknown()) };
    let (topic, sequence) =
        try_join(store.topics.get(app.id, topic_id), store.quotas.next_in_topic(app.id, topic_id, now.beijing_day()))
            .await?;
    let Some(Topic { shards, in_product, .. }) = topic else { return Ok(unknown()) };
    let pay_filter = sending.pay_filter.within(in_product);
    Ok((number, Ok(TopicTarget { topic_id, shards, sequence, pay_filter })))
}
