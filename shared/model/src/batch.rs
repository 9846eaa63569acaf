//! Batches: recipients of one task on one channel, one queue message.

use crate::audience::Recipient;
use crate::channel::{Address, ChannelKind};
use crate::clock::Timestamp;
use crate::ids::{AccountId, Owner, TaskId, TopicId};
use crate::message::Message;
use serde::{Deserialize, Serialize};

/// A part of a task's audience that is read and batched on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The recipients named in the call.
    #[serde(rename = "d")]
    Direct,
    /// One shard of one topic's followers.
    #[serde(rename = "t")]
    Topic {
        /// Position of the topic among the task's topics.
        #[serde(rename = "i")]
        index: u8,
        /// Shard of the topic's audience.
        #[serde(rename = "n")]
        shard: u16,
    },
    /// One shard of a mobile app's devices, or all devices of an audience that is listed.
    #[serde(rename = "v")]
    Devices {
        /// Shard of the app's audience; 0 for a listed one.
        #[serde(rename = "n")]
        shard: u16,
    },
}

/// Names a batch. The same recipients get the same name however often the batch is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId {
    /// The task.
    pub task: TaskId,
    /// The part of its audience.
    pub part: Part,
    /// The batch within the part, counted from 0.
    pub number: u32,
}

impl std::fmt::Display for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.part {
            Part::Direct => write!(f, "{}.d.{}", self.task, self.number),
            Part::Topic { index, shard } => write!(f, "{}.t{index}.{shard}.{}", self.task, self.number),
            Part::Devices { shard } => write!(f, "{}.v{shard}.{}", self.task, self.number),
        }
    }
}

impl BatchId {
    /// Reads what `Display` writes; `None` for anything else. Receipts name their batch so.
    pub fn parse(text: &str) -> Option<Self> {
        let (task, rest) = text.split_once('.')?;
        let (part, number) = rest.rsplit_once('.')?;
        let part = match part.split_once('.') {
            None if part == "d" => Part::Direct,
            None => Part::Devices { shard: part.strip_prefix('v')?.parse().ok()? },
            Some((index, shard)) => {
                Part::Topic { index: index.strip_prefix('t')?.parse().ok()?, shard: shard.parse().ok()? }
            }
        };
        let id = Self { task: TaskId::new(task.parse().ok()?), part, number: number.parse().ok()? };
        // Only in the one form that we write: `+7` and `007` are numbers too.
        (id.to_string() == text).then_some(id)
    }
}

/// Everything `deliver` needs: it reads nothing of the task.
///
/// A recipient may be reached in several ways, its *legs*, tried one after another until one works. Every leg is served
/// from its own channel's queue, by a copy of the whole batch; the record says who is on which leg, so a copy serves
/// those whose turn on its channel it is, and passes the batch on when others have come to theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// Who sends.
    pub owner: Owner,
    /// Through which channel this copy goes out.
    pub channel: ChannelKind,
    /// The channels that are tried for a recipient, in this order. One that is not to be tried again has failed for a
    /// reason that lets another one succeed. A device is only on those for which it has a way.
    pub legs: Vec<ChannelKind>,
    /// In whose name.
    pub account: AccountId,
    /// When the task was accepted: the message's life counts from here.
    pub accepted_ms: Timestamp,
    /// What is sent.
    pub message: Message,
    /// To whom: all recipients of the batch. Its record says who of them is still to be served.
    pub recipients: Vec<Recipient>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The topic's message whose daily quota the recipients marked with
    /// [`Recipient::quota_uid`](crate::audience::Recipient::quota_uid) are due for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicMessage>,
    /// The batch was built again because its task had not moved, so the record may hold more than this copy knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redriven: bool,
}

impl Batch {
    /// The first leg of `recipient` from number `from` (counted from 0) on: its number and its channel.
    /// `None` when there is no further one.
    ///
    /// A number stands for the same channel for everybody, so a record says by itself who was sent what. A device is not
    /// on the legs for which it has no way.
    pub fn leg(&self, recipient: &Recipient, from: u8) -> Option<(u8, ChannelKind)> {
        let address = &recipient.address;
        let leads = |channel| !matches!(address, Address::Device(_)) || address.way(channel).is_some();
        let mut legs = self.legs.iter().zip(0u8..).skip(usize::from(from));
        legs.find(|(channel, _)| leads(**channel)).map(|(&channel, leg)| (leg, channel))
    }
}

/// A message of a topic, as the daily quota counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicMessage {
    /// The topic.
    pub topic_id: TopicId,
    /// Its number among the topic's messages of the day.
    pub sequence: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_found_by_its_name() {
        let task = TaskId::new(9_007_199_254_740_991);
        for part in [Part::Direct, Part::Topic { index: 255, shard: 65_535 }, Part::Devices { shard: 65_535 }] {
            let id = BatchId { task, part, number: u32::MAX };
            assert_eq!(BatchId::parse(&id.to_string()), Some(id), "{id}");
        }
        for bad in ["", "1", "1.d", "1.d.x", "1.e.0", "1.t1.0", "01.d.0", "1.d.+0", "1.t256.0.0", "1.d.0.", "1.d.0.0"] {
            assert_eq!(BatchId::parse(bad), None, "{bad}");
        }
    }
}
