//! Push users of mobile apps, their devices, and what decides how a device is reached.
//!
//! A *push user* signs in on devices; a device has at most one token per vendor (its *bindings*). Name, alias, tags and
//! switches belong to the user and hold on every device. A [`Card`] is one device as fan-out reads it.

use crate::certificate::Environment;
use crate::channel::{ChannelKind, DeviceAddress, Way};
use crate::clock::Timestamp;
use crate::ids::{DeviceId, DeviceToken, PushUserId};
use crate::notification::badge::Badge;
use crate::own::OwnAddress;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Devices of one user. Who signs in on one more loses the one that was used the longest time ago: reinstalled apps name
/// themselves anew each time. Ours.
pub const MOST_DEVICES: usize = 20;
/// Tags of one user. Ours: each is one item per device.
pub const MOST_TAGS: usize = 100;
/// Characters of a tag or an alias. Ours.
pub const NAME_CHARS: usize = 64;
/// Bytes of a vendor's token. The longest seen are some 300. Ours.
pub const TOKEN_BYTES: usize = 512;

/// A push user with all its devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushUser {
    /// Its number; stands in the key.
    #[serde(skip, default = "no_user")]
    pub id: PushUserId,
    /// The name to sign in with, unique in the app.
    pub username: String,
    /// Salt and PBKDF2 of the password.
    pub password: String,
    /// How the user is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// Unique in the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// What groups the user belongs to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// `no_push`: the user is no target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// `no_push_detail`: a general text is shown in place of title and body.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// When notifications make no sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// When the user came.
    pub created_ms: Timestamp,
    /// The devices.
    #[serde(default)]
    pub devices: Vec<Device>,
}

const fn no_user() -> PushUserId {
    PushUserId::new(0)
}

/// A device of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its number in the app: what records call it.
    pub id: DeviceId,
    /// In which shard of the app's audience it stands.
    pub shard: u16,
    /// Its number among the user's devices, from 1: `device_sn`.
    pub sn: i32,
    /// How the app names the installation: `device_guid`.
    pub guid: String,
    /// What back ends name the device by.
    pub push_token: String,
    /// 1 iOS, 2 Android, 3 Windows, 4 macOS, 5 Linux, 6 web; 0 when the app did not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub platform: i32,
    /// When somebody last signed in on it.
    pub seen_ms: Timestamp,
    /// What vendors call the app on it.
    #[serde(default)]
    pub bindings: BTreeMap<ChannelKind, Binding>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// A vendor's token, bound to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The token.
    #[serde(rename = "t")]
    pub token: DeviceToken,
    /// When it was bound.
    #[serde(rename = "b")]
    pub bound: Timestamp,
    /// In which of the vendor's environments.
    #[serde(rename = "e", default, skip_serializing_if = "is_production")]
    pub environment: Environment,
    /// The certificate that the app named.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub notifier: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_production(environment: &Environment) -> bool {
    *environment == Environment::Production
}

/// Hours of the day, in the app's time zone, in which notifications make no sound: from the beginning of one to the
/// beginning of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// 0 to 23.
    #[serde(rename = "s")]
    pub start: u8,
    /// 0 to 23. At or before `start` it lies on the next day; equal is the whole day.
    #[serde(rename = "e")]
    pub end: u8,
}

impl QuietHours {
    /// Whether it is quiet at `now` where the clock is `offset_minutes` ahead of UTC.
    pub fn holds(self, now: Timestamp, offset_minutes: i32) -> bool {
        let local = now.seconds() + i64::from(offset_minutes) * 60;
        let hour = local.rem_euclid(86_400) / 3_600;
        let (start, end) = (i64::from(self.start), i64::from(self.end));
        if start < end { (start..end).contains(&hour) } else { hour >= start || hour < end }
    }
}

/// A device as fan-out reads it: whatever delivery needs, so that nobody is read one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Which device.
    pub device: DeviceId,
    /// In which shard of the app's audience it stands.
    pub shard: u16,
    /// Whose.
    pub user: PushUserId,
    /// See [`PushUser::muted`].
    pub muted: bool,
    /// See [`PushUser::hidden`].
    pub hidden: bool,
    /// See [`PushUser::quiet`].
    pub quiet: Option<QuietHours>,
    /// See [`Device::bindings`].
    pub bindings: BTreeMap<ChannelKind, Binding>,
    /// The device's badge counter.
    pub badge: Counter,
}

impl PushUser {
    /// The user's devices as cards. Their counters are not the user's to know.
    pub fn cards(&self) -> impl Iterator<Item = Card> + '_ {
        self.devices.iter().map(|device| Card {
            device: device.id,
            shard: device.shard,
            user: self.id,
            muted: self.muted,
            hidden: self.hidden,
            quiet: self.quiet,
            bindings: device.bindings.clone(),
            badge: Counter::default(),
        })
    }

    /// The device with this number among the user's.
    pub fn device(&self, sn: i32) -> Option<&Device> {
        self.devices.iter().find(|device| device.sn == sn)
    }
}

impl Card {
    /// How the device is reached over `legs`, in their order: its ways, all in one environment, which is that of the first.
    /// `None` when there is none, or the user wants none. An iPhone has a binding to Apple and is reached by no other
    /// vendor. Our own channel is a way to who is `online`.
    pub fn route(&self, legs: &[ChannelKind], online: bool) -> Option<Route> {
        if self.muted {
            return None;
        }
        let is_iphone = self.bindings.contains_key(&ChannelKind::Apns);
        let bound = legs.iter().zip(0u8..).filter_map(|(channel, leg)| {
            let binding = self.bindings.get(channel)?;
            (!is_iphone || *channel == ChannelKind::Apns).then_some((leg, *channel, binding))
        });
        let bound: Vec<_> = bound.collect();
        let own = legs.iter().zip(0u8..).find(|(channel, _)| online && **channel == ChannelKind::Own);
        let own = own.map(|(channel, leg)| {
            let token = OwnAddress { shard: self.shard, device: self.device }.token();
            (leg, Way { channel: *channel, token, bound: Timestamp::default(), badge: None })
        });
        let first = bound.first();
        let environment = first.map_or(Environment::Production, |(.., binding)| binding.environment);
        let leg = own.as_ref().map(|(leg, _)| *leg).or(first.map(|(leg, ..)| *leg))?;
        let same = bound.iter().filter(|(.., binding)| binding.environment == environment);
        let vendors = same.map(|&(_, channel, binding)| Way {
            channel,
            token: binding.token.clone(),
            bound: binding.bound,
            badge: None,
        });
        Some(Route { leg, environment, ways: own.into_iter().map(|(_, way)| way).chain(vendors).collect() })
    }
}

/// How a device is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The number of the first leg that it is on.
    pub leg: u8,
    /// In which environment its tokens were issued.
    pub environment: Environment,
    /// Its ways, in order.
    pub ways: Vec<Way>,
}

impl Route {
    /// The address, with `badge` as the device's counter after the message.
    pub fn address(self, badge: Option<u32>, silent: bool, hidden: bool) -> DeviceAddress {
        let ways = self.ways.into_iter().map(|way| Way { badge, ..way }).collect();
        DeviceAddress { ways, silent, hidden }
    }

    /// Whether one of its vendors must be told the number itself: it cannot, or not exactly, add to it.
    pub fn needs_counter(&self, badge: Badge) -> bool {
        self.ways.iter().any(|way| match way.channel {
            ChannelKind::Apns | ChannelKind::Fcm => true,
            ChannelKind::Oppo => badge != Badge::Add(1),
            _ => false,
        })
    }
}

/// What messages to everybody did to everybody's badges: a number per message in place of a write per device.
///
/// A device's counter says up to where in this ledger it has been reckoned; the rest follows from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The sum of all additions.
    #[serde(rename = "a", default)]
    pub adds: u64,
    /// How often the number was set.
    #[serde(rename = "s", default)]
    pub sets: u64,
    /// To what it was set the last time.
    #[serde(rename = "v", default)]
    pub set_to: u32,
    /// `adds` at that moment.
    #[serde(rename = "w", default)]
    pub set_at: u64,
}

/// A device's own badge counter, and up to where in the [`Ledger`] it has been reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counter {
    /// The number at that point.
    pub count: u32,
    /// [`Ledger::adds`] there.
    pub adds: u64,
    /// [`Ledger::sets`] there.
    pub sets: u64,
}

impl Ledger {
    /// The ledger after one more message to everybody.
    #[must_use]
    pub const fn after(self, badge: Badge) -> Self {
        match badge {
            Badge::Add(number) => Self { adds: self.adds + number as u64, ..self },
            Badge::Set(number) => Self { sets: self.sets + 1, set_to: number, set_at: self.adds, ..self },
        }
    }

    /// The number of a device with this counter.
    pub fn number(&self, counter: Counter) -> u32 {
        let (from, since) = if self.sets > counter.sets {
            (self.set_to, self.set_at)
        } else {
            // A counter that was reckoned up to a later point than this ledger knows stands as it is.
            (counter.count, counter.adds)
        };
        let added = u32::try_from(self.adds.saturating_sub(since)).unwrap_or(u32::MAX);
        from.saturating_add(added)
    }

    /// A counter of `count`, reckoned up to here.
    pub const fn counter(&self, count: u32) -> Counter {
        Counter { count, adds: self.adds, sets: self.sets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(channels: &[(ChannelKind, Environment)]) -> Card {
        let binding = |environment| Binding {
            token: DeviceToken::new("T"),
            bound: Timestamp::default(),
            environment,
            notifier: String::new(),
        };
        Card {
            device: DeviceId::new(1),
            shard: 0,
            user: PushUserId::new(1),
            muted: false,
            hidden: false,
            quiet: None,
            bindings: channels.iter().map(|&(channel, environment)| (channel, binding(environment))).collect(),
            badge: Counter::default(),
        }
    }

    const LEGS: [ChannelKind; 4] = [ChannelKind::Apns, ChannelKind::Xiaomi, ChannelKind::Huawei, ChannelKind::Fcm];

    #[test]
    fn who_is_online_is_reached_on_our_own_channel_first() {
        let legs = [ChannelKind::Own, ChannelKind::Apns, ChannelKind::Huawei];
        let phone = card(&[(ChannelKind::Huawei, Environment::Development)]);
        let channels = |route: Option<Route>| {
            route.map(|route| (route.leg, route.ways.iter().map(|way| way.channel).collect::<Vec<_>>()))
        };
        assert_eq!(channels(phone.route(&legs, true)), Some((0, vec![ChannelKind::Own, ChannelKind::Huawei])));
        assert_eq!(phone.route(&legs, true).unwrap().environment, Environment::Development, "the vendor's stands");
        assert_eq!(channels(phone.route(&legs, false)), Some((2, vec![ChannelKind::Huawei])));
        assert_eq!(channels(phone.route(&legs[1..], true)), Some((1, vec![ChannelKind::Huawei])), "vendors only");
        let browser = card(&[]);
        assert_eq!(channels(browser.route(&legs, true)), Some((0, vec![ChannelKind::Own])));
        assert_eq!(browser.route(&legs, false), None);
    }

    #[test]
    fn a_device_is_tried_over_its_ways_in_the_order_of_the_legs() {
        let prod = Environment::Production;
        let route = card(&[(ChannelKind::Fcm, prod), (ChannelKind::Huawei, prod)]).route(&LEGS, false).unwrap();
        assert_eq!(
            route.ways.iter().map(|way| way.channel).collect::<Vec<_>>(),
            [ChannelKind::Huawei, ChannelKind::Fcm]
        );
        assert_eq!(route.leg, 2);
        assert_eq!(card(&[(ChannelKind::Oppo, prod)]).route(&LEGS, false), None, "no leg leads there");
        let muted = Card { muted: true, ..card(&[(ChannelKind::Fcm, prod)]) };
        assert_eq!(muted.route(&LEGS, false), None);
    }

    #[test]
    fn an_iphone_is_reached_by_apple_alone() {
        let prod = Environment::Production;
        let iphone = card(&[(ChannelKind::Apns, prod), (ChannelKind::Fcm, prod)]);
        let ways = iphone.route(&LEGS, false).unwrap().ways;
        assert_eq!(ways.iter().map(|way| way.channel).collect::<Vec<_>>(), [ChannelKind::Apns]);
        assert_eq!(iphone.route(&LEGS[1..], false), None);
    }

    #[test]
    fn ways_of_another_environment_than_the_first_are_left_out() {
        let mixed =
            card(&[(ChannelKind::Huawei, Environment::Development), (ChannelKind::Fcm, Environment::Production)]);
        let route = mixed.route(&LEGS, false).unwrap();
        assert_eq!((route.environment, route.ways.len()), (Environment::Development, 1));
    }

    #[test]
    fn quiet_hours_may_pass_midnight_and_are_those_of_the_apps_zone() {
        let at = |hour: i64| Timestamp::from_seconds(1_795_449_600 - 16 * 3600 + hour * 3600);
        let night = QuietHours { start: 22, end: 7 };
        for (hour, quiet) in [(21, false), (22, true), (23, true), (0, true), (6, true), (7, false)] {
            assert_eq!(night.holds(at(hour), 0), quiet, "{hour}");
            assert_eq!(night.holds(at(hour - 8), 480), quiet, "{hour} in Shanghai");
        }
        let noon = QuietHours { start: 12, end: 13 };
        assert!(noon.holds(at(12), 0) && !noon.holds(at(13), 0) && !noon.holds(at(3), 0));
    }

    #[test]
    fn a_badge_follows_from_the_ledger_without_a_write_per_device() {
        let start = Ledger { adds: 40, ..Ledger::default() };
        let device = start.counter(3);
        let one = start.after(Badge::Add(1));
        assert_eq!((start.number(device), one.number(device), one.after(Badge::Add(2)).number(device)), (3, 4, 6));
        let set = one.after(Badge::Set(9));
        assert_eq!((set.number(device), set.after(Badge::Add(1)).number(device)), (9, 10));
        let opened = set.counter(0);
        assert_eq!((set.number(opened), set.after(Badge::Add(1)).number(opened)), (0, 1));
        assert_eq!(start.number(opened), 0, "a ledger from before knows less than the counter");
    }
}
