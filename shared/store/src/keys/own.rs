//! Keys of our own channel: who is online, and what was sent there and not acknowledged.

use super::{Key, hash};
use model::ids::{DeviceId, MobileAppId, TaskId};
use model::own::OwnAddress;

/// Users: `MONLINE#<app>#<shard>` / …: the devices of a shard that are online.
pub fn online(app: &MobileAppId, shard: u16) -> String {
    format!("MONLINE#{app}#{shard}")
}

/// Users: `MONLINE#<app>#<shard>` / `D#<device, 16 digits>`: a device with its connections.
pub fn online_device(app: &MobileAppId, address: OwnAddress) -> Key {
    Key::new(online(app, address.shard), online_sort(address.device))
}

/// Sort key of a device that is online.
pub fn online_sort(device: DeviceId) -> String {
    format!("D#{:016}", device.get())
}

/// The device in the sort key of one that is online.
pub fn parse_online(sort: &str) -> Option<DeviceId> {
    sort.strip_prefix("D#")?.parse().ok().map(DeviceId::new)
}

/// Users: `MSOCKET#<sha256 of the connection's id, hex>` / `SOCKET`: whose connection it is.
pub fn socket(connection: &str) -> Key {
    Key::new(format!("MSOCKET#{}", hash(connection)), "SOCKET")
}

/// Partitions of a minute's strangers. One takes 1,000 writes a second; API Gateway opens 500 connections a second for an
/// account unless AWS raises it.
const STRANGER_SHARDS: u8 = 4;

/// Users: `MSTRANGER#<minute>#<shard>` / …: the connections that opened without credentials in a minute.
pub fn strangers(minute: i64) -> impl Iterator<Item = String> {
    (0..STRANGER_SHARDS).map(move |shard| format!("MSTRANGER#{minute}#{shard}"))
}

/// Users: `MSTRANGER#<minute>#<shard>` / `C#<connection>`: one of them.
pub fn stranger(minute: i64, connection: &str) -> Key {
    // Ids end alike, and are random before that.
    let shard = connection.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % STRANGER_SHARDS;
    Key::new(format!("MSTRANGER#{minute}#{shard}"), format!("C#{connection}"))
}

/// The connection in the sort key of a stranger.
pub fn parse_stranger(sort: &str) -> Option<&str> {
    sort.strip_prefix("C#")
}

/// Users: `MSENT#<app>#<device>` / …: what a device was sent on our own channel, by task.
pub fn sent(app: &MobileAppId, device: DeviceId) -> String {
    format!("MSENT#{app}#{device}")
}

/// Users: `MSENT#<app>#<device>` / `T#<task, 16 digits>`: one message, and whether it was acknowledged.
pub fn sent_task(app: &MobileAppId, device: DeviceId, task: TaskId) -> Key {
    Key::new(sent(app, device), format!("T#{:016}", task.get()))
}

/// The task in the sort key of what was sent.
pub fn parse_sent(sort: &str) -> Option<TaskId> {
    sort.strip_prefix("T#")?.parse().ok().map(TaskId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_says_can_be_read_back() {
        let app = MobileAppId::parse("demo").unwrap();
        let address = OwnAddress { shard: 2, device: DeviceId::new(77) };
        assert_eq!(parse_online(&online_device(&app, address).sk), Some(address.device));
        assert_eq!(parse_sent(&sent_task(&app, address.device, TaskId::new(9)).sk), Some(TaskId::new(9)));
        let stranger = stranger(29_924_160, "L0SM9cOFvHcCIhw=");
        assert_eq!(parse_stranger(&stranger.sk), Some("L0SM9cOFvHcCIhw="));
        assert!(strangers(29_924_160).any(|pk| pk == stranger.pk), "it is among those of its minute");
        assert!(online_sort(DeviceId::new(9)) < online_sort(DeviceId::new(10)));
        assert!(!socket("L0SM9cOFvHcCIhw=").pk.contains("L0SM9"), "an id is nobody's to read");
    }
}
