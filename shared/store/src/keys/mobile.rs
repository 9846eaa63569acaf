//! Keys of the mobile family: its apps, push users and their devices, and what a push came to.

use super::{Key, hash};
use model::batch::BatchId;
use model::channel::ChannelKind;
use model::ids::{DeviceId, DeviceToken, MobileAppId, PushUserId, TaskId};

/// Apps: `MAPPS` / …: every app of the family. Few, read one by one, from memory for ten seconds at a time.
pub const APPS: &str = "MAPPS";

/// Apps: `MAPPS` / `<app>`: an app, with the hashes of its tokens.
pub fn app(app: &MobileAppId) -> Key {
    Key::new(APPS.to_owned(), app.as_str())
}

/// Users: `MIDS#<app>` / `HEAD`: the last ids given to users and devices of the app.
pub fn ids(app: &MobileAppId) -> Key {
    Key::new(format!("MIDS#{app}"), "HEAD")
}

/// Users: `MIDS#<app>` / `BADGE`: what messages to everybody did to the badges.
pub fn ledger(app: &MobileAppId) -> Key {
    Key::new(format!("MIDS#{app}"), "BADGE")
}

/// Users: `MUSER#<app>#<user>` / `USER`: a push user with its devices: the truth about them.
pub fn user(app: &MobileAppId, user: PushUserId) -> Key {
    Key::new(format!("MUSER#{app}#{user}"), "USER")
}

/// Users: `MNAME#<app>#<sha256 of the name, hex>` / `USER`: who has the name.
pub fn username(app: &MobileAppId, name: &str) -> Key {
    Key::new(format!("MNAME#{app}#{}", hash(name)), "USER")
}

/// Users: `MALIAS#<app>#<sha256 of the alias, hex>` / `USER`: who has the alias.
pub fn alias(app: &MobileAppId, alias: &str) -> Key {
    Key::new(format!("MALIAS#{app}#{}", hash(alias)), "USER")
}

/// Users: `MPUSH#<app>#<sha256 of the push token, hex>` / `DEVICE`: whose device it names.
pub fn push_token(app: &MobileAppId, token: &str) -> Key {
    Key::new(format!("MPUSH#{app}#{}", hash(token)), "DEVICE")
}

/// Users: `MTOKEN#<app>#<channel>#<sha256 of the token, hex>` / `DEVICE`: which device has the vendor's token.
pub fn vendor_token(app: &MobileAppId, channel: ChannelKind, token: &DeviceToken) -> Key {
    Key::new(format!("MTOKEN#{app}#{channel}#{}", hash(token.as_str())), "DEVICE")
}

/// Users: `MDEV#<app>#<shard>` / …: one shard of the app's devices.
pub fn audience(app: &MobileAppId, shard: u16) -> String {
    format!("MDEV#{app}#{shard}")
}

/// Users: `MTAG#<app>#<sha256 of the tag, hex>` / …: the devices of users with a tag.
pub fn tag(app: &MobileAppId, tag: &str) -> String {
    format!("MTAG#{app}#{}", hash(tag))
}

/// Users: `MTAGS#<app>` / `<tag>`: that the tag was used.
pub fn tags(app: &MobileAppId) -> String {
    format!("MTAGS#{app}")
}

/// Sort key of a device in an audience or under a tag: `D#<device, 16 digits>`.
pub fn card_sort(device: u64) -> String {
    format!("D#{device:016}")
}

/// The device in the sort key of a card.
pub fn parse_card(sort: &str) -> Option<DeviceId> {
    sort.strip_prefix("D#")?.parse().ok().map(DeviceId::new)
}

/// Tokens: `MSESSION#<sha256 of the token, hex>` / `SESSION`: who has signed in.
pub fn session(token_hash: &str) -> Key {
    Key::new(format!("MSESSION#{token_hash}"), "SESSION")
}

/// Tasks: `MTASKS#<app>` / …: the app's tasks, by id.
pub fn tasks(app: &MobileAppId) -> String {
    format!("MTASKS#{app}")
}

/// Tasks: `MTASKS#<app>` / `<task, 16 digits>`: that the app sent it.
pub fn task_of(app: &MobileAppId, task: TaskId) -> Key {
    Key::new(tasks(app), format!("{:016}", task.get()))
}

/// Tasks: `RECEIVED#<task>` / …: what arrived of a push.
pub fn received(task: TaskId) -> String {
    format!("RECEIVED#{task}")
}

/// Tasks: `RECEIVED#<task>` / `<channel>#<batch>#<0…3>`: hashes of the tokens of a batch at which it arrived, spread so that
/// each item stays near one write unit.
pub fn received_of(batch: BatchId, channel: ChannelKind, bucket: u8) -> Key {
    Key::new(received(batch.task), format!("{channel}#{batch}#{bucket}"))
}

/// Tasks: `RECEIVED#<task>` / `<channel>=<name>`: how many the vendor says it reached, where it says no more. The name is
/// the vendor's of its task, or [`received_list`].
pub fn received_total(task: TaskId, channel: ChannelKind, name: &str) -> Key {
    Key::new(received(task), format!("{channel}={name}"))
}

/// The name of what a list of a batch came to: `<batch>=<list>`.
pub fn received_list(batch: BatchId, list: &str) -> String {
    format!("{batch}={list}")
}

/// The batch in a name that [`received_list`] made.
pub fn parse_received_list(name: &str) -> Option<BatchId> {
    BatchId::parse(name.split_once('=')?.0)
}

/// The channel in the sort key of what arrived.
pub fn received_channel(sort: &str) -> Option<ChannelKind> {
    ChannelKind::parse(sort.split(['#', '=']).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::batch::Part;

    #[test]
    fn what_a_key_says_can_be_read_back() {
        assert!(card_sort(999) < card_sort(1_000_000));
        assert_eq!(parse_card(&card_sort(77)), Some(DeviceId::new(77)));
        let batch = BatchId { task: TaskId::new(5), part: Part::Devices { shard: 2 }, number: 9 };
        for channel in ChannelKind::PHONES {
            assert_eq!(received_channel(&received_of(batch, *channel, 3).sk), Some(*channel));
            assert_eq!(received_channel(&received_total(batch.task, *channel, "v1").sk), Some(*channel));
            let list = received_list(batch, "5-0a");
            assert_eq!(received_channel(&received_total(batch.task, *channel, &list).sk), Some(*channel));
            assert_eq!((parse_received_list(&list), parse_received_list("77")), (Some(batch), None));
        }
    }
}
