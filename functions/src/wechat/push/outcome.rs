//! What became of a push, from its records.
//!
//! ```json
//! {"id": "1057", "accepted_ms": 1795449600000, "state": "done", "counts": {"total": 2, "sent": 1, "waiting": 1},
//!  "warnings": [], "recipients": [{"openid": "o…", "state": "sent", "leg": "template", "code": null, "msgid": "3717…",
//!  "at_ms": 1795449601000, "legs": [{"leg": "custom", "state": "passed", "code": 45015, …}, {"leg": "template", …}]}],
//!  "next": 500}
//! ```
//!
//! `state` is `waiting`, `sending` or `done`; a recipient's is one of the states of the record, or `waiting`. `msgid` is
//! text, because it is above what JavaScript reads exactly. Recipients come 500 at a time, a batch each: `?after=<next>`
//! goes on; `next` is null on the last page, and `counts` only on the first. For seven days.

use super::PushStore;
use gateway::envelope::push::Refusal;
use gateway::{ApiError, Context, Reply, Request};
use http::{StatusCode, header};
use model::audience::Recipient;
use model::batch::{BatchId, Part};
use model::cgi::shows_nothing;
use model::channel::ChannelKind;
use model::ids::{AccountId, MessageId, OpenId, Owner};
use model::limits::BATCH_RECIPIENTS;
use model::record::{Entry, State, Tally};
use model::task::{Content, Task};
use serde_json::{Map, Value, json};
use store::records::Kept;

/// GET /api/v4/pushes/wechat/{id}
pub(super) async fn tell(
    context: &Context,
    store: &PushStore,
    account: &AccountId,
    request: &Request,
) -> Result<Reply, ApiError> {
    let id: u64 = request.path_parameter("id").parse().map_err(|_| ApiError::NoSuchPath)?;
    let after: u64 = match request.query().get("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Refusal::After.error("`after` must be a whole number"))?,
    };
    let task = store.tasks.of_message(MessageId::new(id), context.clock.now()).await?;
    // Another account's push does not exist either.
    let task = task.filter(|task| task.owner == Owner::Account(account.clone())).ok_or(ApiError::NoSuchPath)?;
    let number = after / BATCH_RECIPIENTS as u64;
    let recipients = store.objects.recipients(task.direct.clone()).await?;
    let page = recipients.chunks(BATCH_RECIPIENTS).nth(usize::try_from(number).unwrap_or(usize::MAX)).unwrap_or(&[]);
    let batch = BatchId { task: task.id, part: Part::Direct, number: u32::try_from(number).unwrap_or(u32::MAX) };
    let mut answer = json!({
        "id": id.to_string(),
        "accepted_ms": task.accepted_ms,
        "warnings": warnings(&task),
    });
    let kept = if number == 0 {
        let mut records = store.records.part(task.id, Part::Direct).await?;
        (answer["state"], answer["counts"]) = progress(&task, &records.values().collect::<Vec<_>>());
        records.remove(&batch.number).unwrap_or_default()
    } else {
        store.records.batch(batch).await?
    };
    answer["recipients"] = page.iter().map(|recipient| told(&task, recipient, &kept)).collect();
    let next = (number + 1) * BATCH_RECIPIENTS as u64;
    answer["next"] = if next < recipients.len() as u64 { json!(next) } else { Value::Null };
    Ok(Reply::json(StatusCode::OK, &answer).header(header::CACHE_CONTROL, "no-store"))
}

/// State and counts of the direct part of a task.
pub(crate) fn progress(task: &Task, records: &[&Kept]) -> (Value, Value) {
    let mut tally = Tally::default();
    for kept in records {
        tally.add_all(&kept.record.tally());
    }
    let batches = task.direct_count.div_ceil(BATCH_RECIPIENTS as u32) as usize;
    let closed = records.iter().filter(|kept| kept.record.is_closed()).count();
    let state = match (records.is_empty(), closed >= batches) {
        (true, _) => "waiting",
        (false, false) => "sending",
        (false, true) => "done",
    };
    let mut counts = Map::new();
    counts.insert("total".to_owned(), json!(task.direct_count));
    counts.insert("waiting".to_owned(), json!(u64::from(task.direct_count).saturating_sub(tally.total())));
    for state in State::ALL.into_iter().filter(|state| !state.is_passed()) {
        counts.insert(state.label().to_owned(), json!(tally.of(state)));
    }
    (json!(state), Value::Object(counts))
}

/// One recipient, with every leg that was tried.
fn told(task: &Task, recipient: &Recipient, kept: &Kept) -> Value {
    let leg = |entry: Entry| {
        json!({
            "leg": task.legs.get(usize::from(entry.leg)).copied().map(leg_name),
            "state": entry.state.label(),
            "code": entry.vendor_code,
            "msgid": entry.vendor_id.map(|id| id.to_string()),
            "at_ms": kept.learned_at(recipient.slot, entry.leg),
        })
    };
    let mut told = kept.record.entry(recipient.slot).map_or_else(|| json!({ "state": "waiting" }), leg);
    told["openid"] = json!(recipient.address.openid().map(OpenId::as_str));
    told["legs"] = kept.record.legs(recipient.slot).map(leg).collect();
    told
}

/// A channel in the words of this API.
fn leg_name(channel: ChannelKind) -> &'static str {
    let name = channel.as_str();
    name.strip_prefix("wechat-").unwrap_or(name)
}

/// What WeChat will not show, and does not say.
fn warnings(task: &Task) -> Vec<&'static str> {
    let Content::Wechat(content) = &task.content else { return Vec::new() };
    let hidden = content.template.as_ref().is_some_and(|template| shows_nothing(&template.data));
    if hidden {
        vec!["WeChat shows neither `first` nor `remark`: put the text into the other keys of the template"]
    } else {
        Vec::new()
    }
}
