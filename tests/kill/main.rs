//! `cargo run --workspace --bin kill -- --rounds 50`: see [`support::kill`]. Run `cargo build` first.

use clap::Parser;
use std::process::ExitCode;
use support::kill::{Plan, program, run};

/// Kills the program at random points and counts what arrived.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often.
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// How many people follow the topic.
    #[arg(long, default_value_t = 2_000)]
    followers: u64,
    /// What the random moments are drawn from; the same number draws the same moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "this program reports to a person")]
async fn main() -> ExitCode {
    let Arguments { rounds, followers, seed } = Arguments::parse();
    let report = run(&Plan { program: program(), rounds, followers, seed }).await;
    println!("{report:#?}");
    let faults = report.faults();
    for fault in &faults {
        println!("fault: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
