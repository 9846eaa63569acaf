//! How far the sweep over the id blocks has come (Tasks table), and what a block holds.

use crate::db::{Ask, Range, sort_key};
use crate::item::{Attributes, Item, Reader, json, s};
use crate::records::{Kept, by_batch};
use crate::tasks::read_task;
use crate::{StoreError, keys};
use model::clock::Timestamp;
use model::ids::{BlockId, TaskId};
use model::task::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

capability! {
    /// Sweeps the id blocks for tasks that are stuck.
    Sweeper: [("dynamodb:GetItem", Tasks), ("dynamodb:PutItem", Tasks), ("dynamodb:Query", Tasks)]
}

capability! {
    /// Reads the tasks of an id block.
    BlockReader: [("dynamodb:Query", Tasks)]
}

impl BlockReader {
    /// The tasks of a block, each read on its own. Eventually consistent.
    pub async fn block(&self, block: BlockId) -> Result<Vec<(TaskId, Result<Task, StoreError>)>, StoreError> {
        let swept = Sweeper(self.0.clone()).block(block).await?;
        Ok(swept.into_iter().map(|(id, swept)| (id, swept.map(|swept| swept.task))).collect())
    }
}

/// How far the sweep has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepState {
    /// Every block before this one was swept.
    pub swept: BlockId,
    /// Where the id counter stood, when: a block before a mark's was leased before the mark's time.
    pub marks: Vec<(Timestamp, BlockId)>,
    /// The minute up to which connections without a sign-in were looked for, see [`crate::own::Strangers`]. It stands here
    /// because this is written in every run.
    #[serde(default)]
    pub looked: Option<i64>,
}

impl Default for SweepState {
    fn default() -> Self {
        Self { swept: BlockId::new(1), marks: Vec::new(), looked: None }
    }
}

/// What a block holds of one task.
#[derive(Debug, Clone)]
pub struct SweptTask {
    /// The task.
    pub task: Task,
    /// The records of its direct part, by batch number.
    pub direct: BTreeMap<u32, Kept>,
}

impl Sweeper {
    /// How far the sweep has come.
    pub async fn state(&self) -> Result<SweepState, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::sweep(), true).await?;
        item.map_or_else(|| Ok(SweepState::default()), |item| Reader::new("sweep", &item).json("state"))
    }

    /// Keeps how far the sweep has come. Only one runs at a time; if two did, both would look twice, which is harmless.
    pub async fn keep(&self, state: &SweepState) -> Result<(), StoreError> {
        let key = keys::sweep();
        let item = Item::keyed(key.pk, key.sk).with("state", s(json("sweep", state)?)).build();
        self.0.put(&self.0.names().tasks, item).await
    }

    /// The tasks of a block with the records of their direct parts, each read on its own: one Query. Eventually
    /// consistent: a block is swept two minutes after the last write that could make it grow.
    pub async fn block(&self, block: BlockId) -> Result<Vec<(TaskId, Result<SweptTask, StoreError>)>, StoreError> {
        let mut ask = Ask::new(&self.0.names().tasks, keys::block(block), Range::All);
        ask.consistent = false;
        let items = self.0.query_all(&ask).await?;
        let mut tasks = Vec::new();
        let mut segments: HashMap<TaskId, Vec<_>> = HashMap::new();
        for item in items {
            let Some(id) = keys::sort_task(sort_key(&item)) else { continue };
            let is = |prefix| sort_key(&item).starts_with(prefix);
            if is(keys::SEGMENT_PREFIX) {
                segments.entry(id).or_default().push(item);
            } else if is(keys::TASK_PREFIX) && !Reader::new("task", &item).has("pointer") {
                tasks.push((id, item));
            }
        }
        let swept = tasks.into_iter().map(|(id, item)| {
            let read = |segments: &[Attributes]| Ok(SweptTask { task: read_task(&item)?, direct: by_batch(segments)? });
            (id, read(&segments.remove(&id).unwrap_or_default()))
        });
        Ok(swept.collect())
    }
}
