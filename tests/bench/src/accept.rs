//! Accepting calls: the real handlers over HTTP in a process of their own, which knows its CPU and memory.

use crate::Failure;
use crate::calls::{Call, Caller};
use crate::cloud::Cloud;
use crate::process::{Helper, cpu, listen, peak_memory, say};
use futures::future::try_join_all;
use local::api::Api;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::Client;
use tokio::net::TcpListener;

/// The calls of the families: one recipient each.
pub const CALLS: [Call; 4] = [Call::WxpusherUid, Call::WechatTemplate, Call::ServiceSend, Call::MobileAlias];
/// Calls under way at a time.
pub const IN_FLIGHT: [usize; 3] = [1, 8, 64];

/// Where the API is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// Its base URL.
    pub url: String,
}

/// What a process used by now.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Use {
    /// CPU time, s.
    pub cpu_s: f64,
    /// The most memory it had, bytes.
    pub peak_bytes: u64,
}

impl Use {
    /// Of this process.
    pub fn now() -> Self {
        Self { cpu_s: cpu().as_secs_f64(), peak_bytes: peak_memory() }
    }
}

/// Serves the API until the standard input is closed. A line is answered with what the process used by then.
pub async fn serve(cloud: &Cloud) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Api::new(cloud.context()?, Duration::from_secs(60))?.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    say(&json!({ "url": format!("http://{address}") }));
    listen(|_| async { json!(Use::now()) }).await
}

/// What a measurement came to.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Calls answered in a second.
    pub per_second: f64,
    /// Half of the calls were answered within so many ms.
    pub p50_ms: f64,
    /// All but one in a hundred were.
    pub p99_ms: f64,
    /// CPU of the functions per call, ms.
    pub cpu_ms: f64,
}

/// Calls `api` for `time` with `in_flight` calls under way. `functions` is the process behind it, with so many people and
/// phones as `crowd` says.
pub async fn measure(
    api: &Address,
    functions: &mut Helper,
    call: Call,
    in_flight: usize,
    time: Duration,
    crowd: u64,
) -> Result<Accepted, Failure> {
    let caller = Caller::new(Client::new(&api.url), crowd).await?;
    // Connections, and what the functions remember.
    try_join_all((0..in_flight).map(|n| caller.send(call, n as u64 + 1))).await?;
    let (number, started) = (Arc::new(AtomicU64::new(1)), Instant::now());
    let before: Use = functions.ask("used").await?;
    let workers = (0..in_flight).map(|_| {
        let (caller, number) = (caller.clone(), number.clone());
        async move {
            let mut took = Vec::new();
            while started.elapsed() < time {
                let sent = Instant::now();
                caller.send(call, number.fetch_add(1, Ordering::Relaxed)).await?;
                took.push(sent.elapsed());
            }
            Ok::<_, Failure>(took)
        }
    });
    let mut took: Vec<Duration> = try_join_all(workers).await?.into_iter().flatten().collect();
    let passed = started.elapsed();
    let after: Use = functions.ask("used").await?;
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    Ok(Accepted {
        per_second: took.len() as f64 / passed.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        cpu_ms: (after.cpu_s - before.cpu_s) * 1e3 / took.len() as f64,
    })
}
