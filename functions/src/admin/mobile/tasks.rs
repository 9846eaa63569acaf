//! What a mobile app pushed, and what came of it.

use super::super::auth::not_found;
use super::super::call::{Call, Page, PageQuery};
use super::{app, id};
use crate::mobile::statistics::of_task;
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::ApiError;
use model::clock::Timestamp;
use model::ids::{MobileAppId, Owner, TaskId};
use model::mobile::MobileApp;
use model::statistics::ChannelCounts;
use model::task::{Content, Task};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Tasks that are counted side by side.
const SIDE_BY_SIDE: usize = 8;
/// Shards whose counters are read for one page: a push to everybody has as many as the app, and the call ten seconds.
const MOST_SHARDS_READ: u16 = 2_000;

/// A push.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct PushView {
    /// `task_id` of the app's calls.
    task: u64,
    /// When it was accepted, epoch ms.
    accepted_ms: i64,
    /// Its title; nothing else of it is shown.
    title: String,
    /// Whom it was for: `all`, `tag`, `alias`, `user_id` or `push_token`.
    audience: String,
    /// When it is shown, epoch ms; `null`: at once.
    show_begin_ms: Option<i64>,
    /// Whether nothing more will be sent.
    finished: bool,
    /// What came of it, by the channels that it could take.
    channels: BTreeMap<String, PushCounts>,
}

/// What came of a push over one channel.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::admin) struct PushCounts {
    /// Devices that were routed there.
    target: u64,
    /// What the vendor accepted.
    sent: u64,
    /// What arrived, by what the vendor or the app on the device says.
    received: u64,
}

/// GET /admin/mobile/{app}/tasks
///
/// The last seven days. A call whose process died before its task was written leaves a number that is left out, and of an app
/// with many shards fewer are counted at a time, so a page may be short.
pub(in crate::admin) async fn list(call: Call<'_>, query: PageQuery) -> Result<Page<PushView>, ApiError> {
    let MobileApp { id: app, shards, .. } = app(&call).await?;
    let limit = query.limit()?.min(MOST_SHARDS_READ / shards.max(1));
    let before = query.after(|text| text.parse().ok().map(TaskId::new))?;
    let ids = call.store.app_tasks.before(&app, before, limit).await?;
    let next_cursor = if ids.len() >= usize::from(limit) { ids.last().map(TaskId::to_string) } else { None };
    let (call, app) = (&call, &app);
    let views: Vec<_> = ids.into_iter().map(|task| view(call, app, task)).collect();
    let views: Vec<Option<PushView>> = stream::iter(views).buffered(SIDE_BY_SIDE).try_collect().await?;
    Ok(Page { items: views.into_iter().flatten().collect(), next_cursor })
}

/// GET /admin/mobile/{app}/tasks/{task}
pub(in crate::admin) async fn get(call: Call<'_>) -> Result<PushView, ApiError> {
    let task = TaskId::new(call.number("task")?);
    view(&call, &id(&call)?, task).await?.ok_or_else(not_found)
}

/// A push of `app`; `None` when there is none, or it is another's.
async fn view(call: &Call<'_>, app: &MobileAppId, task: TaskId) -> Result<Option<PushView>, ApiError> {
    let found = call.store.tasks.get(task, call.context.clock.now()).await?;
    let Some(Task { content: Content::Push(push), .. }) = &found else { return Ok(None) };
    let Some(task) = found.as_ref().filter(|task| task.owner == Owner::Mobile(app.clone())) else { return Ok(None) };
    let counted = of_task(&call.store.push_counts, task).await?;
    let counts = counted.channels.into_iter().map(|(channel, counts)| {
        let ChannelCounts { target, sent, received } = counts;
        (channel.to_string(), PushCounts { target, sent, received })
    });
    Ok(Some(PushView {
        task: task.id.get(),
        accepted_ms: task.accepted_ms.millis(),
        title: push.notification.title.clone(),
        audience: push.audience.name().to_owned(),
        show_begin_ms: push.notification.show_begin.map(Timestamp::millis),
        finished: counted.finished,
        channels: counts.collect(),
    }))
}
