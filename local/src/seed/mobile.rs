//! The demo seed of the mobile family: app `demo`, its users 1 to 3, each with one device per phone vendor.

use model::certificate::Environment;
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::device::{Binding, Device, PushUser};
use model::ids::{DeviceId, DeviceToken, MalformedMobileAppId, MobileAppId, PushUserId};
use model::mobile::{MobileApp, SHANGHAI_MIN};
use model::secret::Secret;
use std::collections::BTreeMap;
use store::devices::UserWriter;
use store::mobile_apps::{MobileAppWriter, token_hash};
use store::{Capability, Store, StoreError};

/// The app.
pub const APP: &str = "demo";
/// The token of its back end.
pub const ADMIN_TOKEN: &str = "demo-admin-token";
/// Its users.
pub const USERS: u64 = 3;
/// The tag of all of them.
pub const TAG: &str = "demo";
/// The password of user `n` is this and the number.
const PASSWORD: &str = "demo-password-";
/// PBKDF2 of [`PASSWORD`]`1` to `3`, with 5,000 rounds: made once, because it is meant to take its time.
const PASSWORDS: [&str; USERS as usize] = [
    "pbkdf2-sha256.5000.ZGVtby1zYWx0LTAwMDAwMQ.6k1m7vfs9KiSgyMGwGD00YO0UBbiIxe1_Z0M5bj3uY8",
    "pbkdf2-sha256.5000.ZGVtby1zYWx0LTAwMDAwMg.PNda1MifYfMSWI-Ha_MVZLgxQk5iD3X4uwWvNFZ3qe8",
    "pbkdf2-sha256.5000.ZGVtby1zYWx0LTAwMDAwMw.kRRDsPAEoh_XNgYa3KR_kyrwemjfnZYnMuqdXnYYZoQ",
];

/// The id of the app.
pub fn app_id() -> Result<MobileAppId, StoreError> {
    let wrong = |error: MalformedMobileAppId| StoreError::Corrupt { what: "seed", why: error.to_string() };
    MobileAppId::parse(APP).map_err(wrong)
}

/// The app.
pub fn app() -> Result<MobileApp, StoreError> {
    Ok(MobileApp {
        id: app_id()?,
        name: "演示应用".to_owned(),
        enabled: true,
        shards: 1,
        utc_offset_min: SHANGHAI_MIN,
        admin_token_hashes: vec![token_hash(&Secret::new(ADMIN_TOKEN.to_owned()))],
    })
}

/// The password of user `n`.
pub fn password(n: u64) -> String {
    format!("{PASSWORD}{n}")
}

/// What a vendor calls the app on the device of user `n` on `channel`: in the form of that vendor's tokens.
pub fn device_token(channel: ChannelKind, n: u64) -> DeviceToken {
    DeviceToken::new(match channel {
        ChannelKind::Apns => format!("{n:064x}"),
        ChannelKind::Oppo => format!("CN_demo{n:028}"),
        channel => format!("{channel}-demo-{n:020}"),
    })
}

/// The push token of the device of user `n` on `channel`.
pub fn push_token(channel: ChannelKind, n: u64) -> String {
    format!("demo-{channel}-{n}")
}

/// The name of the certificate by which the demo app is bound on `channel`.
pub fn notifier(channel: ChannelKind) -> String {
    format!("{APP}-{channel}")
}

/// User `n` with a device for each of `channels`: numbered on from `first`, over `shards` shards.
pub fn user(
    n: u64,
    channels: &[ChannelKind],
    first: u64,
    shards: u16,
    now: Timestamp,
    token: impl Fn(ChannelKind) -> DeviceToken,
) -> PushUser {
    let device = |(channel, place): (&ChannelKind, u64)| {
        let id = DeviceId::new(first + place);
        let binding = Binding {
            token: token(*channel),
            bound: now,
            environment: Environment::Production,
            notifier: notifier(*channel),
        };
        Device {
            id,
            shard: u16::try_from(id.get() % u64::from(shards.max(1))).unwrap_or(0),
            sn: i32::try_from(place + 1).unwrap_or(i32::MAX),
            guid: format!("{channel}-{n}"),
            push_token: push_token(*channel, n),
            platform: if *channel == ChannelKind::Apns { 1 } else { 2 },
            seen_ms: now,
            bindings: BTreeMap::from([(*channel, binding)]),
        }
    };
    PushUser {
        id: PushUserId::new(n),
        username: format!("user{n}"),
        password: usize::try_from(n - 1).ok().and_then(|at| PASSWORDS.get(at)).copied().unwrap_or_default().to_owned(),
        nickname: None,
        alias: Some(format!("alias{n}")),
        tags: [TAG.to_owned()].into(),
        muted: false,
        hidden: false,
        quiet: None,
        created_ms: now,
        devices: channels.iter().zip(0..).map(device).collect(),
    }
}

/// Writes the app with its users and devices.
pub async fn demo(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let (app, count) = (app()?, ChannelKind::PHONES.len() as u64);
    let users: Vec<PushUser> = (1..=USERS)
        .map(|n| user(n, ChannelKind::PHONES, 1 + (n - 1) * count, 1, now, |channel| device_token(channel, n)))
        .collect();
    let writer = UserWriter::open(store);
    writer.put(&app.id, &users).await?;
    writer.take_ids(&app.id, USERS, USERS * count).await?;
    MobileAppWriter::open(store).put(&app).await
}
