//! How far a task has come: derived from plans and records, never from a counter.

use gateway::Context;
use model::batch::{BatchId, Part};
use model::clock::Timestamp;
use model::ids::MessageId;
use model::limits::BATCH_RECIPIENTS;
use model::push::RELEASE_AHEAD;
use model::record::{Entry, State, Tally};
use model::statistics::LegCounts;
use model::task::{Content, Progress, Target, Task};
use store::plan::{PlanPage, PlanReader};
use store::receipts::ReceiptReader;
use store::records::RecordReader;
use store::tasks::TaskReader;
use store::{StoreError, capabilities};

capabilities! {
    /// What it takes to say how far a task has come.
    pub struct ProgressStore {
        tasks: TaskReader,
        plans: PlanReader,
        records: RecordReader,
        receipts: ReceiptReader,
    }
}

/// Batches of an unfinished part above which a status query does not add up records: 64 batches are 32,000 recipients
/// and about 64 read units. The part is "under way" until the sweep has drawn up its summary.
const MOST_BATCHES_READ: u32 = 64;

/// How far the target `message` has come; `None` when it is unknown or expired.
pub async fn of_message(
    context: &Context,
    store: &ProgressStore,
    message: MessageId,
) -> Result<Option<Progress>, StoreError> {
    let Some(task) = store.tasks.of_message(message, context.clock.now()).await? else { return Ok(None) };
    match task.target(message) {
        None => Ok(None),
        Some(Target::Direct { slot }) => {
            let kept = store.records.batch(direct_batch(&task, slot)).await?;
            let entry = kept.record.entry(slot);
            // What the vendor said later stands under its own id of the message; it may have come before our record.
            if let Some(Entry { state: State::Sent, vendor_id: Some(id), .. }) = entry
                && let Some(receipt) = store.receipts.get(&task.account, id).await?
            {
                return Ok(Some(Progress::Undelivered(receipt.end)));
            }
            Ok(Some(Progress::of_recipient(entry.map(|entry| entry.state))))
        }
        Some(Target::Topic { index }) => of_topic(store, &task, index).await.map(Some),
    }
}

/// The batch that the direct recipient at `slot` belongs to.
fn direct_batch(task: &Task, slot: u64) -> BatchId {
    let number = u32::try_from(slot / BATCH_RECIPIENTS as u64).unwrap_or(u32::MAX);
    BatchId { task: task.id, part: Part::Direct, number }
}

async fn of_topic(store: &ProgressStore, task: &Task, index: u8) -> Result<Progress, StoreError> {
    let shards = task.topics.get(usize::from(index)).map_or(0, |topic| topic.shards);
    let (mut started, mut finished, mut tally) = (false, true, Tally::default());
    for shard in 0..shards {
        let state = part(&store.plans, &store.records, task, Part::Topic { index, shard }, MOST_BATCHES_READ).await?;
        started |= state.started;
        finished &= state.finished;
        tally.add_all(&state.tally);
        if started && !finished {
            break;
        }
    }
    Ok(Progress::of_topic(started, finished, &tally))
}

/// How far one part has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartState {
    /// Something of it was planned.
    pub(crate) started: bool,
    /// Every batch of it is closed.
    pub(crate) finished: bool,
    /// Its summary stands already.
    pub(crate) summarised: bool,
    /// What is recorded so far. Of an unfinished part that was too large to add up, nothing.
    pub(crate) tally: Tally,
    /// Of devices: what is known leg by leg.
    pub(crate) legs: LegCounts,
    /// When something of it was last written.
    pub(crate) moved_at: Timestamp,
    /// None of its unfinished batches is tried before this; zero when one of them may be tried at once.
    pub(crate) hold_until: Timestamp,
}

/// How far `part` of `task` has come, reading the records of at most `most_batches` batches.
pub(crate) async fn part(
    plans: &PlanReader,
    records: &RecordReader,
    task: &Task,
    part: Part,
    most_batches: u32,
) -> Result<PartState, StoreError> {
    if let Part::Topic { .. } = part
        && let Some(tally) = records.summary(task.id, part).await?
    {
        return Ok(PartState { started: true, finished: true, summarised: true, tally, ..PartState::default() });
    }
    if let Part::Devices { .. } = part
        && let Some(legs) = records.legs_summary(task.id, part).await?
    {
        return Ok(PartState { started: true, finished: true, summarised: true, legs, ..PartState::default() });
    }
    let mut pages = Vec::new();
    let (planned, batches, moved_at) = match part {
        Part::Direct => (true, task.direct_count.div_ceil(BATCH_RECIPIENTS as u32), task.accepted_ms),
        Part::Topic { .. } | Part::Devices { .. } => {
            pages = plans.pages(task.id, part).await?;
            let Some(page) = pages.last() else {
                return Ok(PartState { moved_at: task.accepted_ms, ..PartState::default() });
            };
            (page.last, page.next_batch(), page.at)
        }
    };
    let mut state = PartState { started: true, moved_at, ..PartState::default() };
    if batches > most_batches {
        return Ok(state);
    }
    let kept = records.part(task.id, part).await?;
    let (mut closed, mut held) = (0usize, Vec::new());
    for batch in kept.values() {
        state.tally.add_all(&batch.record.tally());
        state.moved_at = state.moved_at.max(batch.moved_at);
        if batch.record.is_closed() {
            closed += 1;
        } else {
            held.push(batch.all_rest_until());
        }
    }
    for (number, leg, recipients) in pages.iter().flat_map(planned_devices) {
        let kept = kept.get(&number);
        state.legs.add_batch(leg, recipients, kept.map(|kept| &kept.record));
        if kept.is_none() {
            held.extend(kept_back_until(task, leg));
        }
    }
    state.legs.offline = pages.iter().map(|page| page.offline).sum();
    state.finished = planned && closed >= batches as usize;
    if planned && closed + held.len() >= batches as usize {
        state.hold_until = held.into_iter().min().unwrap_or_default();
    }
    Ok(state)
}

/// The batches of devices in a page: number, first leg, how many devices.
fn planned_devices(page: &PlanPage) -> impl Iterator<Item = (u32, u8, u32)> + '_ {
    let batches = page.batches.iter().zip(page.first_batch..);
    batches.filter_map(|(batch, number)| batch.route.map(|route| (number, route.leg, batch.recipients)))
}

/// Until when a batch that nobody has tried yet is kept back on purpose: its vendor cannot be told to wait.
fn kept_back_until(task: &Task, leg: u8) -> Option<Timestamp> {
    let (Content::Push(push), Some(channel)) = (&task.content, task.legs.get(usize::from(leg))) else { return None };
    let begin = push.notification.held_until(*channel, task.accepted_ms)?;
    Some(begin.minus(RELEASE_AHEAD))
}
