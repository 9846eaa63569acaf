//! The plan of a part (Tasks table): which span of the audience each batch covers.
//!
//! A page of the plan is written before its batches are sent and never changes. So a batch keeps its name and its span
//! when fan-out runs a second time, although followers have come and gone meanwhile.

use crate::db::{Ask, Put, Range};
use crate::item::{Attributes, Item, Reader, json, n, s};
use crate::{StoreError, keys};
use model::batch::Part;
use model::clock::Timestamp;
use model::ids::{FollowId, TaskId};
use serde::{Deserialize, Serialize};

capability! {
    /// Plans batches.
    Planner: [("dynamodb:PutItem", Tasks)]
}

capability! {
    /// Reads plans.
    PlanReader: [("dynamodb:GetItem", Tasks), ("dynamodb:Query", Tasks)]
}

/// A page of a part's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPage {
    /// Number of its first batch.
    pub first_batch: u32,
    /// Its batches in order.
    pub batches: Vec<PlannedBatch>,
    /// The last follow it has seen, eligible or not; the next page starts after it.
    pub seen: Option<FollowId>,
    /// No page follows.
    pub last: bool,
    /// When it was planned.
    #[serde(skip)]
    pub at: Timestamp,
}

/// A batch of a plan: the followers up to and with `upto`, after the batch before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBatch {
    /// The last follow of the span.
    #[serde(rename = "u")]
    pub upto: FollowId,
    /// How many of the span were eligible when it was planned.
    #[serde(rename = "c")]
    pub recipients: u32,
}

impl PlanPage {
    /// Number of the first batch of the next page.
    pub fn next_batch(&self) -> u32 {
        self.first_batch + u32::try_from(self.batches.len()).unwrap_or(0)
    }
}

impl Planner {
    /// Writes a page of the plan. When somebody planned it before, theirs stands and is returned.
    pub async fn plan(
        &self,
        task: TaskId,
        part: Part,
        number: u32,
        page: PlanPage,
        expires: Timestamp,
    ) -> Result<PlanPage, StoreError> {
        let key = keys::page(task, part, number);
        let item = Item::keyed(key.pk, key.sk)
            .with("plan", s(json("plan", &page)?))
            .with("at_ms", n(page.at.millis()))
            .expiring(expires)
            .build();
        match self.0.put_new(&self.0.names().tasks, item).await? {
            Put::Written => Ok(page),
            Put::Refused(Some(standing)) => read(&standing),
            Put::Refused(None) => Err(StoreError::corrupt("plan", "a page was refused without being there")),
        }
    }
}

impl PlanReader {
    /// One page; `None` when it is not planned yet.
    pub async fn page(&self, task: TaskId, part: Part, number: u32) -> Result<Option<PlanPage>, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::page(task, part, number), true).await?;
        item.as_ref().map(read).transpose()
    }

    /// All pages planned so far, in order.
    pub async fn pages(&self, task: TaskId, part: Part) -> Result<Vec<PlanPage>, StoreError> {
        let range = Range::Prefix(keys::PAGE_PREFIX.to_owned());
        let items = self.0.query_all(&Ask::new(&self.0.names().tasks, keys::part(task, part), range)).await?;
        items.iter().map(read).collect()
    }
}

fn read(item: &Attributes) -> Result<PlanPage, StoreError> {
    let reader = Reader::new("plan", item);
    let mut page: PlanPage = reader.json("plan")?;
    page.at = Timestamp::from_millis(reader.number("at_ms")?);
    Ok(page)
}
