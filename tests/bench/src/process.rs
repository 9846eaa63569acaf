//! Processes that measure themselves, and the way the bench talks to them.
//!
//! A part of the bench that is to be measured alone, or that must not be measured, is this same program under another
//! command. It prints one line of JSON when it is ready and answers each line on its standard input with one more, until
//! that is closed.

use crate::Failure;
use gateway::telemetry;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The time that this process has been on a processor, all threads together.
pub fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The CPU time of the programs that this process has started and that have ended. In steps of ten milliseconds.
pub fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold blanks; after it the fields count from the third.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// The most memory that this process has had resident, in bytes. Linux only; 0 elsewhere.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    peak.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Starts the log as a function has it, into nowhere. What is measured is to ask as often as in the cloud whether something is
/// to be logged, and to write what is.
pub fn log_into_nowhere() -> Result<(), Failure> {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    telemetry::start_into("info", telemetry::into_file(nowhere));
    Ok(())
}

/// A process of the bench. It ends with this value.
pub struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    name: String,
}

impl Helper {
    /// Starts this program under `arguments` and waits for its first line.
    pub async fn start<T: DeserializeOwned>(arguments: &[&str]) -> Result<(Self, T), Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("a process without an output")?;
        let input = child.stdin.take();
        let mut helper = Self { child, input, output: BufReader::new(output).lines(), name: arguments.join(" ") };
        let first = helper.line().await?;
        Ok((helper, first))
    }

    /// Says a line; its answer.
    pub async fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T, Failure> {
        let input = self.input.as_mut().ok_or("a process that was told to end")?;
        input.write_all(format!("{line}\n").as_bytes()).await?;
        self.line().await
    }

    async fn line<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let line = self.output.next_line().await?.ok_or_else(|| format!("`{}` ended early", self.name))?;
        serde_json::from_str(&line).map_err(|error| format!("`{}` said {line:?}: {error}", self.name).into())
    }

    /// Ends it and waits until it has ended.
    pub async fn end(mut self) -> Result<(), Failure> {
        drop(self.input.take());
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", self.name).into()) }
    }
}

/// Runs this program under `arguments` until it ends; the one line that it prints.
pub async fn run<T: DeserializeOwned>(arguments: &[&str]) -> Result<T, Failure> {
    let (helper, line) = Helper::start(arguments).await?;
    helper.end().await?;
    Ok(line)
}

/// Prints a line for whoever started this process.
#[expect(clippy::print_stdout, reason = "that is how the processes of the bench talk")]
pub fn say(line: &Value) {
    println!("{line}");
}

/// Answers every line on the standard input until it is closed.
pub async fn listen<F: Future<Output = Value>>(answer: impl Fn(String) -> F) -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        say(&answer(line).await);
    }
    Ok(())
}

/// A runtime as Lambda's functions have it: one thread.
pub fn on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_what_it_used() {
        let before = cpu();
        let mut sum = 0_u64;
        while cpu() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(sum > 0 && peak_memory() > 1 << 20, "{} bytes", peak_memory());
    }
}
