//! Many connections at once: all of them come, are idle, get a message once each, break, and come back.

use super::{counted, notify, posts, town};
use serde_json::{Value, json};
use std::time::Duration;
use support::live::{Plan, run};
use support::program::program;

/// A few of what `make live` does with ten thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_comes_gets_its_message_breaks_and_comes_back() {
    let report = run(&Plan { program: program(), devices: 50, idle: Duration::ZERO }).await;
    assert_eq!(report.faults(), Vec::<String>::new(), "{report}");
}

#[tokio::test]
async fn who_is_not_online_costs_no_call_of_the_connections() {
    let town = town().await;
    let task = notify(&town, json!("all"), Value::Null, "谁也不在").await;
    counted(&town, task, "mxpush", [0, 0, 0]).await;
    assert_eq!(posts(&town), 0);
    town.close().await;
}
