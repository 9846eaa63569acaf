//! What a push to everybody costs, and what it leaves behind: the sums are in `docs/data.md`.

use super::{accepted, detail, message};
use local::Options;
use local::aws::{CallStats, Figures};
use local::seed::mobile::{self, app_id, device_token};
use model::channel::ChannelKind;
use model::device::PushUser;
use model::limits::{BATCH_RECIPIENTS, PAGE_BATCHES};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};
use store::Capability;
use store::devices::{AudienceReader, List, UserWriter};
use support::{Town, until_within};

/// The channels as the statistics call them.
const NAMES: [(&str, ChannelKind); 7] = [
    ("apns", ChannelKind::Apns),
    ("fcm", ChannelKind::Fcm),
    ("flyme", ChannelKind::Meizu),
    ("huawei", ChannelKind::Huawei),
    ("oppo", ChannelKind::Oppo),
    ("vivo", ChannelKind::Vivo),
    ("xiaomi", ChannelKind::Xiaomi),
];
/// Every tenth user has removed the app from all devices.
const DEAD: u64 = 10;
/// Users written at a time.
const CHUNK: usize = 500;
/// When the crowd bound its tokens: before Apple's time of death, which the stand-in puts an hour back.
const BOUND_AGO: Duration = Duration::from_secs(86_400);

/// A town with `users` more users, each with a device for each of `channels`.
pub(super) async fn crowded(users: u64, channels: &[ChannelKind]) -> Town {
    let mut options = Options::for_tests();
    // This process is all vendors and all functions at once: it is slow, they are not.
    options.settings.insert("TUISONG_UPSTREAM_TIMEOUT_MS".to_owned(), "120000".to_owned());
    let town = Town::with(options).await;
    town.stack.sandbox().report_after(None);
    // Records are also written when they have waited for two seconds; on a busy machine that would be now and then.
    town.stack.clock().stand_still();
    let bound = town.now().minus(BOUND_AGO);
    let crowd: Vec<PushUser> = (4..4 + users)
        .map(|n| {
            let token = |channel| device_token(channel, n);
            let first = 22 + (n - 4) * channels.len() as u64;
            let mut user = mobile::user(n, channels, first, 1, bound, token);
            (user.alias, user.tags) = (None, BTreeSet::new());
            user
        })
        .collect();
    let (app, writer) = (app_id().expect("an app"), UserWriter::open(town.stack.store()));
    for users in crowd.chunks(CHUNK) {
        writer.put(&app, users).await.expect("users");
    }
    town
}

/// The vendors' tokens that the app's devices are bound to.
async fn bound(town: &Town) -> BTreeMap<ChannelKind, HashSet<String>> {
    let (app, reader) = (app_id().expect("an app"), AudienceReader::open(town.stack.store()));
    let found = reader.page(&app, List::Shard(0), None, None, usize::MAX >> 1).await.expect("cards");
    let mut bound: BTreeMap<ChannelKind, HashSet<String>> = BTreeMap::new();
    for card in found.cards {
        for (channel, binding) in card.bindings {
            bound.entry(channel).or_default().insert(binding.token.as_str().to_owned());
        }
    }
    bound
}

/// Everything of `service` that was counted, of these operations, or of all.
pub(super) fn sum(calls: &[CallStats], service: &str, operations: &[&str]) -> Figures {
    let fits = |call: &&CallStats| {
        call.service == service && (operations.is_empty() || operations.contains(&call.operation.as_str()))
    };
    calls.iter().filter(fits).fold(Figures::default(), |mut sum, CallStats { figures, .. }| {
        sum.count += figures.count;
        sum.read_units += figures.read_units;
        sum.write_units += figures.write_units;
        sum.messages += figures.messages;
        sum.billed_requests += figures.billed_requests;
        sum
    })
}

const SENDS: [&str; 2] = ["SendMessage", "SendMessageBatch"];
const DELETES: [&str; 2] = ["DeleteMessage", "DeleteMessageBatch"];

/// Pushes to everybody, waits until all queues are empty again and answers the task, and what was called meanwhile.
pub(super) async fn push(town: &Town, reached: u64) -> (u64, Vec<CallStats>) {
    // A busy machine may take its time: this is how long nobody more is reached.
    const PATIENCE: Duration = Duration::from_secs(120);
    // And what failed for a while, or was cut off with its function, is tried again when the clock says so, which stands still.
    const PAUSE: Duration = Duration::from_secs(3);
    let (sandbox, calls) = (town.stack.sandbox(), &town.stack.aws().calls);
    let before = sandbox.message_count();
    calls.reset();
    let task = accepted(town, &json!({ "audience": "all", "message": message() })).await;
    let (mut moved, mut last, mut pauses) = (Instant::now(), 0, 0);
    loop {
        let all = calls.snapshot();
        let (sent, deleted) = (sum(&all, "sqs", &SENDS).messages, sum(&all, "sqs", &DELETES).messages);
        let got = sandbox.message_count() - before;
        if got >= reached && sent == deleted {
            return (task, all);
        }
        if got != last {
            (moved, last, pauses) = (Instant::now(), got, 0);
        }
        if moved.elapsed() > PAUSE * (pauses + 1) {
            town.stack.advance(PAUSE * 2u32.pow(pauses));
            pauses += 1;
        }
        if moved.elapsed() > PATIENCE {
            let by_channel = sandbox.messages_since(before).expect("an inbox").into_iter().fold(
                BTreeMap::<String, u64>::new(),
                |mut counts, message| {
                    *counts.entry(message.channel.clone()).or_default() += 1;
                    counts
                },
            );
            let told = detail(town, task).await;
            panic!(
                "{got} of {reached} reached, {deleted} of {sent} queue messages done: {by_channel:?} {told} {all:#?}"
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Fails unless every counter of `task` is what it must be.
async fn counted(town: &Town, task: u64, target: u64, sent: u64) {
    let told = detail(town, task).await;
    for (name, _) in NAMES {
        let of = |what: &str| told[format!("{name}_{what}")].clone();
        let expected = (json!(target), json!(sent), json!(0));
        assert_eq!((of("target"), of("sent"), of("received")), expected, "{name}: {told}");
    }
    let own = ["target", "sent", "received"].map(|what| told[format!("mxpush_{what}")].clone());
    assert_eq!(own, [const { Value::Null }; 3].map(|_| json!(0)), "{told}");
}

/// Fails unless exactly these devices have got a message after `since`, and one each.
pub(super) fn reached_once(town: &Town, since: u64, channel: ChannelKind, tokens: &HashSet<String>) {
    let messages = town.stack.sandbox().messages_since(since).expect("an inbox");
    let of_channel = messages.into_iter().filter(|message| message.channel == channel.as_str());
    let got: Vec<String> = of_channel.map(|message| message.recipient).collect();
    assert_eq!(got.len(), tokens.len(), "{channel}: nobody twice");
    assert_eq!(got.into_iter().collect::<HashSet<_>>(), *tokens, "{channel}");
}

/// What a push costs by thousand devices.
#[derive(Debug)]
struct Cost {
    /// Calls of SQS that carried something. A poller that finds nothing is not the push's.
    sqs: f64,
    /// What SQS charges for them, by 64 KB of payload.
    sqs_billed: f64,
    writes: f64,
    reads: f64,
}

fn cost(calls: &[CallStats], devices: u64) -> Cost {
    let thousands = devices as f64 / 1_000.0;
    let (sends, deletes) = (sum(calls, "sqs", &SENDS), sum(calls, "sqs", &DELETES));
    let dynamodb = sum(calls, "dynamodb", &[]);
    // Whatever is received is deleted by one call, so there were as many receives that brought something.
    let sqs = sends.count + 2 * deletes.count;
    let billed = 2 * sends.billed_requests + deletes.count;
    let per = |of: f64| of / thousands;
    Cost {
        sqs: per(sqs as f64),
        sqs_billed: per(billed as f64),
        writes: per(dynamodb.write_units),
        reads: per(dynamodb.read_units),
    }
}

/// Pushes to everybody while all are there, while a tenth is gone, and after that.
#[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
async fn everybody(users: u64) {
    let town = crowded(users, ChannelKind::PHONES).await;
    let all = users + 3;
    // Certificates and vendors' tokens are read by the first push, and kept.
    let (warm, _) = push(&town, all * 7).await;
    counted(&town, warm, all, all).await;
    let begun = Instant::now();
    let (task, calls) = push(&town, all * 7).await;
    let (cost, took) = (cost(&calls, all * 7), begun.elapsed());
    eprintln!("{} devices in {took:?}: per 1,000 {cost:?}", all * 7);
    assert!(cost.sqs <= 15.0, "{cost:?}: {calls:#?}");
    assert!(cost.sqs_billed <= 15.0, "{cost:?}: {calls:#?}");
    assert!(cost.writes <= 10.0, "{cost:?}: {calls:#?}");
    assert!(cost.reads <= 60.0, "{cost:?}: {calls:#?}");
    // Each page of the audience is cut for itself, and each list goes to one vendor.
    let pages = (all * 7).div_ceil((BATCH_RECIPIENTS * PAGE_BATCHES) as u64);
    let lists = pages * (all / pages).div_ceil(BATCH_RECIPIENTS as u64) + 1;
    let aws = sum(&calls, "dynamodb", &[]).count;
    assert!(aws <= 20 * 7 * lists, "{aws} calls of DynamoDB: none by device: {calls:#?}");
    assert_eq!(sum(&calls, "s3", &[]).count, 0);
    for (_, channel) in NAMES {
        let calls = sum(&calls, channel.as_str(), &[]).count;
        match channel {
            ChannelKind::Apns | ChannelKind::Fcm => assert_eq!(calls, all, "{channel}: one by device"),
            ChannelKind::Meizu => assert!(calls <= all.div_ceil(100) + lists, "{channel}: {calls}"),
            _ => assert!(calls <= 2 * lists, "{channel}: {calls} for {all} devices"),
        }
    }
    counted(&town, task, all, all).await;

    let is_gone = |n: u64| n > 3 && n.is_multiple_of(DEAD);
    let gone = (4..4 + users).filter(|n| is_gone(*n)).count() as u64;
    for (n, (_, channel)) in (4..4 + users).filter(|n| is_gone(*n)).flat_map(|n| NAMES.map(|name| (n, name))) {
        town.stack.sandbox().remove_app_from(channel.as_str(), device_token(channel, n).as_str());
    }
    let begun = Instant::now();
    let (task, calls) = push(&town, (all - gone) * 7).await;
    let dead = self::cost(&calls, all * 7);
    eprintln!("{gone} of {all} users gone, in {:?}: per 1,000 {dead:?}", begun.elapsed());
    counted(&town, task, all, all - gone).await;
    let expected: BTreeMap<ChannelKind, HashSet<String>> = NAMES
        .map(|(_, channel)| {
            let alive = (1..4 + users).filter(|n| !is_gone(*n));
            (channel, alive.map(|n| device_token(channel, n).as_str().to_owned()).collect())
        })
        .into();
    until_within(Duration::from_secs(60), "the dead to be forgotten", || async { bound(&town).await == expected })
        .await;

    let since = town.stack.sandbox().message_count();
    let (task, _) = push(&town, (all - gone) * 7).await;
    counted(&town, task, all - gone, all - gone).await;
    for (channel, tokens) in expected {
        reached_once(&town, since, channel, &tokens);
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_thousands_costs_little_and_forgets_exactly_the_dead() {
    everybody(350).await;
}

/// `cargo test --workspace --test it -- --ignored --nocapture a_push_to_a_hundred_thousand`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn a_push_to_a_hundred_thousand_costs_little_and_forgets_exactly_the_dead() {
    everybody(14_283).await;
}
