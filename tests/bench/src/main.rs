//! `bench`: what a message costs, how fast it goes, and how much memory it takes. See the crate `bench` and
//! `docs/performance.md`.

use bench::all::{Bench, Sizes};
use bench::cloud::{self, Cloud};
use bench::process::on_one_thread;
use bench::vendors::{self, Vendors};
use bench::{Failure, WECHAT_CROWD, accept, bare, deliver, end_to_end, memory};
use clap::{Parser, Subcommand};
use model::channel::ChannelKind;
use std::path::{Path, PathBuf};

#[derive(Parser)]
#[command(about = "What a message costs, how fast it goes, and how much memory it takes")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything. Prints a table; writes `bench.json` and `docs/performance.md`.
    All {
        /// Small sizes.
        #[arg(long, env = "QUICK", default_value = "", hide_default_value = true)]
        quick: String,
        /// The largest audience.
        #[arg(long, env = "LARGEST", default_value_t = 1_000_000)]
        largest: u64,
        /// The repository.
        #[arg(long, default_value = ".")]
        root: PathBuf,
    },
    /// The vendors' stand-ins, until the standard input is closed. Prints where they are, as JSON.
    Vendors {
        /// Where keys and certificates are written.
        #[arg(long)]
        folder: PathBuf,
    },
    /// AWS, until the standard input is closed. Prints the environment of the functions, as JSON.
    Cloud {
        /// Where its data and its key are written.
        #[arg(long)]
        folder: PathBuf,
        /// What `vendors` printed, in a file.
        #[arg(long)]
        vendors: PathBuf,
        /// Phones of the demo app beside those of the seed.
        #[arg(long, default_value_t = 0)]
        phones: u64,
    },
    /// The API, until the standard input is closed. Prints where it is, as JSON.
    Functions {
        /// What `cloud` printed, in a file.
        #[arg(long)]
        cloud: PathBuf,
    },
    /// Fan-out, given queue messages on the standard input.
    Fanout {
        /// What `cloud` printed, in a file.
        #[arg(long)]
        cloud: PathBuf,
    },
    /// The whole product, which pushes when it is told to.
    EndToEnd {
        /// Where its data is written.
        #[arg(long)]
        folder: PathBuf,
        /// What `vendors` printed, in a file.
        #[arg(long)]
        vendors: PathBuf,
        /// Phones of the demo app.
        #[arg(long)]
        phones: u64,
    },
    /// Delivers messages on a channel and prints what it took, as JSON.
    Deliver {
        /// What `cloud` printed, in a file.
        #[arg(long)]
        cloud: PathBuf,
        /// Which channel.
        #[arg(long)]
        channel: String,
        /// How many messages.
        #[arg(long)]
        count: u64,
    },
    /// Sends the bytes of as many notifications to Apple's stand-in and prints what it took, as JSON.
    Bare {
        /// What `vendors` printed, in a file.
        #[arg(long)]
        vendors: PathBuf,
        /// How many notifications.
        #[arg(long)]
        count: u64,
        /// Through the product's own line instead of hyper's client.
        #[arg(long)]
        line: bool,
    },
}

fn main() -> Result<(), Failure> {
    match Arguments::parse().command {
        Command::Vendors { folder } => on_one_thread(vendors::serve(&folder, WECHAT_CROWD)),
        Command::Cloud { folder, vendors, phones } => {
            on_one_thread(cloud::serve(&folder, &read(&vendors)?, WECHAT_CROWD, phones))
        }
        Command::Deliver { cloud, channel, count } => {
            let channel = ChannelKind::ALL.iter().find(|kind| kind.as_str() == channel);
            let channel = channel.ok_or("there is no such channel")?;
            on_one_thread(deliver::run(&Cloud::read(&cloud)?, *channel, count))
        }
        Command::All { quick, largest, root } => {
            let quick = !quick.is_empty();
            let sizes = Sizes { quick, largest: if quick { largest.min(10_000) } else { largest } };
            let bench = Bench::new(&root, sizes)?;
            let table = on_all_threads(async {
                tokio::select! {
                    table = bench.run() => table,
                    // What it has in memory goes when it ends, but not when it is ended.
                    _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
                }
            })?;
            print(&table);
            Ok(())
        }
        Command::Functions { cloud } => on_one_thread(accept::serve(&Cloud::read(&cloud)?)),
        Command::Fanout { cloud } => on_one_thread(memory::serve(&Cloud::read(&cloud)?)),
        Command::EndToEnd { folder, vendors, phones } => {
            on_all_threads(end_to_end::serve(&folder, &read(&vendors)?, phones))
        }
        Command::Bare { vendors, count, line: false } => on_one_thread(bare::run(&read(&vendors)?, count)),
        Command::Bare { vendors, count, line: true } => on_one_thread(bare::line(&read(&vendors)?, count)),
    }
}

fn on_all_threads<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn print(table: &str) {
    println!("{table}");
}

fn read(vendors: &Path) -> Result<Vendors, Failure> {
    Ok(serde_json::from_slice(&std::fs::read(vendors)?)?)
}
