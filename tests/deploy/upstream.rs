//! What the deployed stack needs from our own code, for `tests/deploy/run.py`: somebody to call, and somebody to send to.
//!
//! - `upstream serve` runs the stand-ins of the demo world, over HTTP and, for Apple and Google, over TLS with HTTP/2. It
//!   prints `ready` and an object: `url` of the sandbox, and under `settings` what functions are told of the vendors, by
//!   the names of their environment.
//! - `upstream seed` writes the demo seed into the tables that the environment names, as a function's environment
//!   names them.

use axum::serve;
use clap::{Parser, Subcommand};
use gateway::context::SystemClock;
use gateway::{Config, Context};
use local::sandbox::{CallSink, Sandbox, World};
use local::seed;
use local::tls::{self, SelfSigned};
use local::upstreams::Upstreams;
use model::clock::Clock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A free port of this machine.
const ANY_PORT: (&str, u16) = ("127.0.0.1", 0);

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
    let (plain, secure) = (TcpListener::bind(ANY_PORT).await?, TcpListener::bind(ANY_PORT).await?);
    let certificate = SelfSigned::generate()?;
    let url = format!("http://{}", plain.local_addr()?);
    let root = certificate.root().to_owned();
    let upstreams = Upstreams { plain: url.clone(), secure: format!("https://{}", secure.local_addr()?), root };
    let sandbox = Sandbox::open(World::demo(), None, Arc::new(NoCount))?;
    let (_stop, stopping) = watch::channel(false);
    let _secure = tls::serve(secure, certificate, &sandbox, stopping);
    println!("ready {}", json!({ "url": url, "settings": BTreeMap::from(upstreams.settings()) }));
    Ok(serve(plain, sandbox.router()).await?)
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
