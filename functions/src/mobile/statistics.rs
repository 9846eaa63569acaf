//! What a push came to, channel by channel: from plans, records and receipts.

use crate::workers::progress::part;
use model::channel::ChannelKind;
use model::statistics::{ChannelCounts, LegCounts};
use model::task::Task;
use std::collections::BTreeMap;
use store::plan::PlanReader;
use store::records::RecordReader;
use store::statistics::StatisticsReader;
use store::{StoreError, capabilities};

capabilities! {
    /// What it takes to count what a push came to.
    pub struct CountStore {
        plans: PlanReader,
        records: RecordReader,
        received: StatisticsReader,
    }
}

/// Counters of a task.
pub(crate) struct Counted {
    /// By channel; one that is no leg of the task is not there.
    pub(crate) channels: BTreeMap<ChannelKind, ChannelCounts>,
    /// Whether nothing more will be sent.
    pub(crate) finished: bool,
}

/// Counts what `task` came to so far. Two reads per shard once it is finished; before, its plans and records.
pub(crate) async fn of_task(store: &CountStore, task: &Task) -> Result<Counted, StoreError> {
    let (mut sums, mut finished) = (LegCounts::default(), true);
    for of in task.parts() {
        let state = part(&store.plans, &store.records, task, of, u32::MAX).await?;
        finished &= state.finished;
        sums.add_all(&state.legs);
    }
    let received = store.received.received(task.id).await?;
    Ok(Counted { channels: sums.by_channel(&task.legs, &received), finished })
}
