//! What the deployed stack needs from our own code, for `tests/deploy/run.py`: somebody to call, and somebody to send to.
//!
//! - `upstream serve` runs the stand-ins of the demo world and prints `ready http://127.0.0.1:<port>`.
//! - `upstream seed` writes the demo seed into the tables that the environment names, as a function's environment
//!   names them.

use axum::serve;
use clap::{Parser, Subcommand};
use gateway::context::SystemClock;
use gateway::{Config, Context};
use local::sandbox::{CallSink, Sandbox, World};
use local::seed;
use model::clock::Clock;
use serde_json::Value;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Runs the stand-ins on a free port of this machine.
    Serve,
    /// Writes the demo seed.
    Seed,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match Arguments::parse().command {
        Command::Serve => stand_ins().await,
        Command::Seed => {
            let context = Context::new(Config::from_env()?);
            Ok(seed::demo(&context.store, SystemClock.now()).await?)
        }
    }
}

#[allow(clippy::print_stdout, reason = "the line that the test waits for")]
async fn stand_ins() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let sandbox = Sandbox::open(World::demo(), None, Arc::new(NoCount))?;
    println!("ready http://{}", listener.local_addr()?);
    Ok(serve(listener, sandbox.router()).await?)
}

/// Calls are counted in the local runner; here nobody asks.
struct NoCount;

impl CallSink for NoCount {
    fn record(&self, _service: &str, _operation: &str, _request_bytes: usize, _response_bytes: usize) {}

    fn to_json(&self) -> Value {
        Value::Null
    }

    fn reset(&self) {}
}
