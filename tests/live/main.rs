//! `make live`, or `live --program target/release/tuisong --devices 10000`: see [`support::live`].

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use support::live::{Plan, run};
use support::program::program;

/// Connects many devices to the program, has all of them break and come back at once, and counts what arrived.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many devices. Each is an open file in the program and one in the devices' process: see `ulimit -Hn`.
    #[arg(long, default_value_t = 10_000)]
    devices: u64,
    /// How long they are left alone before the first message, in seconds.
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// The program; without it the one that `cargo build` leaves beside this one.
    #[arg(long)]
    program: Option<PathBuf>,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "this program reports to a person")]
async fn main() -> ExitCode {
    let Arguments { devices, idle, program: given } = Arguments::parse();
    let plan = Plan { program: given.unwrap_or_else(program), devices, idle: Duration::from_secs(idle) };
    let report = run(&plan).await;
    print!("{report}");
    let faults = report.faults();
    for fault in &faults {
        println!("fault: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
