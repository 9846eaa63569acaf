//! Our own channel: connections of apps and browsers that are open.
//!
//! A device may hold several connections, one per tab of a browser; a message goes to all of them and counts once. A
//! connection is taken for open while it has been heard of within [`ONLINE_FOR`]: API Gateway tries to say when one has
//! closed, and promises nothing.

use crate::batch::BatchId;
use crate::clock::Timestamp;
use crate::ids::{DeviceId, DeviceToken, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a client says that it is there. API Gateway closes a connection that is silent for ten minutes. Ours.
pub const HEARTBEAT: Duration = Duration::from_secs(240);
/// For how long after it was last heard of a connection is taken for open: two heartbeats.
pub const ONLINE_FOR: Duration = Duration::from_secs(480);
/// The longest life of a connection (API Gateway quotas).
pub const CONNECTION_LIFE: Duration = Duration::from_secs(7200);
/// Within so long somebody has to have signed in on a connection; the next look at it after that ends it. Ours.
pub const SIGN_IN_WITHIN: Duration = Duration::from_secs(30);
/// Frames on one connection in ten seconds, counted in each function instance on its own; one more ends it. A client that
/// acknowledges each of 20 messages a second is within it. Ours.
pub const MOST_FRAMES: u32 = 200;
/// Connections of one device. One more takes the place of the one that was heard of the longest time ago. Ours.
pub const MOST_CONNECTIONS: usize = 5;
/// Messages that are offered again at a time. Ours.
pub const MOST_OFFERS: usize = 20;
/// Acknowledgements in one frame. Ours.
pub const MOST_ACKS: usize = 100;

/// Where a device is found on the channel: its number, and the shard of the app's audience that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnAddress {
    /// The shard.
    pub shard: u16,
    /// The device.
    pub device: DeviceId,
}

impl OwnAddress {
    /// Reads what [`OwnAddress::token`] wrote; `None` for anything else.
    pub fn parse(token: &DeviceToken) -> Option<Self> {
        let (shard, device) = token.as_str().split_once('.')?;
        Some(Self { shard: shard.parse().ok()?, device: DeviceId::new(device.parse().ok()?) })
    }

    /// As the token of a way: `<shard>.<device>`.
    pub fn token(self) -> DeviceToken {
        DeviceToken::new(format!("{}.{}", self.shard, self.device))
    }
}

/// Some devices, compactly: ids in their order, each as its distance from the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct DeviceSet(BTreeSet<u64>);

impl DeviceSet {
    /// Whether the device is one of them.
    pub fn contains(&self, device: DeviceId) -> bool {
        self.0.contains(&device.get())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The devices, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.0.iter().copied().map(DeviceId::new)
    }
}

impl FromIterator<DeviceId> for DeviceSet {
    fn from_iter<T: IntoIterator<Item = DeviceId>>(devices: T) -> Self {
        Self(devices.into_iter().map(DeviceId::get).collect())
    }
}

impl From<Vec<u64>> for DeviceSet {
    fn from(distances: Vec<u64>) -> Self {
        let ids = distances.into_iter().scan(0u64, |last, distance| {
            *last = last.saturating_add(distance);
            Some(*last)
        });
        Self(ids.collect())
    }
}

impl From<DeviceSet> for Vec<u64> {
    fn from(set: DeviceSet) -> Self {
        let mut last = 0;
        set.0.into_iter().map(|id| id - std::mem::replace(&mut last, id)).collect()
    }
}

/// A message that a device was sent and has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which message.
    pub task: TaskId,
    /// Its batch: the acknowledgement is counted there.
    pub batch: BatchId,
    /// The end of the message's life; it is not offered after that.
    pub until: Timestamp,
    /// When the task and all that is known of it is forgotten.
    pub expires: Timestamp,
    /// It is shown without a sound.
    pub silent: bool,
    /// A general text is to be shown in place of title and body.
    pub hidden: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_token() {
        let address = OwnAddress { shard: 3, device: DeviceId::new(77) };
        assert_eq!(address.token().as_str(), "3.77");
        assert_eq!(OwnAddress::parse(&address.token()), Some(address));
        for bad in ["", "3", "x.1", "1.x", "70000.1"] {
            assert_eq!(OwnAddress::parse(&DeviceToken::new(bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_set_of_devices_is_short_on_the_wire() {
        let set: DeviceSet = [1_000_007, 1_000_000, 1_000_001].map(DeviceId::new).into_iter().collect();
        let wire = serde_json::to_string(&set).unwrap();
        assert_eq!(wire, "[1000000,1,6]");
        assert_eq!(serde_json::from_str::<DeviceSet>(&wire).unwrap(), set);
        assert!(set.contains(DeviceId::new(1_000_007)) && !set.contains(DeviceId::new(7)));
    }

    #[test]
    fn a_connection_that_missed_one_heartbeat_is_still_online() {
        assert_eq!(ONLINE_FOR, HEARTBEAT * 2);
        assert!(HEARTBEAT < Duration::from_secs(600), "API Gateway would close it between two");
    }
}
