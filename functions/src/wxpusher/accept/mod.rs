//! Accepting a send call: what POST and GET share.
//!
//! Three round trips to AWS before the answer. One strongly consistent read says who is asking. Then, side by side,
//! who is meant, what of their daily quota is left, and a body too large for an item. Then the task is written, with
//! its hint sent beside it. The answer waits for both and rests on the task alone: once it stands, the message is
//! accepted, and a hint that was lost costs time. A call to many targets takes two trips more:
//! it counts quotas only of those who get something, and keeps its list of recipients, and pointers to it, apart.

mod resolve;
mod simple;

use crate::accepting::Desk;
use crate::page::render::default_summary;
use crate::wxpusher::sender::authenticate;
use futures::future::try_join;
use gateway::envelope::wxpusher::{OK, REFUSED, success};
use gateway::metrics::Metric;
use gateway::{ApiError, Context, Reply};
use model::app::App;
use model::channel::ChannelKind;
use model::ids::{AppId, Owner, Spt, TaskId, Uid};
use model::task::{Content, PageContent, Stored, Task};
use model::wxpusher::{Sending, Submission, TARGET_ACCEPTED};
use rand::distr::{Alphanumeric, SampleString};
use resolve::{Resolved, give_back, resolve};
use serde::Serialize;
use store::apps::{Senders, Topics};
use store::capabilities;
use store::due::DueWriter;
use store::follows::{Follows, Marker};
use store::ids::{Draw, Ids};
use store::objects::ObjectWriter;
use store::people::PeopleReader;
use store::queue::Hints;
use store::quotas::Quotas;
use store::tasks::TaskWriter;
use tracing::info;

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

/// The name that users read as the sender of simple pushes: no app sends them.
const SIMPLE_PUSH: &str = "极简推送";

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
    /// The target of a simple push.
    #[serde(skip_serializing_if = "Option::is_none")]
    spt: Option<String>,
}

/// Accepts `submission` for the app that `token` belongs to.
pub(super) async fn accept(
    context: &Context,
    store: &AcceptStore,
    token: Option<String>,
    submission: Submission,
) -> Result<Reply, ApiError> {
    let app = authenticate(context, &store.senders, token).await?;
    let sending = submission.check().map_err(|refusal| ApiError::refused(refusal.code(), refusal.message()))?;
    let resolve = resolve(context, store, &app, &sending);
    accept_for(context, store, &app, &sending, resolve).await
}

/// Accepts `submission` for the users whose simple push tokens are `spts`. There is no app and nobody follows: whoever
/// has the token may send.
pub(super) async fn accept_simple(
    context: &Context,
    store: &AcceptStore,
    people: &PeopleReader,
    spts: Vec<String>,
    submission: Submission,
) -> Result<Reply, ApiError> {
    let sending =
        submission.check_simple(spts).map_err(|refusal| ApiError::refused(refusal.code(), refusal.message()))?;
    let (account, found) = simple::find(context, people, &sending).await?;
    let app = App { id: AppId::new(0), name: SIMPLE_PUSH.to_owned(), account, in_product: false, calls_per_10s: None };
    let resolve = simple::resolve(context, store, found);
    accept_for(context, store, &app, &sending, resolve).await
}

/// Accepts what keeps the rules, for the targets that `resolve` finds.
async fn accept_for(
    context: &Context,
    store: &AcceptStore,
    app: &App,
    sending: &Sending,
    resolve: impl Future<Output = Result<Resolved, ApiError>>,
) -> Result<Reply, ApiError> {
    let nonce = Alphanumeric.sample_string(&mut rand::rng(), 22);
    let (resolved, draw, content) = futures::join!(
        resolve,
        store.ids.draw(1 + plausible_targets(sending), &*context.clock),
        store.objects.keep_body(&nonce, sending.content.clone()),
    );
    let resolved = resolved?;
    let accepted = async {
        let kept = Kept { nonce, draw: draw?, content: content? };
        accept_resolved(context, store, app, sending, &resolved, kept).await
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
    let uids = sending.uids.iter().filter(|uid| Uid::parse(uid).is_ok() || Spt::parse(uid).is_some()).count();
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

/// The caller's summary, or the beginning of the content, or (a picture only) the name of the app.
fn summary(sending: &Sending, app: &App) -> String {
    let given = sending.summary.clone();
    let derived = || default_summary(&sending.content, sending.content_type);
    Some(given.unwrap_or_else(derived)).filter(|text| !text.is_empty()).unwrap_or_else(|| app.name.clone())
}

/// Writes the task and sends its hint. Quotas of refused targets go back in the same breath.
async fn write(
    context: &Context,
    store: &AcceptStore,
    task: &Task,
    draw: &Draw,
    resolved: &Resolved,
) -> Result<(), ApiError> {
    let desk = Desk { tasks: &store.tasks, hints: &store.hints, due: &store.due };
    let given_back = give_back(store, &resolved.unused, resolved.day);
    let (written, ()) = futures::join!(desk.write(context, task, draw.leased_at), given_back);
    written
}

/// The answer: ids for accepted targets, in the order in which [`Task::target`] counts them.
fn replies(task: TaskId, resolved: &Resolved) -> Vec<TargetReply> {
    let mut accepted = 0;
    let mut reply = |uid: Option<&String>, topic_id: Option<i64>, refusal: Option<&String>| {
        let message_id = refusal.is_none().then(|| {
            accepted += 1;
            task.message(accepted - 1).get()
        });
        // A call to UIDs cannot name a token, nor one to tokens a UID.
        let (spt, uid) = uid.cloned().map_or((None, None), |name| match resolved.simple {
            true => (Some(name), None),
            false => (None, Some(name)),
        });
        TargetReply {
            uid,
            spt,
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
