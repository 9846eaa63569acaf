//! Claims (Tasks table): the right to send a batch on a channel, where the vendor would show a repeat twice.
//!
//! A batch's record keeps a second copy from sending again what the first one has sent. It cannot keep two copies from
//! sending at the same moment, which a queue that delivers at least once brings about now and then. So on channels whose
//! vendor recognises no repeats a copy claims the batch first: one conditional write per batch and channel.

use crate::db::refused;
use crate::error::failed;
use crate::item::{Reader, n, s};
use crate::{StoreError, keys};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use model::batch::BatchId;
use model::channel::ChannelKind;
use model::clock::Timestamp;

capability! {
    /// Claims batches.
    Claims: [("dynamodb:UpdateItem", Tasks)]
}

/// What became of an attempt to claim a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours.
    Taken,
    /// Another copy has it.
    Held {
        /// When its claim runs out at the latest.
        until: Timestamp,
    },
}

impl Claims {
    /// Claims `batch` on `channel` for `holder` until `until`, unless another copy has it at `now`. A repeat after a lost
    /// answer finds its own claim and is content. The item goes at `expires`, with its task.
    pub async fn take(
        &self,
        batch: BatchId,
        channel: ChannelKind,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
        expires: Timestamp,
    ) -> Result<Claimed, StoreError> {
        let key = keys::claim(batch, channel);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("SET holder = :holder, until_ms = :until, expires_at = :expires")
            .condition_expression("attribute_not_exists(holder) OR until_ms <= :now OR holder = :holder")
            .expression_attribute_values(":holder", s(holder))
            .expression_attribute_values(":until", n(until.millis()))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":expires", n(expires.seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Claimed::Taken),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(held)) => {
                    let item = held.item.clone().unwrap_or_default();
                    let until = Reader::new("claim", &item).number_or("until_ms", now.millis())?;
                    Ok(Claimed::Held { until: Timestamp::from_millis(until) })
                }
                _ => Err(failed("UpdateItem")(error)),
            },
        }
    }

    /// Gives `batch` on `channel` free if `holder` has it.
    pub async fn free(&self, batch: BatchId, channel: ChannelKind, holder: &str) -> Result<(), StoreError> {
        let key = keys::claim(batch, channel);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("REMOVE holder")
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", s(holder))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if refused(&error) => Ok(()),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }
}
