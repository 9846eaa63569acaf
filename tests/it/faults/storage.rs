//! DynamoDB, SQS or S3 refuse a call, do half of it, or do it and the answer is lost.
//!
//! The property throughout: what was accepted arrives, and is shown once; what was refused never arrives.

use super::{
    Accepted, BATCHES, DEAD_BATCHES, DEAD_TASKS, TASKS, at_noon, by_hand, depth, direct, everybody, impatient, inject,
    minutes, openid, pages, put_followers, quiet, receivers, serve, shard, take, tally, to_topic, token_calls, uid,
    wechat, work,
};
use futures::stream::{self, StreamExt};
use local::aws::{AwsFault, FaultKind};
use local::{Options, seed};
use model::batch::Part;
use model::ids::OpenId;
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Town, crowd_uid, until};

/// Somebody who follows later.
const NEWCOMER: &str = "onewcomer0000000000000000001";

/// Every kind of call between the request and the closed record, for a message with two direct recipients and a topic.
const WAY: [(&str, &str, &str); 15] = [
    ("dynamodb", "GetItem", "AppsTable"),
    ("dynamodb", "BatchGetItem", "UsersTable"),
    ("dynamodb", "UpdateItem", "UsersTable"),
    ("dynamodb", "UpdateItem", "TasksTable"),
    ("dynamodb", "PutItem", "TasksTable"),
    ("dynamodb", "GetItem", "TasksTable"),
    ("dynamodb", "Query", "TasksTable"),
    ("dynamodb", "Query", "UsersTable"),
    ("dynamodb", "GetItem", "TokensTable"),
    ("dynamodb", "UpdateItem", "TokensTable"),
    ("sqs", "SendMessage", TASKS),
    ("sqs", "SendMessageBatch", BATCHES),
    ("sqs", "ReceiveMessage", TASKS),
    ("sqs", "DeleteMessageBatch", TASKS),
    ("sqs", "DeleteMessageBatch", BATCHES),
];

/// How often the SDK tries a call.
const TRIES: u32 = 3;

fn error(status: u16, code: &str) -> FaultKind {
    FaultKind::Error { status, code: code.to_owned(), message: "ordered by a test".to_owned() }
}

/// Lets each call on the way go wrong, `times` in a row, each in a town of its own; how many calls were accepted.
async fn whatever_fails(kind: FaultKind, skipped: u32, times: u32) -> usize {
    let towns = WAY.iter().map(|&call| one_fails(call, kind.clone(), skipped, times));
    let accepted: Vec<bool> = stream::iter(towns).buffer_unordered(5).collect().await;
    accepted.into_iter().filter(|accepted| *accepted).count()
}

/// One call goes wrong, after `skipped` of its kind went well. Whether the message was accepted.
async fn one_fails(
    (service, operation, resource): (&str, &str, &str),
    kind: FaultKind,
    skipped: u32,
    times: u32,
) -> bool {
    let what = format!("{service} {operation} on {resource}");
    let town = Town::with(impatient()).await;
    if skipped > 0 {
        // A wait of nothing: the call goes well and uses the order up.
        inject(&town, AwsFault::new(service, operation, FaultKind::Delay(Duration::ZERO)).on(resource).times(skipped));
    }
    inject(&town, AwsFault::new(service, operation, kind).on(resource).times(times));
    let body = json!({ "content": what, "uids": [uid(1), uid(2)], "topicIds": [1] });
    let answer = town.send(body).await;
    let mut expected = everybody();
    expected.extend([openid(1), openid(2)]);
    expected.sort();
    let accepted = answer.code() == 1000;
    if accepted {
        let sent = Accepted::of(&answer.targets());
        quiet(&town).await;
        // What is left would only meet the test's own questions.
        town.stack.aws().faults.clear();
        if receivers(&town, &what).len() < expected.len() {
            minutes(&town, 6).await;
        }
        for &id in &sent.messages {
            town.status_of(id, 3).await;
        }
        assert_eq!(receivers(&town, &what), expected, "{what}");
        assert_eq!(tally(&town, sent.task, Part::Direct).await.counts()[0], 2, "{what}");
        assert_eq!(tally(&town, sent.task, shard(0)).await.counts()[0], 3, "{what}");
    } else {
        assert_eq!(answer.code(), 1005, "{what}: {}", answer.text);
        town.stack.aws().faults.clear();
        minutes(&town, 6).await;
        quiet(&town).await;
        assert!(town.inbox().is_empty(), "{what}: refused, and sent all the same");
    }
    assert_eq!(depth(&town, DEAD_TASKS).await + depth(&town, DEAD_BATCHES).await, 0, "{what}");
    town.close().await;
    accepted
}

#[tokio::test]
async fn a_single_internal_error_costs_no_message_and_no_caller() {
    assert_eq!(whatever_fails(error(500, "InternalServerError"), 0, 1).await, WAY.len());
}

/// Longer than the SDK's patience: some callers are refused, no accepted message is lost.
#[tokio::test]
async fn a_call_that_keeps_failing_costs_no_accepted_message() {
    let accepted = whatever_fails(error(500, "InternalServerError"), 0, TRIES).await;
    assert!((8..WAY.len()).contains(&accepted), "{accepted} accepted");
}

/// The same for the later calls of each kind: plan pages and segments where the first is the task's own write.
#[tokio::test]
async fn a_later_call_that_keeps_failing_costs_no_accepted_message() {
    whatever_fails(error(500, "InternalServerError"), 1, TRIES).await;
}

#[tokio::test]
async fn throttling_costs_no_accepted_message() {
    whatever_fails(error(400, "ProvisionedThroughputExceededException"), 2, TRIES).await;
}

/// Done, and the answer lost: the SDK repeats the call, and the repeat is recognised for what it is.
#[tokio::test]
async fn a_lost_answer_costs_no_message_and_no_caller() {
    assert_eq!(whatever_fails(FaultKind::LoseResponse, 0, 1).await, WAY.len());
}

#[tokio::test]
async fn a_lost_answer_of_a_later_call_costs_no_message_and_no_caller() {
    assert_eq!(whatever_fails(FaultKind::LoseResponse, 1, 1).await, WAY.len());
}

/// Each write on the way by name: task, segment, plan page, quota. Exactly one thing comes of each.
#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_made_twice() {
    let town = Town::with(by_hand()).await;
    let lose = |table: &str, operation: &str| {
        inject(&town, AwsFault::new("dynamodb", operation, FaultKind::LoseResponse).on(table));
    };
    lose("TasksTable", "PutItem");
    let sent = to_topic(&town, "lost answers", 1).await;
    let hints = take(&town, TASKS).await;
    lose("TasksTable", "PutItem");
    assert!(serve(&town, "fanout", &hints).await.is_empty());
    let batches = take(&town, BATCHES).await;
    assert_eq!(batches.len(), 1);
    lose("TasksTable", "PutItem");
    assert!(serve(&town, "deliver", &batches).await.is_empty());
    assert_eq!(town.stack.aws().faults.pending(), 0);
    let pages = pages(&town, sent.task, shard(0)).await;
    assert_eq!((pages.len(), pages[0].batches.len()), (1, 1));
    let tally = tally(&town, sent.task, shard(0)).await;
    assert_eq!((tally.sent(), tally.total()), (3, 3));
    assert_eq!(receivers(&town, "lost answers"), everybody());
    assert_eq!(town.status(sent.messages[0]).await, 3);
    town.close().await;
}

/// The lease of the token is taken and nobody is told: the repeat recognises its own lease, or all would wait for it to
/// run out.
#[tokio::test]
async fn a_lost_answer_about_the_tokens_lease_holds_nobody_up() {
    let town = Town::demo().await;
    let started = Instant::now();
    inject(&town, AwsFault::new("dynamodb", "UpdateItem", FaultKind::LoseResponse).on("TokensTable").times(1));
    let sent = direct(&town, "lease", &[1]).await;
    town.status_of(sent.messages[0], 3).await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(token_calls(&town), 1);
    assert_eq!(town.stack.aws().faults.pending(), 0);
    town.close().await;
}

/// Batch calls that do half of what they were asked, and an audience whose object cannot be read at first.
#[tokio::test]
async fn what_a_batch_call_leaves_undone_is_done_later() {
    let crowd = 1000;
    let town = Town::with_crowd(impatient(), crowd).await;
    town.stack.aws().calls.reset();
    for (service, operation) in
        [("dynamodb", "BatchGetItem"), ("dynamodb", "BatchWriteItem"), ("sqs", "SendMessageBatch")]
    {
        inject(&town, AwsFault::new(service, operation, FaultKind::Unprocessed).times(3));
    }
    inject(&town, AwsFault::new("s3", "GetObject", error(500, "InternalError")).times(TRIES));
    let uids: Vec<String> = (1..=crowd).map(|n| crowd_uid(n).as_str().to_owned()).collect();
    let sent = Accepted::of(&town.send(json!({ "content": "wide", "uids": uids })).await.targets());
    until("everybody", || async { town.arrived() >= 1000 }).await;
    quiet(&town).await;
    let mut shown = receivers(&town, "wide");
    shown.dedup();
    assert_eq!((shown.len(), town.arrived()), (1000, 1000));
    assert_eq!(tally(&town, sent.task, Part::Direct).await.sent(), crowd);
    // The last id lies in the last of many blocks, which only a pointer leads back from.
    for id in [sent.messages[0], sent.messages[999]] {
        town.status_of(id, 3).await;
    }
    assert_eq!(town.stack.aws().faults.pending(), 0, "all of it happened");
    town.close().await;
}

/// A body that is too large for an item and cannot be kept: refused, nothing queued, nothing left to be sent.
#[tokio::test]
async fn a_body_that_cannot_be_kept_is_refused_whole() {
    let town = Town::with(by_hand()).await;
    let calls = &town.stack.aws().calls;
    inject(&town, AwsFault::new("s3", "PutObject", error(500, "InternalError")).times(TRIES));
    let content: String = (0..12_000u32).filter_map(|n| char::from_u32(0x4e00 + (n * 7919) % 20_000)).collect();
    let answer = town.send(json!({ "content": content, "summary": "large", "uids": [uid(1)] })).await;
    assert_eq!(answer.code(), 1005, "{}", answer.text);
    assert_eq!(town.stack.aws().faults.pending(), 0, "it was too large for an item");
    assert_eq!(calls.of("sqs", "SendMessage", TASKS).count, 0);
    assert_eq!(calls.of("dynamodb", "PutItem", "TasksTable").count, 0);
    minutes(&town, 6).await;
    work(&town).await;
    assert!(town.inbox().is_empty());

    let answer = town.send(json!({ "content": content, "summary": "large", "uids": [uid(1)] })).await;
    assert_eq!(answer.code(), 1000, "{}", answer.text);
    work(&town).await;
    assert_eq!(receivers(&town, "large"), [openid(1)]);
    town.close().await;
}

/// There is no transaction on the way of a message, so a cancelled one can cost no delivery.
#[tokio::test]
async fn no_delivery_depends_on_a_transaction() {
    let town = Town::demo().await;
    for reason in ["ConditionalCheckFailed", "TransactionConflict", "ThrottlingError"] {
        let kind = FaultKind::CancelTransaction { reasons: vec![reason.to_owned(); 4] };
        inject(&town, AwsFault::new("dynamodb", "*", kind).times(100));
    }
    let body = json!({ "content": "no transaction", "uids": [uid(1), uid(2)], "topicIds": [1] });
    let sent = Accepted::of(&town.send(body).await.targets());
    for id in sent.messages {
        town.status_of(id, 3).await;
    }
    town.inbox_of(5).await;
    assert_eq!(town.stack.aws().faults.pending(), 300, "none was met");
    town.close().await;
}

/// Two fan-outs plan one page from different states of the audience: the first plan stands for both.
#[tokio::test]
async fn two_plans_of_one_page_become_one() {
    let town = Town::with(by_hand()).await;
    wechat(&town).follow(NEWCOMER);
    let sent = to_topic(&town, "two plans", 1).await;
    let hint = take(&town, TASKS).await;
    inject(&town, AwsFault::new("dynamodb", "PutItem", FaultKind::Delay(Duration::from_millis(1500))).on("TasksTable"));
    let slow = serve(&town, "fanout", &hint);
    let quick = async {
        until("the first plan", || async { town.stack.aws().faults.pending() == 0 }).await;
        let newcomer = seed::numbered_uid("newcomer", 1).expect("a UID");
        let newcomer = seed::follower(newcomer, OpenId::new(NEWCOMER), 50, town.now());
        put_followers(&town, 1, 0, &[newcomer]).await;
        serve(&town, "fanout", &hint).await
    };
    let (slow, quick) = futures::join!(slow, quick);
    assert!(slow.is_empty() && quick.is_empty());
    let pages = pages(&town, sent.task, shard(0)).await;
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].batches[0].recipients, 4, "planned with the newcomer");
    let batches = take(&town, BATCHES).await;
    assert_eq!(batches.len(), 2, "both sent it");
    assert_eq!(batches[0], batches[1], "the same batch");
    for batch in &batches {
        assert!(serve(&town, "deliver", std::slice::from_ref(batch)).await.is_empty());
    }
    assert_eq!(receivers(&town, "two plans"), [openid(1), openid(2), openid(3), NEWCOMER.to_owned()]);
    assert_eq!(tally(&town, sent.task, shard(0)).await.sent(), 4);
    assert_eq!(town.status(sent.messages[0]).await, 3);
    town.close().await;
}

/// The refused write of a plan page that shows no page is an error of its own, and the message comes again.
#[tokio::test]
async fn a_plan_that_is_refused_for_nothing_is_planned_again() {
    let town = Town::with(impatient()).await;
    let order = AwsFault::new("dynamodb", "PutItem", error(400, "ConditionalCheckFailedException")).on("TasksTable");
    // The first write is the task's.
    inject(&town, AwsFault::new("dynamodb", "PutItem", FaultKind::Delay(Duration::ZERO)).on("TasksTable"));
    inject(&town, order);
    let sent = to_topic(&town, "refused page", 1).await;
    town.status_of(sent.messages[0], 3).await;
    town.inbox_of(3).await;
    assert_eq!(town.stack.aws().faults.pending(), 0);
    town.close().await;
}

/// A quota whose answer is lost may count one too many, never one too few, and costs no message.
#[tokio::test]
async fn a_lost_answer_about_a_quota_costs_no_message() {
    let settings = [("TUISONG_DAILY_LIMIT".to_owned(), "10".to_owned())].into();
    let town = Town::with(Options { settings, ..Options::for_tests() }).await;
    at_noon(&town);
    inject(&town, AwsFault::new("dynamodb", "UpdateItem", FaultKind::LoseResponse).on("UsersTable"));
    let sent = direct(&town, "counted", &[1]).await;
    town.status_of(sent.messages[0], 3).await;
    let mut accepted = 1;
    while town.send(json!({ "content": "more", "uids": [uid(1)] })).await.targets()[0]["code"] == 1000 {
        accepted += 1;
        assert!(accepted <= 10, "over the limit");
    }
    assert!(accepted >= 9, "{accepted} accepted");
    town.inbox_of(accepted).await;
    assert_eq!(wechat(&town).token_fetches().stable, 1);
    town.close().await;
}
