//! What an app's developer was told, how each attempt ended, and trying it anew.

use super::auth::not_found;
use super::call::{Call, Page, PageQuery, conflict, page};
use crate::workers::callback::hint_lost;
use gateway::ApiError;
use model::callback::{CallbackAttempt, CallbackId, CallbackState};
use model::ids::AppId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::callbacks::{CallbackRecord, Replayed};

/// A callback.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CallbackView {
    /// The `webhook-id` of every attempt.
    id: String,
    /// `app_subscribe`, `send_up_cmd` or `order_pay`.
    action: String,
    /// When what it tells of happened, epoch ms.
    happened_ms: i64,
    /// `pending`, `delivered`, `failed` or `dropped` (the app had no URL).
    state: String,
    /// Failed attempts since it was recorded or replayed.
    failed_attempts: u32,
    /// When a pending one is tried next, at the earliest, epoch ms; `null` for one that has ended.
    next_attempt_ms: Option<i64>,
    /// What is sent.
    body: Value,
    /// The attempts, the oldest first.
    attempts: Vec<AttemptView>,
}

/// One attempt.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AttemptView {
    /// When it began, epoch ms.
    at_ms: i64,
    /// How long it took, ms.
    duration_ms: u64,
    /// `acknowledged`, `status` (another than 2xx), `no_answer`, `no_connection` or `forbidden` (the URL leads to a closed
    /// address).
    outcome: String,
    /// The HTTP status, when there was one.
    status: Option<u16>,
}

impl From<CallbackAttempt> for AttemptView {
    fn from(attempt: CallbackAttempt) -> Self {
        Self {
            at_ms: attempt.at_ms.millis(),
            duration_ms: attempt.duration_ms,
            outcome: attempt.outcome.as_str().to_owned(),
            status: attempt.status,
        }
    }
}

impl From<CallbackRecord> for CallbackView {
    fn from(record: CallbackRecord) -> Self {
        let pending = record.state == CallbackState::Pending;
        Self {
            happened_ms: record.id.at().millis(),
            id: record.id.into(),
            action: record.action,
            state: record.state.as_str().to_owned(),
            failed_attempts: record.failed,
            next_attempt_ms: pending.then(|| record.not_before.millis()),
            body: serde_json::from_str(&record.body).unwrap_or(Value::Null),
            attempts: record.attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

/// Which callbacks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackQuery {
    /// `next_cursor` of the page before; the first page without.
    cursor: Option<String>,
    /// How many are looked at: 1 to 100, default 20.
    limit: Option<u16>,
    /// Only those in this state; a page may then be short, or empty, with more behind it.
    state: Option<String>,
}

/// GET /admin/apps/{app}/callbacks
pub(super) async fn list(call: Call<'_>, query: CallbackQuery) -> Result<Page<CallbackView>, ApiError> {
    let app = call.app().await?.app.id;
    let state = query.state.as_deref().map(|text| {
        let wrong = || ApiError::invalid_field("state", "it is none of pending, delivered, failed, dropped");
        CallbackState::parse(text).ok_or_else(wrong)
    });
    let state = state.transpose()?;
    let pages = PageQuery { cursor: query.cursor, limit: query.limit };
    let (limit, before) = (pages.limit()?, pages.after(|text| CallbackId::parse(text).ok())?);
    let records = call.store.callback_log.page(app, before.as_ref(), limit, call.context.clock.now()).await?;
    let mut page = page(records, limit, |record| record.id.to_string(), CallbackView::from);
    if let Some(state) = state {
        page.items.retain(|item| item.state == state.as_str());
    }
    Ok(page)
}

/// GET /admin/apps/{app}/callbacks/{callback}
pub(super) async fn get(call: Call<'_>) -> Result<CallbackView, ApiError> {
    let (app, id) = ids(&call)?;
    let record = call.store.callback_log.get(app, &id, call.context.clock.now()).await?;
    record.map(CallbackView::from).ok_or_else(not_found)
}

/// POST /admin/apps/{app}/callbacks/{callback}/replay
pub(super) async fn replay(call: Call<'_>) -> Result<CallbackView, ApiError> {
    let (app, id) = ids(&call)?;
    match call.store.callback_log.replay(app, &id, call.context.clock.now()).await? {
        Replayed::Unknown => return Err(not_found()),
        Replayed::Pending => {
            return Err(conflict(
                "callback_pending",
                "the callback still waits for an attempt; only one that has ended is replayed",
            ));
        }
        Replayed::Yes => {}
    }
    if let Err(error) = call.store.callback_log.hint(app, &id).await {
        hint_lost(call.context, app, &id, &error);
    }
    get(call).await
}

fn ids(call: &Call<'_>) -> Result<(AppId, CallbackId), ApiError> {
    let id = CallbackId::parse(call.text("callback")).map_err(|_| not_found())?;
    Ok((AppId::new(call.number("app")?), id))
}
