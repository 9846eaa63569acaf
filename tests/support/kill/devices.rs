//! `kill -9` at random points while devices hold connections and get messages: everybody gets every accepted message, over
//! the connection or from the vendor.
//!
//! Each round pushes to all of them, one message after another, and kills the program at a random moment, perhaps once more
//! while it makes good. The devices come back by themselves. A device has a message from both only where the kill fell
//! between its frame and the record of it: as many as can be under way at a time, for each kill.

use super::kill_early;
use crate::devices::{Devices, by_vendor_token, settle};
use crate::live::{PATIENCE, VendorInbox, counters, post, try_post};
use crate::program::Program;
use local::seed::mobile;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program, as `cargo build` made it.
    pub program: PathBuf,
    /// How often.
    pub rounds: u32,
    /// How many devices.
    pub devices: u64,
    /// What the random moments are drawn from.
    pub seed: u64,
}

/// What came of it. [`Report::faults`] says what was wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// Processes killed.
    pub kills: u64,
    /// Messages to all that were accepted.
    pub messages: usize,
    /// Deliveries that came over a connection.
    pub live: u64,
    /// Deliveries that the vendor has.
    pub vendor: u64,
    /// Deliveries that came both ways.
    pub both: u64,
    /// Accepted deliveries that did not arrive.
    pub lost: u64,
    /// Frames that came again to a device that had them: by the task's id it drops them.
    pub repeats: u64,
    /// Messages of which more was counted as received than came.
    pub miscounted: usize,
}

/// Frames that can be under way at a time in one process: four calls of sixteen.
const UNDER_WAY: u64 = 64;
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(250);

impl Report {
    /// What was wrong, in words; empty when nothing was.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.lost > 0 {
            faults.push(format!("{} accepted deliveries were lost", self.lost));
        }
        if self.both > UNDER_WAY * self.kills {
            faults.push(format!("{} deliveries came both ways", self.both));
        }
        if self.miscounted > 0 {
            faults.push(format!("{} messages are miscounted", self.miscounted));
        }
        if self.messages == 0 || self.live == 0 {
            faults.push("nothing came over a connection, so nothing was shown".to_owned());
        }
        faults
    }
}

/// Runs the rounds.
pub async fn run(plan: &Plan) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    settle(folder.path(), plan.devices).await;
    // Devices come back to where they were.
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("an address").to_string()
    };
    let start = async || Program::start(&plan.program, folder.path(), &["--listen", &address]).await;
    let (mut random, mut report) = (StdRng::seed_from_u64(plan.seed), Report::default());
    let (mut accepted, mut called): (BTreeMap<u64, String>, usize) = (BTreeMap::new(), 0);
    let mut program = start().await;
    let mut devices = Devices::start(&program.socket_url(), plan.devices);
    devices.tell("connect").await;
    devices.answer("connected").await;
    for _ in 0..plan.rounds {
        let until = Instant::now() + Duration::from_millis(random.random_range(300..2_500));
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            // What counts is what was answered; a call that the kill cuts off may be accepted or not.
            called += 1;
            let title = format!("message {called}");
            if let Ok(Some(task)) = tokio::time::timeout(left, push(&program, &title)).await {
                accepted.insert(task, title);
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
        program.kill().await;
        report.kills += 1;
        report.kills += u64::from(kill_early(&mut random, &start).await);
        program = start().await;
        for task in accepted.keys() {
            crate::until_within(PATIENCE, &format!("all of {task}"), || async {
                let ([_, sent, _], vendor) = counters(&program.api, *task).await;
                sent + vendor >= plan.devices + mobile::USERS
            })
            .await;
        }
    }
    report.messages = accepted.len();
    count(plan, &program, &mut devices, &accepted, &mut report).await;
    program.kill().await;
    report
}

/// Pushes to all; the task, if the call is answered.
async fn push(program: &Program, title: &str) -> Option<u64> {
    let call = json!({ "audience": "all", "message": { "title": title, "body": "to all" } });
    try_post(&program.api, "/push/notify", &call).await?["data"]["task_id"].as_u64()
}

/// Looks who has what, once every device has had the time to ask for what it missed.
async fn count(
    plan: &Plan,
    program: &Program,
    devices: &mut Devices,
    accepted: &BTreeMap<u64, String>,
    report: &mut Report,
) {
    let mut inbox = VendorInbox::of(by_vendor_token(plan.devices));
    inbox.read(&program.sandbox).await;
    for (task, title) in accepted {
        let vendor: BTreeSet<u64> = inbox.with_title(title);
        let missing = plan.devices.saturating_sub(vendor.len() as u64);
        let got = devices.got(*task, missing).await;
        let live: BTreeSet<u64> = got.devices.iter().copied().collect();
        let both = live.intersection(&vendor).count() as u64;
        report.live += live.len() as u64;
        report.vendor += vendor.len() as u64;
        report.both += both;
        report.lost += plan.devices - (live.len() as u64 + vendor.len() as u64 - both);
        report.repeats += got.frames - live.len() as u64;
        let detail = post(&program.api, "/push/task/detail", &json!({ "list": [task] })).await;
        let received = detail["data"][0]["mxpush_received"].as_u64().unwrap_or(u64::MAX);
        report.miscounted += usize::from(received > live.len() as u64);
    }
}
