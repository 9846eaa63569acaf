//! Everything, one after another, within a time that is set before.

use crate::accept::{self, Address, CALLS, IN_FLIGHT};
use crate::calls::Call;
use crate::cloud::Cloud;
use crate::deliver::{CHANNELS, Measured};
use crate::money::{self, Cpu};
use crate::prices::{Prices, Used};
use crate::process::{Helper, cpu_of_children, run};
use crate::report::{self, Run};
use crate::rows::{self, Row};
use crate::vendors::Vendors;
use crate::{Failure, end_to_end, memory};
use model::channel::ChannelKind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long a program beside this one may take.
const OTHERS: Duration = Duration::from_secs(240);
/// Kept back for what comes after the programs beside this one.
const REST: Duration = Duration::from_secs(60);

/// Sizes of a run.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Small ones.
    pub quick: bool,
    /// The largest audience.
    pub largest: u64,
}

impl Sizes {
    const fn of(self, quick: u64, full: u64) -> u64 {
        if self.quick { quick } else { full }
    }

    /// 1,000 recipients, and ten times as many until the largest.
    fn audiences(self) -> Vec<u64> {
        let largest = self.largest;
        std::iter::successors(Some(1_000), |n| Some(n * 10)).take_while(|n| *n <= largest.max(1_000)).collect()
    }
}

/// Where Linux has a folder that lies in memory, and how much of it a million phones need, with what is written about them.
const MEMORY: &str = "/dev/shm";
const MEMORY_BYTES: u64 = 4 << 30;

/// A folder that is gone with this value: in memory where there is room, so that AWS's engines wait for no disk. (A database
/// of SQLite that has no file takes longer for each commit the more pages it has.)
fn in_memory() -> std::io::Result<tempfile::TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("tuisong-bench-");
    let has_room = rustix::fs::statvfs(MEMORY).is_ok_and(|is| is.f_bavail * is.f_frsize >= MEMORY_BYTES);
    if has_room { folder.tempdir_in(MEMORY).or_else(|_| folder.tempdir()) } else { folder.tempdir() }
}

/// A run under way.
pub struct Bench {
    root: PathBuf,
    folder: tempfile::TempDir,
    sizes: Sizes,
    started: Instant,
    missing: Vec<String>,
    /// CPU of `deliver` per delivery and of calls, s: what money is reckoned with.
    deliver_s: BTreeMap<ChannelKind, f64>,
    accept_s: BTreeMap<String, f64>,
    fanout_s: f64,
}

impl Bench {
    /// A run in the repository at `root`.
    pub fn new(root: &Path, sizes: Sizes) -> Result<Self, Failure> {
        Ok(Self {
            root: root.canonicalize()?,
            folder: in_memory()?,
            sizes,
            started: Instant::now(),
            missing: Vec::new(),
            deliver_s: BTreeMap::new(),
            accept_s: BTreeMap::new(),
            fanout_s: 0.0,
        })
    }

    /// Measures everything and writes it down. The table is for people.
    pub async fn run(mut self) -> Result<String, Failure> {
        let (helper, vendors) = Helper::start::<Vendors>(&["vendors", "--folder", &self.path("vendors")]).await?;
        self.keep("vendors.json", &vendors)?;
        self.delivering(&vendors).await?;
        self.accepting().await?;
        self.remembering().await?;
        helper.end().await?;
        self.pushing().await?;
        self.paying().await?;
        self.waking().await?;
        let rows = sorted(rows::read(&self.file("rows.jsonl"))?);
        let run = self.about();
        report::write_json(&self.root.join("bench.json"), &rows, &run)?;
        report::write_page(&self.root, &rows, &run)?;
        Ok(report::table(&rows, &run))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_string_lossy().into_owned()
    }

    /// A folder for somebody's data. What was there before is not needed any more, and may have a gigabyte.
    fn anew(&self, name: &str) -> String {
        drop(std::fs::remove_dir_all(self.file(name)));
        self.path(name)
    }

    fn keep<T: serde::Serialize>(&self, name: &str, value: &T) -> Result<(), Failure> {
        Ok(std::fs::write(self.file(name), serde_json::to_vec(value)?)?)
    }

    fn add(&self, rows: &[Row]) -> Result<(), Failure> {
        for row in rows {
            tell(&format!("{}: {}: {} {}", row.section, row.name, report::figure(row.value), row.unit));
        }
        rows::append(&self.file("rows.jsonl"), rows)
    }

    /// Says loudly that something was not measured.
    fn leave_out(&mut self, what: String) {
        tell(&format!("LEFT OUT: {what}"));
        self.missing.push(what);
    }

    fn left(&self) -> Duration {
        LIMIT.saturating_sub(self.started.elapsed())
    }

    async fn cloud(&self, phones: u64) -> Result<Helper, Failure> {
        let (folder, vendors, phones) = (self.anew("cloud"), self.path("vendors.json"), phones.to_string());
        let arguments = ["cloud", "--folder", &folder, "--vendors", &vendors, "--phones", &phones];
        let (helper, cloud) = Helper::start::<Cloud>(&arguments).await?;
        self.keep("cloud.json", &cloud)?;
        Ok(helper)
    }

    /// Deliveries, and the memory of who makes them.
    async fn delivering(&mut self, vendors: &Vendors) -> Result<(), Failure> {
        const UNIT: &str = "deliveries per CPU second";
        let cloud = self.cloud(0).await?;
        let count = self.sizes.of(2_000, 50_000);
        let (mut ours, mut bare, mut line) = (Vec::new(), Vec::new(), Vec::new());
        // In turns, so that a busy moment of the machine meets both.
        for _ in 0..self.sizes.of(1, 5) {
            ours.push(self.deliver(ChannelKind::Apns, count).await?);
            let (vendors, count) = (self.path("vendors.json"), count.to_string());
            let arguments = ["bare", "--vendors", &vendors, "--count", &count];
            bare.push(run::<Measured>(&arguments).await?);
            line.push(run::<Measured>(&[&arguments[..], &["--line"]].concat()).await?);
        }
        let (ours, bare, line) = (median(ours), median(bare), median(line));
        let h2load = self.h2load(vendors, count).await?;
        self.peers(count).await?;
        let best = rows::read(&self.file("rows.jsonl")).unwrap_or_default();
        let best = best.iter().filter(|row| row.section == "throughput.apns" && row.peer).map(|row| row.value);
        let best = best.fold(0.0, f64::max);
        let apns = |name: &str, value| Row::new("throughput.apns", name, value, UNIT).higher();
        let mut rows = vec![
            apns("ours (deliver)", ours.per_cpu_second()).note(spread(&ours)),
            apns("our line alone", line.per_cpu_second()).note(spread(&line)),
            apns("bare hyper", bare.per_cpu_second()).peer().note(spread(&bare)),
            share("ours, of bare hyper", ours.per_cpu_second() / bare.per_cpu_second(), 0.8),
        ];
        if best > 0.0 {
            rows.push(share("ours, of the best other client", ours.per_cpu_second() / best, 2.0));
        }
        if let Some(h2load) = h2load {
            rows.push(apns("h2load", h2load).peer());
            rows.push(share("ours, of h2load", ours.per_cpu_second() / h2load, 0.2));
        }
        self.deliver_s.insert(ChannelKind::Apns, ours.cpu_s / ours.deliveries as f64);
        rows.push(deliver_memory(ChannelKind::Apns, &ours));
        for channel in CHANNELS.into_iter().filter(|channel| *channel != ChannelKind::Apns) {
            let measured = self.deliver(channel, self.sizes.of(1_000, 20_000)).await?;
            self.deliver_s.insert(channel, measured.cpu_s / measured.deliveries as f64);
            let section = if channel == ChannelKind::Fcm { "throughput.fcm" } else { "throughput.channels" };
            let name = if channel == ChannelKind::Fcm { "ours (deliver)" } else { channel.as_str() };
            rows.push(Row::new(section, name, measured.per_cpu_second(), UNIT).higher().note(spread(&measured)));
            rows.push(deliver_memory(channel, &measured));
        }
        self.add(&rows)?;
        cloud.end().await
    }

    async fn deliver(&self, channel: ChannelKind, count: u64) -> Result<Measured, Failure> {
        let (cloud, count) = (self.path("cloud.json"), count.to_string());
        run(&["deliver", "--cloud", &cloud, "--channel", channel.as_str(), "--count", &count]).await
    }

    /// One request again and again, by the load generator of nghttp2.
    async fn h2load(&mut self, vendors: &Vendors, count: u64) -> Result<Option<f64>, Failure> {
        std::fs::write(self.file("payload.json"), &vendors.payload)?;
        let count = count * 4;
        let before = cpu_of_children();
        let url = format!("{}/3/device/{}", vendors.apns, crate::deliver::apns_token(1));
        let mut command = Command::new("h2load");
        command.args(["-n", &count.to_string(), "-c", "1", "-m", "100", "-t", "1", "-d", &self.path("payload.json")]);
        let headers = [
            ("authorization", format!("bearer {}", vendors.apns_jwt)),
            ("content-type", "application/json".to_owned()),
            ("apns-topic", vendors.topic.clone()),
            ("apns-push-type", "alert".to_owned()),
            ("apns-priority", "10".to_owned()),
        ];
        for (name, value) in headers {
            command.args(["-H", &format!("{name}: {value}")]);
        }
        match command.arg(url).stdin(Stdio::null()).output().await {
            Err(_) => {
                self.leave_out("h2load, which is not installed (package nghttp2-client)".to_owned());
                Ok(None)
            }
            Ok(output) => {
                let used = (cpu_of_children() - before).as_secs_f64();
                let said = String::from_utf8_lossy(&output.stdout);
                if !said.contains(&format!("{count} succeeded")) || !said.contains(&format!("{count} 2xx")) {
                    self.leave_out(format!("h2load, whose requests did not succeed: {}", said.replace('\n', " ")));
                    return Ok(None);
                }
                Ok(Some(count as f64 / used))
            }
        }
    }

    /// The clients that others use instead.
    async fn peers(&mut self, count: u64) -> Result<(), Failure> {
        let (vendors, count) = (self.path("vendors.json"), count.to_string());
        self.other("tests/bench/peers/run", &[&vendors, &count]).await
    }

    async fn waking(&mut self) -> Result<(), Failure> {
        self.other("tests/bench/waking/run", &[]).await
    }

    /// A program of the repository that appends rows of its own.
    async fn other(&mut self, program: &str, arguments: &[&str]) -> Result<(), Failure> {
        let path = self.root.join(program);
        if !path.exists() {
            self.leave_out(format!("`{program}`, which is not there"));
            return Ok(());
        }
        let time = OTHERS.min(self.left().saturating_sub(REST));
        let quick = if self.sizes.quick { "1" } else { "" };
        let mut command = Command::new(path);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env(rows::VARIABLE, self.path("rows.jsonl"))
            .env("QUICK", quick);
        let mut child = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
        match tokio::time::timeout(time, child.wait()).await {
            Ok(ended) => {
                let status = ended?;
                if !status.success() {
                    self.leave_out(format!("some of `{program}`, which ended with {status}"));
                }
            }
            Err(_) => self.leave_out(format!("some of `{program}`, which took longer than {} s", time.as_secs())),
        }
        Ok(())
    }

    /// Calls of every family.
    async fn accepting(&mut self) -> Result<(), Failure> {
        const CROWD: u64 = 1_000;
        let cloud = self.cloud(CROWD).await?;
        let path = self.path("cloud.json");
        let (mut functions, address) = Helper::start::<Address>(&["functions", "--cloud", &path]).await?;
        let time = Duration::from_millis(self.sizes.of(500, 3_000));
        let mut rows = Vec::new();
        for call in CALLS {
            let mut cpu_ms = Vec::new();
            for in_flight in IN_FLIGHT {
                let got = accept::measure(&address, &mut functions, call, in_flight, time, CROWD).await?;
                let row =
                    |value, unit: &str| Row::new("accept", &call.name(), value, &format!("{unit} at {in_flight}"));
                rows.push(row(got.per_second, "calls/s").higher());
                rows.push(row(got.p50_ms, "p50 ms"));
                rows.push(row(got.p99_ms, "p99 ms"));
                cpu_ms.push(got.cpu_ms);
            }
            // With the most in flight least of it is the waiting of a runtime.
            let least = cpu_ms.iter().copied().fold(f64::MAX, f64::min);
            rows.push(Row::new("accept", &call.name(), least, "CPU ms per call"));
            self.accept_s.insert(call.endpoint().to_owned(), least / 1e3);
        }
        let used: accept::Use = functions.ask("used").await?;
        rows.push(Row::new("memory", "accepting, all families", mb(used.peak_bytes), "MB"));
        self.add(&rows)?;
        functions.end().await?;
        cloud.end().await
    }

    /// Fan-out of growing audiences.
    async fn remembering(&mut self) -> Result<(), Failure> {
        let mut peaks = Vec::new();
        for audience in self.sizes.audiences() {
            let mut cloud = self.cloud(audience).await?;
            let path = self.path("cloud.json");
            let (functions, address) = Helper::start::<Address>(&["functions", "--cloud", &path]).await?;
            let used = memory::measure(&path, &mut cloud, &address, audience).await?;
            self.fanout_s = used.cpu_s / audience as f64;
            peaks.push((audience, mb(used.peak_bytes)));
            functions.end().await?;
            cloud.end().await?;
        }
        let row = |(audience, peak): &(u64, f64)| {
            Row::new("memory", &format!("fan-out to {} recipients", report::figure(*audience as f64)), *peak, "MB")
        };
        let mut rows: Vec<Row> = peaks.iter().map(row).collect();
        if let [.., (_, before), (_, last)] = peaks.as_slice()
            && peaks.len() > 2
        {
            let name = "fan-out, the largest audience beside a tenth of it";
            rows.push(Row::new("memory", name, last / before, "times").target(1.1));
        }
        self.add(&rows)
    }

    /// From the call to the last delivery.
    async fn pushing(&mut self) -> Result<(), Failure> {
        let mut per_recipient = Vec::new();
        for audience in self.sizes.audiences() {
            let patience = self.left().saturating_sub(REST).max(Duration::from_secs(30));
            // Each product signs a token of its own, and Apple takes one new one in twenty minutes: so each has its own Apple.
            let folder = self.path(&format!("vendors-{audience}"));
            let (mut helper, vendors) = Helper::start::<Vendors>(&["vendors", "--folder", &folder]).await?;
            self.keep("vendors.json", &vendors)?;
            let (data, file, phones) = (self.anew("product"), self.path("vendors.json"), audience.to_string());
            let product = ["end-to-end", "--folder", &data, "--vendors", &file, "--phones", &phones];
            let pushed = end_to_end::measure(&product, &mut helper, audience, patience).await;
            helper.end().await?;
            let pushed = match pushed {
                Ok(pushed) => pushed,
                Err(error) => {
                    self.leave_out(format!("a push to {audience} phones: {error}"));
                    break;
                }
            };
            let name = format!("{} recipients", report::figure(audience as f64));
            let row = |value, unit: &str| Row::new("end-to-end", &name, value, unit);
            let million = 1e6 / audience as f64;
            per_recipient.push(pushed.spent.dollars * million);
            self.add(&[
                row(pushed.seconds, "s"),
                row(pushed.spent.cpu_s * million, "CPU µs per recipient"),
                row(pushed.spent.dollars * million, "$ per million (AWS calls)"),
            ])?;
        }
        if let [.., before, last] = per_recipient.as_slice() {
            let off = (last / before - 1.0).abs() * 100.0;
            let row = Row::new("end-to-end", "the largest audience beside a tenth of it", off, "% apart per recipient");
            self.add(&[row.target(10.0)])?;
        }
        Ok(())
    }

    /// What it costs.
    async fn paying(&mut self) -> Result<(), Failure> {
        let prices = Prices::read()?;
        for call in Call::ALL {
            let count = match call {
                // Three users, whom an account may answer with five messages each.
                Call::ServiceSend => 12,
                _ if call.is_one_call() => self.sizes.of(1_000, 5_000),
                _ => self.sizes.of(50, 500),
            };
            let cpu = Cpu {
                accept: self.accept_s.get(call.endpoint()).copied().unwrap_or_default(),
                fanout: self.fanout_s,
                deliver: self.deliver_s.get(&call.channel()).copied().unwrap_or_default(),
            };
            let used = money::count(call, count, cpu).await?;
            self.add(&money_rows(call, &used, &prices))?;
        }
        Ok(())
    }

    fn about(&self) -> Run {
        let git = |arguments: &[&str]| {
            let output = std::process::Command::new("git").args(arguments).current_dir(&self.root).output();
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
        };
        let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
        let commit = git(&["rev-parse", "--short=12", "HEAD"]);
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
        let quick = if self.sizes.quick { "QUICK=1 " } else { "" };
        Run {
            commit: if changed { format!("{commit} (with changes)") } else { commit },
            at: time::OffsetDateTime::now_utc().format(format).unwrap_or_default(),
            machine: machine(),
            command: format!("{quick}make bench"),
            quick: self.sizes.quick,
            took_s: self.started.elapsed().as_secs_f64(),
            missing: self.missing.clone(),
        }
    }
}

/// What a way of sending costs, and what that is made of.
fn money_rows(call: Call, used: &Used, prices: &Prices) -> Vec<Row> {
    let (name, count) = (call.name(), used.deliveries as f64);
    let row = |value, unit: &str| Row::new("money", &name, value, unit);
    let bill = used.bill(prices).times(1e6 / count);
    let total = row(bill.total(), "$ per million");
    let thousand = 1e3 / count;
    let invocations: u64 = used.invocations.values().sum();
    vec![
        if matches!(call, Call::MobileAll(_)) { total.target(0.03) } else { total },
        row(bill.dynamodb, "DynamoDB $"),
        row(bill.sqs, "SQS $"),
        row(bill.s3, "S3 $"),
        row(bill.lambda, "Lambda $"),
        row(bill.http_api, "API Gateway $"),
        row(bill.egress, "egress $ (apart)"),
        row(used.aws_calls as f64 * thousand, "AWS calls per 1,000"),
        row(used.write_units * thousand, "write units per 1,000"),
        row(used.read_units * thousand, "read units per 1,000"),
        row(used.sqs_requests as f64 * thousand, "SQS requests per 1,000"),
        row((used.s3_puts + used.s3_gets) as f64 * thousand, "S3 requests per 1,000"),
        row(invocations as f64 * thousand, "invocations per 1,000"),
        row(used.lambda_gb_seconds * thousand, "Lambda GB-s per 1,000"),
    ]
}

fn share(name: &str, value: f64, target: f64) -> Row {
    Row::new("throughput.apns", name, value * 100.0, "% of its figure").higher().target(target * 100.0)
}

fn deliver_memory(channel: ChannelKind, measured: &Measured) -> Row {
    let note = format!("{:.1} MB before the first delivery", mb(measured.idle_bytes));
    Row::new("memory", &format!("deliver, {channel}"), mb(measured.peak_bytes), "MB").target(64.0).note(note)
}

fn spread(measured: &Measured) -> String {
    let (count, cpu) = (report::figure(measured.deliveries as f64), measured.cpu_s);
    format!("{count} in {cpu:.2} CPU s, {:.2} s of the clock", measured.wall_s)
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The one in the middle by speed.
fn median(mut all: Vec<Measured>) -> Measured {
    all.sort_by(|a, b| a.per_cpu_second().total_cmp(&b.per_cpu_second()));
    all.swap_remove(all.len() / 2)
}

/// Sections together, in the order in which they first appeared.
fn sorted(rows: Vec<Row>) -> Vec<Row> {
    let mut sections: Vec<String> = Vec::new();
    for row in &rows {
        if !sections.contains(&row.section) {
            sections.push(row.section.clone());
        }
    }
    let mut rows = rows;
    rows.sort_by_key(|row| sections.iter().position(|section| *section == row.section));
    rows
}

/// Processors, memory and system, as Linux tells them.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let model = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kib: f64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    format!(
        "{processors} processors ({model}), {:.0} GB, {} {}",
        kib / f64::from(1 << 20),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// Says what is going on.
#[expect(clippy::print_stderr, reason = "whoever waits wants to know")]
fn tell(text: &str) {
    eprintln!("{text}");
}
