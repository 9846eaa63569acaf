//! Calls that may be repeated (Tokens table): a repeat is answered with what the first one made.
//!
//! The row is written before the task, and names it: its id and its nonce. A caller that finds a row makes sure that the
//! task stands by writing the very same one, conditionally: either the first caller has written it, or it died before it
//! could. So a row without its task is no loss, and two callers at once make one task.

use crate::StoreError;
use crate::db::{Update, Updated};
use crate::item::{Reader, n, s};
use crate::keys::{self, hash};
use model::clock::Timestamp;
use model::ids::{Owner, TaskId};
use std::time::Duration;

capability! {
    /// Recognises repeated calls.
    Repeats: [("dynamodb:UpdateItem", Tokens)]
}

capability! {
    /// Finds what an earlier call made.
    RepeatReader: [("dynamodb:GetItem", Tokens)]
}

/// What a call made, or will have made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The task.
    pub task: TaskId,
    /// Its nonce.
    pub nonce: String,
    /// When the call was made.
    pub at: Timestamp,
}

impl RepeatReader {
    /// What a call of `owner`, known by `what`, made or will have made; `None` when there was none, or its time is over.
    /// Strongly consistent.
    pub async fn get(&self, owner: &Owner, what: &str, now: Timestamp) -> Result<Option<Made>, StoreError> {
        let Some(item) = self.0.get(&self.0.names().tokens, keys::repeat(owner, &hash(what)), true).await? else {
            return Ok(None);
        };
        let reader = Reader::new("repeat", &item);
        if reader.number::<i64>("until_ms")? <= now.millis() {
            return Ok(None);
        }
        noted(&reader).map(Some)
    }
}

fn noted(reader: &Reader<'_>) -> Result<Made, StoreError> {
    Ok(Made {
        task: TaskId::new(reader.number("task")?),
        nonce: reader.string("nonce")?.to_owned(),
        at: Timestamp::from_millis(reader.number("at_ms")?),
    })
}

impl Repeats {
    /// Notes that a call of `owner`, known by `what`, makes `made`; for `life` from then on, a repeat is told so. Answers
    /// what stands: `made`, or what an earlier call of the same made.
    pub async fn note(
        &self,
        owner: &Owner,
        what: &str,
        made: Made,
        life: Duration,
        now: Timestamp,
    ) -> Result<Made, StoreError> {
        let until = made.at.plus(life);
        let update = Update::default()
            .set("task", n(made.task))
            .set("nonce", s(&made.nonce))
            .set("at_ms", n(made.at.millis()))
            .set("until_ms", n(until.millis()))
            .set("expires_at", n(until.seconds() + 1))
            .when("attribute_not_exists(#pk) OR #until_ms <= :now OR #nonce = :nonce")
            .value(":now", n(now.millis()));
        match self.0.update(&self.0.names().tokens, keys::repeat(owner, &hash(what)), update).await? {
            Updated::Done(_) => Ok(made),
            Updated::Refused(item) => {
                let item = item.unwrap_or_default();
                noted(&Reader::new("repeat", &item))
            }
        }
    }
}
