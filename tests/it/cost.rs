//! What a message costs, from the counted calls. The sums are in `docs/data.md`.
//!
//! Everything is deterministic but the lease of id blocks, which is one write unit per instance and up to 32 ids: a
//! first message takes it, so that the one that is counted does not.

use local::Options;
use local::aws::{Calls, Figures};
use serde_json::json;
use support::{Answer, CROWD_TOPIC, Town, crowd_uid};

const UID: &str = "UID_demo000000000000000000000001";

/// Write units, read units and SQS sends since the last reset.
#[derive(Debug)]
struct Cost {
    writes: f64,
    quota_writes: f64,
    reads: f64,
    sends: u64,
    puts: u64,
}

fn cost(calls: &Calls) -> Cost {
    let all = calls.snapshot();
    let sum = |service: &str, of: &dyn Fn(&Figures) -> f64, operations: &[&str], resource: Option<&str>| -> f64 {
        all.iter()
            .filter(|call| call.service == service)
            .filter(|call| operations.is_empty() || operations.contains(&call.operation.as_str()))
            .filter(|call| resource.is_none_or(|resource| call.resource == resource))
            .map(|call| of(&call.figures))
            .sum()
    };
    let count =
        |service: &str, operations: &[&str]| sum(service, &|figures| figures.count as f64, operations, None) as u64;
    Cost {
        writes: sum("dynamodb", &|figures| figures.write_units, &[], None),
        // Updates of the Users table are the daily quota counters and nothing else, as long as nobody is marked.
        quota_writes: sum("dynamodb", &|figures| figures.write_units, &["UpdateItem"], Some("UsersTable")),
        reads: sum("dynamodb", &|figures| figures.read_units, &[], None),
        sends: count("sqs", &["SendMessage", "SendMessageBatch"]),
        puts: count("s3", &["PutObject"]),
    }
}

/// A town whose token is fetched, whose id block is leased and whose account is remembered.
async fn warm(options: Options, followers: u64) -> Town {
    let town = Town::with_crowd(options, followers).await;
    // Records are also written when they have waited for two seconds; on a busy machine that would be now and then.
    town.stack.clock().stand_still();
    let id = town.send(json!({ "content": "warm", "uids": [UID] })).await.message_id();
    town.status_of(id, 3).await;
    town.stack.aws().calls.reset();
    town
}

/// 200 different Chinese characters: the least compressible text a person would write.
fn chinese(chars: u32) -> String {
    (0..chars).filter_map(|n| char::from_u32(0x4e00 + (n * 7919) % 20_000)).collect()
}

/// Text that cannot be compressed: every printable character as likely as any other.
fn noise(chars: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..chars).map(|_| char::from(b'!' + (next() % 94) as u8)).collect()
}

#[tokio::test]
async fn a_direct_message_takes_three_write_units_and_two_sends() {
    for content in ["x".repeat(200), chinese(200), noise(200)] {
        let town = warm(Options::for_tests(), 0).await;
        let id = town.send(json!({ "content": content, "uids": [UID] })).await.message_id();
        town.inbox_of(2).await;
        let cost = cost(&town.stack.aws().calls);
        assert!(cost.writes <= 3.0, "task, quota, record: {cost:?}\n{:#?}", town.stack.aws().calls.snapshot());
        assert_eq!(cost.sends, 2, "hint and batch: {cost:?}");
        assert_eq!(cost.puts, 0, "{cost:?}");
        town.status_of(id, 3).await;
        town.close().await;
    }
}

/// Each trip is delayed by a quarter second in turn; the answer takes as many quarters as trips follow one another.
#[tokio::test]
async fn a_direct_message_is_answered_after_three_round_trips() {
    use local::aws::{AwsFault, FaultKind};
    use std::time::{Duration, Instant};
    const TRIP: Duration = Duration::from_millis(250);
    let town = warm(Options::for_tests(), 0).await;
    for (service, operation) in [("dynamodb", "*"), ("sqs", "SendMessage"), ("s3", "*")] {
        town.stack.aws().faults.inject(AwsFault::new(service, operation, FaultKind::Delay(TRIP)).times(100));
    }
    let started = Instant::now();
    town.send(json!({ "content": "hello", "uids": [UID] })).await.message_id();
    let trips = started.elapsed().as_secs_f64() / TRIP.as_secs_f64();
    assert!((3.0..4.0).contains(&trips), "{trips} round trips");
    town.close().await;
}

#[tokio::test]
async fn a_long_message_takes_twelve_write_units_or_an_object() {
    // (content, an object is expected): a log file compresses, noise does not.
    let log =
        "2026-11-23 20:00:00 ERROR disk full on /dev/vda, host web-1\n".repeat(700).chars().take(40_000).collect();
    for (content, object) in [(log, false), (noise(40_000), true), (chinese(40_000), true)] {
        let town = warm(Options::for_tests(), 0).await;
        let id = town.send(json!({ "content": content, "uids": [UID] })).await.message_id();
        town.inbox_of(2).await;
        town.status_of(id, 3).await;
        let cost = cost(&town.stack.aws().calls);
        assert!(cost.writes <= 12.0, "{cost:?}");
        assert_eq!(cost.puts, u64::from(object), "{cost:?}");
        if object {
            assert!(cost.writes <= 3.0, "the item itself is small: {cost:?}");
        }
        town.close().await;
    }
}

#[tokio::test]
async fn two_thousand_uids_take_a_fifth_of_a_write_unit_each_besides_the_quota() {
    let town = warm(Options::for_tests(), 2_000).await;
    let uids: Vec<String> = (1..=2_000).map(|n| crowd_uid(n).to_string()).collect();
    let targets = town.send(json!({ "content": "hello", "uids": uids })).await.targets();
    assert_eq!(targets.len(), 2_000);
    let last = targets[1_999]["messageId"].as_u64().unwrap();
    town.inbox_of(2_001).await;
    town.status_of(last, 3).await;
    let cost = cost(&town.stack.aws().calls);
    assert!((cost.quota_writes - 2_000.0).abs() < 0.5, "exact, one each: {cost:?}");
    let each = (cost.writes - cost.quota_writes) / 2_000.0;
    assert!(each <= 0.2, "{each} write units each: {cost:?}");
    town.close().await;
}

#[tokio::test]
async fn a_topic_of_thousands_is_cheap_and_reads_nobody_one_by_one() {
    /// More than one page of the plan.
    const FOLLOWERS: u64 = 6_000;
    const THOUSANDS: f64 = FOLLOWERS as f64 / 1_000.0;
    let town = warm(Options::for_tests(), FOLLOWERS).await;
    let lines_before = town.stack.context().metrics.counted_under(gateway::metrics::LINES);
    let id = town.send(json!({ "content": "hello", "topicIds": [CROWD_TOPIC] })).await.message_id();
    let patience = std::time::Duration::from_secs(240);
    let everybody = FOLLOWERS + 1;
    support::until_within(patience, "every follower", || async { town.stack.sandbox().message_count() >= everybody })
        .await;
    town.status_of(id, 3).await;
    let calls = &town.stack.aws().calls;
    let cost = cost(calls);
    let (writes, reads) = ((cost.writes - cost.quota_writes) / THOUSANDS, cost.reads / THOUSANDS);
    assert!(writes <= 10.0, "{writes} write units per 1,000: {:#?}", calls.snapshot());
    assert!(reads <= 60.0, "{reads} read units per 1,000: {:#?}", calls.snapshot());
    // One counter in fifteen is due with a message: 67 per 1,000.
    assert!((40.0..100.0).contains(&(cost.quota_writes / THOUSANDS)), "{cost:?}");
    let one_by_one: u64 = calls
        .snapshot()
        .iter()
        .filter(|call| call.resource == "UsersTable" && ["GetItem", "BatchGetItem"].contains(&call.operation.as_str()))
        .map(|call| call.figures.count)
        .sum();
    assert_eq!(one_by_one, 0, "followers are read by the page only");
    // CloudWatch takes as much for a line of the log as DynamoDB for a write unit. Two stand for each batch of 500.
    let lines = (town.stack.context().metrics.counted_under(gateway::metrics::LINES) - lines_before) as f64 / THOUSANDS;
    assert!(lines <= 6.0, "{lines} lines per 1,000");
    town.close().await;
}

const PUSHES: &str = "/api/v4/pushes/wechat";

/// Pushes articles, and a template in case that they reach nobody, to the first `count` of the crowd.
async fn push(town: &Town, count: u64) -> Answer {
    let openids: Vec<String> = (1..=count).map(|n| support::crowd_openid(n).as_str().to_owned()).collect();
    let body = json!({
        "openids": openids,
        "news_entity": { "title": "标题", "url": "https://example.com" },
        "template_entity": { "template_id": "demo-keyword", "data": { "keyword1": { "value": "第一行" } } },
    });
    let headers = [("authorization", local::seed::PUSH_KEY)];
    town.api.send(http::Method::POST, PUSHES, &headers, body.to_string()).await
}

#[tokio::test]
async fn ten_thousand_openids_are_accepted_in_one_request_for_one_object() {
    let town = Town::with(Options { pollers: false, ..Options::for_tests() }).await;
    town.stack.aws().calls.reset();
    let answer = push(&town, 10_000).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let cost = cost(&town.stack.aws().calls);
    assert_eq!(cost.puts, 1, "all openids are one object: {cost:?}");
    town.close().await;
}

/// Articles that reach nobody, templates for everybody: both legs of each are recorded.
#[tokio::test]
async fn a_push_to_thousands_of_openids_takes_thirty_write_units_per_thousand() {
    const OPENIDS: u64 = 3_000;
    let town = warm(Options::for_tests(), OPENIDS).await;
    let answer = push(&town, OPENIDS).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let id = answer.headers["x-push-id"].to_str().expect("an id").to_owned();
    support::until_within(std::time::Duration::from_secs(300), "every template", || async {
        town.arrived() as u64 > OPENIDS
    })
    .await;
    let headers = [("authorization", local::seed::PUSH_KEY)];
    let outcome = || async { town.api.send(http::Method::GET, &format!("{PUSHES}/{id}"), &headers, "").await.json() };
    let cost = cost(&town.stack.aws().calls);
    support::until("the end", || async { outcome().await["state"] == "done" }).await;
    let outcome = outcome().await;
    assert_eq!(outcome["counts"]["sent"], OPENIDS, "{}", outcome["counts"]);
    assert_eq!(town.arrived() as u64, OPENIDS + 1, "nobody twice");
    let per_thousand = cost.writes / (OPENIDS as f64 / 1_000.0);
    assert!(per_thousand <= 30.0, "{per_thousand} write units per 1,000: {cost:?}");
    assert_eq!(cost.puts, 1, "the openids: {cost:?}");
    town.close().await;
}
