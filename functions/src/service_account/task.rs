//! GET /interface/{ecode}/api/push/task/{taskId}: what became of a message.

use super::accept::body_of;
use super::caller::authenticate;
use crate::wechat::push::outcome::progress;
use gateway::envelope::service::{Refusal, success};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::batch::Part;
use model::ids::{Owner, TaskId};
use model::inbound::FinishedAs;
use model::limits::BATCH_RECIPIENTS;
use model::record::{Entry, State};
use model::task::{Content, Task};
use serde_json::{Value, json};
use store::capabilities;
use store::enterprises::ServiceCallers;
use store::objects::ObjectReader;
use store::receipts::ReceiptReader;
use store::records::{Kept, RecordReader};
use store::tasks::TaskReader;

capabilities! {
    /// What telling takes.
    pub struct TaskStore {
        callers: ServiceCallers,
        tasks: TaskReader,
        objects: ObjectReader,
        records: RecordReader,
        receipts: ReceiptReader,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Get, "/interface/{ecode}/api/push/task/{taskId}")];

/// The function.
pub const FUNCTION: Function = http_function!("service-task", Family::Service, ROUTES, TaskStore, handle);

/// GET /interface/{ecode}/api/push/task/{taskId}?access_token
///
/// Answers `data`:
///
/// ```json
/// {"taskId": "1056", "accepted_ms": 1795449600000, "state": "done", "counts": {"total": 2, "sent": 1, "waiting": 0},
///  "users": [{"userId": "user1", "state": "sent", "code": null, "at_ms": 1795449601000}], "unbound": ["nobody"],
///  "mass": null}
/// ```
///
/// `users` are those who get it, one for each person: who is bound to the same one as a user before is left out.
/// `state` is `waiting`, `sending` or `done`; a user's is one of the states of the record, or `waiting`; `code` is WeChat's.
/// Of a message to everybody `users` is empty, and `mass` is `{"msgId","state","code","status","counts"}`: `state` becomes
/// `finished` or `failed` when WeChat has told how it ended, `counts` is `{"total","filtered","sent","errors"}` then. For
/// seven days; 404 after that, and for another enterprise's task.
async fn handle(context: &Context, store: &TaskStore, request: Request) -> Result<Reply, ApiError> {
    let ecode = authenticate(&store.callers, &request).await?;
    let unknown = || Refusal::Task.error("`taskId`: there is no such task, or it is older than seven days");
    let id: u64 = request.path_parameter("taskId").parse().map_err(|_| unknown())?;
    let task = store.tasks.get(TaskId::new(id), context.clock.now()).await?;
    // Another's task does not exist either.
    let task = task.filter(|task| task.owner == Owner::Enterprise(ecode)).ok_or_else(unknown)?;
    let body = body_of(&store.objects, &task).await?;
    let records = store.records.part(task.id, Part::Direct).await?;
    let (state, counts) = progress(&task, &records.values().collect::<Vec<_>>());
    let kept = |slot: u64| {
        let number = u32::try_from(slot / BATCH_RECIPIENTS as u64).unwrap_or(u32::MAX);
        records.get(&number).and_then(|kept| kept.record.entry(slot).map(|entry| (entry, kept)))
    };
    let users = body.as_ref().map(|body| body.users.as_slice()).unwrap_or_default();
    let told = users.iter().zip(0..).map(|(user, slot)| told(user, slot, kept(slot))).collect::<Vec<_>>();
    let is_mass = matches!(&task.content, Content::Service(content) if content.mass);
    let mass = if is_mass { mass(store, &task, kept(0).map(|(entry, _)| entry)).await? } else { Value::Null };
    Ok(success(json!({
        "taskId": task.id.to_string(),
        "accepted_ms": task.accepted_ms,
        "state": state,
        "counts": counts,
        "users": told,
        "unbound": body.map(|body| body.unbound).unwrap_or_default(),
        "mass": mass,
    })))
}

fn told(user: &str, slot: u64, entry: Option<(Entry, &Kept)>) -> Value {
    match entry {
        None => json!({ "userId": user, "state": "waiting", "code": null, "at_ms": null }),
        Some((entry, kept)) => json!({
            "userId": user,
            "state": entry.state.label(),
            "code": entry.vendor_code,
            "at_ms": kept.learned_at(slot, entry.leg),
        }),
    }
}

/// How a message to everybody stands: what our record says, and what WeChat has said since.
async fn mass(store: &TaskStore, task: &Task, entry: Option<Entry>) -> Result<Value, ApiError> {
    let Some(entry) = entry else {
        return Ok(json!({ "msgId": null, "state": "waiting", "code": null, "status": null, "counts": null }));
    };
    let receipt = match (entry.state, entry.vendor_id) {
        (State::Sent, Some(id)) => store.receipts.get(&task.account, id).await?,
        _ => None,
    };
    let (state, status) = match receipt.as_ref().map(|receipt| &receipt.end) {
        None => (entry.state.label(), None),
        Some(FinishedAs::Delivered) => ("finished", None),
        Some(FinishedAs::Failed { text }) => ("failed", Some(text.as_str())),
        Some(end) => ("failed", Some(end.label())),
    };
    Ok(json!({
        // Text, because it is above what JavaScript reads exactly.
        "msgId": entry.vendor_id.map(|id| id.to_string()),
        "state": state,
        "code": entry.vendor_code,
        "status": status,
        "counts": receipt.as_ref().and_then(|receipt| receipt.counts),
    }))
}
