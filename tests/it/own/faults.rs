//! What goes wrong on the way: API Gateway throttles or fails, a connection dies between lookup and frame, a process dies
//! while it delivers.

use super::{by_hand, counted, counters, is_online, notify, online, phones, posts, queued, slot, town};
use crate::wxpusher::work;
use local::aws::{AwsFault, FaultKind};
use serde_json::Value;
use std::time::Duration;
use support::{Town, until};

fn post_fault(status: u16, code: &str) -> AwsFault {
    let kind = FaultKind::Error { status, code: code.to_owned(), message: String::new() };
    AwsFault::new("execute-api", "PostToConnection", kind)
}

#[tokio::test]
async fn throttling_and_trouble_are_tried_again() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    for (status, code) in [(429, "LimitExceededException"), (500, "InternalServerError")] {
        // More than the SDK tries by itself.
        town.stack.aws().faults.inject(post_fault(status, code).times(4));
        let task = notify(&town, phones(&[1]), Value::Null, code).await;
        assert_eq!(socket.message().await.0, task, "{code}");
        counted(&town, task, "mxpush", [1, 1, 0]).await;
        assert_eq!(town.stack.aws().faults.pending(), 0);
    }
    assert_eq!(town.arrived(), 0, "no vendor was called");
    town.close().await;
}

#[tokio::test]
async fn a_connection_that_dies_between_lookup_and_frame_sends_the_device_to_its_vendor() {
    let town = by_hand().await;
    let socket = online(&town, 1).await;
    let task = notify(&town, phones(&[1]), Value::Null, "来不及").await;
    work(&town, "fanout", "TasksQueue").await;
    let slow = FaultKind::Delay(Duration::from_millis(500));
    town.stack.aws().faults.inject(AwsFault::new("execute-api", "PostToConnection", slow));
    let leaves = async {
        until("the frame on its way", || async { town.stack.aws().faults.pending() == 0 }).await;
        socket.leave().await;
    };
    futures::join!(work(&town, "deliver", "DeliverOwnQueue"), leaves);
    assert_eq!(queued(&town, "DeliverHuaweiQueue").await, [[slot(1)]]);
    assert_eq!(counters(&town, task, "mxpush").await, [1, 0, 0]);
    town.close().await;
}

/// Works the queue of our own channel as a process that is killed before it has written anything down.
async fn deliver_and_die(town: &Town) {
    let dies = |operation: &str, table: &str| {
        let kind = FaultKind::Error { status: 400, code: "AccessDeniedException".to_owned(), message: String::new() };
        town.stack.aws().faults.inject(AwsFault::new("dynamodb", operation, kind).on(table).times(1));
    };
    dies("PutItem", "TasksTable");
    let deployment = town.stack.deployment();
    let url = &deployment.queue_urls["DeliverOwnQueue"];
    let taken = deployment.sqs.receive_message().queue_url(url).visibility_timeout(0).send().await.expect("an answer");
    let message = taken.messages.unwrap_or_default().remove(0);
    let record = gateway::event::QueueRecord {
        message_id: message.message_id.unwrap_or_default(),
        body: message.body.expect("a body"),
    };
    let event = gateway::event::QueueEvent { records: vec![record] };
    let invocation = gateway::Invocation {
        request_id: "dies".to_owned(),
        deadline: std::time::Instant::now() + Duration::from_secs(60),
    };
    let function = functions::routes::by_name("deliver").expect("a function");
    let reply = gateway::lambda::serve_queue(function, town.stack.context().clone(), invocation, event).await;
    assert_eq!(reply.batch_item_failures.len(), 1, "it was to fail");
    assert_eq!(town.stack.aws().faults.pending(), 0);
}

#[tokio::test]
async fn a_kill_while_delivering_repeats_the_frame_under_the_same_task_and_counts_once() {
    let town = by_hand().await;
    let mut socket = online(&town, 1).await;
    let task = notify(&town, phones(&[1]), Value::Null, "重复").await;
    work(&town, "fanout", "TasksQueue").await;
    deliver_and_die(&town).await;
    assert_eq!(socket.message().await.0, task);
    socket.acknowledge(&[task]).await;
    work(&town, "deliver", "DeliverOwnQueue").await;
    assert_eq!(socket.message().await.0, task, "by which the client drops it");
    socket.acknowledge(&[task]).await;
    assert_eq!(counters(&town, task, "mxpush").await, [1, 1, 1]);
    assert_eq!(posts(&town), 2);
    assert_eq!(queued(&town, "DeliverHuaweiQueue").await, [[0; 0]; 0], "and no vendor is called");
    town.close().await;
}

#[tokio::test]
async fn who_was_online_at_fan_out_stays_in_its_batch_when_fan_out_runs_again() {
    let town = by_hand().await;
    let mut socket = online(&town, 1).await;
    let task = notify(&town, phones(&[1, 2]), Value::Null, "计划").await;
    work(&town, "fanout", "TasksQueue").await;
    work(&town, "deliver", "DeliverOwnQueue").await;
    assert_eq!(socket.message().await.0, task);
    socket.leave().await;
    until("nobody online", || async { !is_online(&town, 1).await }).await;
    // The other batch is lost with its queue; fan-out builds again what is open.
    assert_eq!(queued(&town, "DeliverHuaweiQueue").await, [[slot(2)]]);
    town.stack.advance(Duration::from_secs(300));
    town.stack.run_schedule("release-due", serde_json::json!({ "recover": true })).await.expect("a run");
    for _ in 0..2 {
        work(&town, "fanout", "TasksQueue").await;
    }
    assert_eq!(queued(&town, "DeliverOwnQueue").await, [[0; 0]; 0], "that batch is done");
    assert_eq!(queued(&town, "DeliverHuaweiQueue").await, [[slot(2)]], "the first had it over its connection");
    assert_eq!(counters(&town, task, "mxpush").await, [1, 1, 0]);
    assert_eq!(counters(&town, task, "huawei").await, [1, 0, 0]);
    town.close().await;
}
