//! The due list (Tasks table): tasks and callbacks to be looked at, by time. Spread over [`keys::DUE_SHARDS`] partitions.

use crate::db::{Ask, Range, sort_key};
use crate::item::Item;
use crate::keys::{self, DueThing, Key};
use crate::{Store, StoreError};
use model::clock::Timestamp;
use model::ids::TaskId;
use model::limits;

capability! {
    /// Puts tasks on the due list.
    DueWriter: [("dynamodb:PutItem", Tasks)]
}

capability! {
    /// Reads the due list and strikes off what was seen to.
    DueReader: [("dynamodb:Query", Tasks), ("dynamodb:DeleteItem", Tasks)]
}

/// An entry of the due list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// What.
    pub thing: DueThing,
}

impl Due {
    fn key(self) -> Key {
        match self.thing {
            DueThing::Task(task) => keys::due(self.at, task),
            DueThing::Callbacks { app, minute } => keys::due_callbacks(self.at, app, minute),
            DueThing::Arrivals { task, environment } => keys::due_arrivals(self.at, task, environment),
        }
    }
}

impl DueWriter {
    /// Has `task` looked at, at `at` (rounded down to the second).
    pub async fn add(&self, task: TaskId, at: Timestamp) -> Result<(), StoreError> {
        self.put(Due { at, thing: DueThing::Task(task) }).await
    }

    /// Puts an entry on the list. Putting it twice is putting it once.
    pub async fn put(&self, due: Due) -> Result<(), StoreError> {
        put_due(&self.0, due).await
    }
}

impl DueReader {
    /// At most `limit` entries of one shard that are due by `by`, the oldest first, from the one after `after` on.
    pub async fn due(&self, shard: u64, after: Option<Due>, by: Timestamp, limit: i32) -> Result<Vec<Due>, StoreError> {
        // `~` sorts behind every digit: just behind the entry itself.
        let from = after.map_or_else(|| "0".to_owned(), |due| format!("{}~", due.key().sk));
        let to = keys::due_until(by);
        if from > to {
            return Ok(Vec::new());
        }
        let mut ask = Ask::new(&self.0.names().tasks, keys::due_shard(shard), Range::Between(from, to));
        ask.limit = Some(limit);
        let page = self.0.query_page(&ask, None).await?;
        let entries = page.items.iter().filter_map(|item| keys::parse_due(sort_key(item)));
        Ok(entries.map(|(at, thing)| Due { at, thing }).collect())
    }

    /// Strikes an entry off.
    pub async fn done(&self, due: Due) -> Result<(), StoreError> {
        self.0.delete(&self.0.names().tasks, due.key()).await
    }
}

pub(crate) async fn put_due(store: &Store, due: Due) -> Result<(), StoreError> {
    let key = due.key();
    let item = Item::keyed(key.pk, key.sk).expiring(due.at.plus(limits::TASK_RETENTION)).build();
    store.put(&store.names().tasks, item).await
}
