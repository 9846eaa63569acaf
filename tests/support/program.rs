//! The real program, in a process of its own.

use crate::Client;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The program that `cargo build` leaves beside the test binary.
pub fn program() -> PathBuf {
    beside("tuisong")
}

/// Another program of the same build.
pub fn beside(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A running program.
pub struct Program {
    child: Child,
    /// A client of its API.
    pub api: Client,
    /// A client of its stand-ins.
    pub sandbox: Client,
    /// Base URL of its API.
    pub url: String,
    /// How long it took until it was ready.
    pub started_in: Duration,
}

impl Program {
    /// Starts it on a folder. It listens on free ports unless the options say otherwise.
    pub async fn start(program: &Path, folder: &Path, options: &[&str]) -> Self {
        let began = Instant::now();
        let mut command = Command::new(program);
        for listen in ["--listen", "--sandbox-listen"] {
            if !options.contains(&listen) {
                command.args([listen, "127.0.0.1:0"]);
            }
        }
        let mut child = command
            .args(["--log", "warn"])
            .args(options)
            .arg("--data")
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo build` first", program.display()));
        let mut aside = BufReader::new(child.stderr.take().expect("what it says aside")).lines();
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut said = Vec::new();
        let sandbox = loop {
            let Some(line) = aside.next_line().await.expect("what it says aside") else { panic!("it ended: {said:?}") };
            if let Some(url) = line.strip_prefix("inbox of the stand-ins: ") {
                break url.trim_end_matches('/').to_owned();
            }
            said.push(line);
        };
        let url = loop {
            let line = lines.next_line().await.expect("its output").expect("`ready` before its end");
            if let Some(url) = line.strip_prefix("ready ") {
                break url.to_owned();
            }
        };
        // Whatever else it says is for whoever runs the test.
        tokio::spawn(async move {
            while let Ok(Some(line)) = aside.next_line().await {
                tell(&line);
            }
        });
        let (api, sandbox) = (Client::new(&url), Client::new(&sandbox));
        Self { child, api, sandbox, url, started_in: began.elapsed() }
    }

    /// Where clients of the WebSocket API connect.
    pub fn socket_url(&self) -> String {
        format!("{}{}", self.url.replacen("http", "ws", 1), local::socket::PATH)
    }

    /// What it has used so far. Nothing where there is no `/proc`.
    pub fn usage(&self) -> Usage {
        Usage::of(self.child.id().unwrap_or_default())
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("to be killed");
    }
}

#[allow(clippy::print_stderr, reason = "what a program says aside goes where it would have gone")]
fn tell(line: &str) {
    eprintln!("{line}");
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Resident memory, in MB.
    pub resident_mb: u64,
    /// The most that it ever was, in MB.
    pub most_mb: u64,
    /// Processor time, in seconds.
    pub cpu_s: f64,
    /// Open files, connections among them.
    pub files: usize,
}

impl Usage {
    /// Of a process of this machine, from Linux's `/proc`; zeros where there is none.
    pub fn of(process: u32) -> Self {
        let file = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
        let status = file("status");
        let mb = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() / 1024
        };
        // The fields after the name, which may have spaces in it: 11 and 12 are ticks in user and system mode, 100 a second.
        let stat = file("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Self {
            resident_mb: mb("VmRSS:"),
            most_mb: mb("VmHWM:"),
            cpu_s: ticks as f64 / 100.0,
            files: std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count),
        }
    }
}
