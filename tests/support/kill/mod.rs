//! `kill -9` at random points: every accepted message arrives, once, and the counters are exact.
//!
//! Each round starts the real program on the same folder, sends to a topic and to single people at the same time, kills
//! it at a random moment, perhaps kills it again while it makes good, and then lets it finish. What counts is only what
//! was answered with code 1000 before the kill; a call that got no answer may have been accepted or not.
//!
//! [`devices`] does the same with devices that hold connections, [`mass`] with an enterprise's messages to everybody.

pub mod devices;
pub mod mass;

use crate::Client;
use crate::program::Program;
use local::{Options, Stack, seed};
use model::clock::Clock;
use model::ids::MessageId;
use model::record::Tally;
use model::task::Target;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Capability;
use store::plan::PlanReader;
use store::records::RecordReader;
use store::tasks::TaskReader;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program, as `cargo build` made it.
    pub program: PathBuf,
    /// How often.
    pub rounds: u32,
    /// How many people follow the topic.
    pub followers: u64,
    /// What the random moments are drawn from.
    pub seed: u64,
}

/// What came of it. [`Report::faults`] says what was wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// Processes killed.
    pub kills: u32,
    /// Topic messages that were accepted.
    pub topics: usize,
    /// Direct messages that were accepted.
    pub direct: usize,
    /// Deliveries that arrived.
    pub arrived: u64,
    /// Accepted deliveries that did not arrive.
    pub lost: u64,
    /// Deliveries that arrived more than once.
    pub repeated: u64,
    /// Topic messages whose counters differ from the number of followers.
    pub miscounted: usize,
    /// The longest start on the folder.
    pub slowest_start: Duration,
}

impl Report {
    /// What was wrong, in words; empty when nothing was.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.lost > 0 {
            faults.push(format!("{} accepted deliveries were lost", self.lost));
        }
        if self.repeated > 0 {
            faults.push(format!("{} deliveries arrived twice although the vendor recognises repeats", self.repeated));
        }
        if self.miscounted > 0 {
            faults.push(format!("{} topic messages are miscounted", self.miscounted));
        }
        if self.topics == 0 || self.direct == 0 {
            faults.push("nothing was accepted, so nothing was shown".to_owned());
        }
        faults
    }
}

/// Kills the program while it makes good, perhaps several times; how often.
async fn kill_early(random: &mut StdRng, start: impl AsyncFn() -> Program) -> u32 {
    let mut kills = 0;
    while random.random_bool(0.4) {
        let program = start().await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1_500))).await;
        program.kill().await;
        kills += 1;
    }
    kills
}

/// The program on this folder, with its crowd.
async fn start(plan: &Plan, folder: &Path) -> Program {
    Program::start(&plan.program, folder, &["--crowd", &plan.followers.to_string()]).await
}

/// What was accepted: message id and, for a direct message, the number of the one it was for.
type Accepted = Arc<Mutex<HashMap<u64, Option<u64>>>>;

/// Runs the rounds.
pub async fn run(plan: &Plan) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = StdRng::seed_from_u64(plan.seed);
    let accepted: Accepted = Arc::default();
    let mut report = Report::default();
    // The first start writes the crowd; it is not timed.
    start(plan, folder.path()).await.kill().await;
    for round in 1..=plan.rounds {
        let process = start(plan, folder.path()).await;
        report.slowest_start = report.slowest_start.max(process.started_in);
        let senders = [send_topic(&process.api, &accepted), send_direct(plan, &process.api, &accepted, &mut random)];
        tokio::time::sleep(Duration::from_millis(random.random_range(0..2_500))).await;
        process.kill().await;
        report.kills += 1;
        for sender in senders {
            sender.abort();
        }
        report.kills += kill_early(&mut random, async || start(plan, folder.path()).await).await;
        let process = start(plan, folder.path()).await;
        report.slowest_start = report.slowest_start.max(process.started_in);
        finish(&process.api, &accepted, round).await;
        process.kill().await;
    }
    let accepted = std::mem::take(&mut *accepted.lock().expect("no panic"));
    count(plan, folder.path(), &accepted, &mut report).await;
    report
}

fn send_topic(api: &Client, accepted: &Accepted) -> tokio::task::JoinHandle<()> {
    let body = json!({ "appToken": seed::APP_TOKEN, "content": "to everybody", "topicIds": [seed::CROWD_TOPIC] });
    post(api.clone(), vec![(body, None)], accepted.clone())
}

/// One direct message after another, until the process is gone.
fn send_direct(plan: &Plan, api: &Client, accepted: &Accepted, random: &mut StdRng) -> tokio::task::JoinHandle<()> {
    let bodies = (0..10_000).map(|_| {
        let n = random.random_range(1..=plan.followers);
        let body = json!({ "appToken": seed::APP_TOKEN, "content": "to one", "uids": [crate::crowd_uid(n)] });
        (body, Some(n))
    });
    post(api.clone(), bodies.collect(), accepted.clone())
}

fn post(api: Client, bodies: Vec<(Value, Option<u64>)>, accepted: Accepted) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        for (body, recipient) in bodies {
            let headers = [("content-type", "application/json")];
            let Some(answer) = api.try_send(http::Method::POST, "/api/send/message", &headers, body.to_string()).await
            else {
                return;
            };
            let id = answer.json()["data"][0]["messageId"].as_u64();
            if let Some(id) = id {
                accepted.lock().expect("no panic").insert(id, recipient);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

/// Waits until everything accepted is handed over.
async fn finish(api: &Client, accepted: &Accepted, round: u32) {
    let ids: Vec<u64> = accepted.lock().expect("no panic").keys().copied().collect();
    for id in ids {
        crate::until(&format!("message {id} in round {round}"), || async {
            let answer = api.get(&format!("/api/send/query/{id}")).await;
            answer.json()["data"] == 3
        })
        .await;
    }
}

/// Opens the folder once more, without workers, and counts what is there.
async fn count(plan: &Plan, folder: &Path, accepted: &HashMap<u64, Option<u64>>, report: &mut Report) {
    let options =
        Options { data: Some(folder.to_owned()), pollers: false, crowd: plan.followers, ..Options::for_tests() };
    let stack = crate::stack(options).await;
    // (message id, recipient) → how often it arrived.
    let mut arrivals: HashMap<(u64, String), u64> = HashMap::new();
    for message in stack.sandbox().messages_since(0).expect("an inbox") {
        let reference = message.raw["data"]["keyword2"]["value"].as_str().unwrap_or_default();
        let id = reference.trim_start_matches("RID").parse().expect("a message id");
        *arrivals.entry((id, message.recipient)).or_default() += 1;
    }
    report.arrived = arrivals.values().sum();
    report.repeated = arrivals.values().filter(|&&count| count > 1).count() as u64;
    let missing = |id: u64, n: u64| !arrivals.contains_key(&(id, crate::crowd_openid(n).as_str().to_owned()));
    for (&id, recipient) in accepted {
        match recipient {
            Some(n) => {
                report.direct += 1;
                report.lost += u64::from(missing(id, *n));
            }
            None => {
                report.topics += 1;
                report.lost += (1..=plan.followers).filter(|&n| missing(id, n)).count() as u64;
                let tally = tally(&stack, id).await;
                if (tally.sent(), tally.total()) != (plan.followers, plan.followers) {
                    report.miscounted += 1;
                }
            }
        }
    }
    stack.stop().await;
}

/// The counters of a topic message, as its records have them.
async fn tally(stack: &Stack, id: u64) -> Tally {
    let store = stack.store();
    let (tasks, plans, records) = (TaskReader::open(store), PlanReader::open(store), RecordReader::open(store));
    let task = tasks.of_message(MessageId::new(id), stack.clock().now()).await.expect("a read").expect("a task");
    let Some(Target::Topic { index }) = task.target(MessageId::new(id)) else { panic!("{id} is no topic message") };
    let part = model::batch::Part::Topic { index, shard: 0 };
    let planned: u64 =
        plans.pages(task.id, part).await.expect("a plan").iter().map(|page| page.batches.len() as u64).sum();
    let batches = records.part(task.id, part).await.expect("records");
    let mut tally = Tally::default();
    for kept in batches.values().filter(|kept| kept.record.is_closed()) {
        tally.add_all(&kept.record.tally());
    }
    assert_eq!(batches.len() as u64, planned, "every planned batch has a record and no other has");
    tally
}
