//! Connections of devices.

use crate::StoreError;
use crate::db::{Ask, Range, Update, Updated, sort_key};
use crate::item::{Attributes, Item, Reader, n, s};
use crate::keys::own as keys;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::clock::Timestamp;
use model::ids::{DeviceId, MobileAppId, PushUserId};
use model::own::{CONNECTION_LIFE, MOST_CONNECTIONS, ONLINE_FOR, OwnAddress};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

capability! {
    /// Notes which connections there are.
    Connections: [
        ("dynamodb:GetItem", Users),
        ("dynamodb:PutItem", Users),
        ("dynamodb:UpdateItem", Users),
        ("dynamodb:DeleteItem", Users),
    ]
}

capability! {
    /// Says who is online.
    Presence: [("dynamodb:Query", Users), ("dynamodb:BatchGetItem", Users)]
}

capability! {
    /// Says by which connections devices are online, and strikes off those that are not.
    Online: [("dynamodb:BatchGetItem", Users), ("dynamodb:UpdateItem", Users), ("dynamodb:DeleteItem", Users)]
}

/// Devices that are asked for one by one; of more, everybody who is online in their shards is read.
const ONE_BY_ONE: usize = 50;
/// Shards that are read side by side.
const SIDE_BY_SIDE: usize = 8;
/// How long items are kept beyond their time: clocks differ, and an event may be late.
const SLACK: Duration = Duration::from_secs(120);
/// What the attributes are called that hold a connection: this, and its id in hex. The value is when it was heard of,
/// epoch seconds.
const PREFIX: &str = "c";

/// Whose a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// Of which app.
    pub app: MobileAppId,
    /// Whose the device is.
    pub user: PushUserId,
    /// Which device.
    pub address: OwnAddress,
}

impl Connections {
    /// A device has signed in on a connection. Twice is once; a connection may also change hands.
    pub async fn sign_in(&self, connection: &str, whose: &Whose, now: Timestamp) -> Result<(), StoreError> {
        let key = keys::socket(connection);
        let item = Item::keyed(key.pk, key.sk)
            .with("app", s(whose.app.as_str()))
            .with("user", n(whose.user))
            .with("shard", n(whose.address.shard))
            .with("device", n(whose.address.device))
            .expiring(now.plus(CONNECTION_LIFE + SLACK))
            .build();
        self.0.put(&self.0.names().users, item).await?;
        self.heard(connection, whose, now).await
    }

    /// Whose a connection is; `None` for one on which nobody has signed in, or whose time is over.
    pub async fn whose(&self, connection: &str, now: Timestamp) -> Result<Option<Whose>, StoreError> {
        let item = self.0.get(&self.0.names().users, keys::socket(connection), true).await?;
        let Some(item) = item else { return Ok(None) };
        let reader = Reader::new("connection", &item);
        if reader.number::<i64>("expires_at")? <= now.seconds() {
            return Ok(None);
        }
        let app =
            MobileAppId::parse(reader.string("app")?).map_err(|error| StoreError::corrupt("connection", error))?;
        let address = OwnAddress { shard: reader.number("shard")?, device: DeviceId::new(reader.number("device")?) };
        // One that was noted before users were: it may sign in again.
        let user = reader.some_number("user")?.map(PushUserId::new);
        Ok(user.map(|user| Whose { app, user, address }))
    }

    /// Something was heard on a connection. Where a device has more of them than it may, those heard of the longest time
    /// ago are struck off.
    pub async fn heard(&self, connection: &str, whose: &Whose, now: Timestamp) -> Result<(), StoreError> {
        let (table, key) = (&self.0.names().users, keys::online_device(&whose.app, whose.address));
        let update = Update::default()
            .set(&attribute(connection), n(now.seconds()))
            .set("expires_at", n(now.plus(ONLINE_FOR + SLACK).seconds()))
            .add("rev", 1);
        let Updated::Done(item) = self.0.update(table, key.clone(), update).await? else { return Ok(()) };
        let mut known: Vec<(i64, String)> = connections(&item)?.into_iter().map(|(id, heard)| (heard, id)).collect();
        known.sort();
        let dropped = known.len().saturating_sub(MOST_CONNECTIONS);
        if dropped == 0 {
            return Ok(());
        }
        let update = known.iter().take(dropped).filter(|(_, id)| id != connection);
        let update = update.fold(Update::default().add("rev", 1), |update, (_, id)| update.remove(&attribute(id)));
        self.0.update(table, key, update).await.map(drop)
    }

    /// A connection has closed.
    pub async fn closed(&self, connection: &str, now: Timestamp) -> Result<(), StoreError> {
        if let Some(whose) = self.whose(connection, now).await? {
            strike_off(&self.0, connection, &whose.app, whose.address).await?;
        }
        self.0.delete(&self.0.names().users, keys::socket(connection)).await
    }
}

impl Presence {
    /// Which of `devices` are online. Of few, each is read; of many, everybody who is online in their shards, among whom
    /// they are looked up: what it costs then is how many are online, not how many are asked for.
    ///
    /// Strongly consistent: who has just come is online.
    pub async fn online(
        &self,
        app: &MobileAppId,
        devices: &[OwnAddress],
        now: Timestamp,
    ) -> Result<HashSet<DeviceId>, StoreError> {
        let table = &self.0.names().users;
        let items = if devices.len() <= ONE_BY_ONE {
            let wanted = devices.iter().map(|&address| keys::online_device(app, address)).collect();
            self.0.get_many(table, wanted).await?
        } else {
            let mut shards: BTreeMap<u16, (DeviceId, DeviceId)> = BTreeMap::new();
            for &OwnAddress { shard, device } in devices {
                let span = shards.entry(shard).or_insert((device, device));
                *span = (span.0.min(device), span.1.max(device));
            }
            let asks = shards.into_iter().map(|(shard, (first, last))| {
                let range = Range::Between(keys::online_sort(first), keys::online_sort(last));
                let ask = Ask::new(table, keys::online(app, shard), range);
                async move { self.0.query_all(&ask).await }
            });
            let found: Vec<Vec<Attributes>> = stream::iter(asks).buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
            found.into_iter().flatten().collect()
        };
        let wanted: HashSet<DeviceId> = devices.iter().map(|address| address.device).collect();
        let mut online = HashSet::new();
        for item in &items {
            let Some(device) = keys::parse_online(sort_key(item)) else { continue };
            if wanted.contains(&device) && connections(item)?.values().any(|&heard| is_online(heard, now)) {
                online.insert(device);
            }
        }
        Ok(online)
    }
}

impl Online {
    /// The connections of `devices` that are taken for open; who has none is left out. Strongly consistent.
    pub async fn connections(
        &self,
        app: &MobileAppId,
        devices: &[OwnAddress],
        now: Timestamp,
    ) -> Result<HashMap<DeviceId, Vec<String>>, StoreError> {
        let wanted = devices.iter().map(|&address| keys::online_device(app, address)).collect();
        let mut online = HashMap::new();
        for item in self.0.get_many(&self.0.names().users, wanted).await? {
            let Some(device) = keys::parse_online(sort_key(&item)) else { continue };
            let open = connections(&item)?.into_iter().filter(|(_, heard)| is_online(*heard, now));
            let open: Vec<String> = open.map(|(id, _)| id).collect();
            if !open.is_empty() {
                online.insert(device, open);
            }
        }
        Ok(online)
    }

    /// A connection turned out to be gone, or is not open yet: one that signs in with its handshake is known a moment before
    /// it opens. So whose it is stays known, and the first thing that is heard on it puts it back.
    pub async fn gone(&self, connection: &str, app: &MobileAppId, address: OwnAddress) -> Result<(), StoreError> {
        strike_off(&self.0, connection, app, address).await
    }
}

/// Takes a connection from its device, and the device from those online when it was the last one. Another connection that
/// comes at the same moment is not lost: it raises `rev`.
async fn strike_off(
    store: &crate::Store,
    connection: &str,
    app: &MobileAppId,
    address: OwnAddress,
) -> Result<(), StoreError> {
    let (table, key) = (&store.names().users, keys::online_device(app, address));
    let name = attribute(connection);
    let update = Update::default().remove(&name).add("rev", 1).when(&format!("attribute_exists(#{name})"));
    let Updated::Done(item) = store.update(table, key.clone(), update).await? else { return Ok(()) };
    if connections(&item)?.is_empty() {
        store.delete_unless_newer(table, key, Reader::new("device online", &item).number("rev")?).await?;
    }
    Ok(())
}

fn is_online(heard: i64, now: Timestamp) -> bool {
    Timestamp::from_seconds(heard).plus(ONLINE_FOR) > now
}

/// The attribute of a connection. Ids are text of API Gateway's, names of attributes are letters and digits.
fn attribute(connection: &str) -> String {
    let hex: String = connection.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{hex}")
}

/// The connections in a device's item, with when each was heard of.
fn connections(item: &Attributes) -> Result<BTreeMap<String, i64>, StoreError> {
    let reader = Reader::new("device online", item);
    let ids = item.keys().filter_map(|name| Some((name, id_of(name)?)));
    ids.map(|(name, id)| Ok((id, reader.number(name)?))).collect()
}

fn id_of(attribute: &str) -> Option<String> {
    let hex = attribute.strip_prefix(PREFIX)?.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hex.chunks(2).map(|pair| if pair.len() == 2 { byte(pair) } else { None }).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_in_its_attribute() {
        for id in ["L0SM9cOFvHcCIhw=", "a/b+c="] {
            let name = attribute(id);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(id_of(&name).as_deref(), Some(id));
        }
        for other in ["rev", "expires_at", "pk", "sk", "czz"] {
            assert_eq!(id_of(other), None, "{other}");
        }
    }
}
