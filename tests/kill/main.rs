//! `cargo run --workspace --bin kill -- --rounds 50`: see [`support::kill`], and with `--devices 500`
//! [`support::kill_devices`]. Run `cargo build --workspace --bins` first.

use clap::Parser;
use std::process::ExitCode;
use support::kill::{Plan, run};
use support::kill_devices;
use support::program::program;

/// Kills the program at random points and counts what arrived.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often.
    #[arg(long, default_value_t = 50)]
    rounds: u32,
    /// How many people follow the topic.
    #[arg(long, default_value_t = 2_000)]
    followers: u64,
    /// In place of people who follow a topic: so many devices that hold connections of our own channel.
    #[arg(long, conflicts_with = "followers")]
    devices: Option<u64>,
    /// What the random moments are drawn from; the same number draws the same moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "this program reports to a person")]
async fn main() -> ExitCode {
    let Arguments { rounds, followers, devices, seed } = Arguments::parse();
    let faults = match devices {
        Some(devices) => {
            let plan = kill_devices::Plan { program: program(), rounds, devices, seed };
            let report = kill_devices::run(&plan).await;
            println!("{report:#?}");
            report.faults()
        }
        None => {
            let report = run(&Plan { program: program(), rounds, followers, seed }).await;
            println!("{report:#?}");
            report.faults()
        }
    };
    for fault in &faults {
        println!("fault: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
