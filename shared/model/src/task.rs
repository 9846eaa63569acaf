//! Tasks: one accepted API call each.

use crate::audience::{PayFilter, Recipient};
use crate::batch::Part;
use crate::channel::ChannelKind;
use crate::clock::Timestamp;
use crate::ids::{AccountId, MessageId, Owner, TaskId, TopicId};
use crate::inbound::FinishedAs;
use crate::limits;
use crate::message::ContentType;
use crate::push::PushContent;
use crate::record::{State, Tally};
use crate::service::ServiceContent;
use crate::wechat::WechatContent;
use serde::{Deserialize, Serialize};

/// Something that is part of an item while it is small, and an object in S3 when that is cheaper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored<T> {
    /// In the item itself.
    #[serde(rename = "i")]
    Inline(T),
    /// An object of the bucket, by key.
    #[serde(rename = "o")]
    Object(String),
}

/// One accepted API call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id: the first of the ids the call drew.
    #[serde(skip, default = "no_id")]
    pub id: TaskId,
    /// When it was accepted.
    #[serde(skip)]
    pub accepted_ms: Timestamp,
    /// Who sends.
    #[serde(rename = "a")]
    pub owner: Owner,
    /// The channels that are tried for each recipient, in this order, until one works.
    #[serde(rename = "l")]
    pub legs: Vec<ChannelKind>,
    /// In whose name.
    #[serde(rename = "w")]
    pub account: AccountId,
    /// 128 random bits as text: the unguessable half of the page's address, and what tells two writes of the same id
    /// apart.
    #[serde(rename = "k")]
    pub nonce: String,
    /// What is sent.
    #[serde(rename = "b")]
    pub content: Content,
    /// How many recipients were named directly.
    #[serde(rename = "dn", default)]
    pub direct_count: u32,
    /// The recipients named directly, slot = position in the request.
    #[serde(rename = "d")]
    pub direct: Stored<Vec<Recipient>>,
    /// The topics named, in the order of the request.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicTarget>,
}

const fn no_id() -> TaskId {
    TaskId::new(0)
}

/// What a task sends. One variant per kind of content, not per family: what `fanout` makes a message of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A page, announced by a notice that opens it.
    #[serde(rename = "p")]
    Page(PageContent),
    /// A message in WeChat's own words.
    #[serde(rename = "w")]
    Wechat(Box<WechatContent>),
    /// A notification for phones.
    #[serde(rename = "n")]
    Push(Box<PushContent>),
    /// What an enterprise says through a service account.
    #[serde(rename = "s")]
    Service(Box<ServiceContent>),
}

/// A page and what announces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageContent {
    /// The name shown as the sender.
    #[serde(rename = "n")]
    pub app_name: String,
    /// How the text is to be read.
    #[serde(rename = "f", default)]
    pub content_type: ContentType,
    /// The text; empty once its sender has deleted it, for none is accepted empty.
    #[serde(rename = "b")]
    pub text: Stored<String>,
    /// What the card shows first.
    #[serde(rename = "s")]
    pub summary: String,
    /// The original article.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A topic as a target of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicTarget {
    /// The topic.
    #[serde(rename = "t")]
    pub topic_id: TopicId,
    /// Shards of its audience when the task was accepted. Who follows later, into a later shard, is not meant.
    #[serde(rename = "n")]
    pub shards: u16,
    /// The topic's message number of the day, from 1 (see [`crate::quota`]).
    #[serde(rename = "q")]
    pub sequence: u32,
    /// Who of the followers is meant.
    #[serde(rename = "p", default)]
    pub pay_filter: PayFilter,
}

/// What a message id of a task stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A recipient named in the call, by its slot.
    Direct {
        /// Position in the request.
        slot: u64,
    },
    /// A topic, by its position among the task's topics.
    Topic {
        /// Position among the topics.
        index: u8,
    },
}

impl Task {
    /// How many ids the task drew: one for the content, one per target.
    pub fn id_count(&self) -> u64 {
        1 + self.direct_ids() + self.topics.len() as u64
    }

    /// How many ids the recipients named directly have: one each, or one together.
    pub fn direct_ids(&self) -> u64 {
        match self.content {
            Content::Page(_) => u64::from(self.direct_count),
            Content::Wechat(_) | Content::Push(_) | Content::Service(_) => 1,
        }
    }

    /// What `message` stands for; `None` when it is no target of this task.
    pub fn target(&self, message: MessageId) -> Option<Target> {
        let index = message.index_in(self.id)?;
        let direct = self.direct_ids();
        if index < direct {
            return Some(Target::Direct { slot: index });
        }
        let index = u8::try_from(index - direct).ok()?;
        (usize::from(index) < self.topics.len()).then_some(Target::Topic { index })
    }

    /// The id that callers know the topic at `index` by.
    pub fn topic_message(&self, index: u8) -> MessageId {
        self.id.message(self.direct_ids() + u64::from(index))
    }

    /// Every part of the audience.
    pub fn parts(&self) -> Vec<Part> {
        let direct = (self.direct_count > 0).then_some(Part::Direct);
        let topics = self.topics.iter().enumerate().flat_map(|(index, topic)| {
            let index = u8::try_from(index).unwrap_or(u8::MAX);
            (0..topic.shards).map(move |shard| Part::Topic { index, shard })
        });
        let shards = match &self.content {
            Content::Push(push) => push.shards,
            Content::Page(_) | Content::Wechat(_) | Content::Service(_) => 0,
        };
        let devices = (0..shards).map(|shard| Part::Devices { shard });
        direct.into_iter().chain(topics).chain(devices).collect()
    }

    /// The channel that is tried first.
    pub fn first_channel(&self) -> ChannelKind {
        // A task without a leg is never written; were one read, its recipients would be found to have none.
        self.legs.first().copied().unwrap_or(ChannelKind::WechatTemplate)
    }

    /// Whether the sender has deleted the content. The message still goes to whoever has not got it: only its page is
    /// gone.
    pub fn is_erased(&self) -> bool {
        matches!(&self.content, Content::Page(PageContent { text: Stored::Inline(text), .. }) if text.is_empty())
    }

    /// When its message may be shown first: its life counts from here.
    pub fn begins(&self) -> Timestamp {
        match &self.content {
            Content::Push(push) => push.notification.show_begin.unwrap_or_default().max(self.accepted_ms),
            Content::Page(_) | Content::Wechat(_) | Content::Service(_) => self.accepted_ms,
        }
    }

    /// When nothing of the task is answered any more.
    pub fn expires(&self) -> Timestamp {
        self.begins().plus(limits::TASK_RETENTION)
    }

    /// The path segment of the task's page: the id and the nonce, so no index is needed to find it.
    pub fn page_key(&self) -> String {
        format!("{}-{}", self.id, self.nonce)
    }
}

/// Splits a page key into the task's id and the nonce to compare; `None` when it cannot be one of ours.
pub fn parse_page_key(key: &str) -> Option<(TaskId, &str)> {
    let (id, nonce) = key.split_once('-')?;
    let id: u64 = id.parse().ok()?;
    (!nonce.is_empty() && nonce.bytes().all(|b| b.is_ascii_alphanumeric())).then_some((TaskId::new(id), nonce))
}

/// How far a target has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nothing was tried yet.
    Waiting,
    /// Under way.
    Sending,
    /// Handed over to the vendor (a topic: to everyone eligible that could be reached at all).
    Sent,
    /// Could not be handed over to anyone, for this reason.
    Failed(State),
    /// Was handed over, and then not delivered: the vendor said so later.
    Undelivered(FinishedAs),
}

impl Progress {
    /// The progress of a single recipient whose record says `state`.
    pub const fn of_recipient(state: Option<State>) -> Self {
        match state {
            None => Self::Waiting,
            Some(State::Retrying | State::Passed | State::Skipped) => Self::Sending,
            Some(State::Sent) => Self::Sent,
            Some(
                failed @ (State::Invalid
                | State::Suppressed
                | State::TooLarge
                | State::Config
                | State::Content
                | State::Expired),
            ) => Self::Failed(failed),
        }
    }

    /// The progress of a topic: `started` once its fan-out began, `finished` once every batch is closed.
    pub fn of_topic(started: bool, finished: bool, tally: &Tally) -> Self {
        match (started, finished) {
            (false, _) => Self::Waiting,
            (true, false) => Self::Sending,
            (true, true) => match tally.worst_failure() {
                Some(failure) if tally.sent() == 0 => Self::Failed(failure),
                _ => Self::Sent,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AppId;

    fn task() -> Task {
        Task {
            id: TaskId::new(100),
            accepted_ms: Timestamp::default(),
            owner: Owner::App(AppId::new(1)),
            legs: vec![ChannelKind::WechatTemplate],
            account: AccountId::new("wx00000000000000d1"),
            nonce: "abc123".to_owned(),
            content: Content::Page(PageContent {
                app_name: "demo".to_owned(),
                content_type: ContentType::Text,
                text: Stored::Inline("hello".to_owned()),
                summary: "hello".to_owned(),
                url: None,
            }),
            direct_count: 2,
            direct: Stored::Object("audience/100".to_owned()),
            topics: vec![
                TopicTarget { topic_id: TopicId::new(9), shards: 2, sequence: 1, pay_filter: PayFilter::Everyone },
                TopicTarget { topic_id: TopicId::new(8), shards: 1, sequence: 4, pay_filter: PayFilter::Paid },
            ],
        }
    }

    #[test]
    fn message_ids_find_their_targets() {
        let task = task();
        assert_eq!(task.target(MessageId::new(100)), None, "the content is no target");
        assert_eq!(task.target(MessageId::new(101)), Some(Target::Direct { slot: 0 }));
        assert_eq!(task.target(MessageId::new(102)), Some(Target::Direct { slot: 1 }));
        assert_eq!(task.target(MessageId::new(103)), Some(Target::Topic { index: 0 }));
        assert_eq!(task.target(MessageId::new(104)), Some(Target::Topic { index: 1 }));
        assert_eq!(task.target(MessageId::new(105)), None);
        assert_eq!(task.topic_message(1), MessageId::new(104));
        assert_eq!(task.id_count(), 5);
        assert_eq!(task.parts().len(), 4);
    }

    #[test]
    fn a_page_key_comes_apart_again() {
        let task = task();
        assert_eq!(parse_page_key(&task.page_key()), Some((task.id, "abc123")));
        for bad in ["", "100", "-abc", "100-", "x-abc", "100-a/b", "100-..", "99999999999999999999999-a"] {
            assert_eq!(parse_page_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_topic_without_followers_ends_as_sent() {
        let empty = Tally::default();
        assert_eq!(Progress::of_topic(false, false, &empty), Progress::Waiting);
        assert_eq!(Progress::of_topic(true, false, &empty), Progress::Sending);
        assert_eq!(Progress::of_topic(true, true, &empty), Progress::Sent);
    }

    #[test]
    fn a_topic_fails_only_when_it_reached_nobody() {
        let mut tally = Tally::default();
        tally.add(State::Invalid);
        assert_eq!(Progress::of_topic(true, true, &tally), Progress::Failed(State::Invalid));
        tally.add(State::Sent);
        assert_eq!(Progress::of_topic(true, true, &tally), Progress::Sent);
    }
}
