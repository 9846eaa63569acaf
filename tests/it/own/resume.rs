//! What was sent and not acknowledged is offered again over this channel, within its life, and goes no other way.

use super::{becomes, counted, counters, notify, notify_message, online, phones, token, town};
use local::seed::mobile;
use serde_json::{Value, json};
use std::time::Duration;
use support::Town;
use support::socket::Socket;

/// Connects again: the connection, the tasks that are offered, and whether there are more.
async fn back(town: &Town) -> (Socket, Vec<u64>, bool) {
    let (socket, welcome) = Socket::device(&town.stack.socket_url(), mobile::APP, &token(1)).await;
    let (tasks, more) = offered(&welcome);
    (socket, tasks, more)
}

fn offered(welcome: &Value) -> (Vec<u64>, bool) {
    let messages = welcome["messages"].as_array().expect("messages");
    let task = |message: &Value| {
        assert_eq!(message["type"], "message", "{message}");
        message["task_id"].as_u64().expect("a task")
    };
    (messages.iter().map(task).collect(), welcome["more"].as_bool().expect("whether there are more"))
}

#[tokio::test]
async fn a_message_that_was_not_acknowledged_is_offered_again_and_no_vendor_is_called() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    let task = notify(&town, phones(&[1]), Value::Null, "收到了吗").await;
    let (_, heard) = socket.message().await;
    counted(&town, task, "mxpush", [1, 1, 0]).await;
    socket.leave().await;
    becomes(&town, 1, false).await;
    // The sweep finds nothing to do either.
    town.stack.advance(Duration::from_secs(600));
    town.stack.run_schedule("release-due", json!({})).await.expect("a run");

    let (mut socket, tasks, more) = back(&town).await;
    assert_eq!((tasks, more), (vec![task], false));
    socket.say(json!({ "type": "resume" })).await;
    let again = socket.hear().await;
    assert_eq!(again["messages"][0]["message"], heard, "the same message");
    socket.acknowledge(&[task]).await;
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    socket.leave().await;
    let (_, tasks, _) = back(&town).await;
    assert_eq!(tasks, [0; 0], "what was acknowledged is not offered");
    assert_eq!(town.arrived(), 0, "no vendor was called");
    town.close().await;
}

#[tokio::test]
async fn a_client_that_never_acknowledges_is_offered_it_until_its_life_ends() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    let end = town.now().seconds() + 3600;
    let timed = notify_message(&town, phones(&[1]), Value::Null, json!({ "title": "a", "show_end_time": end })).await;
    assert_eq!(socket.message().await.0, timed);
    let daily = notify(&town, phones(&[1]), Value::Null, "一天").await;
    assert_eq!(socket.message().await.0, daily);
    for task in [timed, daily] {
        counted(&town, task, "mxpush", [1, 1, 0]).await;
    }
    socket.leave().await;
    let (socket, tasks, _) = back(&town).await;
    assert_eq!(tasks, [timed, daily], "in the order they were sent");
    socket.leave().await;
    town.stack.advance(Duration::from_secs(3601));
    let (socket, tasks, _) = back(&town).await;
    assert_eq!(tasks, [daily]);
    socket.leave().await;
    town.stack.advance(Duration::from_secs(24 * 3600));
    let (_, tasks, _) = back(&town).await;
    assert_eq!(tasks, [0; 0]);
    assert_eq!(counters(&town, daily, "mxpush").await, [1, 1, 0]);
    assert_eq!((counters(&town, daily, "huawei").await, town.arrived()), ([0, 0, 0], 0));
    town.close().await;
}

#[tokio::test]
async fn many_messages_are_offered_in_portions() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    let mut sent = Vec::new();
    for n in 0..23 {
        sent.push(notify(&town, phones(&[1]), Value::Null, &format!("第{n}条")).await);
    }
    for _ in 0..23 {
        socket.message().await;
    }
    for task in &sent {
        counted(&town, *task, "mxpush", [1, 1, 0]).await;
    }
    socket.leave().await;
    let (mut socket, first, more) = back(&town).await;
    assert_eq!((first.as_slice(), more), (&sent[..20], true));
    socket.acknowledge(&first).await;
    socket.say(json!({ "type": "resume" })).await;
    let welcome = socket.hear().await;
    assert_eq!(offered(&welcome), (sent[20..].to_vec(), false));
    town.close().await;
}

#[tokio::test]
async fn an_acknowledgement_that_comes_before_its_sender_is_done_counts_once() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    // The sender is slow to write down what it sent.
    let slow =
        local::aws::AwsFault::new("dynamodb", "PutItem", local::aws::FaultKind::Delay(Duration::from_millis(600)));
    town.stack.aws().faults.inject(slow.on("UsersTable"));
    let task = notify(&town, phones(&[1]), Value::Null, "很快").await;
    assert_eq!(socket.message().await.0, task);
    socket.acknowledge(&[task]).await;
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    socket.acknowledge(&[task]).await;
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    socket.leave().await;
    let (_, tasks, _) = back(&town).await;
    assert_eq!(tasks, [0; 0]);
    town.close().await;
}

#[tokio::test]
async fn acknowledging_what_nobody_sent_counts_nowhere() {
    let town = town().await;
    let (mut one, mut two) = (online(&town, 1).await, online(&town, 2).await);
    let task = notify(&town, phones(&[1]), Value::Null, "给一").await;
    assert_eq!(one.message().await.0, task);
    counted(&town, task, "mxpush", [1, 1, 0]).await;
    let written = || town.stack.aws().calls.of("dynamodb", "PutItem", "UsersTable").count;
    let before = written();
    two.acknowledge(&[1, 9_007_199_254_740_991]).await;
    assert_eq!(written(), before, "of what is no task of the app nothing is kept");
    two.acknowledge(&[task]).await;
    counted(&town, task, "mxpush", [1, 1, 0]).await;
    town.close().await;
}
