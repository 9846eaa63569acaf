//! Daily quotas (Users table): one counter per user and day, one sequence per topic and day. See [`model::quota`].

use crate::db::refused;
use crate::error::failed;
use crate::item::{Reader, n, s};
use crate::{StoreError, keys};
use aws_sdk_dynamodb::types::ReturnValue;
use model::clock::Day;
use model::ids::{AppId, TopicId, Uid};

capability! {
    /// Counts what users receive.
    Quotas: [("dynamodb:UpdateItem", Users)]
}

/// A day's counters outlive the day by this much, for whoever looks at them the morning after.
const KEPT_SECONDS: i64 = 86_400;

/// What became of an attempt to count one more message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was counted.
    Counted,
    /// It was counted and was the last of the day.
    Last,
    /// The quota was used up already: nothing was counted.
    Refused,
}

impl Quotas {
    /// Counts one direct message to `uid`, exactly: of two calls that race for the last one, one is refused.
    pub async fn take(&self, uid: &Uid, day: Day, limit: u32) -> Result<Taken, StoreError> {
        let key = keys::quota(uid, day);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().users)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("ADD received :one SET expires_at = :expires")
            .condition_expression("attribute_not_exists(received) OR received < :limit")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":limit", n(limit))
            .expression_attribute_values(":expires", n(day.end().seconds() + KEPT_SECONDS))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let item = answer.attributes.unwrap_or_default();
                let received: u32 = Reader::new("quota", &item).number("received")?;
                Ok(if received >= limit { Taken::Last } else { Taken::Counted })
            }
            Err(error) if refused(&error) => Ok(Taken::Refused),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// Gives back what [`Quotas::take`] counted for a message that is not sent after all.
    pub async fn give_back(&self, uid: &Uid, day: Day) -> Result<(), StoreError> {
        let key = keys::quota(uid, day);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().users)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("ADD received :one")
            .condition_expression("received > :none")
            .expression_attribute_values(":one", n(-1))
            .expression_attribute_values(":none", n(0))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if refused(&error) => Ok(()),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// The number of this message among those the topic was sent on `day`, from 1.
    pub async fn next_in_topic(&self, app: AppId, topic: TopicId, day: Day) -> Result<u32, StoreError> {
        let key = keys::topic_sequence(app, topic, day);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().users)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("ADD sent :one SET expires_at = :expires")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":expires", n(day.end().seconds() + KEPT_SECONDS))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(failed("UpdateItem"))?;
        Reader::new("topic sequence", &answer.attributes.unwrap_or_default()).number("sent")
    }

    /// Carries a topic's messages over to one of its followers: `step` more, now that message `sequence` went out.
    /// Counting the same sequence again changes nothing. `true` when the quota is now used up.
    pub async fn carry_over(
        &self,
        uid: &Uid,
        day: Day,
        topic: TopicId,
        sequence: u32,
        step: u32,
        limit: u32,
    ) -> Result<bool, StoreError> {
        let key = keys::quota(uid, day);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().users)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("SET #topic = :sequence, expires_at = :expires ADD received :step")
            .condition_expression("attribute_not_exists(#topic) OR #topic < :sequence")
            .expression_attribute_names("#topic", format!("t{topic}"))
            .expression_attribute_values(":sequence", n(sequence))
            .expression_attribute_values(":step", n(step))
            .expression_attribute_values(":expires", n(day.end().seconds() + KEPT_SECONDS))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let item = answer.attributes.unwrap_or_default();
                Ok(Reader::new("quota", &item).number::<u32>("received")? >= limit)
            }
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }
}
