//! The rules of a WxPusher send: which calls are taken, and what is said of those that are not.
//!
//! Texts that the original service is known to answer are kept byte for byte; the others are ours, in its manner.

use crate::audience::{Ineligible, PayFilter};
use crate::ids::{TopicId, Uid};
use crate::limits;
use crate::message::ContentType;
use serde::Serialize;
use std::collections::HashSet;

/// `status` of every accepted target; clients compare it.
pub const TARGET_ACCEPTED: &str = "创建发送任务成功";

/// A send call as it was read, before any rule was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submission {
    /// `content`.
    pub content: Option<String>,
    /// `contentType`; absent means text.
    pub content_type: Option<i64>,
    /// `summary`.
    pub summary: Option<String>,
    /// `url`.
    pub url: Option<String>,
    /// `uids`, without blank elements.
    pub uids: Vec<String>,
    /// `topicIds`.
    pub topic_ids: Vec<i64>,
    /// `verifyPay`.
    pub verify_pay: Option<bool>,
    /// `verifyPayType`; overrides `verifyPay` when present.
    pub verify_pay_type: Option<i64>,
}

/// A send call that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// Not blank, at most [`limits::WXPUSHER_CONTENT_CHARS`].
    pub content: String,
    /// How the content is to be read.
    pub content_type: ContentType,
    /// The caller's summary; `None` when the default is wanted.
    pub summary: Option<String>,
    /// The original article.
    pub url: Option<String>,
    /// Distinct, in the order of first appearance; malformed ones are kept, they get an answer of their own.
    pub uids: Vec<String>,
    /// Distinct, in the order of first appearance. `None` stands for numbers that no topic can have.
    pub topics: Vec<(i64, Option<TopicId>)>,
    /// Who is meant, by payment.
    pub pay_filter: PayFilter,
}

/// A rule that a call breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `content` is missing or blank.
    ContentBlank,
    /// `content` is too long.
    ContentTooLong,
    /// `contentType` is not 1, 2 or 3.
    ContentType,
    /// Neither `uids` nor `topicIds` names anybody.
    NoTarget,
    /// Too many `uids`.
    TooManyUids,
    /// Too many `topicIds`.
    TooManyTopics,
    /// `summary` is too long.
    SummaryTooLong,
    /// `url` is too long.
    UrlTooLong,
    /// `verifyPayType` is not 0, 1 or 2.
    PayFilter,
    /// A simple push names no token.
    NoSpt,
    /// A simple push names too many tokens.
    TooManySpts,
}

impl Refusal {
    /// Every rule.
    pub const ALL: &'static [Self] = &[
        Self::ContentBlank,
        Self::ContentTooLong,
        Self::ContentType,
        Self::NoTarget,
        Self::TooManyUids,
        Self::TooManyTopics,
        Self::SummaryTooLong,
        Self::UrlTooLong,
        Self::PayFilter,
        Self::NoSpt,
        Self::TooManySpts,
    ];

    /// The stable code (`docs/errors.md`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::ContentBlank => "content_blank",
            Self::ContentTooLong => "content_too_long",
            Self::ContentType => "content_type_unknown",
            Self::NoTarget => "no_target",
            Self::TooManyUids => "too_many_uids",
            Self::TooManyTopics => "too_many_topics",
            Self::SummaryTooLong => "summary_too_long",
            Self::UrlTooLong => "url_too_long",
            Self::PayFilter => "verify_pay_type_unknown",
            Self::NoSpt => "no_spt",
            Self::TooManySpts => "too_many_spts",
        }
    }

    /// What the caller reads.
    pub fn message(self) -> String {
        match self {
            Self::ContentBlank => "content内容不能为空".to_owned(),
            Self::ContentTooLong => format!("content内容过长，最多{}个字符", limits::WXPUSHER_CONTENT_CHARS),
            Self::ContentType => "错误的contentType".to_owned(),
            Self::NoTarget => "uids和topicIds不能同时为空".to_owned(),
            Self::TooManyUids => format!("uids过多，一次最多{}个", limits::WXPUSHER_UIDS),
            Self::TooManyTopics => format!("topicIds过多，一次最多{}个", limits::WXPUSHER_TOPICS),
            Self::SummaryTooLong => format!("summary过长，最多{}个字符", limits::WXPUSHER_SUMMARY_CHARS),
            Self::UrlTooLong => format!("url过长，最多{}个字符", limits::WXPUSHER_URL_CHARS),
            Self::PayFilter => "verifyPayType只能是0、1或2".to_owned(),
            Self::NoSpt => "spt和sptList不能同时为空".to_owned(),
            Self::TooManySpts => format!("sptList过多，一次最多{}个", limits::WXPUSHER_SPTS),
        }
    }
}

impl Submission {
    /// Looks at the rules in the order of the contract and names the first that is broken.
    ///
    /// Lengths are counted in Unicode scalar values: never stricter than the UTF-16 units a Java server counts.
    pub fn check(self) -> Result<Sending, Refusal> {
        self.check_for(limits::WXPUSHER_UIDS, Refusal::NoTarget, Refusal::TooManyUids)
    }

    /// The same for a simple push to `spts`: they take the place of the UIDs.
    pub fn check_simple(self, spts: Vec<String>) -> Result<Sending, Refusal> {
        let submission = Self { uids: spts, topic_ids: Vec::new(), ..self };
        submission.check_for(limits::WXPUSHER_SPTS, Refusal::NoSpt, Refusal::TooManySpts)
    }

    fn check_for(self, most: usize, nobody: Refusal, too_many: Refusal) -> Result<Sending, Refusal> {
        let content = self.content.filter(|content| !content.trim().is_empty()).ok_or(Refusal::ContentBlank)?;
        if longer_than(&content, limits::WXPUSHER_CONTENT_CHARS) {
            return Err(Refusal::ContentTooLong);
        }
        let content_type = match self.content_type {
            None => ContentType::Text,
            Some(number) => ContentType::from_wxpusher(number).ok_or(Refusal::ContentType)?,
        };
        let uids = distinct(self.uids);
        let topics = distinct(self.topic_ids);
        if uids.is_empty() && topics.is_empty() {
            return Err(nobody);
        }
        if uids.len() > most {
            return Err(too_many);
        }
        if topics.len() > limits::WXPUSHER_TOPICS {
            return Err(Refusal::TooManyTopics);
        }
        let summary = self.summary.filter(|summary| !summary.trim().is_empty());
        if summary.as_ref().is_some_and(|summary| longer_than(summary, limits::WXPUSHER_SUMMARY_CHARS)) {
            return Err(Refusal::SummaryTooLong);
        }
        let url = self.url.filter(|url| !url.trim().is_empty());
        if url.as_ref().is_some_and(|url| longer_than(url, limits::WXPUSHER_URL_CHARS)) {
            return Err(Refusal::UrlTooLong);
        }
        let pay_filter = match (self.verify_pay_type, self.verify_pay) {
            (Some(number), _) => PayFilter::from_wxpusher(number).ok_or(Refusal::PayFilter)?,
            (None, Some(true)) => PayFilter::Paid,
            (None, Some(false) | None) => PayFilter::Everyone,
        };
        let topics = topics
            .into_iter()
            .map(|number| (number, u64::try_from(number).ok().filter(|&number| number > 0).map(TopicId::new)))
            .collect();
        Ok(Sending { content, content_type, summary, url, uids, topics, pay_filter })
    }
}

fn longer_than(text: &str, chars: usize) -> bool {
    // A character has at most four bytes: short texts need no counting.
    text.len() > chars && text.chars().nth(chars).is_some()
}

fn distinct<T: Clone + Eq + std::hash::Hash>(values: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::with_capacity(values.len());
    values.into_iter().filter(|value| seen.insert(value.clone())).collect()
}

/// Why a target of an accepted call gets nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetRefusal<'a> {
    /// The UID has not the form of one.
    Malformed,
    /// Nobody has the UID.
    UnknownUser(&'a Uid),
    /// The user does not follow the app.
    NotFollowing(&'a Uid),
    /// The user follows, but this message is not for them.
    Ineligible(&'a Uid, Ineligible),
    /// The topic does not exist, or is another app's: one text, so nobody can probe.
    UnknownTopic(i64),
}

impl TargetRefusal<'_> {
    /// The target's `status`.
    pub fn status(&self) -> String {
        match self {
            Self::Malformed => "UID不合法".to_owned(),
            Self::UnknownUser(uid) => format!("用户UID=[{uid}]不存在"),
            Self::NotFollowing(uid) => {
                format!("用户UID=[{uid}]未关注应用，需要用户关注你创建的应用，你才可以给他推送消息")
            }
            Self::Ineligible(uid, why) => match why {
                Ineligible::Rejected => format!("用户UID=[{uid}]已被应用拉黑，不能给他推送消息"),
                Ineligible::Unreachable => format!("用户UID=[{uid}]已取消关注公众号，不能给他推送消息"),
                Ineligible::Muted => format!("用户UID=[{uid}]已关闭消息接收开关"),
                Ineligible::NotPaid => format!("用户UID=[{uid}]不在付费订阅有效期内"),
                Ineligible::AlreadyPaid => format!("用户UID=[{uid}]在付费订阅有效期内"),
                Ineligible::OverQuota => format!("用户UID=[{uid}]今日接收消息数量已达上限"),
            },
            Self::UnknownTopic(number) => format!("主题topicId=[{number}]不存在"),
        }
    }
}

/// Why a target of a simple push gets nothing. The token itself is not repeated: the answer names it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimpleRefusal {
    /// The token is nobody's, or has not the form of one.
    Unknown,
    /// The user is reached through another account than the first of the call.
    OtherAccount,
    /// The user is known, but gets nothing.
    Ineligible(Ineligible),
}

impl SimpleRefusal {
    /// The target's `status`.
    pub fn status(self) -> String {
        let text = match self {
            Self::Unknown => "SPT不存在",
            Self::OtherAccount => "该SPT属于另一个公众号，请分开发送",
            Self::Ineligible(why) => match why {
                Ineligible::Unreachable => "用户已取消关注公众号，不能给他推送消息",
                Ineligible::Muted => "用户已关闭消息接收开关",
                Ineligible::OverQuota => "用户今日接收消息数量已达上限",
                // No app is asked, so no app's block and no payment are in the way.
                Ineligible::Rejected | Ineligible::NotPaid | Ineligible::AlreadyPaid => "不能给该用户推送消息",
            },
        };
        text.to_owned()
    }
}

/// Rows in a page of a list unless said otherwise.
pub const DEFAULT_PAGE_SIZE: usize = 10;

/// The `page` of a list as it is taken: less than 1 is 1.
pub fn lenient_page(page: Option<i64>) -> u64 {
    page.and_then(|page| u64::try_from(page).ok()).unwrap_or(1).max(1)
}

/// The `pageSize` of the older list as it is taken: more than 100 is 100, less than 1 the default.
pub fn lenient_size(size: Option<i64>) -> usize {
    match size.and_then(|size| usize::try_from(size).ok()) {
        None | Some(0) => DEFAULT_PAGE_SIZE,
        Some(size) => size.min(limits::WXPUSHER_PAGE_SIZE),
    }
}

/// A page of a list, in the order of the documentation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageOf<T> {
    /// Rows in the whole list.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u64,
    /// Most rows in a page.
    pub page_size: usize,
    /// The rows.
    pub records: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Submission {
        Submission { content: Some("hello".to_owned()), topic_ids: vec![1], ..Submission::default() }
    }

    fn refused(change: impl FnOnce(&mut Submission)) -> Option<Refusal> {
        let mut submission = valid();
        change(&mut submission);
        submission.check().err()
    }

    #[test]
    fn limits_are_inclusive_and_count_characters() {
        let text = |chars| Some("😀".repeat(chars));
        assert_eq!(refused(|s| s.content = text(40_000)), None);
        assert_eq!(refused(|s| s.content = text(40_001)), Some(Refusal::ContentTooLong));
        assert_eq!(refused(|s| s.summary = text(100)), None);
        assert_eq!(refused(|s| s.summary = text(101)), Some(Refusal::SummaryTooLong));
        assert_eq!(refused(|s| s.url = text(1000)), None);
        assert_eq!(refused(|s| s.url = text(1001)), Some(Refusal::UrlTooLong));
        let uids = |count: usize| (0..count).map(|n| format!("UID_{n:028}")).collect::<Vec<_>>();
        assert_eq!(refused(|s| s.uids = uids(2000)), None);
        assert_eq!(refused(|s| s.uids = [uids(2000), uids(1)].concat()), None, "a repeat does not count");
        assert_eq!(refused(|s| s.uids = uids(2001)), Some(Refusal::TooManyUids));
        assert_eq!(refused(|s| s.topic_ids = (1..=5).collect()), None);
        assert_eq!(refused(|s| s.topic_ids = (1..=6).collect()), Some(Refusal::TooManyTopics));
    }

    #[test]
    fn a_simple_push_counts_tokens() {
        let spts = |count: usize| (0..count).map(|n| format!("SPT_{n:028}")).collect::<Vec<_>>();
        let check = |spts| valid().check_simple(spts);
        assert_eq!(check(spts(10)).map(|sending| sending.uids.len()), Ok(10));
        assert_eq!(check([spts(10), spts(1)].concat()).map(|sending| sending.uids.len()), Ok(10), "a repeat");
        assert_eq!(check(spts(11)), Err(Refusal::TooManySpts));
        assert_eq!(check(Vec::new()), Err(Refusal::NoSpt), "topics do not count");
    }

    #[test]
    fn pages_are_read_leniently() {
        assert_eq!([None, Some(-3), Some(0), Some(7)].map(lenient_page), [1, 1, 1, 7]);
        assert_eq!([None, Some(0), Some(-1), Some(99), Some(1_000)].map(lenient_size), [10, 10, 10, 99, 100]);
    }

    #[test]
    fn blank_is_missing() {
        assert_eq!(refused(|s| s.content = None), Some(Refusal::ContentBlank));
        assert_eq!(refused(|s| s.content = Some(" \n\u{3000}".to_owned())), Some(Refusal::ContentBlank));
        assert_eq!(refused(|s| s.topic_ids.clear()), Some(Refusal::NoTarget));
        let mut blank = valid();
        (blank.summary, blank.url) = (Some(" ".to_owned()), Some(String::new()));
        let sending = blank.check().unwrap();
        assert_eq!((sending.summary, sending.url), (None, None));
    }

    #[test]
    fn the_first_broken_rule_is_named() {
        let everything_wrong = Submission {
            content: Some("x".repeat(40_001)),
            content_type: Some(9),
            summary: Some("x".repeat(101)),
            ..Submission::default()
        };
        assert_eq!(everything_wrong.clone().check(), Err(Refusal::ContentTooLong));
        let shorter = Submission { content: Some("x".to_owned()), ..everything_wrong };
        assert_eq!(shorter.clone().check(), Err(Refusal::ContentType));
        let typed = Submission { content_type: Some(2), ..shorter };
        assert_eq!(typed.check(), Err(Refusal::NoTarget));
    }

    #[test]
    fn the_type_of_payment_check_wins_over_the_flag() {
        let filter = |kind, flag| {
            let submission = Submission { verify_pay_type: kind, verify_pay: flag, ..valid() };
            submission.check().map(|sending| sending.pay_filter)
        };
        assert_eq!(filter(None, None), Ok(PayFilter::Everyone));
        assert_eq!(filter(None, Some(true)), Ok(PayFilter::Paid));
        assert_eq!(filter(Some(0), Some(true)), Ok(PayFilter::Everyone));
        assert_eq!(filter(Some(2), Some(true)), Ok(PayFilter::Unpaid));
        assert_eq!(filter(Some(3), None), Err(Refusal::PayFilter));
    }

    #[test]
    fn targets_keep_the_order_of_their_first_appearance() {
        let mut submission = valid();
        submission.uids = ["b", "a", "b", "c"].map(str::to_owned).to_vec();
        submission.topic_ids = vec![7, -1, 7, 0];
        let sending = submission.check().unwrap();
        assert_eq!(sending.uids, ["b", "a", "c"]);
        assert_eq!(sending.topics, [(7, Some(TopicId::new(7))), (-1, None), (0, None)]);
    }

    #[test]
    fn known_texts_are_kept_byte_for_byte() {
        let uid = Uid::parse("UID_demo000000000000000000000009").unwrap();
        assert_eq!(TargetRefusal::Malformed.status(), "UID不合法");
        assert_eq!(TargetRefusal::UnknownUser(&uid).status(), "用户UID=[UID_demo000000000000000000000009]不存在");
        assert_eq!(
            TargetRefusal::NotFollowing(&uid).status(),
            "用户UID=[UID_demo000000000000000000000009]未关注应用，需要用户关注你创建的应用，你才可以给他推送消息"
        );
        assert_eq!(Refusal::ContentBlank.message(), "content内容不能为空");
        assert_eq!(Refusal::ContentType.message(), "错误的contentType");
    }
}
