//! Thousands of connections at once against the real program: all of them come, are idle, get a message once each, break at
//! the same moment and come back, while more is sent; and when they have gone for good, the vendor has their turn.
//!
//! Program, devices and whoever counts are processes of their own on one machine.

use crate::Client;
use crate::devices::{Devices, by_vendor_token, settle};
use crate::program::{Program, Usage};
use local::seed::mobile;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program, as `cargo build` made it.
    pub program: PathBuf,
    /// How many devices, with a connection each.
    pub devices: u64,
    /// How long they are left alone before the first message.
    pub idle: Duration,
}

/// How all of them connected.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connected {
    /// Milliseconds until the last one was welcomed.
    pub ms: u64,
    /// How often they tried, in all.
    pub attempts: u64,
}

/// What became of a message to all.
#[derive(Debug, Default)]
pub struct Arrived {
    /// When it was sent.
    pub when: &'static str,
    /// Devices that have it over their connection.
    pub live: u64,
    /// Devices that have it from their vendor.
    pub vendor: u64,
    /// Devices that have it from both.
    pub both: u64,
    /// Devices that have it from neither.
    pub neither: u64,
    /// How often it came to a device that had it: by its task id a client drops these.
    pub repeats: u64,
    /// Target, sent and received of the channel, as `/push/task/detail` says.
    pub counters: [u64; 3],
    /// Milliseconds from the call until the last connection had it, until it was known of everybody what became of it, and
    /// until all of who had it over a connection were counted as having acknowledged it.
    pub ms: [u64; 3],
}

/// What came of it. [`Report::faults`] says what was wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// How many devices.
    pub devices: u64,
    /// The program before anybody came, with all of them idle, after having left them alone, and at the end.
    pub usage: [Usage; 4],
    /// How long they were left alone.
    pub idle: Duration,
    /// How they came.
    pub came: Connected,
    /// How they came back.
    pub came_back: Connected,
    /// The messages: to all when they are idle, two in the storm, one after it, one when they have gone.
    pub messages: Vec<Arrived>,
}

impl Report {
    /// What was wrong, in words; empty when nothing was.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for message in &self.messages {
            let mut fault = |count: u64, what: &str| {
                if count > 0 {
                    faults.push(format!("{}: {count} devices {what}", message.when));
                }
            };
            fault(message.neither, "did not get it");
            fault(message.both, "got it over their connection and from their vendor");
            if ALL_LIVE.contains(&message.when) {
                fault(message.vendor, "were online and got it from their vendor");
                fault(message.repeats, "or more got it twice");
            }
            if message.when == GONE {
                fault(message.live, "had gone and got it over a connection");
            }
            let [_, sent, received] = message.counters;
            if (sent, received) != (message.live, message.live) {
                faults.push(format!("{}: counted {:?}, got by {}", message.when, message.counters, message.live));
            }
        }
        faults
    }
}

const IDLE: &str = "all idle";
const BREAKING: &str = "all just broken";
const HALF: &str = "half back";
const BACK: &str = "all back";
const GONE: &str = "all gone";
/// Everybody is online then.
const ALL_LIVE: [&str; 2] = [IDLE, BACK];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, all, idle, end] = &self.usage;
        let each = |usage: &Usage| (usage.resident_mb.saturating_sub(before.resident_mb) * 1024) / self.devices.max(1);
        writeln!(f, "{} devices", self.devices)?;
        writeln!(f, "came        {} ms, {} attempts", self.came.ms, self.came.attempts)?;
        writeln!(
            f,
            "memory      {} MB before, {} MB with all of them ({} KB each), {} MB at most",
            before.resident_mb,
            all.resident_mb,
            each(all),
            end.most_mb
        )?;
        writeln!(f, "idle        {:.2} s of processor in {} s", idle.cpu_s - all.cpu_s, self.idle.as_secs())?;
        writeln!(f, "came back   {} ms, {} attempts", self.came_back.ms, self.came_back.attempts)?;
        writeln!(f, "processor   {:.1} s in all", end.cpu_s)?;
        writeln!(
            f,
            "message            live  vendor  both  neither  repeats  last frame ms  settled ms  acknowledged ms"
        )?;
        for message in &self.messages {
            let Arrived { when, live, vendor, both, neither, repeats, ms: [last, settled, acked], .. } = message;
            writeln!(
                f,
                "{when:16} {live:6} {vendor:7} {both:5} {neither:8} {repeats:8} {last:14} {settled:11} {acked:16}"
            )?;
        }
        Ok(())
    }
}

/// How long it is waited for what must happen, on a machine that is busy with ten thousand devices.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is looked what became of a message. Looking costs the program something, too.
const LOOK: Duration = Duration::from_millis(500);
/// How long after the break the first message of the storm is sent.
const MOMENT: Duration = Duration::from_millis(200);

/// How long the number of open files stands still when nobody is being let go any more.
const QUIET: Duration = Duration::from_secs(2);

/// Runs it.
pub async fn run(plan: &Plan) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    settle(folder.path(), plan.devices).await;
    let program = Program::start(&plan.program, folder.path(), &[]).await;
    let before = program.usage();
    let mut crowd = Crowd {
        devices: Devices::start(&program.socket_url(), plan.devices),
        count: plan.devices,
        vendor: VendorInbox::of(by_vendor_token(plan.devices)),
    };
    let mut report = Report { devices: plan.devices, idle: plan.idle, ..Report::default() };

    crowd.devices.tell("connect").await;
    report.came = crowd.connected().await;
    let all = program.usage();
    tokio::time::sleep(plan.idle).await;
    let idle = program.usage();
    let sent = Sent::to_all(&program.api, IDLE).await;
    report.messages.push(crowd.arrived(&program, sent).await);

    crowd.devices.tell("storm").await;
    tokio::time::sleep(MOMENT).await;
    let breaking = Sent::to_all(&program.api, BREAKING).await;
    crowd.devices.answer("half").await;
    let half = Sent::to_all(&program.api, HALF).await;
    report.came_back = crowd.connected().await;
    for sent in [breaking, half] {
        report.messages.push(crowd.arrived(&program, sent).await);
    }
    let sent = Sent::to_all(&program.api, BACK).await;
    report.messages.push(crowd.arrived(&program, sent).await);

    crowd.leave(&program).await;
    let sent = Sent::to_all(&program.api, GONE).await;
    report.messages.push(crowd.arrived(&program, sent).await);
    report.usage = [before, all, idle, program.usage()];
    program.kill().await;
    report
}

/// A message that was accepted.
struct Sent {
    when: &'static str,
    task: u64,
    at: Instant,
}

impl Sent {
    async fn to_all(api: &Client, when: &'static str) -> Self {
        let at = Instant::now();
        let message = json!({ "title": when, "body": "to all" });
        // By its name a repeat of the call is the same task.
        let call = json!({ "setting": { "request_id": when }, "audience": "all", "message": message });
        let answer = post(api, "/push/notify", &call).await;
        let task = answer["data"]["task_id"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        Self { when, task, at }
    }
}

/// A call of the demo app's back end; `None` when it got no answer, or one that says to try again.
pub(crate) async fn try_post(api: &Client, path: &str, call: &Value) -> Option<Value> {
    let headers =
        [("app_id", mobile::APP), ("access-token", mobile::ADMIN_TOKEN), ("content-type", "application/json")];
    let answer = api.try_send(http::Method::POST, path, &headers, call.to_string()).await?;
    // A machine that is too busy to answer in time answers nothing that could be read.
    let body: Value = serde_json::from_str(&answer.text).ok()?;
    (body["code"] == 200).then_some(body)
}

/// The same, until it is answered: for calls that may be made twice.
pub(crate) async fn post(api: &Client, path: &str, call: &Value) -> Value {
    let started = Instant::now();
    loop {
        if let Some(answer) = try_post(api, path, call).await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "{path} is not answered");
        tokio::time::sleep(LOOK).await;
    }
}

/// The counters of a task: of the channel, and how many the vendor has accepted.
pub(crate) async fn counters(api: &Client, task: u64) -> ([u64; 3], u64) {
    let answer = post(api, "/push/task/detail", &json!({ "list": [task] })).await;
    let count = |name: &str| answer["data"][0][name].as_u64().unwrap_or_else(|| panic!("{name} in {answer}"));
    (["mxpush_target", "mxpush_sent", "mxpush_received"].map(count), count("huawei_sent"))
}

/// The devices, and what their vendor has for them.
struct Crowd {
    devices: Devices,
    count: u64,
    vendor: VendorInbox,
}

/// What the vendor has accepted for the devices.
pub(crate) struct VendorInbox {
    /// Devices by what their vendor calls them.
    tokens: HashMap<String, u64>,
    /// Title and device.
    messages: Vec<(String, u64)>,
    /// Where it is to be read on.
    next: u64,
}

impl VendorInbox {
    /// Nothing is read yet.
    pub(crate) const fn of(tokens: HashMap<String, u64>) -> Self {
        Self { tokens, messages: Vec::new(), next: 0 }
    }

    /// Who has a message.
    pub(crate) fn with_title(&self, title: &str) -> BTreeSet<u64> {
        self.messages.iter().filter(|(found, _)| found == title).map(|(_, device)| *device).collect()
    }

    /// Reads on.
    pub(crate) async fn read(&mut self, sandbox: &Client) {
        loop {
            let page = sandbox.get(&format!("/sandbox/inbox?since={}", self.next)).await.json();
            let messages = page["messages"].as_array().expect("messages");
            if messages.is_empty() {
                return;
            }
            for message in messages {
                let (title, to) = (message["title"].as_str(), message["recipient"].as_str());
                if let Some(device) = self.tokens.get(to.unwrap_or_default()) {
                    self.messages.push((title.unwrap_or_default().to_owned(), *device));
                }
            }
            self.next = page["next"].as_u64().expect("where to go on");
        }
    }
}

impl Crowd {
    async fn connected(&mut self) -> Connected {
        match self.devices.answer("connected").await.as_slice() {
            [ms, attempts] => Connected { ms: *ms, attempts: *attempts },
            other => panic!("{other:?}"),
        }
    }

    /// Has all of them go, and waits until the program has noticed: what a connection has taken until then counts as sent.
    /// That each is known to be offline is not waited for.
    async fn leave(&mut self, program: &Program) {
        let most = program.usage().files.saturating_sub(usize::try_from(self.count / 2).unwrap_or(0));
        self.devices.tell("drop").await;
        self.devices.answer("dropped").await;
        let (started, mut last) = (Instant::now(), (usize::MAX, Instant::now()));
        // Its connections to itself are open files, too, and come and go; so there is no number to wait for.
        while last.1.elapsed() < QUIET || last.0 > most {
            assert!(started.elapsed() < PATIENCE, "{} files are still open", last.0);
            let files = program.usage().files;
            if files != last.0 {
                last = (files, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until it is known what became of everybody, and looks who has it.
    async fn arrived(&mut self, program: &Program, sent: Sent) -> Arrived {
        let (api, Sent { when, task, at }) = (&program.api, sent);
        // The users of the demo seed have a phone of the vendor each, and are not online.
        let everybody = self.count + mobile::USERS;
        let mut found = ([0; 3], 0);
        let since = || u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let started = Instant::now();
        while found.0[1] + found.1 < everybody {
            assert!(started.elapsed() < PATIENCE, "{when}: {found:?} of {everybody}");
            tokio::time::sleep(LOOK).await;
            found = counters(api, task).await;
        }
        let settled = since();
        let got = self.devices.got(task, found.0[1]).await;
        let last = if got.devices.is_empty() { 0 } else { since().saturating_sub(got.ago_ms) };
        let live: BTreeSet<u64> = got.devices.iter().copied().collect();
        // Nothing acknowledges what did not arrive: then the counters stay as they are, and are a fault.
        let started = Instant::now();
        while found.0[2] < live.len() as u64 && started.elapsed() < Duration::from_secs(120) {
            tokio::time::sleep(LOOK).await;
            found = counters(api, task).await;
        }
        let acknowledged = since();
        self.vendor.read(&program.sandbox).await;
        let vendor = self.vendor.with_title(when);
        Arrived {
            when,
            live: live.len() as u64,
            vendor: vendor.len() as u64,
            both: live.intersection(&vendor).count() as u64,
            neither: self.count - live.union(&vendor).count() as u64,
            repeats: got.frames - live.len() as u64,
            counters: found.0,
            ms: [last, settled, acknowledged],
        }
    }
}
