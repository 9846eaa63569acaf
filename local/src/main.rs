//! `cargo run`: the whole product on one machine.

use clap::{Parser, ValueEnum};
use gateway::telemetry;
use local::{Options, Seed, Stack, Upstream, seed};
use model::secret::Secret;
use rand::distr::{Alphanumeric, SampleString};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Tuisong on one machine: the API, the workers, the storage, and stand-ins for the vendors.
#[derive(Debug, Parser)]
#[command(name = "tuisong", version)]
struct Arguments {
    /// Address of the API.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder in which everything is kept across restarts.
    #[arg(long, value_name = "DIR", default_value = ".tuisong", conflicts_with = "memory")]
    data: PathBuf,
    /// Keep nothing.
    #[arg(long)]
    memory: bool,
    /// Which vendors are called: the stand-ins, or their own hosts.
    #[arg(long, value_enum, default_value_t = UpstreamArgument::Sandbox)]
    upstream: UpstreamArgument,
    /// What stands in the tables at first.
    #[arg(long, value_enum, default_value_t = SeedArgument::Demo)]
    seed: SeedArgument,
    /// People who follow the demo app and its topic 77 besides the three, for trying out mass messages.
    #[arg(long, value_name = "N", default_value_t = 0)]
    crowd: u64,
    /// Address of the stand-ins, their inbox page and their controls.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    sandbox_listen: SocketAddr,
    /// How long after a template message the stand-in for WeChat tells how it ended, in milliseconds; `never` for not
    /// at all.
    #[arg(long, value_name = "MS", default_value = "1000", value_parser = delay)]
    finish_after_ms: Delay,
    /// Token of the administrator. Without it one is made at the first start and kept in the data folder.
    #[arg(long, value_name = "T", env = "TUISONG_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// An address with its port that callbacks may go to although it is not on the public internet, for trying out a
    /// receiver on this machine. May be given several times.
    #[arg(long, value_name = "ADDR")]
    callbacks_to: Vec<SocketAddr>,
    /// What is logged, as JSON lines, into `log.jsonl` in the data folder (to standard error with --memory).
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UpstreamArgument {
    Sandbox,
    Real,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SeedArgument {
    Demo,
    None,
}

/// A time, or never.
#[derive(Debug, Clone, Copy)]
struct Delay(Option<Duration>);

fn delay(text: &str) -> Result<Delay, String> {
    if text == "never" {
        return Ok(Delay(None));
    }
    let millis = text.parse().map_err(|_| "it is neither a number of milliseconds nor `never`".to_owned())?;
    Ok(Delay(Some(Duration::from_millis(millis))))
}

impl Arguments {
    fn options(&self) -> Options {
        let mut settings = BTreeMap::new();
        if !self.callbacks_to.is_empty() {
            let addresses: Vec<String> = self.callbacks_to.iter().map(ToString::to_string).collect();
            settings.insert("TUISONG_CALLBACK_EXCEPTIONS".to_owned(), addresses.join(","));
        }
        Options {
            listen: self.listen,
            sandbox_listen: self.sandbox_listen,
            data: (!self.memory).then(|| self.data.clone()),
            upstream: match self.upstream {
                UpstreamArgument::Sandbox => Upstream::Sandbox,
                UpstreamArgument::Real => Upstream::Real,
            },
            seed: match self.seed {
                SeedArgument::Demo => Seed::Demo,
                SeedArgument::None => Seed::None,
            },
            crowd: self.crowd,
            finish_after: self.finish_after_ms.0,
            settings,
            ..Options::default()
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_aside(&format!("tuisong: {}", gateway::error::causes(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // Every connection is an open file, and what a shell allows at first is 1,024 or less. Where the system says no, what
    // was allowed before stays.
    drop(rlimit::increase_nofile_limit(u64::MAX));
    // Listening for Ctrl-C from the start: one that comes while starting stops us too.
    let interrupted = interrupted()?;
    let options = arguments.options();
    start_log(arguments, options.data.as_deref())?;
    let (token, made) = admin_token(arguments.admin_token.as_deref(), options.data.as_deref())?;
    let options = Options { admin_token: Some(Secret::new(token)), ..options };
    let stack = Stack::start(options.clone()).await?;
    if let Some(made) = made {
        say_aside(&format!("administrator's token: {made}"));
    }
    if options.upstream == Upstream::Sandbox {
        say_aside(&format!("inbox of the stand-ins: {}/", stack.sandbox_url()));
    }
    if options.seed == Seed::Demo {
        say(&curl(stack.url())?);
    }
    say(&format!("ready {}", stack.url()));
    interrupted.await;
    stack.stop().await;
    Ok(())
}

/// A call that works when pasted.
fn curl(url: &str) -> Result<String, store::StoreError> {
    let (token, uid) = (seed::APP_TOKEN, seed::uid(1)?);
    let body = format!(r#"{{"appToken":"{token}","content":"你好，推送","uids":["{uid}"]}}"#);
    Ok(format!("curl {url}/api/send/message -H 'Content-Type: application/json' -d '{body}'"))
}

/// Logs into the data folder; to standard error when there is none.
fn start_log(arguments: &Arguments, data: Option<&Path>) -> std::io::Result<()> {
    match data {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            let file = std::fs::File::options().create(true).append(true).open(folder.join("log.jsonl"))?;
            telemetry::start_into(&arguments.log, telemetry::into_file(file));
        }
        None => telemetry::start_into(&arguments.log, telemetry::into_stderr()),
    }
    Ok(())
}

/// The administrator's token, and once more when it was made by us: to be shown. Kept so that the next start has the same.
fn admin_token(given: Option<&str>, data: Option<&Path>) -> std::io::Result<(String, Option<String>)> {
    if let Some(given) = given {
        return Ok((given.to_owned(), None));
    }
    let made = |token: String| (token.clone(), Some(token));
    let make = || format!("AD_{}", Alphanumeric.sample_string(&mut rand::rng(), 32));
    let Some(folder) = data else { return Ok(made(make())) };
    let path = folder.join("admin-token");
    if let Ok(kept) = std::fs::read_to_string(&path) {
        return Ok(made(kept.trim().to_owned()));
    }
    let token = make();
    std::fs::write(&path, &token)?;
    Ok(made(token))
}

/// Ends at Ctrl-C or when the system asks the process to stop.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    })
}

/// A line on standard output: what a script may read.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone away is no reason to stop.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// A line on standard error: for people.
fn say_aside(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
