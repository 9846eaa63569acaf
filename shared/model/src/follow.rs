//! What can be followed, how following ends, and how lists of followers are put in order.

use crate::clock::Timestamp;
use crate::ids::{AppId, FollowId, TopicId, Uid};
use serde::{Deserialize, Serialize};

/// What of an app is followed. The app and each of its topics are followed each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Followed {
    /// The app: its direct messages.
    App,
    /// A topic of it.
    Topic(TopicId),
}

impl Followed {
    /// The topic; `None` for the app.
    pub const fn topic(self) -> Option<TopicId> {
        match self {
            Self::App => None,
            Self::Topic(topic) => Some(topic),
        }
    }
}

/// By which way a user came to follow. WxPusher: `source` of `app_subscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A QR code.
    Scan,
    /// A link.
    Link,
    /// `#<app id>` in the chat.
    Command,
    /// A purchase.
    Order,
}

impl Source {
    /// As callers read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Link => "link",
            Self::Command => "command",
            Self::Order => "order",
        }
    }
}

/// What became of an attempt to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowOutcome {
    /// The user follows from now on; or has since an earlier attempt with the same cause.
    New(FollowId),
    /// The user followed before.
    Already(FollowId),
    /// The app has blocked the user: nothing was written.
    Rejected,
    /// Nobody has the UID.
    NoSuchPerson,
}

/// One follow as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowRecord {
    /// The record id, by which the owner removes and blocks.
    pub id: FollowId,
    /// Whose app it is.
    pub app_id: AppId,
    /// What is followed.
    pub followed: Followed,
    /// Who follows.
    pub uid: Uid,
    /// Since when.
    pub created_ms: Timestamp,
    /// The app has blocked the user on this follow.
    pub rejected: bool,
    /// The user has switched messages off, for all apps.
    pub muted: bool,
    /// The user has left the official account.
    pub unreachable: bool,
    /// Paid until; zero when never paid.
    pub pay_end_ms: Timestamp,
    /// The owner's note on the user.
    pub remark: Option<String>,
}

impl FollowRecord {
    /// Whether the user takes messages at all: they are on the account, and their switch is on.
    pub const fn is_enabled(&self) -> bool {
        !self.muted && !self.unreachable
    }
}

/// How a user stands to an app or a topic of it, following it or not: a block and a paid period outlive the follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// To what.
    pub followed: Followed,
    /// The follow; `None` when the user has left, was removed, or never followed.
    pub follow: Option<FollowId>,
    /// The app has blocked the user here.
    pub rejected: bool,
    /// Paid until; zero when never paid.
    pub pay_end_ms: Timestamp,
}

/// A follow in a list of followers is of one of four classes. Each has its own list, so that a filter reads nothing
/// that it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListClass {
    /// Of a topic, not of the app.
    pub topic: bool,
    /// Blocked.
    pub rejected: bool,
}

impl ListClass {
    /// Every class; the position is [`ListClass::index`].
    pub const ALL: [Self; 4] = [
        Self { topic: false, rejected: false },
        Self { topic: false, rejected: true },
        Self { topic: true, rejected: false },
        Self { topic: true, rejected: true },
    ];

    /// The class of a follow.
    pub const fn of(followed: Followed, rejected: bool) -> Self {
        Self { topic: matches!(followed, Followed::Topic(_)), rejected }
    }

    /// Position in [`ListClass::ALL`].
    pub const fn index(self) -> usize {
        (self.topic as usize) * 2 + self.rejected as usize
    }
}

/// Which follows a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListFilter {
    /// Only of topics, or only of the app.
    pub topic: Option<bool>,
    /// Only blocked, or only not blocked.
    pub rejected: Option<bool>,
}

impl ListFilter {
    /// Whether follows of `class` are shown.
    pub fn admits(self, class: ListClass) -> bool {
        self.topic.is_none_or(|topic| topic == class.topic)
            && self.rejected.is_none_or(|rejected| rejected == class.rejected)
    }

    /// The classes that are shown.
    pub fn classes(self) -> impl Iterator<Item = ListClass> {
        ListClass::ALL.into_iter().filter(move |&class| self.admits(class))
    }
}

/// How many follows of each class a stretch of ids holds; see [`crate::ids::STRETCH_IDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StretchCount {
    /// The stretch.
    pub stretch: u64,
    /// By [`ListClass::index`].
    pub counts: [u32; 4],
}

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageStart {
    /// The stretch in which it begins; newer ones are passed over unread.
    pub stretch: u64,
    /// How many of that stretch come before the page.
    pub skip: u64,
}

/// How many follows `filter` shows, and where the page begins that has `before` of them before it (newest first); no
/// start when the list ends earlier. `stretches` newest first.
pub fn locate(stretches: &[StretchCount], filter: ListFilter, before: u64) -> (u64, Option<PageStart>) {
    let (mut total, mut start) = (0_u64, None);
    for stretch in stretches {
        let count: u64 = filter.classes().map(|class| u64::from(stretch.counts[class.index()])).sum();
        if start.is_none() && before < total + count {
            start = Some(PageStart { stretch: stretch.stretch, skip: before - total });
        }
        total += count;
    }
    (total, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_where_it_says() {
        for (position, class) in ListClass::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), position);
        }
        assert_eq!(ListClass::of(Followed::Topic(TopicId::new(1)), true), ListClass::ALL[3]);
    }

    #[test]
    fn a_filter_shows_what_it_names() {
        let shown =
            |topic, rejected| ListFilter { topic, rejected }.classes().map(ListClass::index).collect::<Vec<_>>();
        assert_eq!(shown(None, None), [0, 1, 2, 3]);
        assert_eq!(shown(Some(false), None), [0, 1]);
        assert_eq!(shown(Some(true), Some(true)), [3]);
        assert_eq!(shown(None, Some(false)), [0, 2]);
    }

    #[test]
    fn a_page_begins_where_the_counts_say() {
        let stretches = [
            StretchCount { stretch: 9, counts: [10, 1, 0, 0] },
            StretchCount { stretch: 7, counts: [0, 0, 5, 0] },
            StretchCount { stretch: 4, counts: [10, 0, 0, 0] },
        ];
        let all = ListFilter::default();
        let at = |stretch, skip| Some(PageStart { stretch, skip });
        assert_eq!(locate(&stretches, all, 0), (26, at(9, 0)));
        assert_eq!(locate(&stretches, all, 10), (26, at(9, 10)));
        assert_eq!(locate(&stretches, all, 11), (26, at(7, 0)));
        assert_eq!(locate(&stretches, all, 25), (26, at(4, 9)));
        assert_eq!(locate(&stretches, all, 26), (26, None));
        let apps = ListFilter { topic: Some(false), rejected: Some(false) };
        assert_eq!(locate(&stretches, apps, 10), (20, at(4, 0)), "a stretch without any is passed over");
        assert_eq!(locate(&[], all, 0), (0, None));
    }
}
