//! Accepting messages to openids: what every call of this family that sends does last.
//!
//! A call that may be repeated writes first what it will make (see [`store::repeats`]). Whoever repeats it writes the very
//! same task, if the first one died before it could.

use crate::accepting::Desk;
use gateway::metrics::Metric;
use gateway::{ApiError, Context};
use model::audience::Recipient;
use model::channel::Address;
use model::clock::Timestamp;
use model::ids::{AccountId, MessageId, OpenId, Owner};
use model::task::{Content, Task};
use model::wechat::WechatContent;
use rand::distr::{Alphanumeric, SampleString};
use std::time::Duration;
use store::capabilities;
use store::due::DueWriter;
use store::ids::Ids;
use store::objects::ObjectWriter;
use store::queue::Hints;
use store::repeats::{Made, Repeats};
use store::tasks::{TaskReader, TaskWriter};
use tracing::info;

capabilities! {
    /// What accepting takes.
    pub struct AcceptStore {
        ids: Ids,
        repeats: Repeats,
        objects: ObjectWriter,
        written: TaskReader,
        tasks: TaskWriter,
        hints: Hints,
        due: DueWriter,
    }
}

/// What is to be accepted.
pub(super) struct Acceptance {
    pub(super) account: AccountId,
    pub(super) content: WechatContent,
    pub(super) openids: Vec<OpenId>,
    /// By what a repeat of the call is recognised, and for how long.
    pub(super) repeat: Option<(String, Duration)>,
}

/// Writes the task. Answers the id that callers know the message by: all its recipients share one.
pub(super) async fn accept(
    context: &Context,
    store: &AcceptStore,
    Acceptance { account, content, openids, repeat }: Acceptance,
) -> Result<MessageId, ApiError> {
    let now = context.clock.now();
    let owner = Owner::Account(account.clone());
    // One for the content, one for the message.
    let draw = store.ids.draw(2, &*context.clock).await?;
    let ours = Made { task: draw.task, nonce: Alphanumeric.sample_string(&mut rand::rng(), 22), at: now };
    let mut leased_at = draw.leased_at;
    let made = match repeat {
        None => ours,
        Some((what, life)) => {
            let made = store.repeats.note(&owner, &what, ours.clone(), life, now).await?;
            if made != ours {
                if store.written.get(made.task, now).await?.is_some() {
                    info!(app.id = %owner, task.id = %made.task, "repeated call recognised");
                    return Ok(made.task.message(0));
                }
                // Whoever noted it is slow, or dead. Its block may have been swept already.
                leased_at = Timestamp::default();
            }
            made
        }
    };
    let count = openids.len();
    let recipients = openids.into_iter().zip(0..);
    let recipients: Vec<Recipient> = recipients
        .map(|(openid, slot)| Recipient { slot, address: Address::Wechat(openid), quota_uid: None })
        .collect();
    let task = Task {
        id: made.task,
        accepted_ms: made.at,
        owner,
        legs: content.legs(),
        account,
        direct: store.objects.keep_recipients(&made.nonce, recipients).await?,
        nonce: made.nonce,
        content: Content::Wechat(Box::new(content)),
        direct_count: u32::try_from(count).unwrap_or(u32::MAX),
        topics: Vec::new(),
    };
    let desk = Desk { tasks: &store.tasks, hints: &store.hints, due: &store.due };
    desk.write(context, &task, leased_at).await?;
    info!(app.id = %task.owner, task.id = %task.id, recipients = count, "message accepted");
    context.metrics.count(Metric::Accepted, &[("family", "wechat")], 1, now);
    Ok(task.id.message(0))
}
