//! Fan-out: a task's audience becomes batches.
//!
//! At least once. A batch gets the same name and the same span of the audience however often it is built, because a
//! page of the plan is written before its batches are sent and never changes; `deliver` knows from a batch's record
//! whom it has served. So a repeated message costs queue messages, never a delivery. Order is not kept.
//!
//! Nothing is written per recipient: a page of 5,000 followers costs its Query, one plan item and one SendMessageBatch.
//! What does not fit an invocation is continued by a message to itself.

mod devices;
mod moved;

use crate::service_account::{self, accept::body_of};
use futures::future::try_join_all;
use gateway::{Context, Function, Invocation, WorkerError, queue_function};
use model::audience::{Follower, Recipient};
use model::batch::{Batch, BatchId, Part, TopicMessage};
use model::channel::Address;
use model::clock::Timestamp;
use model::ids::{AppId, FollowId, Owner, TaskId};
use model::limits::{BATCH_BYTES, BATCH_RECIPIENTS, PAGE_BATCHES};
use model::message::{Message, Naming, Notice, PushMessage};
use model::own::DeviceSet;
use model::quota;
use model::task::{Content, Task, TopicTarget};
use model::wechat::WechatMessage;
use std::collections::BTreeMap;
use std::time::Duration;
use store::audience::{Audience, Span};
use store::capabilities;
use store::devices::{AudienceReader, Badges};
use store::due::DueWriter;
use store::objects::ObjectReader;
use store::own::Presence;
use store::plan::{PlanPage, PlanReader, PlannedBatch, Planner};
use store::queue::{Batches, Hints, TaskMessage};
use store::records::{Kept, RecordReader};
use store::tasks::TaskReader;
use tracing::{info, warn};

capabilities! {
    /// What fan-out needs.
    pub struct FanoutStore {
        tasks: TaskReader,
        objects: ObjectReader,
        audience: Audience,
        planner: Planner,
        plans: PlanReader,
        records: RecordReader,
        batches: Batches,
        hints: Hints,
        devices: AudienceReader,
        presence: Presence,
        badges: Badges,
        due: DueWriter,
    }
}

/// The function.
pub const FUNCTION: Function = queue_function!("fanout", FanoutStore, handle);

/// Followers read for one page of the plan.
const PAGE_FOLLOWERS: usize = BATCH_RECIPIENTS * PAGE_BATCHES;
/// A hint this old whose task is not there belongs to a call that failed; the sweep would find it otherwise.
const HINT_LIFE: Duration = Duration::from_secs(30);
/// How often a task is looked for that its hint has overtaken: after 0.1, 0.3, 0.7 and 1.5 seconds again.
const LOOKS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Time kept back for telling the next invocation where to go on.
const MARGIN: Duration = Duration::from_secs(5);

async fn handle(
    context: &Context,
    store: &FanoutStore,
    invocation: &Invocation,
    body: String,
) -> Result<(), WorkerError> {
    let message: TaskMessage =
        serde_json::from_str(&body).map_err(|error| WorkerError::Unreadable(error.to_string()))?;
    match message {
        TaskMessage::TaskV1 { task, sent_ms, redrive } => {
            let Some(task) = find(context, store, task).await? else {
                return missing(context, sent_ms);
            };
            let mut parts = task.parts().into_iter();
            let first = parts.next();
            let others: Vec<TaskMessage> =
                parts.map(|part| TaskMessage::PartV1 { task: task.id, part, page: 0, redrive }).collect();
            store.hints.send_all(&task.owner, &others).await?;
            match first {
                Some(part) => fan_out(context, store, invocation, &task, part, 0, redrive).await,
                None => Ok(()),
            }
        }
        TaskMessage::PartV1 { task, part, page, redrive } => match find(context, store, task).await? {
            Some(task) => fan_out(context, store, invocation, &task, part, page, redrive).await,
            None => Ok(()),
        },
    }
}

/// The task. Its hint is sent beside it, so it may arrive a moment before it.
async fn find(context: &Context, store: &FanoutStore, id: TaskId) -> Result<Option<Task>, WorkerError> {
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(FIRST_PAUSE * (1 << (look - 1))).await;
        }
        if let Some(task) = store.tasks.get(id, context.clock.now()).await? {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

fn missing(context: &Context, sent: Timestamp) -> Result<(), WorkerError> {
    if context.clock.now().since(sent) < HINT_LIFE {
        return Err(WorkerError::NotYet("the task is not written yet"));
    }
    info!("hint dropped: its task was never written or has expired");
    Ok(())
}

async fn fan_out(
    context: &Context,
    store: &FanoutStore,
    invocation: &Invocation,
    task: &Task,
    part: Part,
    page: u32,
    redrive: bool,
) -> Result<(), WorkerError> {
    // A first run sends everything; only a repeated one must know what is done.
    let done = if redrive { store.records.part(task.id, part).await? } else { BTreeMap::new() };
    let message = message(context, store, task, part).await?;
    let run = Run { context, store, task, part, message, redrive, done };
    match part {
        Part::Direct => run.direct().await,
        Part::Topic { index, shard } => match (task.topics.get(usize::from(index)), &task.owner) {
            (Some(topic), Owner::App(app)) => {
                run.topic(invocation, Topic { app: *app, target: topic, shard }, page).await
            }
            _ => Err(WorkerError::Unreadable(format!("task {} has no topic {index}", task.id))),
        },
        Part::Devices { shard } => match (&task.content, &task.owner) {
            (Content::Push(push), Owner::Mobile(app)) => {
                run.devices(invocation, devices::Push { app, content: push, shard }, page).await
            }
            _ => Err(WorkerError::Unreadable(format!("task {} has no devices", task.id))),
        },
    }
}

/// What the channels are asked to show to `part` of the audience.
async fn message(context: &Context, store: &FanoutStore, task: &Task, part: Part) -> Result<Message, WorkerError> {
    let (message_id, id_per_slot) = match part {
        Part::Direct => (task.id.message(0), task.direct_ids() == u64::from(task.direct_count)),
        Part::Topic { index, .. } => (task.topic_message(index), false),
        Part::Devices { .. } => (task.id.message(0), false),
    };
    let naming = Naming { message_id, id_per_slot, nonce: task.nonce.clone() };
    let page_url = || format!("{}/m/{}", context.config.public_url, task.page_key());
    Ok(match &task.content {
        Content::Page(page) => Message::Notice(Notice {
            app_name: page.app_name.clone(),
            summary: page.summary.clone(),
            naming,
            sent_ms: task.accepted_ms,
            url: page_url(),
        }),
        Content::Wechat(content) => Message::Wechat(WechatMessage { naming, content: content.clone(), media: None }),
        Content::Push(push) => Message::Push(PushMessage { task: task.id, notification: push.notification.clone() }),
        Content::Service(content) => {
            let unreadable = || WorkerError::Unreadable(format!("task {} says nothing that can be shown", task.id));
            let body = body_of(&store.objects, task).await?.ok_or_else(unreadable)?;
            service_account::message::message(&body, content.mass, naming, &page_url()).ok_or_else(unreadable)?
        }
    })
}

/// One shard of a topic of an app.
#[derive(Clone, Copy)]
struct Topic<'a> {
    app: AppId,
    target: &'a TopicTarget,
    shard: u16,
}

/// One run over one part of a task.
struct Run<'a> {
    context: &'a Context,
    store: &'a FanoutStore,
    task: &'a Task,
    part: Part,
    message: Message,
    redrive: bool,
    done: BTreeMap<u32, Kept>,
}

impl Run<'_> {
    async fn direct(&self) -> Result<(), WorkerError> {
        let recipients = self.store.objects.recipients(self.task.direct.clone()).await?;
        let batches = recipients.chunks(BATCH_RECIPIENTS).enumerate().map(|(number, recipients)| {
            self.batch(u32::try_from(number).unwrap_or(u32::MAX), recipients.to_vec(), None)
        });
        self.send(batches.collect()).await
    }

    async fn topic(&self, invocation: &Invocation, topic: Topic<'_>, first_page: u32) -> Result<(), WorkerError> {
        let mut before = match first_page.checked_sub(1) {
            None => None,
            Some(number) => {
                let page = self.store.plans.page(self.task.id, self.part, number).await?;
                Some(page.ok_or(WorkerError::NotYet("the page before is not planned"))?)
            }
        };
        for number in first_page.. {
            if invocation.left(MARGIN).is_zero() {
                let next =
                    TaskMessage::PartV1 { task: self.task.id, part: self.part, page: number, redrive: self.redrive };
                self.store.hints.send(&self.task.owner, &next).await?;
                return Ok(());
            }
            let page = self.page(topic, number, before.as_ref()).await?;
            if page.last {
                break;
            }
            before = Some(page);
        }
        Ok(())
    }

    /// Plans page `number` unless it is planned already, and sends its batches.
    async fn page(&self, topic: Topic<'_>, number: u32, before: Option<&PlanPage>) -> Result<PlanPage, WorkerError> {
        let after = before.and_then(|page| page.seen).map(FollowId::new);
        let first_batch = before.map_or(0, PlanPage::next_batch);
        let Topic { app, target: TopicTarget { topic_id: id, .. }, shard } = topic;
        let id = *id;
        if let Some(page) = self.store.plans.page(self.task.id, self.part, number).await? {
            let span = Span { after, upto: page.seen.map(FollowId::new) };
            if page.seen.is_some() && page.batches.iter().zip(page.first_batch..).any(|(_, batch)| self.wants(batch)) {
                let found = self.store.audience.page(app, id, shard, span, usize::MAX >> 1).await?;
                self.send_page(topic.target, after, &page, &found.followers).await?;
            }
            return Ok(page);
        }
        let found = self.store.audience.page(app, id, shard, Span { after, upto: None }, PAGE_FOLLOWERS).await?;
        let eligible: Vec<&Follower> =
            found.followers.iter().filter(|follower| self.eligible(topic.target, follower)).collect();
        let batches = eligible.chunks(BATCH_RECIPIENTS).filter_map(|chunk| {
            let recipients = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            chunk.last().map(|last| PlannedBatch { upto: last.follow_id.get(), recipients, route: None })
        });
        let ours = PlanPage {
            first_batch,
            batches: batches.collect(),
            seen: found.followers.last().map(|follower| follower.follow_id).or(after).map(FollowId::get),
            last: found.last,
            offline: 0,
            online: DeviceSet::default(),
            members: Vec::new(),
            at: self.context.clock.now(),
        };
        let page = self.store.planner.plan(self.task.id, self.part, number, ours.clone(), self.task.expires()).await?;
        if page.batches == ours.batches {
            self.send_page(topic.target, after, &page, &found.followers).await?;
        } else {
            // Somebody else planned it from another state of the audience: theirs stands.
            let span = Span { after, upto: page.seen.map(FollowId::new) };
            let found = self.store.audience.page(app, id, shard, span, usize::MAX >> 1).await?;
            self.send_page(topic.target, after, &page, &found.followers).await?;
        }
        Ok(page)
    }

    /// Cuts followers at the plan's boundaries and sends the batches.
    async fn send_page(
        &self,
        topic: &TopicTarget,
        after: Option<FollowId>,
        page: &PlanPage,
        followers: &[Follower],
    ) -> Result<(), WorkerError> {
        let stride = quota::stride(self.context.config.daily_limit);
        let message = TopicMessage { topic_id: topic.topic_id, sequence: topic.sequence };
        let mut from = after.map_or(0, |id| id.get() + 1);
        let mut batches = Vec::with_capacity(page.batches.len());
        for (planned, number) in page.batches.iter().zip(page.first_batch..) {
            let span = from..=planned.upto;
            from = planned.upto + 1;
            if !self.wants(number) {
                continue;
            }
            let members = followers.iter().filter(|follower| span.contains(&follower.follow_id.get()));
            let recipients = members.filter(|follower| self.eligible(topic, follower)).map(|follower| Recipient {
                slot: follower.follow_id.get(),
                address: Address::Wechat(follower.openid.clone()),
                quota_uid: quota::step(&follower.uid, topic.sequence, stride).map(|_| follower.uid.clone()),
            });
            batches.push(self.batch(number, recipients.collect(), Some(message)));
        }
        self.send(batches).await
    }

    fn eligible(&self, topic: &TopicTarget, follower: &Follower) -> bool {
        follower.eligible(topic.pay_filter, self.context.clock.now()).is_ok()
    }

    /// Whether batch `number` needs sending: not when it is closed, nor while it waits for its next attempt.
    fn wants(&self, number: u32) -> bool {
        self.done
            .get(&number)
            .is_none_or(|kept| !kept.record.is_closed() && kept.all_rest_until() <= self.context.clock.now())
    }

    fn batch(&self, number: u32, recipients: Vec<Recipient>, topic: Option<TopicMessage>) -> Batch {
        let task = self.task;
        Batch {
            id: BatchId { task: task.id, part: self.part, number },
            owner: task.owner.clone(),
            channel: task.first_channel(),
            legs: task.legs.clone(),
            account: task.account.clone(),
            accepted_ms: task.accepted_ms,
            message: self.message.clone(),
            recipients,
            attempt: 1,
            topic,
            redriven: self.redrive,
        }
    }

    async fn send(&self, batches: Vec<Batch>) -> Result<(), WorkerError> {
        self.send_delayed(batches.into_iter().map(|batch| (batch, Duration::ZERO)).collect()).await
    }

    /// Sends batches, each to be delivered after its delay.
    async fn send_delayed(&self, batches: Vec<(Batch, Duration)>) -> Result<(), WorkerError> {
        let batches: Vec<_> = batches.into_iter().filter(|(batch, _)| self.wants(batch.id.number)).collect();
        if batches.is_empty() {
            return Ok(());
        }
        for (batch, _) in &batches {
            let bytes = Batches::size(batch)?;
            if bytes > BATCH_BYTES {
                // Cannot happen with addresses as we have them; a channel with longer ones needs smaller batches.
                warn!(batch.id = %batch.id, bytes, "batch is larger than a queue message should be");
            }
        }
        let groups: Vec<Vec<(Batch, Duration)>> = batches.chunks(PAGE_BATCHES).map(<[_]>::to_vec).collect();
        try_join_all(groups.into_iter().map(|group| self.store.batches.send(group))).await?;
        Ok(())
    }
}
