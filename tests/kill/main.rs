//! `cargo run --workspace --bin kill -- --rounds 50`: see [`support::kill`]; with `--devices 500` see
//! [`support::kill::devices`], with `--mass` [`support::kill::mass`]. Run `cargo build --workspace --bins` first.

use clap::Parser;
use std::fmt::Debug;
use std::process::ExitCode;
use support::kill::{self, devices, mass};
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
    /// Push to so many devices that hold connections, instead of to a topic and to single people.
    #[arg(long, conflicts_with = "mass")]
    devices: Option<u64>,
    /// Send an enterprise's messages to everybody instead.
    #[arg(long)]
    mass: bool,
    /// What the random moments are drawn from; the same number draws the same moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { rounds, followers, devices, mass, seed } = Arguments::parse();
    let program = program();
    if mass {
        let report = mass::run(&mass::Plan { program, rounds, seed }).await;
        return tell(&report, &report.faults());
    }
    if let Some(devices) = devices {
        let report = devices::run(&devices::Plan { program, rounds, devices, seed }).await;
        return tell(&report, &report.faults());
    }
    let report = kill::run(&kill::Plan { program, rounds, followers, seed }).await;
    tell(&report, &report.faults())
}

#[allow(clippy::print_stdout, reason = "this program reports to a person")]
fn tell(report: &impl Debug, faults: &[String]) -> ExitCode {
    println!("{report:#?}");
    for fault in faults {
        println!("fault: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
