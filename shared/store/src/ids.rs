//! Message ids, drawn from leased blocks (Tasks table).
//!
//! A counter item hands out whole blocks; each instance draws ids from its block without a write. So ids are dense
//! enough to stay small, no call writes the counter, and the counter says which blocks exist, which is how the sweep
//! finds every task without an index. An instance that is busy leases several blocks at a time.

use crate::error::failed;
use crate::item::{Reader, n, s};
use crate::{StoreError, keys};
use aws_sdk_dynamodb::types::ReturnValue;
use model::clock::{Clock, Timestamp};
use model::ids::{BLOCK_IDS, BlockId, TaskId};
use model::limits;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

capability! {
    /// Draws message ids.
    Ids: [("dynamodb:UpdateItem", Tasks)]
}

capability! {
    /// Reads how far the id counter has come.
    IdHead: [("dynamodb:GetItem", Tasks)]
}

/// The counter of message ids.
const MESSAGES: &str = "messages";
/// Most blocks in one lease.
const MOST_BLOCKS: u64 = 8;
/// A lease used up faster than this is followed by one twice as large.
const BUSY: Duration = Duration::from_secs(5);

/// This instance's lease.
#[derive(Default)]
pub(crate) struct Leases(Arc<Mutex<Lease>>);

#[derive(Default)]
struct Lease {
    next: u64,
    end: u64,
    since: Timestamp,
    blocks: u64,
}

/// A run of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The first id: the task's.
    pub task: TaskId,
    /// How many.
    pub count: u64,
    /// When the lease it comes from was taken.
    pub leased_at: Timestamp,
}

impl Draw {
    /// The blocks after the first that the run reaches into: they get a pointer to the task.
    pub fn further_blocks(&self) -> impl Iterator<Item = BlockId> + use<> {
        let last = BlockId::of(self.task.get() + self.count - 1).get();
        (self.task.block().get() + 1..=last).map(BlockId::new)
    }
}

impl Ids {
    /// Draws `count` consecutive ids. A run that fits a block lies in one; a longer one starts a block.
    pub async fn draw(&self, count: u64, clock: &dyn Clock) -> Result<Draw, StoreError> {
        if count > BLOCK_IDS {
            let leased_at = clock.now();
            let first = self.lease(count.div_ceil(BLOCK_IDS)).await?;
            return Ok(Draw { task: TaskId::new(first.first_id()), count, leased_at });
        }
        let mut lease = self.0.leases().0.lock().await;
        let now = clock.now();
        let room = BlockId::of(lease.next).next().first_id() - lease.next;
        if room < count {
            lease.next = BlockId::of(lease.next).next().first_id();
        }
        let stale = now.since(lease.since) >= limits::LEASE_LIFE || now < lease.since;
        if stale || lease.next + count > lease.end {
            let busy = !stale && now.since(lease.since) < BUSY;
            lease.blocks = if busy { (lease.blocks * 2).clamp(1, MOST_BLOCKS) } else { 1 };
            let first = self.lease(lease.blocks).await?;
            lease.next = first.first_id();
            lease.end = first.first_id() + lease.blocks * BLOCK_IDS;
            // Taken before the call: the lease must seem older than it is, never younger.
            lease.since = now;
        }
        let task = TaskId::new(lease.next);
        lease.next += count;
        Ok(Draw { task, count, leased_at: lease.since })
    }

    /// Leases `blocks` consecutive blocks and returns the first.
    async fn lease(&self, blocks: u64) -> Result<BlockId, StoreError> {
        let key = keys::id_counter(MESSAGES);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("ADD next_block :blocks")
            .expression_attribute_values(":blocks", n(blocks))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(failed("UpdateItem"))?;
        let next: u64 = Reader::new("id counter", &answer.attributes.unwrap_or_default()).number("next_block")?;
        // Block 0 is never used, so that no id is 0.
        Ok(BlockId::new(next - blocks + 1))
    }
}

impl IdHead {
    /// The block that will be leased next: every block before it may hold tasks.
    pub async fn next_block(&self) -> Result<BlockId, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::id_counter(MESSAGES), true).await?;
        let next = match item {
            Some(item) => Reader::new("id counter", &item).number("next_block")?,
            None => 0,
        };
        Ok(BlockId::new(next + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_run_points_from_its_further_blocks() {
        let draw = |task, count| Draw { task: TaskId::new(task), count, leased_at: Timestamp::default() };
        assert_eq!(draw(32, 32).further_blocks().count(), 0);
        let further: Vec<u64> = draw(64, 70).further_blocks().map(BlockId::get).collect();
        assert_eq!(further, [3, 4]);
    }
}
