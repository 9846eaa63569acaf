//! The plan of a part (Tasks table): which span of the audience each batch covers.
//!
//! A page of the plan is written before its batches are sent and never changes. So a batch keeps its name and its span
//! when fan-out runs a second time, although followers have come and gone meanwhile.

use crate::db::{Ask, Put, Range};
use crate::item::{Attributes, Item, Reader, json, n, s};
use crate::{StoreError, keys};
use model::batch::Part;
use model::certificate::Environment;
use model::clock::Timestamp;
use model::ids::TaskId;
use model::own::DeviceSet;
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
    /// The slot that it has seen last, eligible or not; the next page starts after it.
    pub seen: Option<u64>,
    /// No page follows.
    pub last: bool,
    /// Devices of the page that only our own channel was to reach, and that were not online.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offline: u64,
    /// Devices of the page that were online when it was planned: they stay in the batches of our own channel, and on its
    /// leg first, however often the batches are built.
    #[serde(default, skip_serializing_if = "DeviceSet::is_empty")]
    pub online: DeviceSet,
    /// Of a message for later: who was planned for each of its batches. There they stay, whatever their tokens are when the
    /// batches are built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<DeviceSet>,
    /// When it was planned.
    #[serde(skip)]
    pub at: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A batch of a plan: the recipients up to and with the slot `upto`, after the batch before it of the same route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBatch {
    /// The last slot of the span.
    #[serde(rename = "u")]
    pub upto: u64,
    /// How many of the span were eligible when it was planned.
    #[serde(rename = "c")]
    pub recipients: u32,
    /// For devices: over which way they are reached first. Followers have one for all.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub route: Option<PlannedRoute>,
}

/// Where the devices of a batch begin. A batch holds devices of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlannedRoute {
    /// On which leg of the task.
    #[serde(rename = "l")]
    pub leg: u8,
    /// In which environment.
    #[serde(rename = "e", default)]
    pub environment: Environment,
}

impl PlanPage {
    /// Its batches with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &PlannedBatch)> {
        (self.first_batch..).zip(&self.batches)
    }

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
