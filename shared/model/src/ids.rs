//! Typed ids. Two ids of different kinds cannot be mixed up, and the block arithmetic lives in one place.

use rand::CryptoRng;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps the number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number, as callers see it. Always below 2^53.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// An application: who sends. Positive.
    AppId
}
number_id! {
    /// A topic of an application. Positive, unique over all applications.
    TopicId
}
number_id! {
    /// One accepted API call. The first number of the run of ids that the call drew; WxPusher calls it
    /// `messageContentId`.
    TaskId
}
number_id! {
    /// One target (a UID or a topic) of an accepted call: WxPusher's `messageId` and `sendRecordId`.
    ///
    /// The targets of task `t` are `t+1, t+2, …` in the order of the request, so an id says where it belongs.
    MessageId
}
number_id! {
    /// One follow: a user following an app or a topic. Unique, never used again, and the order in which a
    /// topic's audience is read.
    FollowId
}

number_id! {
    /// A product: apps and topics that are sold together. Positive, unique over all applications.
    ProductId
}

number_id! {
    /// A push user of a mobile app. Positive, unique in the app.
    PushUserId
}
number_id! {
    /// A device of a mobile app: a user signed in on it. Positive, unique in the app, given in the order of time, never
    /// used again. It is the [`Recipient::slot`](crate::audience::Recipient::slot) of the device.
    DeviceId
}

/// How many consecutive follow ids an app is given at a time.
///
/// It is the unit in which an app's followers are counted: a list of them finds its page by the counts of these
/// stretches, and reads at most one stretch too much. So a page costs the square root of what reading all would:
/// 100,000 followers are 200 counts and up to 512 entries.
pub const STRETCH_IDS: u64 = 512;

impl FollowId {
    /// The stretch of ids that this one lies in. A stretch belongs to one app.
    pub const fn stretch(self) -> u64 {
        self.0 / STRETCH_IDS
    }
}

/// How many consecutive message ids share a partition of the Tasks table.
///
/// Ids are leased by the block, and a block is used by one instance at a time. So the block is at once the partition
/// (no two busy instances write the same one), the unit of recovery (a sweep walks the blocks, see
/// `docs/architecture.md`) and the way from a message id to its task. 32 ids are 16 direct messages: about 16 KB, one
/// Query of two read units.
pub const BLOCK_IDS: u64 = 32;

number_id! {
    /// [`BLOCK_IDS`] consecutive message ids.
    BlockId
}

impl BlockId {
    /// The block that `id` lies in.
    pub const fn of(id: u64) -> Self {
        Self(id / BLOCK_IDS)
    }

    /// The first id of the block.
    pub const fn first_id(self) -> u64 {
        self.0 * BLOCK_IDS
    }

    /// The block after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl TaskId {
    /// The partition that holds this task.
    pub const fn block(self) -> BlockId {
        BlockId::of(self.0)
    }

    /// The id of the target at `index` (0-based, in the order of the request).
    pub const fn message(self, index: u64) -> MessageId {
        MessageId(self.0 + 1 + index)
    }
}

impl MessageId {
    /// Which target of `task` this is (0-based); `None` when it lies before the task's first target.
    pub const fn index_in(self, task: TaskId) -> Option<u64> {
        self.0.checked_sub(task.0 + 1)
    }
}

/// A WxPusher user id: `UID_` and 28 letters or digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);

/// A UID that has not the form `UID_` + 28 letters or digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a UID is `UID_` followed by 28 letters or digits")]
pub struct MalformedUid;

impl Uid {
    /// Letters and digits after the prefix.
    pub const BODY_CHARS: usize = 28;
    const PREFIX: &'static str = "UID_";

    /// Parses the form of the contract; ids without the prefix belong to an API generation that is gone.
    pub fn parse(text: &str) -> Result<Self, MalformedUid> {
        if has_form(text, Self::PREFIX, Self::BODY_CHARS) { Ok(Self(text.to_owned())) } else { Err(MalformedUid) }
    }

    /// A new one, drawn from `random`.
    pub fn draw(random: &mut impl CryptoRng) -> Self {
        Self(format!("{}{}", Self::PREFIX, letters(random, Self::BODY_CHARS)))
    }

    /// The whole id with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Uid {
    type Error = MalformedUid;

    fn try_from(text: String) -> Result<Self, MalformedUid> {
        Self::parse(&text)
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A simple push token: `SPT_` and 28 letters or digits. Whoever has it may send to its user, so it is a secret: `Debug`
/// shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Spt(String);

impl Spt {
    /// Letters and digits after the prefix.
    pub const BODY_CHARS: usize = 28;
    const PREFIX: &'static str = "SPT_";

    /// `None` for anything that has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        has_form(text, Self::PREFIX, Self::BODY_CHARS).then(|| Self(text.to_owned()))
    }

    /// A new one, drawn from `random`.
    pub fn draw(random: &mut impl CryptoRng) -> Self {
        Self(format!("{}{}", Self::PREFIX, letters(random, Self::BODY_CHARS)))
    }

    /// The token itself, for its user's eyes and for comparing; never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Spt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SPT_***")
    }
}

/// Whether `text` is `prefix` and `chars` letters or digits.
fn has_form(text: &str, prefix: &str, chars: usize) -> bool {
    text.strip_prefix(prefix).is_some_and(|body| body.len() == chars && body.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// `count` letters or digits that cannot be guessed.
pub fn letters(random: &mut impl CryptoRng, count: usize) -> String {
    Alphanumeric.sample_string(random, count)
}

/// A WeChat user as seen by one account: only meaningful together with its [`AccountId`].
///
/// It is personal data: `Debug` shows the last four characters only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenId(String);

impl OpenId {
    /// Wraps the openid as WeChat gave it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The openid in full, for the call to WeChat.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shortened(&self.0, f)
    }
}

/// What a phone vendor calls an app on a device: APNs device token, FCM registration token, regId, pushId. Only meaningful
/// together with the vendor's app.
///
/// It is personal data: `Debug` shows the last four characters only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceToken(String);

impl DeviceToken {
    /// Wraps the token as the device reported it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token in full, for the call to the vendor.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shortened(&self.0, f)
    }
}

/// The last four characters.
fn shortened(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let tail = text.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    write!(f, "…{}", &text[tail..])
}

/// A WeChat account (official account or mini program), named by its appid, for example `wx00000000000000d1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// Wraps the appid.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The appid.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An app of the mobile family, as the header `app_id` names it: 1 to 64 letters, digits, `_` or `-`.
///
/// It stands in keys, so nothing else may: the form is checked wherever one comes in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MobileAppId(String);

/// An app id that has not its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an app id is 1 to 64 letters, digits, `_` or `-`")]
pub struct MalformedMobileAppId;

impl MobileAppId {
    /// Most characters of one. Ours.
    pub const MAX_CHARS: usize = 64;

    /// Parses one.
    pub fn parse(text: &str) -> Result<Self, MalformedMobileAppId> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_one = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(is_plain);
        if is_one { Ok(Self(text.to_owned())) } else { Err(MalformedMobileAppId) }
    }

    /// The id, as callers see it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MobileAppId {
    type Error = MalformedMobileAppId;

    fn try_from(text: String) -> Result<Self, MalformedMobileAppId> {
        Self::parse(&text)
    }
}

impl From<MobileAppId> for String {
    fn from(app: MobileAppId) -> Self {
        app.0
    }
}

impl fmt::Display for MobileAppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that stands in paths and keys: 1 to 64 letters, digits, `-` or `_`.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// `None` for anything but 1 to 64 letters, digits, `-` or `_`.
            pub fn parse(text: &str) -> Option<Self> {
                is_name(text).then(|| Self(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name_id! {
    /// An enterprise of the service account's API, as its paths name it: `ecode`.
    Ecode
}
name_id! {
    /// A channel of an enterprise: one WeChat account under a name of its own, unique over all enterprises: `channelId`.
    ServiceChannelId
}

/// Something that an enterprise uploaded: 32 hexadecimal digits, which follow from whose it is, what it is for and its
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaId(String);

impl MediaId {
    /// Hexadecimal digits of an id.
    pub const CHARS: usize = 32;

    /// `None` for anything that is no id; upper-case digits count as lower-case ones.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == Self::CHARS && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_id.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who sends: whose tasks they are, and whose fair share of the queues a message counts against. One variant per kind
/// of sender.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// An application of WxPusher's API.
    App(AppId),
    /// A WeChat account whose own back ends send through us.
    Account(AccountId),
    /// An app of the mobile family.
    Mobile(MobileAppId),
    /// An enterprise whose back ends send to its people through service accounts.
    Enterprise(Ecode),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) => app.fmt(f),
            Self::Account(account) => account.fmt(f),
            // Apps of two families may have the same name.
            Self::Mobile(app) => write!(f, "m:{app}"),
            Self::Enterprise(ecode) => write!(f, "e:{ecode}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_prefix_and_28_letters_or_digits() {
        assert!(Uid::parse("UID_demo000000000000000000000001").is_ok());
        for bad in [
            "",
            "UID_",
            "demo000000000000000000000001",
            "UID_demo00000000000000000000000",
            "UID_demo0000000000000000000000011",
            "uid_demo000000000000000000000001",
            "UID_demo00000000000000000000000,",
            "UID_demo000000000000000000000001,UID_demo000000000000000000000002",
            "UID_demo0000000000000000000000 1",
            "UID_演示0000000000000000000000",
        ] {
            assert_eq!(Uid::parse(bad), Err(MalformedUid), "{bad}");
        }
    }

    #[test]
    fn what_is_drawn_has_its_form() {
        let (uid, spt) = (Uid::draw(&mut rand::rng()), Spt::draw(&mut rand::rng()));
        assert_eq!(Uid::parse(uid.as_str()), Ok(uid.clone()));
        assert_eq!(Spt::parse(spt.expose()), Some(spt.clone()));
        assert_eq!(Spt::parse(uid.as_str()), None);
        assert_ne!(Uid::draw(&mut rand::rng()), uid);
        assert_eq!(format!("{spt:?}"), "SPT_***");
    }

    #[test]
    fn a_mobile_app_is_named_by_what_may_stand_in_a_key() {
        assert_eq!(MobileAppId::parse("demo").unwrap().as_str(), "demo");
        for bad in ["", "a/b", "a#b", "a b", "应用", &"a".repeat(65)] {
            assert_eq!(MobileAppId::parse(bad), Err(MalformedMobileAppId), "{bad}");
        }
        assert!(serde_json::from_str::<MobileAppId>("\"a#b\"").is_err());
    }

    #[test]
    fn names_and_media_ids_hold_nothing_that_a_key_or_a_path_could_trip_over() {
        assert_eq!(Ecode::parse("finger-soft_1").map(|ecode| ecode.to_string()), Some("finger-soft_1".to_owned()));
        for bad in ["", "a/b", "a#b", "..", "名", "a b", &"x".repeat(65)] {
            assert_eq!(ServiceChannelId::parse(bad), None, "{bad}");
        }
        let id = MediaId::parse("7C66CE5A59FB4D608A04D49A535A564D").unwrap();
        assert_eq!(id.as_str(), "7c66ce5a59fb4d608a04d49a535a564d");
        assert_eq!(MediaId::parse("7c66ce5a59fb4d608a04d49a535a564"), None);
        assert_eq!(MediaId::parse("zc66ce5a59fb4d608a04d49a535a564d"), None);
    }

    #[test]
    fn an_id_says_where_it_belongs() {
        let task = TaskId::new(7000);
        assert_eq!(task.message(0), MessageId::new(7001));
        assert_eq!(MessageId::new(7003).index_in(task), Some(2));
        assert_eq!(MessageId::new(7000).index_in(task), None, "the content id is no target");
        assert_eq!(BlockId::of(31).next().first_id(), 32);
    }

    #[test]
    fn an_address_is_not_printed_in_full() {
        assert_eq!(format!("{:?}", OpenId::new("odemo00000000000000000000001")), "…0001");
        assert_eq!(format!("{:?}", OpenId::new("abc")), "…abc");
        assert_eq!(format!("{:?}", DeviceToken::new("CN_abcdef")), "…cdef");
    }
}
