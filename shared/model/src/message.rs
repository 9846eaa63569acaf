//! What is sent.

use crate::clock::Timestamp;
use crate::ids::{MessageId, TaskId};
use crate::notification::Notification;
use crate::service::MassMessage;
use crate::wechat::WechatMessage;
use serde::{Deserialize, Serialize};

/// How the content of a message is to be read. The numbers are WxPusher's `contentType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ContentType {
    /// 1: plain text, line breaks kept.
    #[default]
    Text,
    /// 2: what stands inside `<body>`.
    Html,
    /// 3: Markdown.
    Markdown,
}

impl ContentType {
    /// From WxPusher's number; `None` for anything but 1, 2 and 3.
    pub const fn from_wxpusher(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Text),
            2 => Some(Self::Html),
            3 => Some(Self::Markdown),
            _ => None,
        }
    }
}

/// What a channel is asked to show. Each channel renders it its own way and within its own limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// A short notice that opens a page: what every WxPusher call becomes.
    Notice(Notice),
    /// What a back end of the account says in WeChat's own words, a form for each channel that is tried.
    Wechat(WechatMessage),
    /// What an app asks phones to show.
    Push(PushMessage),
    /// One message to everybody who follows an account.
    Mass(MassMessage),
}

/// A notification for phones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushMessage {
    /// The accepted call: apps and receipts name it.
    pub task: TaskId,
    /// What is shown.
    pub notification: Box<Notification>,
}

/// What a message is called, for each of its recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Naming {
    /// The message id of slot 0; for a topic, the one id that all its followers share.
    pub message_id: MessageId,
    /// Each slot has a message id of its own, counted on from `message_id`: a direct call.
    pub id_per_slot: bool,
    /// Random text of the task, at most 22 letters and digits: with the message id it makes the key by which a vendor
    /// recognises a repeat, also when two deployments share an account.
    pub nonce: String,
}

impl Naming {
    /// The message id that the recipient at `slot` is known by.
    pub const fn message_id_of(&self, slot: u64) -> MessageId {
        if self.id_per_slot { MessageId::new(self.message_id.get() + slot) } else { self.message_id }
    }

    /// A key of at most 32 characters of `[0-9A-Za-z_-]` that is the same for every attempt of this delivery and
    /// different for every other message to the same address. WeChat: `client_msg_id`.
    pub fn repeat_key(&self, slot: u64) -> String {
        // 2^53 has 16 digits; 15 characters of the nonce are 89 random bits.
        let nonce: String = self.nonce.chars().take(15).collect();
        format!("{nonce}-{}", self.message_id_of(slot))
    }
}

/// A short notice that opens a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Name of the app that sends.
    pub app_name: String,
    /// The essence, at most 100 characters; channels show about 20 of it.
    pub summary: String,
    /// What it is called.
    #[serde(flatten)]
    pub naming: Naming,
    /// When the call was accepted.
    pub sent_ms: Timestamp,
    /// The page that a tap opens.
    pub url: String,
}

impl Notice {
    /// What the reader can quote to us: `RID` and the message id.
    pub fn reference(&self, slot: u64) -> String {
        format!("RID{}", self.naming.message_id_of(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_a_direct_call_have_their_own_ids_and_followers_of_a_topic_share_one() {
        let mut naming = Naming {
            message_id: MessageId::new(9_007_199_254_740_000),
            id_per_slot: true,
            nonce: "0123456789abcdefABCDEF".to_owned(),
        };
        assert_eq!(naming.message_id_of(2).get(), 9_007_199_254_740_002);
        assert_ne!(naming.repeat_key(0), naming.repeat_key(1));
        assert!(naming.repeat_key(900).len() <= 32);
        naming.id_per_slot = false;
        assert_eq!(naming.repeat_key(0), naming.repeat_key(1), "followers differ by address");
    }
}
