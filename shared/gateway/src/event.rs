//! The events that Lambda hands to workers. Records are read one by one from their raw bodies: one that is unreadable
//! spoils no other.

use serde::{Deserialize, Serialize};

/// What an SQS event source hands over.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueEvent {
    /// The messages.
    #[serde(rename = "Records", default)]
    pub records: Vec<QueueRecord>,
}

/// One message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueRecord {
    /// Its id: what a partial failure names.
    pub message_id: String,
    /// Its body.
    #[serde(default)]
    pub body: String,
}

/// The answer to an SQS event: which messages are to come again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueReply {
    /// Those that failed.
    pub batch_item_failures: Vec<FailedItem>,
}

/// A message that is to come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedItem {
    /// Its id.
    pub item_identifier: String,
}
