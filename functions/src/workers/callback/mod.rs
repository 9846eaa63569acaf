//! One callback: tell an app's developer what happened, at a URL of the developer's.
//!
//! At least once. What absorbs repeats: the callback's record is claimed by a conditional write before the call, so two
//! copies of a hint make one call; and every attempt carries the same `webhook-id`, by which a receiver recognises what
//! it has had. Order is not kept. A receiver that hangs or fails is tried again after 10 s, 1 min, 5 min and 30 min and
//! holds up nobody: its app has a few calls under way at most, and everything else of it goes back to the queue.

pub mod sign;

use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{Context, Function, Invocation, WorkerError, queue_function};
use http::HeaderValue;
use model::callback::{AttemptOutcome, CallbackAttempt, CallbackEvent, CallbackId, STUCK_AFTER, next_attempt};
use model::clock::Timestamp;
use model::ids::AppId;
use model::limits::QUEUE_DELAY;
use provider::http::{HttpError, HttpRequest};
use rand::Rng;
use std::time::{Duration, Instant};
use store::apps::Apps;
use store::callback_secrets::CallbackSecrets;
use store::callbacks::{CallbackRecord, CallbackRuns, CallbackWriter, Claim, Claimed, Recorded};
use store::queue::CallbackMessage;
use store::{StoreError, capabilities};
use tracing::{info, warn};

capabilities! {
    /// What trying a callback needs.
    pub struct CallbackStore {
        runs: CallbackRuns,
        apps: Apps,
        secrets: CallbackSecrets,
    }
}

/// The function.
pub const FUNCTION: Function = queue_function!("callback", CallbackStore, handle);

/// Calls for one app at a time in an instance, which is handed ten messages at once: no app can have an instance to
/// itself.
const CALLS_PER_APP: usize = 3;
/// How long what found no place rests, at least and at most. It costs a queue message each time.
const NO_PLACE: std::ops::Range<u64> = 10_000..20_000;
/// A hint may come this much before its time, by the clocks of two machines and the queue's whole seconds.
const EARLY: Duration = Duration::from_secs(3);
/// Time that an attempt and its record take at most; with less left, the message comes again.
const MARGIN: Duration = Duration::from_secs(8);

/// Has the developer of `app` told of `event`: records it, and hints at it. Call it when the event is settled and before
/// whoever told us of it is answered, with the callback URL known to be there.
///
/// `at` and `key` make it this one event, see [`CallbackWriter::record`]. An error means that nothing is recorded. A hint
/// that fails is tolerated: the record is on the due list.
pub async fn tell(
    context: &Context,
    callbacks: &CallbackWriter,
    app: AppId,
    event: &CallbackEvent,
    at: Timestamp,
    key: &str,
) -> Result<CallbackId, StoreError> {
    let now = context.clock.now();
    match callbacks.record(app, event, at, key, now).await? {
        Recorded::Already(id) => Ok(id),
        Recorded::New(id) => {
            if let Err(error) = callbacks.hint(app, &id).await {
                hint_lost(context, app, &id, &error);
            }
            Ok(id)
        }
    }
}

/// A hint at a callback could not be sent. It costs minutes, not the callback.
pub fn hint_lost(context: &Context, app: AppId, id: &CallbackId, error: &StoreError) {
    warn!(app.id = %app, callback.id = %id, cause = causes(error), "hint at a callback lost; the due list has it");
    context.metrics.count(Metric::HintLost, &[], 1, context.clock.now());
}

async fn handle(
    context: &Context,
    store: &CallbackStore,
    invocation: &Invocation,
    body: String,
) -> Result<(), WorkerError> {
    let CallbackMessage::CallbackV1 { app, id } =
        serde_json::from_str(&body).map_err(|error| WorkerError::Unreadable(error.to_string()))?;
    if invocation.left(MARGIN).is_zero() {
        return Err(WorkerError::NotYet("there is no time left for an attempt"));
    }
    let Some(_place) = context.callbacks_in_flight.enter(app, CALLS_PER_APP) else {
        let rest = Duration::from_millis(rand::rng().random_range(NO_PLACE));
        return Ok(store.runs.hint(app, &id, rest).await?);
    };
    let now = context.clock.now();
    match store.runs.claim(app, &id, now).await? {
        Claim::Over => Ok(()),
        // Whoever made it rest has put it on the due list, and mostly in the queue, too.
        Claim::NotBefore(until) if until.since(now) > EARLY => Ok(()),
        Claim::NotBefore(until) => Ok(store.runs.hint(app, &id, until.since(now)).await?),
        Claim::Taken(taken) => attempt(context, store, app, &taken).await,
    }
}

async fn attempt(context: &Context, store: &CallbackStore, app: AppId, taken: &Claimed) -> Result<(), WorkerError> {
    let (record, at) = (&taken.record, context.clock.now());
    let (profile, secrets) = futures::try_join!(store.apps.get(app), store.secrets.of(app, at))?;
    let Some(url) = profile.and_then(|profile| profile.callback_url) else {
        info!(app.id = %app, callback.id = %record.id, "the app has no callback URL any more");
        store.runs.dropped(app, taken, at).await?;
        return Ok(());
    };
    let headers = sign::headers(&record.id, at, &record.body, &secrets);
    let (outcome, status, duration) = call(context, url, record, headers).await;
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let attempt = CallbackAttempt { at_ms: at, duration_ms, outcome, status };
    let now = context.clock.now();
    let failed = record.failed + u32::from(outcome != AttemptOutcome::Acknowledged);
    info!(
        app.id = %app, callback.id = %record.id, action = record.action, attempt = failed,
        outcome = outcome.as_str(), status, duration_ms, "callback tried"
    );
    context.metrics.count(Metric::CallbackAttempts, &[("outcome", outcome.as_str())], 1, now);
    if outcome == AttemptOutcome::Acknowledged {
        return Ok(store.runs.delivered(app, taken, &attempt).await?);
    }
    match next_attempt(failed, now) {
        // Whoever has the claim now sees to the rest.
        Some(next) if !store.runs.again(app, taken, &attempt, next).await? => Ok(()),
        // A longer wait than a queue can keep is the due list's alone.
        Some(next) if next.since(now) > QUEUE_DELAY => Ok(()),
        Some(next) => {
            if let Err(error) = store.runs.hint(app, &record.id, next.since(now)).await {
                hint_lost(context, app, &record.id, &error);
            }
            Ok(())
        }
        None => {
            if store.runs.failed(app, taken, &attempt).await? {
                warn!(app.id = %app, callback.id = %record.id, "callback given up; it can be replayed");
                context.metrics.count(Metric::CallbacksFailed, &[], 1, now);
            }
            Ok(())
        }
    }
}

/// Calls the receiver. Of its answer only the status counts, and nothing else is read.
async fn call(
    context: &Context,
    url: String,
    record: &CallbackRecord,
    headers: Vec<(http::HeaderName, HeaderValue)>,
) -> (AttemptOutcome, Option<u16>, Duration) {
    let mut request =
        HttpRequest::post(url, HeaderValue::from_static("application/json;charset=UTF-8"), record.body.clone());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let started = Instant::now();
    let answer = context.callback_http().status(request).await;
    let (outcome, status) = match answer {
        Ok(status) if status.is_success() => (AttemptOutcome::Acknowledged, Some(status.as_u16())),
        Ok(status) => (AttemptOutcome::Status, Some(status.as_u16())),
        Err(HttpError::Unsent { .. }) => (AttemptOutcome::NoConnection, None),
        Err(HttpError::Unknown { .. } | HttpError::TooLarge { .. }) => (AttemptOutcome::NoAnswer, None),
        Err(HttpError::BadUrl { .. }) => (AttemptOutcome::Forbidden, None),
    };
    (outcome, status, started.elapsed())
}

/// Whether a callback that waits should have been tried by now: its hint was lost, or its worker died.
pub(super) fn is_stuck(record: &CallbackRecord, recover: bool, now: Timestamp) -> bool {
    record.not_before <= now && (recover || now.since(record.not_before) >= STUCK_AFTER)
}
