//! Large topics: shards, pages, continuation, summaries, and many batches that end at once.

use super::{
    TASKS, by_hand, inject, minutes, pages, plan_and_lose, put_followers, receivers, serve, serve_in, shard, take,
    tally, to_topic, wechat, work,
};
use local::aws::{AwsFault, FaultKind};
use local::seed;
use model::app::Topic;
use model::audience::Follower;
use model::batch::Part;
use model::ids::{AppId, TaskId, TopicId};
use model::limits::TASK_RETENTION;
use model::own::DeviceSet;
use model::record::Tally;
use std::collections::BTreeSet;
use std::time::Duration;
use store::Capability;
use store::apps::AppWriter;
use store::plan::{PlanPage, PlannedBatch, Planner};
use store::records::RecordReader;
use support::{CROWD_TOPIC, Town, crowd_openid, crowd_uid};

async fn summary(town: &Town, task: TaskId, part: Part) -> Option<Tally> {
    RecordReader::open(town.stack.store()).summary(task, part).await.expect("a summary")
}

/// Three shards, one of them of two pages, of whom a tenth is eligible; and an invocation that has time for a page only.
#[tokio::test]
async fn a_large_topic_is_read_shard_by_shard_and_page_by_page() {
    const TOPIC: u64 = 88;
    const SHARDS: [(u16, u64); 3] = [(0, 5_050), (1, 40), (2, 0)];
    let town = Town::with_crowd(by_hand(), 0).await;
    let topic = Topic { id: TopicId::new(TOPIC), name: "large".to_owned(), in_product: false, shards: 3 };
    AppWriter::open(town.stack.store()).put_topic(AppId::new(1), &topic).await.expect("a topic");
    let mut expected = BTreeSet::new();
    for (shard, count) in SHARDS {
        let first = u64::from(shard) * 10_000 + 1;
        let follower = |n: u64| {
            let eligible = n.is_multiple_of(10);
            Follower { muted: !eligible, ..seed::follower(crowd_uid(n), crowd_openid(n), n, town.now()) }
        };
        let followers: Vec<Follower> = (first..first + count).map(follower).collect();
        put_followers(&town, TOPIC, shard, &followers).await;
        for follower in followers.iter().filter(|follower| !follower.muted) {
            wechat(&town).follow(follower.openid.as_str());
            expected.insert(follower.openid.as_str().to_owned());
        }
    }
    assert_eq!(expected.len(), 509);

    let sent = to_topic(&town, "large", TOPIC).await;
    let hints = take(&town, TASKS).await;
    // Reading a page takes longer than what is left of this invocation's time after the margin.
    inject(&town, AwsFault::new("dynamodb", "Query", FaultKind::Delay(Duration::from_millis(1500))).on("UsersTable"));
    let time = Duration::from_millis(6_000);
    assert!(serve_in(town.stack.context(), "fanout", time, &hints).await.is_empty());
    assert_eq!(pages(&town, sent.task, shard(0)).await.len(), 1);
    let mut next: Vec<(u64, u64)> = Vec::new();
    let messages = take(&town, TASKS).await;
    for message in &messages {
        let message: serde_json::Value = serde_json::from_str(message).expect("JSON");
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        next.push((number(&message["part"]["t"]["n"]), number(&message["page"])));
    }
    next.sort_unstable();
    assert_eq!(next, [(0, 1), (1, 0), (2, 0)], "the other shards, and where to go on in the first");
    assert!(serve(&town, "fanout", &messages).await.is_empty());
    work(&town).await;

    let shown: Vec<String> = receivers(&town, "large");
    assert_eq!(shown.len(), expected.len(), "each once");
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), expected);
    let mut numbers = Vec::new();
    for (of, _) in SHARDS {
        let pages = pages(&town, sent.task, shard(of)).await;
        assert!(pages.last().is_some_and(|page| page.last));
        numbers.push((pages.len(), pages.iter().map(|page| page.batches.len()).sum::<usize>()));
    }
    assert_eq!(numbers, [(2, 2), (1, 1), (1, 0)]);
    assert_eq!(town.status(sent.messages[0]).await, 3);

    // The sweep sums up what is finished, and a status query reads no records from then on.
    assert_eq!(summary(&town, sent.task, shard(0)).await, None);
    minutes(&town, 5).await;
    work(&town).await;
    let mut summed = Vec::new();
    for (of, _) in SHARDS {
        let summary = summary(&town, sent.task, shard(of)).await.expect("a summary");
        assert_eq!(summary, tally(&town, sent.task, shard(of)).await);
        summed.push(summary.sent());
    }
    assert_eq!(summed, [505, 4, 0]);
    town.stack.aws().calls.reset();
    assert_eq!(town.status(sent.messages[0]).await, 3);
    assert_eq!(town.stack.aws().calls.of("dynamodb", "Query", "TasksTable").count, 1, "the task's own");
    assert_eq!(receivers(&town, "large").len(), expected.len());
    town.close().await;
}

/// Fifty batches of one task end at the same moment, each in two copies, and one write in three goes wrong.
#[tokio::test]
async fn counters_are_exact_whoever_finishes_at_once() {
    const BATCHES_OF_FOUR: u64 = 50;
    let town = Town::with_crowd(by_hand(), BATCHES_OF_FOUR * 4).await;
    let sent = to_topic(&town, "fifty", CROWD_TOPIC).await;
    // A plan with small batches, as if the audience had been read in small pages.
    let planner = Planner::open(town.stack.store());
    let upto = |batch: u64| 2_000_000 + batch * 4;
    for page in 0..5u32 {
        let numbers = u64::from(page) * 10 + 1..=u64::from(page) * 10 + 10;
        let batch = |batch| PlannedBatch { upto: upto(batch), recipients: 4, route: None };
        let batches = numbers.clone().map(batch).collect();
        let plan = PlanPage {
            first_batch: page * 10,
            batches,
            seen: Some(upto(*numbers.end())),
            last: page == 4,
            offline: 0,
            online: DeviceSet::default(),
            members: Vec::new(),
            at: town.now(),
        };
        let expires = town.now().plus(TASK_RETENTION);
        planner.plan(sent.task, shard(0), page, plan, expires).await.expect("a page");
    }
    let batches = plan_and_lose(&town).await;
    assert_eq!(batches.len(), 50);

    for (kind, times) in [
        (error(500, "InternalServerError"), 40),
        (FaultKind::LoseResponse, 20),
        (error(400, "TransactionConflictException"), 20),
        (error(400, "ProvisionedThroughputExceededException"), 20),
    ] {
        inject(&town, AwsFault::new("dynamodb", "PutItem", kind).on("TasksTable").times(times));
    }
    let mut failed_once = false;
    let mut waiting: Vec<String> = batches.iter().chain(&batches).cloned().collect();
    while !waiting.is_empty() {
        let workers = waiting.iter().map(|batch| serve(&town, "deliver", std::slice::from_ref(batch)));
        let failed = futures::future::join_all(workers).await;
        let again = waiting.iter().zip(failed).filter(|(_, failed)| !failed.is_empty());
        waiting = again.map(|(batch, _)| batch.clone()).collect();
        failed_once |= !waiting.is_empty();
    }
    assert!(failed_once, "no write failed");
    town.stack.aws().faults.clear();
    work(&town).await;

    let shown: BTreeSet<String> = receivers(&town, "fifty").into_iter().collect();
    assert_eq!((shown.len(), town.arrived()), (200, 200));
    let tally = tally(&town, sent.task, shard(0)).await;
    assert_eq!((tally.sent(), tally.total()), (200, 200));
    minutes(&town, 5).await;
    work(&town).await;
    assert_eq!(summary(&town, sent.task, shard(0)).await, Some(tally));
    assert_eq!(town.status(sent.messages[0]).await, 3);
    town.close().await;
}

fn error(status: u16, code: &str) -> FaultKind {
    FaultKind::Error { status, code: code.to_owned(), message: "ordered by a test".to_owned() }
}
