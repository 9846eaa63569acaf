//! AWS, in a process of its own: the local engines with the template deployed on them and the demo seed in the tables.
//!
//! What it prints is the environment of the functions. A process that reads its configuration from it is a function as in
//! the cloud, and its CPU and memory are a function's alone.

use crate::Failure;
use crate::process::{listen, say};
use crate::vendors::Vendors;
use gateway::metrics::Metrics;
use gateway::{Config, Context};
use local::aws::{Aws, Storage};
use local::clock::ShiftedClock;
use local::deployment::deploy;
use local::seed;
use local::template::Template;
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::device::PushUser;
use model::ids::DeviceId;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use store::devices::{Devices, UserWriter};
use store::{Capability, Store};

/// How the functions find what they need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cloud {
    /// Their environment.
    pub environment: BTreeMap<String, String>,
    /// URLs of the queues by logical id.
    pub queues: BTreeMap<String, String>,
}

impl Cloud {
    /// What an earlier [`serve`] printed and somebody kept in a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// A context as an instance of a function builds it.
    pub fn context(&self) -> Result<Arc<Context>, Failure> {
        let config = Config::read(&|name| self.environment.get(name).cloned())?;
        Ok(Arc::new(Context::with(config, Arc::new(ShiftedClock::default()), Metrics::counted())))
    }
}

/// Serves AWS until the standard input is closed, with so many people following the demo account and so many phones with the
/// demo app beside those of the seed. A line `take <queue>` is answered with up to ten
/// messages of the queue.
pub async fn serve(folder: &Path, vendors: &Vendors, crowd: u64, phones: u64) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let aws = Aws::start(Storage::Folder(folder.join("aws"))).await?;
    let template = Template::read()?;
    let deployment = deploy(&template, &aws, None).await?;
    let mut environment = deployment.environment.clone();
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| "the system has no randomness")?;
    let key_file = folder.join("seal.key");
    std::fs::write(&key_file, key)?;
    environment.insert("TUISONG_KEY_FILE".to_owned(), key_file.to_string_lossy().into_owned());
    environment.extend(settings(vendors)?);
    let cloud = Cloud { environment, queues: deployment.queue_urls.clone() };
    let context = cloud.context()?;
    let now = context.clock.now();
    seed::demo(&context.store, now).await?;
    seed::crowd_once(&context.store, crowd, now).await?;
    settle_phones(&aws, &context.store, ChannelKind::Apns, phones, now).await?;
    say(&serde_json::to_value(&cloud)?);
    listen(|line| {
        let deployment = &deployment;
        async move {
            let url = deployment.queue_urls.get(line.strip_prefix("take ").unwrap_or_default());
            json!(take(&deployment.sqs, url.map_or("", String::as_str)).await)
        }
    })
    .await
}

/// Up to ten messages of a queue, taken off it, as Lambda's pollers take them.
async fn take(sqs: &aws_sdk_sqs::Client, url: &str) -> Vec<String> {
    let received = sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await;
    let messages = received.ok().and_then(|received| received.messages).unwrap_or_default();
    let mut bodies = Vec::new();
    for message in messages {
        let handle = message.receipt_handle.unwrap_or_default();
        if sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.is_ok() {
            bodies.extend(message.body);
        }
    }
    bodies
}

/// The settings that lead to the vendors' stand-ins.
pub fn settings(vendors: &Vendors) -> Result<BTreeMap<String, String>, Failure> {
    let sandbox = &vendors.sandbox;
    let lists = ["huawei", "xiaomi", "oppo", "oppo-overseas", "vivo", "meizu"];
    let lists = lists.iter().map(|name| format!("{name}={sandbox}/{name}"));
    let others = [
        format!("apns={}", vendors.apns),
        format!("apns-development={}", vendors.apns),
        format!("fcm={}", vendors.fcm),
        format!("fcm-token={}", vendors.fcm_token_plain),
        format!("huawei-token={sandbox}/huawei/oauth2/v3/token"),
    ];
    let urls: Vec<String> = lists.chain(others).collect();
    let pairs = [
        ("TUISONG_PUBLIC_URL", "https://push.example.com".to_owned()),
        ("TUISONG_WECHAT_URL", format!("{sandbox}/wechat")),
        ("TUISONG_VENDOR_URLS", urls.join(",")),
        ("TUISONG_VENDOR_ROOTS", std::fs::read_to_string(&vendors.root)?),
        ("TUISONG_CALLS_PER_10S", "0".to_owned()),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Users who are written at once.
const USERS_AT_ONCE: u64 = 20_000;
/// The first user and device behind those of the seed.
pub const FIRST: u64 = 1_000;

/// Writes `count` users with one phone each that is reached on `channel`.
pub async fn settle_phones(
    aws: &Aws,
    store: &Store,
    channel: ChannelKind,
    count: u64,
    now: Timestamp,
) -> Result<(), Failure> {
    let app = seed::mobile::app_id()?;
    let some = async |first| {
        let numbers = first..count.min(first + USERS_AT_ONCE);
        UserWriter::items(&app, &numbers.map(|n| phone(channel, FIRST + n, now)).collect::<Vec<_>>())
    };
    let (mut first, mut items) = (0, some(0).await?);
    while first < count {
        first += USERS_AT_ONCE;
        // The next ones are made while the database, which has a thread of its own, writes these.
        let (written, next) = futures::join!(aws.fill(&store.names().users, items), some(first));
        written?;
        items = next?;
    }
    UserWriter::open(store).take_ids(&app, FIRST + count, FIRST + count).await?;
    Ok(())
}

/// User `n` with one phone of the same number. Without tags and alias, as most are.
fn phone(channel: ChannelKind, n: u64, now: Timestamp) -> PushUser {
    let mut user = seed::mobile::user(n, &[channel], n, 1, now, |channel| seed::mobile::device_token(channel, n));
    (user.alias, user.tags) = (None, [].into());
    for device in &mut user.devices {
        device.id = DeviceId::new(n);
    }
    user
}

/// Takes the phones of the demo users away: what is left is of one kind.
pub async fn remove_demo_phones(store: &Store) -> Result<(), Failure> {
    let (devices, app) = (Devices::open(store), seed::mobile::app_id()?);
    for user in 1..=seed::mobile::USERS {
        for sn in 1..=i32::try_from(ChannelKind::PHONES.len())? {
            devices.remove(&app, model::ids::PushUserId::new(user), sn).await?;
        }
    }
    Ok(())
}
