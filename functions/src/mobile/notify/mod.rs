//! POST /push/notify: a notification for an audience of devices.

mod attachment;
mod audience;
mod message;

use super::caller::{Caller, CallerStore};
use super::read::{Body, Object};
use crate::accepting::Desk;
use gateway::envelope::mobile::{parameter, success};
use gateway::function::Family;
use gateway::metrics::Metric;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::clock::Timestamp;
use model::ids::{AccountId, Owner, TaskId};
use model::mobile::MobileApp;
use model::notification::Kind;
use model::push::{self, Audience, MESSAGE_BYTES, PushContent, REQUEST_ID_CHARS, REQUEST_ID_LIFE, Strategy};
use model::task::{Content, Stored, Task};
use rand::distr::{Alphanumeric, SampleString};
use serde::Serialize;
use std::time::Duration;
use store::capabilities;
use store::devices::Badges;
use store::due::DueWriter;
use store::ids::Ids;
use store::queue::Hints;
use store::repeats::{Made, RepeatReader, Repeats};
use store::statistics::AppTaskWriter;
use store::tasks::{TaskReader, TaskWriter};
use tracing::info;

capabilities! {
    /// What accepting a notification takes.
    pub struct NotifyStore {
        callers: CallerStore,
        ids: Ids,
        noted: RepeatReader,
        repeats: Repeats,
        badges: Badges,
        listing: AppTaskWriter,
        written: TaskReader,
        tasks: TaskWriter,
        hints: Hints,
        due: DueWriter,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Post, "/push/notify")];

/// The function.
pub const FUNCTION: Function = http_function!("mobile-notify", Family::Mobile, ROUTES, NotifyStore, handle);

/// How often a repeat looks whether the first call has written its task, before it does so itself.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Accepted {
    task_id: TaskId,
}

/// POST /push/notify
///
/// Headers `app_id` and `access-token` (the app's admin token). Body, all of it as the original documents it:
///
/// | field | | |
/// | --- | --- | --- |
/// | `audience` | `"all"`, or an object with exactly one of `tag`, `alias`, `user_id`, `push_token` | a list of 1 to 500; unknown ones are no targets; a device gets one copy |
/// | `setting.request_id` | text, at most 64 characters | a repeat within 30 days: the first task, nothing sent twice, and nothing else of the call is looked at |
/// | `setting.distribution_strategy` | `combined` (default), `mxpush_only`, `ospush_only` | our own channel, and the vendors |
/// | `setting.ospush_sequence` | list of `ups`, `fcm`, `huawei`, `xiaomi`, `oppo`, `vivo`, `meizu` | Android channels in the order they are tried; default `["ups","fcm"]` |
/// | `message` | object | what is shown; see [`model::notification`] |
///
/// `{"code":200,"data":{"task_id":…},"message":null}`: accepted, not yet sent. Refused, with nothing stored: 40000; 10003,
/// 10008; 10010; 12006; 10002, 12005; 12002 and 12004 for a picture, where the deployment looks at it before.
///
/// Source: the family's documentation (push API, error table). What it leaves open, such as the answer to a repeat, is ours.
pub(crate) async fn handle(context: &Context, store: &NotifyStore, request: Request) -> Result<Reply, ApiError> {
    let caller = Caller::of(context, &store.callers, &request).await?;
    let app = caller.sender()?;
    let body = Body::of(&request)?;
    let request_id = request_id(&body.object())?;
    if let Some(task) = standing(context, store, app, request_id.as_deref()).await? {
        return Ok(success(Accepted { task_id: task }));
    }
    let call = Call::read(&body, request_id, context.clock.now())?;
    if context.config.validate_attachments {
        attachment::look(context.callback_http(), &call.notification).await?;
    }
    let task = accept(context, store, app, call).await?;
    Ok(success(Accepted { task_id: task }))
}

/// By what a repeat of the call is recognised.
fn request_id(object: &Object<'_>) -> Result<Option<String>, ApiError> {
    let id = object.object("setting")?.map_or(Ok(None), |setting| setting.text("request_id"))?;
    if id.as_ref().is_some_and(|id| id.chars().count() > REQUEST_ID_CHARS) {
        return Err(parameter("setting.request_id", "is longer than 64 characters"));
    }
    Ok(id)
}

/// What repeats of the call with this request id are noted under.
fn repeat(request_id: &str) -> String {
    format!("push {request_id}")
}

/// A call, read and checked.
struct Call {
    audience: Audience,
    strategy: Strategy,
    legs: Vec<model::channel::ChannelKind>,
    request_id: Option<String>,
    notification: Box<model::notification::Notification>,
}

impl Call {
    fn read(body: &Body, request_id: Option<String>, now: Timestamp) -> Result<Self, ApiError> {
        let object = body.object();
        let audience = audience::read(&object)?;
        let setting = object.object("setting")?;
        let text = |name| setting.as_ref().map_or(Ok(None), |setting| setting.text(name));
        let strategy = match text("distribution_strategy")? {
            None => Strategy::default(),
            Some(name) => Strategy::parse(&name).ok_or_else(|| {
                parameter("setting.distribution_strategy", "must be combined, mxpush_only or ospush_only")
            })?,
        };
        let names = setting.map_or(Ok(None), |setting| setting.texts("ospush_sequence"))?.unwrap_or_default();
        let sequence = push::sequence(&names).map_err(|unknown| {
            let unknown: String = unknown.chars().take(32).collect();
            let known = "ups, fcm, huawei, xiaomi, oppo, vivo or meizu";
            parameter("setting.ospush_sequence", &format!("holds `{unknown}`; each must be {known}"))
        })?;
        let notification = message::read(body, now)?;
        let legs = push::legs(strategy, &sequence, notification.kind);
        let bytes = serde_json::to_vec(&notification).map_or(usize::MAX, |bytes| bytes.len());
        if bytes > MESSAGE_BYTES {
            return Err(parameter("message", "is larger than 32 KB"));
        }
        Ok(Self { audience, strategy, legs, request_id, notification: Box::new(notification) })
    }
}

/// The task that the same request id made before. Asked before anything is checked that may have changed since: the picture
/// is gone, or the message is over. `None` also where the earlier call has noted its task and not written it.
async fn standing(
    context: &Context,
    store: &NotifyStore,
    app: &MobileApp,
    request_id: Option<&str>,
) -> Result<Option<TaskId>, ApiError> {
    let (Some(id), owner) = (request_id, Owner::Mobile(app.id.clone())) else { return Ok(None) };
    let Some(made) = store.noted.get(&owner, &repeat(id), context.clock.now()).await? else { return Ok(None) };
    Ok(is_written(context, store, &owner, &made).await?.then_some(made.task))
}

/// Writes the task, or finds the one that the same request id made before.
async fn accept(context: &Context, store: &NotifyStore, app: &MobileApp, call: Call) -> Result<TaskId, ApiError> {
    let now = context.clock.now();
    let owner = Owner::Mobile(app.id.clone());
    let draw = store.ids.draw(1, &*context.clock).await?;
    let ours = Made { task: draw.task, nonce: Alphanumeric.sample_string(&mut rand::rng(), 22), at: now };
    let mut leased_at = draw.leased_at;
    let made = match &call.request_id {
        None => ours,
        Some(id) => {
            let made = store.repeats.note(&owner, &repeat(id), ours.clone(), REQUEST_ID_LIFE, now).await?;
            if made != ours {
                if becomes_written(context, store, &owner, &made).await? {
                    return Ok(made.task);
                }
                // Whoever noted it is dead. Its block may have been swept already.
                leased_at = Timestamp::default();
            }
            made
        }
    };
    let mut content = PushContent {
        audience: call.audience,
        strategy: call.strategy,
        notification: call.notification,
        shards: 1,
        ledger: None,
        utc_offset_min: app.utc_offset_min,
    };
    if content.audience == Audience::All {
        content.shards = app.shards;
        if content.notification.kind != Kind::Cmd && !call.legs.is_empty() {
            content.ledger = Some(store.badges.note(&app.id, content.notification.badge, made.task).await?);
        }
    }
    let audience = content.audience.name();
    let task = Task {
        id: made.task,
        accepted_ms: now,
        owner,
        legs: call.legs,
        account: AccountId::new(app.id.as_str()),
        nonce: made.nonce,
        content: Content::Push(Box::new(content)),
        direct_count: 0,
        direct: Stored::Inline(Vec::new()),
        topics: Vec::new(),
    };
    // Before the task: a note of nothing is harmless, a task that no list shows is not.
    store.listing.note(&app.id, task.id, task.expires()).await?;
    let desk = Desk { tasks: &store.tasks, hints: &store.hints, due: &store.due };
    desk.write(context, &task, leased_at).await?;
    info!(app.id = %task.owner, task.id = %task.id, audience, "message accepted");
    context.metrics.count(Metric::Accepted, &[("family", "mobile")], 1, now);
    Ok(task.id)
}

/// Whether the task that an earlier call noted is there, or was: a request id outlives its task.
async fn is_written(context: &Context, store: &NotifyStore, owner: &Owner, made: &Made) -> Result<bool, ApiError> {
    let now = context.clock.now();
    let stands =
        now.since(made.at) > model::limits::TASK_RETENTION || store.written.get(made.task, now).await?.is_some();
    if stands {
        info!(app.id = %owner, task.id = %made.task, "repeated call recognised");
    }
    Ok(stands)
}

/// The same for an earlier call that may be about to write it: it is given a moment.
async fn becomes_written(context: &Context, store: &NotifyStore, owner: &Owner, made: &Made) -> Result<bool, ApiError> {
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if is_written(context, store, owner, made).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
