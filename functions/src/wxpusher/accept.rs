//! Accepting a send call: what POST and GET share.
//!
//! Three round trips to AWS before the answer. One strongly consistent read says who is asking. Then, side by side,
//! who is meant, what of their daily quota is left, and a body too large for an item. Then the task is written, with
//! its hint sent beside it. The answer waits for both and rests on the task alone: once it stands, the message is
//! accepted, and a hint that was lost costs time. A call to many targets takes two trips more:
//! it counts quotas only of those who get something, and keeps its list of recipients, and pointers to it, apart.

use crate::page::render::default_summary;
use futures::future::{try_join, try_join_all};
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::envelope::wxpusher::{OK, REFUSED, success};
use gateway::metrics::Metric;
use gateway::{ApiError, Context, Reply};
use model::app::{App, Topic};
use model::audience::{Follower, Ineligible, PayFilter, Recipient};
use model::channel::{Address, ChannelKind};
use model::clock::{Day, Timestamp};
use model::ids::{Owner, TaskId, TopicId, Uid};
use model::limits;
use model::secret::Secret;
use model::task::{Content, PageContent, Stored, Task, TopicTarget};
use model::wxpusher::{Sending, Submission, TARGET_ACCEPTED, TargetRefusal};
use rand::distr::{Alphanumeric, SampleString};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::apps::{Senders, Topics};
use store::capabilities;
use store::due::DueWriter;
use store::follows::{Follows, Marker};
use store::ids::{Draw, Ids};
use store::objects::ObjectWriter;
use store::queue::{Hints, TaskMessage};
use store::quotas::{Quotas, Taken};
use store::tasks::TaskWriter;
use tracing::{info, warn};

capabilities! {
    /// What accepting a call needs.
    pub struct AcceptStore {
        senders: Senders,
        topics: Topics,
        follows: Follows,
        quotas: Quotas,
        marker: Marker,
        ids: Ids,
        objects: ObjectWriter,
        tasks: TaskWriter,
        hints: Hints,
        due: DueWriter,
    }
}

/// One target in the answer. All seven fields always: old beans ignore what they do not know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetReply {
    uid: Option<String>,
    topic_id: Option<i64>,
    message_id: Option<u64>,
    message_content_id: Option<u64>,
    send_record_id: Option<u64>,
    code: i32,
    status: String,
}

/// Accepts `submission` for the app that `token` belongs to.
pub(super) async fn accept(
    context: &Context,
    store: &AcceptStore,
    token: Option<String>,
    submission: Submission,
) -> Result<Reply, ApiError> {
    let app = authenticate(context, store, token).await?;
    let sending = submission.check().map_err(|refusal| ApiError::refused(refusal.code(), refusal.message()))?;
    let nonce = Alphanumeric.sample_string(&mut rand::rng(), 22);
    let (resolved, draw, content) = futures::join!(
        resolve(context, store, &app, &sending),
        store.ids.draw(1 + plausible_targets(&sending), &*context.clock),
        store.objects.keep_body(&nonce, sending.content.clone()),
    );
    let resolved = resolved?;
    let accepted = async {
        let kept = Kept { nonce, draw: draw?, content: content? };
        accept_resolved(context, store, &app, &sending, &resolved, kept).await
    };
    match accepted.await {
        Ok(reply) => {
            resolved.mark_spent(store).await;
            Ok(reply)
        }
        Err(error) => {
            // The caller is told that nothing was sent, so nothing counts.
            give_back(store, &resolved.counted, resolved.day).await;
            Err(error)
        }
    }
}

/// How many targets can come to something: only they need ids.
fn plausible_targets(sending: &Sending) -> u64 {
    let uids = sending.uids.iter().filter(|uid| Uid::parse(uid).is_ok()).count();
    let topics = sending.topics.iter().filter(|(_, topic)| topic.is_some()).count();
    (uids + topics) as u64
}

/// What was prepared for the task while its targets were looked up.
struct Kept {
    nonce: String,
    draw: Draw,
    content: Stored<String>,
}

/// Accepts what was resolved: writes the task, unless nobody gets anything.
async fn accept_resolved(
    context: &Context,
    store: &AcceptStore,
    app: &App,
    sending: &Sending,
    resolved: &Resolved,
    Kept { nonce, draw, content }: Kept,
) -> Result<Reply, ApiError> {
    let accepted_ms = context.clock.now();
    let (direct, topics): (Vec<_>, Vec<_>) = (resolved.recipients(), resolved.topic_targets());
    if direct.is_empty() && topics.is_empty() {
        give_back(store, &resolved.unused, resolved.day).await;
        return Ok(success(replies(draw.task, resolved)));
    }
    let mut task = Task {
        id: draw.task,
        accepted_ms,
        owner: Owner::App(app.id),
        legs: vec![ChannelKind::WechatTemplate],
        account: app.account.clone(),
        nonce: nonce.clone(),
        content: Content::Page(PageContent {
            app_name: app.name.clone(),
            content_type: sending.content_type,
            text: content,
            summary: summary(sending, app),
            url: sending.url.clone(),
        }),
        direct_count: u32::try_from(direct.len()).unwrap_or(u32::MAX),
        direct: Stored::Inline(Vec::new()),
        topics,
    };
    let pointers = async { store.tasks.point(&draw, task.expires()).await };
    (task.direct, ()) = try_join(store.objects.keep_recipients(&nonce, direct), pointers).await?;

    write(context, store, &task, &draw, resolved).await?;
    info!(app.id = %app.id, task.id = %task.id, targets = task.id_count() - 1, "message accepted");
    context.metrics.count(Metric::Accepted, &[("family", "wxpusher")], 1, accepted_ms);
    Ok(success(replies(draw.task, resolved)))
}

async fn authenticate(context: &Context, store: &AcceptStore, token: Option<String>) -> Result<App, ApiError> {
    let token = token.filter(|token| !token.trim().is_empty());
    let token = token.ok_or_else(|| ApiError::refused("token_missing", "appToken不能为空"))?;
    let app = store.senders.by_token(&Secret::new(token)).await?;
    let app = app.ok_or_else(|| ApiError::refused("token_wrong", "appToken不正确"))?;
    let most = app.calls_per_10s.unwrap_or(context.config.calls_per_10s);
    match context.limiter.admit(app.id, most, context.clock.now()) {
        Ok(()) => Ok(app),
        Err(retry_after) => Err(ApiError::TooMany { retry_after }),
    }
}

/// The caller's summary, or the beginning of the content, or (a picture only) the name of the app.
fn summary(sending: &Sending, app: &App) -> String {
    let given = sending.summary.clone();
    let derived = || default_summary(&sending.content, sending.content_type);
    Some(given.unwrap_or_else(derived)).filter(|text| !text.is_empty()).unwrap_or_else(|| app.name.clone())
}

/// Writes the task and sends its hint, side by side. Quotas of refused targets go back in the same breath.
async fn write(
    context: &Context,
    store: &AcceptStore,
    task: &Task,
    draw: &Draw,
    resolved: &Resolved,
) -> Result<(), ApiError> {
    let message = TaskMessage::TaskV1 { task: task.id, sent_ms: task.accepted_ms, redrive: false };
    let (written, hinted, ()) = futures::join!(
        store.tasks.create(task),
        store.hints.send(&task.owner, &message),
        give_back(store, &resolved.unused, resolved.day),
    );
    written?;
    let is_hinted = hinted.is_ok();
    if let Err(error) = hinted {
        // Tolerated: the sweep finds the task without it.
        warn!(task.id = %task.id, cause = gateway::error::causes(&error), "hint lost; the sweep will find the task");
        context.metrics.count(Metric::HintLost, &[], 1, context.clock.now());
    }
    // A request that took longer than the sweep waits (a laptop that slept) might have been swept past.
    if context.clock.now().since(draw.leased_at) > limits::LEASE_LIFE + limits::LEASE_SETTLE / 2 {
        match store.due.add(task.id, context.clock.now()).await {
            Ok(()) => {}
            // Tolerated: the hint is on its way. An error now would have the caller send a second time.
            Err(error) if is_hinted => {
                warn!(task.id = %task.id, cause = gateway::error::causes(&error), "late task is not on the due list");
            }
            // Nothing may ever come by this task: it is not accepted.
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What became of each target, in the order of the request.
struct Resolved {
    uids: Vec<(String, Result<Follower, String>)>,
    topics: Vec<(i64, Result<TopicTarget, String>)>,
    /// Whose quota was counted and who get something.
    counted: Vec<Uid>,
    /// Whose quota was counted although they get nothing.
    unused: Vec<Uid>,
    /// Those of the counted for whom it was the last of the day.
    spent: Vec<Uid>,
    day: Day,
}

impl Resolved {
    fn recipients(&self) -> Vec<Recipient> {
        let followers = self.uids.iter().filter_map(|(_, found)| found.as_ref().ok());
        let recipient = |(slot, follower): (usize, &Follower)| Recipient {
            slot: slot as u64,
            address: Address::Wechat(follower.openid.clone()),
            quota_uid: None,
        };
        followers.enumerate().map(recipient).collect()
    }

    fn topic_targets(&self) -> Vec<TopicTarget> {
        self.topics.iter().filter_map(|(_, found)| found.as_ref().ok().cloned()).collect()
    }

    /// Marks whose quota is spent, so that topics skip them. After the task stands, and within a moment.
    async fn mark_spent(&self, store: &AcceptStore) {
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

async fn give_back(store: &AcceptStore, uids: &[Uid], day: Day) {
    let calls: Vec<_> = uids.iter().map(|uid| store.quotas.give_back(uid, day)).collect();
    let given: Vec<_> = stream::iter(calls).buffer_unordered(QUOTA_CALLS).collect().await;
    for error in given.into_iter().filter_map(Result::err) {
        // Tolerated: the user may receive one message less today.
        warn!(cause = gateway::error::causes(&error), "quota could not be given back");
    }
}

async fn resolve(context: &Context, store: &AcceptStore, app: &App, sending: &Sending) -> Result<Resolved, ApiError> {
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
    Ok(Resolved { uids: uids.collect(), topics, counted, unused, spent, day: now.beijing_day() })
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

async fn take_quotas(
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

/// The answer: ids for accepted targets, in the order in which [`Task::target`] counts them.
fn replies(task: TaskId, resolved: &Resolved) -> Vec<TargetReply> {
    let mut accepted = 0;
    let mut reply = |uid: Option<&String>, topic_id: Option<i64>, refusal: Option<&String>| {
        let message_id = refusal.is_none().then(|| {
            accepted += 1;
            task.message(accepted - 1).get()
        });
        TargetReply {
            uid: uid.cloned(),
            topic_id,
            message_id,
            message_content_id: message_id.map(|_| task.get()),
            send_record_id: message_id,
            code: if refusal.is_none() { OK } else { REFUSED },
            status: refusal.cloned().unwrap_or_else(|| TARGET_ACCEPTED.to_owned()),
        }
    };
    let mut replies: Vec<TargetReply> =
        resolved.uids.iter().map(|(uid, found)| reply(Some(uid), None, found.as_ref().err())).collect();
    replies.extend(resolved.topics.iter().map(|(number, found)| reply(None, Some(*number), found.as_ref().err())));
    replies
}
