//! The channel: who is online gets the message at once, everybody else by a vendor, nobody twice.

use super::{
    GRACE, becomes, by_hand, counted, counters, is_online, leave_unnoticed, notify, notify_message, online, phones,
    posts, queued, slot, token, town,
};
use crate::wxpusher::work;
use local::seed::mobile;
use serde_json::{Value, json};
use std::time::Duration;
use support::socket::Socket;

const OWN: &str = "DeliverOwnQueue";
const HUAWEI: &str = "DeliverHuaweiQueue";

#[tokio::test]
async fn who_is_online_gets_the_message_and_no_vendor_does() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    let message =
        json!({ "title": "标题", "body": "正文", "ext": { "k": 1 }, "badge": "+2", "android": { "sound": "ring" } });
    let task = notify_message(&town, phones(&[1]), Value::Null, message.clone()).await;
    let (heard, mut shown) = socket.message().await;
    assert_eq!(heard, task);
    assert_eq!(shown.as_object_mut().expect("an object").remove("type"), Some(json!("text")));
    assert_eq!(shown, message, "the message as the call had it");
    counted(&town, task, "mxpush", [1, 1, 0]).await;
    socket.acknowledge(&[task]).await;
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    // Saying so again counts nothing.
    socket.acknowledge(&[task, task]).await;
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    assert_eq!(counters(&town, task, "huawei").await, [0, 0, 0]);
    assert_eq!(town.arrived(), 0, "no vendor was called");
    assert_eq!(socket.hear_within(GRACE).await, None, "once is enough");
    town.close().await;
}

#[tokio::test]
async fn every_tab_of_a_device_gets_it_and_it_counts_once() {
    let town = town().await;
    let (mut one, mut two) = (online(&town, 1).await, online(&town, 1).await);
    let task = notify(&town, phones(&[1]), Value::Null, "两个窗口").await;
    for socket in [&mut one, &mut two] {
        assert_eq!(socket.message().await.0, task);
        socket.acknowledge(&[task]).await;
    }
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    one.leave().await;
    tokio::time::sleep(GRACE).await;
    assert!(is_online(&town, 1).await, "the other tab is open");
    let second = notify(&town, phones(&[1]), Value::Null, "还剩一个").await;
    assert_eq!(two.message().await.0, second);
    two.leave().await;
    becomes(&town, 1, false).await;
    town.close().await;
}

/// Row 11.
#[tokio::test]
async fn r11_who_is_offline_and_may_only_be_reached_here_gets_nothing_and_is_a_target() {
    let town = town().await;
    let setting = json!({ "distribution_strategy": "mxpush_only" });
    let task = notify(&town, phones(&[1]), setting, "不在线").await;
    counted(&town, task, "mxpush", [1, 0, 0]).await;
    assert_eq!(counters(&town, task, "huawei").await, [0, 0, 0]);
    tokio::time::sleep(GRACE).await;
    assert_eq!((town.arrived(), posts(&town)), (0, 0));
    let (_, welcome) = Socket::device(&town.stack.socket_url(), mobile::APP, &token(1)).await;
    assert_eq!(welcome["messages"], json!([]), "what was not sent is not offered");
    town.close().await;
}

/// Row 12.
#[tokio::test]
async fn r12_the_vendors_alone_reach_who_is_online_too() {
    let town = by_hand().await;
    let mut socket = online(&town, 1).await;
    let task = notify(&town, phones(&[1]), json!({ "distribution_strategy": "ospush_only" }), "厂商").await;
    work(&town, "fanout", "TasksQueue").await;
    assert_eq!(queued(&town, OWN).await, [[0; 0]; 0]);
    assert_eq!(queued(&town, HUAWEI).await, [[slot(1)]]);
    assert_eq!(counters(&town, task, "huawei").await, [1, 0, 0]);
    assert_eq!(counters(&town, task, "mxpush").await, [0, 0, 0]);
    assert_eq!(socket.hear_within(GRACE).await, None);
    town.close().await;
}

/// Row 13.
#[tokio::test]
async fn r13_a_connection_that_is_gone_is_removed_and_the_vendor_is_called_once() {
    let town = by_hand().await;
    let socket = online(&town, 1).await;
    leave_unnoticed(&town, socket).await;
    assert!(is_online(&town, 1).await, "as far as anybody knows");
    let task = notify(&town, phones(&[1]), Value::Null, "连接已断").await;
    work(&town, "fanout", "TasksQueue").await;
    assert_eq!(queued(&town, HUAWEI).await, [[0; 0]; 0], "not both at once");
    work(&town, "deliver", OWN).await;
    assert_eq!(posts(&town), 1);
    assert_eq!(queued(&town, HUAWEI).await, [[slot(1)]], "in the same run, once");
    assert_eq!(counters(&town, task, "mxpush").await, [1, 0, 0]);
    assert!(!is_online(&town, 1).await, "the record is gone");
    notify(&town, phones(&[1]), Value::Null, "下一条").await;
    work(&town, "fanout", "TasksQueue").await;
    assert_eq!(queued(&town, OWN).await, [[0; 0]; 0], "nobody is tried in vain twice");
    assert_eq!(queued(&town, HUAWEI).await, [[slot(1)]]);
    town.close().await;
}

#[tokio::test]
async fn a_mixed_audience_costs_vendor_calls_for_who_is_offline_only() {
    let town = by_hand().await;
    let mut socket = online(&town, 2).await;
    let task = notify(&town, phones(&[1, 2, 3]), Value::Null, "都有").await;
    work(&town, "fanout", "TasksQueue").await;
    work(&town, "deliver", OWN).await;
    assert_eq!(socket.message().await.0, task);
    socket.acknowledge(&[task]).await;
    assert_eq!(queued(&town, HUAWEI).await, [[slot(1), slot(3)]]);
    assert_eq!(counters(&town, task, "mxpush").await, [1, 1, 1]);
    assert_eq!(counters(&town, task, "huawei").await, [2, 0, 0]);
    town.close().await;
}

#[tokio::test]
async fn who_has_gone_quiet_is_offline() {
    let town = town().await;
    // It is about a second more or less, which a busy machine may take for a call.
    town.stack.clock().stand_still();
    let mut socket = online(&town, 1).await;
    town.stack.advance(Duration::from_secs(479));
    assert!(is_online(&town, 1).await, "one heartbeat may be missed");
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
    town.stack.advance(Duration::from_secs(479));
    assert!(is_online(&town, 1).await, "a heartbeat keeps it");
    town.stack.advance(Duration::from_secs(2));
    assert!(!is_online(&town, 1).await);
    town.close().await;
}
