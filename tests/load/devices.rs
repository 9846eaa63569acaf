//! Many devices on our own channel, in a process of their own: each holds one connection and acknowledges what it gets.
//!
//! `devices <url> <app> <prefix> <count>` connects devices with the push tokens `<prefix>1` to `<prefix><count>`, then does what
//! standard input says, a line each, and answers each with a line:
//!
//! - `connect`: all of them at once; who is turned away comes back after a random pause. `connected <ms> <attempts>`
//! - `expect <task>`: `received <devices> <frames> <ms>`, once every device has the message, or a minute has brought no more
//! - `drop`: all connections break, without a word. `dropped`

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The longest pause before a device comes back, at first.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a device waits for its welcome.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, app, prefix, count] = arguments.as_slice() else { panic!("devices <url> <app> <prefix> <count>") };
    let count: u64 = count.parse().expect("a number");
    let (heard, mut frames) = mpsc::unbounded_channel::<(u64, u64)>();
    let mut devices = JoinSet::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let started = Instant::now();
        match line.split_once(' ').unwrap_or((line.as_str(), "")) {
            ("connect", _) => {
                let attempts = Arc::new(AtomicU64::new(0));
                let (ready, mut readies) = mpsc::unbounded_channel();
                for n in 1..=count {
                    let device =
                        Device { url: url.clone(), app: app.clone(), token: format!("{prefix}{n}"), number: n };
                    devices.spawn(device.live(attempts.clone(), ready.clone(), heard.clone()));
                }
                drop(ready);
                for _ in 0..count {
                    readies.recv().await.expect("every device is welcomed");
                }
                let attempts = attempts.load(Ordering::Relaxed);
                say(&format!("connected {} {attempts}", started.elapsed().as_millis()));
            }
            ("expect", task) => {
                let task: u64 = task.parse().expect("a task");
                let mut got: HashMap<u64, u64> = HashMap::new();
                let mut last = started.elapsed();
                while (got.len() as u64) < count {
                    let Ok(Some((device, of))) = tokio::time::timeout(PATIENCE, frames.recv()).await else { break };
                    if of == task {
                        *got.entry(device).or_default() += 1;
                        last = started.elapsed();
                    }
                }
                // A moment for what comes twice.
                while let Ok(Some((device, of))) = tokio::time::timeout(PAUSE, frames.recv()).await {
                    *got.entry(device).or_default() += u64::from(of == task);
                }
                let all: u64 = got.values().sum();
                say(&format!("received {} {all} {}", got.len(), last.as_millis()));
            }
            ("drop", _) => {
                devices.shutdown().await;
                say("dropped");
            }
            (other, _) => panic!("unknown: {other}"),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}

struct Device {
    url: String,
    app: String,
    token: String,
    number: u64,
}

impl Device {
    /// Connects until it is welcomed, then listens for ever.
    async fn live(
        self,
        attempts: Arc<AtomicU64>,
        ready: mpsc::UnboundedSender<()>,
        heard: mpsc::UnboundedSender<(u64, u64)>,
    ) {
        let mut longest = PAUSE;
        loop {
            attempts.fetch_add(1, Ordering::Relaxed);
            if let Ok(Some(stream)) = tokio::time::timeout(PATIENCE, self.sign_in()).await {
                let _sent = ready.send(());
                drop(ready);
                return self.listen(stream, heard).await;
            }
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
            longest = (longest * 2).min(Duration::from_secs(60));
        }
    }

    async fn sign_in(&self) -> Option<Stream> {
        let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
        let connected = tokio_tungstenite::connect_async_with_config(self.url.as_str(), Some(config), true).await;
        let (mut stream, _) = connected.ok()?;
        let login = json!({ "v": 1, "type": "login", "app_id": self.app, "push_token": self.token });
        stream.send(Message::text(login.to_string())).await.ok()?;
        loop {
            let Message::Text(text) = stream.next().await?.ok()? else { continue };
            let frame: Value = serde_json::from_str(&text).ok()?;
            return (frame["type"] == "welcome").then_some(stream);
        }
    }

    async fn listen(&self, mut stream: Stream, heard: mpsc::UnboundedSender<(u64, u64)>) {
        while let Some(Ok(message)) = stream.next().await {
            let Message::Text(text) = message else { continue };
            let Ok(frame) = serde_json::from_str::<Value>(&text) else { continue };
            if let (Some("message"), Some(task)) = (frame["type"].as_str(), frame["task_id"].as_u64()) {
                let _sent = heard.send((self.number, task));
                let ack = json!({ "v": 1, "type": "ack", "task_ids": [task] });
                drop(stream.send(Message::text(ack.to_string())).await);
            }
        }
    }
}

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;
