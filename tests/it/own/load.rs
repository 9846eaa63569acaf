//! Many connections at once: all of them come, are idle, get a message once each, break, and come back.

use super::{counters, notify, town};
use local::seed::mobile;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Instant;
use store::Capability;
use store::devices::UserWriter;
use support::Town;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The process that holds the other ends.
struct Devices {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Devices {
    fn start(town: &Town, count: u64) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_load-devices"))
            .args([&town.stack.socket_url(), mobile::APP, "demo-fcm-", &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the devices");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { _child: child, input, output }
    }

    /// Says a line; the numbers in the answer, whose first word is `expected`.
    async fn ask(&mut self, line: &str, expected: &str) -> Vec<u64> {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("it listens");
        let answer = self.output.next_line().await.expect("a line").expect("an answer");
        let (word, numbers) = answer.split_once(' ').unwrap_or((&answer, ""));
        assert_eq!(word, expected, "{answer}");
        numbers.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    }
}

/// Resident memory of this process, in MB.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Connects `count` devices, pushes to all, breaks every connection at once, has them come back, and pushes again.
#[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
async fn crowd(count: u64) {
    let town = town().await;
    let app = mobile::app_id().expect("an app");
    // Users behind the demo users, one device each, which no vendor could reach: it has no certificate here.
    let users: Vec<_> = (4..4 + count)
        .map(|n| {
            let mut user = mobile::user(n, &[ChannelKind::Fcm], 100 + n, 1, town.now(), |channel| {
                mobile::device_token(channel, n)
            });
            user.devices[0].push_token = format!("demo-fcm-{}", n - 3);
            user.devices[0].bindings.clear();
            user
        })
        .collect();
    UserWriter::open(town.stack.store()).put(&app, &users).await.expect("users");
    let before = resident_mb();
    let mut devices = Devices::start(&town, count);
    let own_only = json!({ "distribution_strategy": "mxpush_only" });
    for round in ["at first", "after a storm"] {
        let connected = devices.ask("connect", "connected").await;
        let idle = resident_mb();
        let started = Instant::now();
        let task = notify(&town, json!("all"), own_only.clone(), round).await;
        let received = devices.ask(&format!("expect {task}"), "received").await;
        assert_eq!(received[..2], [count, count], "each once, {round}");
        support::until_within(std::time::Duration::from_secs(120), "every acknowledgement", || async {
            counters(&town, task, "mxpush").await == [count + 21, count, count]
        })
        .await;
        eprintln!(
            "{count} devices {round}: connected in {} ms with {} attempts, {before} MB before, {idle} MB with all idle, \
             message to all in {} ms, acknowledged after {} ms",
            connected[0],
            connected[1],
            received[2],
            started.elapsed().as_millis(),
        );
        assert_eq!(devices.ask("drop", "dropped").await, [0; 0]);
    }
    assert_eq!(town.inbox().len(), 0, "no vendor was called");
    let offline = notify(&town, json!({ "push_token": ["demo-fcm-1"] }), own_only, "weg").await;
    support::until("the last one to be taken for offline", || async {
        let counted = counters(&town, offline, "mxpush").await;
        counted == [1, 0, 0]
    })
    .await;
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_comes_gets_its_message_breaks_and_comes_back() {
    crowd(200).await;
}

/// Ten thousand need as many open files in each of two processes: `ulimit -n 20000`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn ten_thousand_come_get_their_message_break_and_come_back() {
    crowd(10_000).await;
}

#[tokio::test]
async fn who_is_not_online_costs_no_call_of_the_connections() {
    let town = town().await;
    let task = notify(&town, json!("all"), Value::Null, "谁也不在").await;
    super::counted(&town, task, "mxpush", [0, 0, 0]).await;
    assert_eq!(super::posts(&town), 0);
    town.close().await;
}
