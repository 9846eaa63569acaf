//! Fan-out: which devices a push is for, over which channels, in which batches. Queues are worked by hand.

use super::{accepted, detail, message, quiet_town, user};
use functions::routes;
use gateway::Invocation;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use http::Method;
use local::deployment::Deployment;
use local::seed::mobile::{app_id, push_token};
use model::batch::Batch;
use model::certificate::Environment;
use model::channel::{Address, ChannelKind};
use model::device::{Binding, PushUser};
use model::ids::{DeviceToken, PushUserId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use store::Capability;
use store::devices::{Devices, UserWriter};
use store::queue::BatchMessage;
use support::Town;

/// Takes what is in a queue now.
pub(super) async fn take(deployment: &Deployment, queue: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let url = &deployment.queue_urls[queue];
        let asked = deployment.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        let messages = asked.send().await.expect("an answer").messages.unwrap_or_default();
        if messages.is_empty() {
            return bodies;
        }
        for message in messages {
            bodies.push(message.body.clone().expect("a body"));
            let handle = message.receipt_handle.expect("a handle");
            deployment.sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.expect("deleted");
        }
    }
}

/// Works the queue of tasks until it is empty.
pub(super) async fn fan_out(town: &Town) {
    let function = routes::by_name("fanout").expect("the function");
    loop {
        let bodies = take(town.stack.deployment(), "TasksQueue").await;
        if bodies.is_empty() {
            return;
        }
        for body in bodies {
            let invocation =
                Invocation { request_id: "test".to_owned(), deadline: Instant::now() + Duration::from_secs(60) };
            let event = QueueEvent { records: vec![QueueRecord { message_id: "1".to_owned(), body }] };
            let reply = serve_queue(function, town.stack.context().clone(), invocation, event).await;
            assert!(reply.batch_item_failures.is_empty(), "fan-out failed");
        }
    }
}

/// The batches that wait to be delivered to phones.
async fn batches(town: &Town) -> Vec<Batch> {
    let mut batches = Vec::new();
    for channel in ChannelKind::PHONES {
        let name = channel.as_str();
        let queue = format!("Deliver{}{}Queue", name[..1].to_ascii_uppercase(), &name[1..]);
        for body in take(town.stack.deployment(), &queue).await {
            let BatchMessage::DeliverV1(batch) = serde_json::from_str(&body).expect("a message") else {
                panic!("no batch: {body}")
            };
            assert_eq!(batch.channel, *channel, "in its own queue");
            batches.push(*batch);
        }
    }
    batches
}

/// Pushes, fans out, and answers the task with its batches.
async fn pushed(town: &Town, body: &Value) -> (u64, Vec<Batch>) {
    let task = accepted(town, body).await;
    fan_out(town).await;
    (task, batches(town).await)
}

/// Slots per first channel.
fn slots(batches: &[Batch]) -> BTreeMap<ChannelKind, BTreeSet<u64>> {
    let mut slots: BTreeMap<ChannelKind, BTreeSet<u64>> = BTreeMap::new();
    for batch in batches {
        for recipient in &batch.recipients {
            assert!(slots.entry(batch.channel).or_default().insert(recipient.slot), "a device twice");
        }
    }
    slots
}

fn count(batches: &[Batch]) -> usize {
    slots(batches).values().map(BTreeSet::len).sum()
}

/// The channels of a device's ways.
fn ways(batches: &[Batch], slot: u64) -> Vec<ChannelKind> {
    let recipients = batches.iter().flat_map(|batch| &batch.recipients);
    let found = recipients.filter(|recipient| recipient.slot == slot).map(|recipient| match &recipient.address {
        Address::Device(device) => device.ways.iter().map(|way| way.channel).collect(),
        _ => Vec::new(),
    });
    let found: Vec<Vec<ChannelKind>> = found.collect();
    assert_eq!(found.len(), 1, "device {slot}");
    found[0].clone()
}

fn badges(batches: &[Batch]) -> BTreeSet<Option<u32>> {
    let recipients = batches.iter().flat_map(|batch| &batch.recipients);
    let badge = |address: &Address| match address {
        Address::Device(device) => device.ways[0].badge,
        _ => None,
    };
    recipients.map(|recipient| badge(&recipient.address)).collect()
}

fn to(audience: Value) -> Value {
    json!({ "audience": audience, "message": message() })
}

/// Adds a token to a demo device.
async fn bind(town: &Town, of: u64, sn: i32, channel: ChannelKind, environment: Environment) {
    let binding = Binding {
        token: DeviceToken::new(format!("second-{channel}-{of}-{sn}")),
        bound: town.now(),
        environment,
        notifier: String::new(),
    };
    let devices = Devices::open(town.stack.store());
    let bound = devices.bind(&app_id().expect("an id"), PushUserId::new(of), sn, channel, binding).await;
    assert!(bound.expect("a store").is_some());
}

#[tokio::test]
async fn everybody_is_one_batch_per_channel() {
    let town = quiet_town().await;
    let (task, batches) = pushed(&town, &to(json!("all"))).await;
    assert_eq!((batches.len(), count(&batches)), (7, 21));
    assert!(slots(&batches).values().all(|slots| slots.len() == 3));
    for batch in &batches {
        assert_eq!((batch.account.as_str(), batch.owner.to_string().as_str()), ("demo", "m:demo"));
        assert!(batch.recipients.iter().all(|recipient| recipient.address.way(batch.channel).is_some()));
    }
    let told = detail(&town, task).await;
    for channel in ["apns", "fcm", "flyme", "huawei", "oppo", "vivo", "xiaomi"] {
        assert_eq!(told[format!("{channel}_target")], 3, "known before anything is sent: {told}");
        assert_eq!((&told[format!("{channel}_sent")], &told[format!("{channel}_received")]), (&json!(0), &json!(0)));
    }
    assert_eq!(told.as_object().map(serde_json::Map::len), Some(25), "24 counters and the task");
    town.close().await;
}

#[tokio::test]
async fn push_row_1_nobody_is_an_audience_too() {
    let town = quiet_town().await;
    for n in 1..=3 {
        for sn in 1..=7 {
            let devices = Devices::open(town.stack.store());
            assert!(devices.remove(&app_id().unwrap(), PushUserId::new(n), sn).await.unwrap());
        }
    }
    let (task, batches) = pushed(&town, &to(json!("all"))).await;
    assert!(batches.is_empty());
    let told = detail(&town, task).await;
    assert!(told.as_object().unwrap().iter().all(|(name, value)| name == "task_id" || *value == json!(0)), "{told}");
    town.close().await;
}

#[tokio::test]
async fn push_row_6_push_row_7_a_device_gets_one_copy_however_it_is_named() {
    let town = quiet_town().await;
    let (task, batches) = pushed(&town, &to(json!({ "tag": ["demo", "demo", "nothing"] }))).await;
    assert_eq!(count(&batches), 21);
    assert_eq!(detail(&town, task).await["huawei_target"], 3);
    let token = push_token(ChannelKind::Fcm, 2);
    let (task, batches) = pushed(&town, &to(json!({ "push_token": [token, token, "unknown"] }))).await;
    assert_eq!((count(&batches), detail(&town, task).await["fcm_target"].clone()), (1, json!(1)));
    let (_, batches) = pushed(&town, &to(json!({ "alias": ["alias1", "alias3", "nobody"] }))).await;
    assert_eq!(count(&batches), 14);

    // A number that no floating point holds is a user's as it is.
    let exact = 9_007_199_254_740_993_u64;
    let now = town.now();
    let mut exactly: PushUser =
        local::seed::mobile::user(1, &[ChannelKind::Vivo], 100, 1, now, |_| DeviceToken::new("exact"));
    (exactly.id, exactly.username, exactly.alias) = (PushUserId::new(exact), "exact".to_owned(), None);
    exactly.devices[0].push_token = "exact".to_owned();
    UserWriter::open(town.stack.store()).put(&app_id().unwrap(), &[exactly]).await.unwrap();
    for id in [json!(exact), json!(exact.to_string())] {
        let (_, batches) = pushed(&town, &to(json!({ "user_id": [id, exact - 1] }))).await;
        assert_eq!(slots(&batches), BTreeMap::from([(ChannelKind::Vivo, BTreeSet::from([100]))]), "{id}");
    }
    town.close().await;
}

#[tokio::test]
async fn push_row_11_push_row_14_the_strategy_says_over_which_channels() {
    let town = quiet_town().await;
    let with =
        |setting: Value| json!({ "audience": { "alias": ["alias1"] }, "setting": setting, "message": message() });
    let (task, batches) = pushed(&town, &with(json!({ "distribution_strategy": "mxpush_only" }))).await;
    assert!(batches.is_empty(), "nobody is online");
    let told = detail(&town, task).await;
    assert_eq!((&told["mxpush_target"], &told["mxpush_sent"], &told["apns_target"]), (&json!(7), &json!(0), &json!(0)));

    let (task, batches) = pushed(&town, &with(json!({ "ospush_sequence": ["fcm"] }))).await;
    let slots = slots(&batches);
    assert_eq!(
        slots.keys().copied().collect::<Vec<_>>(),
        [ChannelKind::Apns, ChannelKind::Fcm],
        "iPhones are reached anyway"
    );
    let told = detail(&town, task).await;
    assert_eq!(
        (&told["fcm_target"], &told["huawei_target"]),
        (&json!(1), &json!(0)),
        "who has only Huawei is no target"
    );
    town.close().await;
}

#[tokio::test]
async fn a_devices_ways_are_in_the_order_of_the_call_and_of_one_environment() {
    let town = quiet_town().await;
    // Device 3 of user 1 is a Huawei phone; it gets a Google token and a Xiaomi token for development.
    bind(&town, 1, 3, ChannelKind::Fcm, Environment::Production).await;
    bind(&town, 1, 3, ChannelKind::Xiaomi, Environment::Development).await;
    let with = |names: Value| json!({ "audience": { "user_id": [1] }, "setting": { "ospush_sequence": names }, "message": message() });
    let (_, batches) = pushed(&town, &with(json!(["huawei", "xiaomi", "fcm"]))).await;
    assert_eq!(ways(&batches, 3), [ChannelKind::Huawei, ChannelKind::Fcm]);
    let (_, batches) = pushed(&town, &with(json!(["fcm", "huawei"]))).await;
    assert_eq!(ways(&batches, 3), [ChannelKind::Fcm, ChannelKind::Huawei]);
    let (_, batches) = pushed(&town, &with(json!([]))).await;
    assert_eq!(ways(&batches, 3), [ChannelKind::Xiaomi], "the usual order begins with Xiaomi, in development");
    let development: Vec<&Batch> = batches.iter().filter(|batch| batch.account.as_str() != "demo").collect();
    assert_eq!(development.len(), 1);
    assert_eq!(development[0].account.as_str(), "demo/development");
    town.close().await;
}

#[tokio::test]
async fn push_row_20_badges_count_on_and_are_never_the_same() {
    let town = quiet_town().await;
    let iphone = json!({ "push_token": [push_token(ChannelKind::Apns, 1)] });
    let body = to(iphone.clone());
    let both = futures::future::join_all((0..2).map(|_| accepted(&town, &body))).await;
    assert_ne!(both[0], both[1]);
    fan_out(&town).await;
    assert_eq!(badges(&batches(&town).await), BTreeSet::from([Some(1), Some(2)]));
    // Everybody, in one number for all: the one iPhone is at 3 by now, the others at 1.
    let everybody = |badge: &str| json!({ "audience": "all", "message": { "title": "x", "badge": badge } });
    let (_, all) = pushed(&town, &everybody("+1")).await;
    let of = |batches: &[Batch], channel| {
        let batches: Vec<Batch> = batches.iter().filter(|batch| batch.channel == channel).cloned().collect();
        badges(&batches)
    };
    assert_eq!(of(&all, ChannelKind::Apns), BTreeSet::from([Some(1), Some(3)]));
    assert_eq!(of(&all, ChannelKind::Huawei), BTreeSet::from([None]), "Huawei counts by itself");
    let (_, all) = pushed(&town, &everybody("9")).await;
    assert_eq!(of(&all, ChannelKind::Apns), BTreeSet::from([Some(9)]));
    let (_, one) = pushed(&town, &to(iphone)).await;
    assert_eq!(badges(&one), BTreeSet::from([Some(10)]));
    town.close().await;
}

#[tokio::test]
async fn push_row_21_what_a_vendor_does_not_carry_is_not_sent_there() {
    let town = quiet_town().await;
    let (task, batches) =
        pushed(&town, &json!({ "audience": "all", "message": { "type": "cmd", "ext": { "k": 1 } } })).await;
    let channels: Vec<ChannelKind> = slots(&batches).into_keys().collect();
    assert_eq!(channels, [ChannelKind::Apns, ChannelKind::Fcm, ChannelKind::Huawei]);
    assert_eq!(detail(&town, task).await["xiaomi_target"], 0);
    assert_eq!(badges(&batches), BTreeSet::from([None]), "nothing is shown, nothing is counted");
    town.close().await;
}

#[tokio::test]
async fn who_wants_nothing_gets_nothing_and_who_wants_quiet_gets_it_quietly() {
    let town = quiet_town().await;
    let put = async |n: u64, path: &str, body: Value| {
        let token = super::sign_in(&town, n, "switch").await["token"].as_str().unwrap().to_owned();
        assert_eq!(super::code(&user(&town, &token, Method::PUT, path, &body).await), 200);
    };
    put(1, "/user/push?value=true", Value::Null).await;
    put(2, "/user/push/detail?value=true", Value::Null).await;
    put(3, "/user/push/limit", json!({ "no_push_start_hour": 0, "no_push_end_hour": 0 })).await;
    let (task, batches) = pushed(&town, &to(json!("all"))).await;
    assert_eq!(count(&batches), 14, "the first user is no target");
    assert_eq!(detail(&town, task).await["oppo_target"], 2);
    let wishes: BTreeSet<(bool, bool)> = batches
        .iter()
        .flat_map(|batch| &batch.recipients)
        .filter_map(|recipient| match &recipient.address {
            Address::Device(device) => Some((device.silent, device.hidden)),
            _ => None,
        })
        .collect();
    assert_eq!(wishes, BTreeSet::from([(false, true), (true, false)]));
    town.close().await;
}

#[tokio::test]
async fn a_repeated_hint_builds_the_same_batches() {
    let town = quiet_town().await;
    let task = accepted(&town, &to(json!("all"))).await;
    fan_out(&town).await;
    let first = batches(&town).await;
    // A device comes and another goes: the plan stands.
    let devices = Devices::open(town.stack.store());
    devices.remove(&app_id().unwrap(), PushUserId::new(3), 7).await.unwrap();
    bind(&town, 1, 1, ChannelKind::Vivo, Environment::Production).await;
    let queue = &town.stack.deployment().queue_urls["TasksQueue"];
    let hint = json!({ "kind": "task_v1", "task": task, "sent_ms": town.now() }).to_string();
    let sent =
        town.stack.deployment().sqs.send_message().queue_url(queue).message_body(hint).message_group_id("m:demo");
    sent.send().await.expect("a hint");
    fan_out(&town).await;
    let second = batches(&town).await;
    let names = |batches: &[Batch]| batches.iter().map(|batch| (batch.id, batch.channel)).collect::<BTreeSet<_>>();
    assert_eq!(names(&first), names(&second));
    let union: BTreeSet<u64> = slots(&second).into_values().flatten().collect();
    assert_eq!(union.len(), 20, "who has gone gets nothing more");
    town.close().await;
}

#[tokio::test]
async fn push_row_55_what_a_vendor_cannot_hold_is_held_here() {
    let town = quiet_town().await;
    town.stack.clock().stand_still();
    let begin = town.now().seconds() + 3_600;
    let body = json!({ "audience": "all", "message": { "title": "later", "show_begin_time": begin } });
    let (task, now) = pushed(&town, &body).await;
    let channels: Vec<ChannelKind> = slots(&now).into_keys().collect();
    assert_eq!(channels, [ChannelKind::Xiaomi, ChannelKind::Oppo, ChannelKind::Meizu], "their vendors wait");
    assert_eq!(detail(&town, task).await["huawei_target"], 3, "who is still to come is a target");

    town.close().await;
}

#[tokio::test]
async fn a_large_audience_is_cut_by_channel_and_read_by_the_page() {
    const USERS: u64 = 1_600;
    let town = quiet_town().await;
    let (app, now) = (app_id().unwrap(), town.now());
    let users: Vec<PushUser> = (1..=USERS)
        .map(|n| {
            let token = |channel| DeviceToken::new(format!("{channel}-{n}"));
            let mut user = local::seed::mobile::user(n + 100, ChannelKind::PHONES, 1_000 + n * 7, 1, now, token);
            user.tags.clear();
            user
        })
        .collect();
    UserWriter::open(town.stack.store()).put(&app, &users).await.unwrap();
    town.stack.aws().calls.reset();
    let (task, batches) = pushed(&town, &to(json!("all"))).await;
    let devices = USERS as usize * 7 + 21;
    assert_eq!(count(&batches), devices);
    assert!(batches.iter().all(|batch| batch.recipients.len() <= 500));
    assert!(batches.len() <= 7 * (devices / 3_500 + 3), "{} batches", batches.len());
    let calls = &town.stack.aws().calls;
    let reads: f64 = calls.of("dynamodb", "Query", "UsersTable").read_units;
    assert!(reads <= 60.0 * devices as f64 / 1_000.0, "{reads} read units for {devices} devices");
    assert_eq!(calls.of("dynamodb", "GetItem", "UsersTable").count, 1, "the badge's ledger, and nobody one by one");
    assert_eq!(calls.of("dynamodb", "BatchGetItem", "UsersTable").count, 0);
    let told = detail(&town, task).await;
    assert_eq!(told["vivo_target"], json!(USERS + 3));
    town.close().await;
}
