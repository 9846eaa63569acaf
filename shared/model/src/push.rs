//! What a call of the mobile family accepted: to whom, over which channels, when.

use crate::channel::ChannelKind;
use crate::clock::Timestamp;
use crate::device::Ledger;
use crate::notification::android::Phone;
use crate::notification::{Kind, Notification};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Entries of an audience, as they stand in the call.
pub const MOST_TARGETS: usize = 500;
/// Characters of a request id.
pub const REQUEST_ID_CHARS: usize = 64;
/// For how long a request id is remembered. Ours.
pub const REQUEST_ID_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// Bytes of a message as it travels with every batch. Far above what any vendor shows; ours.
pub const MESSAGE_BYTES: usize = 32 * 1024;
/// How long before its time a message that we hold is brought to the queues. The sweep of what is due runs every minute.
pub const RELEASE_AHEAD: Duration = Duration::from_secs(90);

/// A notification and everything that decides to whom it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushContent {
    /// To whom.
    pub audience: Audience,
    /// In which order channels are tried.
    pub strategy: Strategy,
    /// What is shown.
    pub notification: Box<Notification>,
    /// Shards of the app's audience when the call was accepted.
    pub shards: u16,
    /// For everybody: what this message makes of the badges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// Minutes by which the app's clock is ahead of UTC: quiet hours are in it.
    pub utc_offset_min: i32,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every device of the app.
    All,
    /// The devices of users who have one of these tags.
    Tag(Vec<String>),
    /// The devices of the users with these aliases.
    Alias(Vec<String>),
    /// The devices of these users.
    UserId(Vec<i64>),
    /// These devices.
    PushToken(Vec<String>),
}

impl Audience {
    /// How the call names it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tag(_) => "tag",
            Self::Alias(_) => "alias",
            Self::UserId(_) => "user_id",
            Self::PushToken(_) => "push_token",
        }
    }
}

/// `setting.distribution_strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Our own channel for who is online, the vendors for everybody else.
    #[default]
    Combined,
    /// Only our own channel.
    OwnOnly,
    /// Only the vendors.
    VendorsOnly,
}

impl Strategy {
    /// From the name of the call; `None` for any other.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "combined" => Some(Self::Combined),
            "mxpush_only" => Some(Self::OwnOnly),
            "ospush_only" => Some(Self::VendorsOnly),
            _ => None,
        }
    }
}

/// The vendors' phones that `ups` stands for, in the order of the documentation.
const UPS: [ChannelKind; 5] =
    [ChannelKind::Xiaomi, ChannelKind::Huawei, ChannelKind::Meizu, ChannelKind::Oppo, ChannelKind::Vivo];
/// The order when the call names none: `["ups", "fcm"]`.
const USUAL: [&str; 2] = ["ups", "fcm"];

/// The channels that `setting.ospush_sequence` names, each once; `Err` with the first entry that is unknown.
pub fn sequence<'a>(names: &'a [String]) -> Result<Vec<ChannelKind>, &'a str> {
    let mut channels = Vec::new();
    let usual = USUAL.map(str::to_owned);
    let names: Vec<(&str, &'a str)> = if names.is_empty() {
        usual.iter().map(|name| (name.as_str(), "")).collect()
    } else {
        names.iter().map(|name| (name.as_str(), name.as_str())).collect()
    };
    for (name, given) in names {
        let named: &[ChannelKind] = match name {
            "ups" => &UPS,
            "fcm" => &[ChannelKind::Fcm],
            "huawei" => &[ChannelKind::Huawei],
            "xiaomi" => &[ChannelKind::Xiaomi],
            "oppo" => &[ChannelKind::Oppo],
            "vivo" => &[ChannelKind::Vivo],
            "meizu" => &[ChannelKind::Meizu],
            _ => return Err(given),
        };
        for channel in named {
            if !channels.contains(channel) {
                channels.push(*channel);
            }
        }
    }
    Ok(channels)
}

/// The legs of a message of this kind: our own channel first, then Apple's, for no other reaches an iPhone, then the
/// Android channels in the order of the call. A channel that carries nothing of the kind is no leg.
pub fn legs(strategy: Strategy, sequence: &[ChannelKind], kind: Kind) -> Vec<ChannelKind> {
    match strategy {
        Strategy::OwnOnly => vec![ChannelKind::Own],
        Strategy::Combined | Strategy::VendorsOnly => {
            let own = (strategy == Strategy::Combined).then_some(ChannelKind::Own);
            let all = own.into_iter().chain([ChannelKind::Apns]).chain(sequence.iter().copied());
            all.filter(|channel| phone(*channel).is_none_or(|phone| phone.carries(kind))).collect()
        }
    }
}

const fn phone(channel: ChannelKind) -> Option<Phone> {
    match channel {
        ChannelKind::Fcm => Some(Phone::Fcm),
        ChannelKind::Huawei => Some(Phone::Huawei),
        ChannelKind::Xiaomi => Some(Phone::Xiaomi),
        ChannelKind::Oppo => Some(Phone::Oppo),
        ChannelKind::Vivo => Some(Phone::Vivo),
        ChannelKind::Meizu => Some(Phone::Meizu),
        _ => None,
    }
}

/// Whether the vendor itself can be told to show a message this far ahead; the others get it when its time has come.
pub fn holds_itself(channel: ChannelKind, ahead: Duration) -> bool {
    /// Xiaomi's `time_to_send` lies within 7 days. An hour is kept for queues.
    const XIAOMI: Duration = Duration::from_secs(7 * 86_400 - 3_600);
    match channel {
        ChannelKind::Oppo | ChannelKind::Meizu => true,
        ChannelKind::Xiaomi => ahead <= XIAOMI,
        _ => false,
    }
}

impl Notification {
    /// Until when the gateway must keep it from `channel`; `None` when it may go now.
    pub fn held_until(&self, channel: ChannelKind, now: Timestamp) -> Option<Timestamp> {
        self.show_begin.filter(|begin| *begin > now && !holds_itself(channel, begin.since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_sequence_names_each_channel_once() {
        use ChannelKind::{Fcm, Huawei, Meizu, Oppo, Vivo, Xiaomi};
        assert_eq!(sequence(&[]).unwrap(), [Xiaomi, Huawei, Meizu, Oppo, Vivo, Fcm]);
        assert_eq!(
            sequence(&names(&["fcm", "huawei", "ups", "fcm"])).unwrap(),
            [Fcm, Huawei, Xiaomi, Meizu, Oppo, Vivo]
        );
        assert_eq!(sequence(&names(&["fcm", "flyme"])), Err("flyme"));
        assert_eq!(sequence(&names(&["apns"])), Err("apns"));
    }

    #[test]
    fn a_channel_that_cannot_carry_the_kind_is_no_leg() {
        use ChannelKind::{Apns, Fcm, Huawei, Own};
        let usual = sequence(&[]).unwrap();
        assert_eq!(legs(Strategy::Combined, &usual, Kind::Cmd), [Own, Apns, Huawei, Fcm]);
        assert_eq!(legs(Strategy::VendorsOnly, &usual, Kind::Text).len(), 7);
        assert_eq!(legs(Strategy::OwnOnly, &usual, Kind::Text), [Own]);
    }

    #[test]
    fn who_cannot_hold_a_message_itself_gets_it_in_time() {
        let (now, hour) = (Timestamp::from_seconds(1_795_449_600), Duration::from_secs(3_600));
        let later = Notification { show_begin: Some(now.plus(hour)), ..Notification::default() };
        assert_eq!(later.held_until(ChannelKind::Huawei, now), later.show_begin);
        assert_eq!(later.held_until(ChannelKind::Oppo, now), None);
        assert_eq!(later.held_until(ChannelKind::Huawei, now.plus(hour)), None);
        let next_week = Notification { show_begin: Some(now.plus(hour * 24 * 8)), ..Notification::default() };
        assert_eq!(next_week.held_until(ChannelKind::Xiaomi, now), next_week.show_begin);
    }
}
