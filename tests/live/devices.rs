//! Many devices on our own channel, in a process of their own: each holds a connection, acknowledges what it gets, and comes
//! back when the connection breaks.
//!
//! `live-devices <url> <app> <prefix> <count>` is devices with the push tokens `<prefix>1` to `<prefix><count>`. It does what
//! standard input says, a line each, and answers each with a line:
//!
//! - `connect`: all of them at once. `connected <ms> <attempts>`, once each has been welcomed
//! - `storm`: every connection breaks without a word, and all of them come back at once. `half` when half of them are back,
//!   then `connected <ms> <attempts>`
//! - `got <task> <count>`: waits until so many devices have the message, or a minute has brought no more.
//!   `got <ms> <frames> <device>…`: how long ago the last one came, how often it came in all, and to whom
//! - `drop`: every connection breaks without a word, and nobody comes back. `dropped`

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The longest pause before a device comes back: at first, and after many failures.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a device waits for its welcome, and a line for a message.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after the last message repeats of it are listened for.
const GRACE: Duration = Duration::from_secs(1);
/// How often a device says that it is there, as the server asks for.
const HEARTBEAT: Duration = Duration::from_secs(240);
/// Addresses of this machine that devices come from: one alone has too few ports for thousands that come back again and
/// again. Only Linux has all of 127.0.0.0/8 without being told.
const ADDRESSES: u64 = if cfg!(target_os = "linux") { 16 } else { 1 };

/// Task → device → how often it got the message; and when that of a task last came.
type Heard = Arc<Mutex<HashMap<u64, (HashMap<u64, u64>, Instant)>>>;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, app, prefix, count] = arguments.as_slice() else { panic!("devices <url> <app> <prefix> <count>") };
    let count: u64 = count.parse().expect("a number");
    // A connection is an open file. Where no more are allowed, the connections that fail say so.
    drop(rlimit::increase_nofile_limit(u64::MAX));
    let heard = Heard::default();
    let mut devices = JoinSet::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["connect"] => connect(&mut devices, url, app, prefix, count, &heard, false).await,
            ["storm"] => {
                devices.shutdown().await;
                connect(&mut devices, url, app, prefix, count, &heard, true).await;
            }
            ["got", task, expected] => {
                got(&heard, task.parse().expect("a task"), expected.parse().expect("a number")).await;
            }
            ["drop"] => {
                devices.shutdown().await;
                say("dropped");
            }
            _ => panic!("unknown: {line}"),
        }
    }
}

/// Has all of them come at once, and waits until each is welcomed.
async fn connect(
    devices: &mut JoinSet<()>,
    url: &str,
    app: &str,
    prefix: &str,
    count: u64,
    heard: &Heard,
    tell_half: bool,
) {
    let (started, attempts) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let (ready, mut readies) = mpsc::unbounded_channel();
    for number in 1..=count {
        let device = Device {
            url: url.to_owned(),
            login: json!({ "v": 1, "type": "login", "app_id": app, "push_token": format!("{prefix}{number}") }),
            number,
            heard: heard.clone(),
            attempts: attempts.clone(),
            ready: ready.clone(),
        };
        devices.spawn(device.live());
    }
    let mut welcomed = std::collections::HashSet::new();
    while (welcomed.len() as u64) < count {
        welcomed.insert(readies.recv().await.expect("the devices live"));
        if tell_half && welcomed.len() as u64 == count / 2 {
            say("half");
        }
    }
    say(&format!("connected {} {}", started.elapsed().as_millis(), attempts.load(Ordering::Relaxed)));
}

/// Waits for a message, and says to whom it came.
async fn got(heard: &Heard, task: u64, expected: usize) {
    let started = Instant::now();
    let seen = || {
        let heard = heard.lock().expect("what was heard");
        heard.get(&task).map_or((0, started), |(devices, last)| (devices.len(), *last))
    };
    loop {
        let (devices, last) = seen();
        if devices >= expected || last.max(started).elapsed() > PATIENCE {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    sleep(GRACE).await;
    let ago = seen().1.elapsed().as_millis();
    let devices = heard.lock().expect("what was heard").get(&task).map(|(devices, _)| devices.clone());
    let devices = devices.unwrap_or_default();
    let to: Vec<String> = devices.keys().map(ToString::to_string).collect();
    say(&format!("got {ago} {} {}", devices.values().sum::<u64>(), to.join(" ")));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}

type Stream = tokio_tungstenite::WebSocketStream<TcpStream>;

struct Device {
    url: String,
    login: Value,
    number: u64,
    heard: Heard,
    attempts: Arc<AtomicU64>,
    ready: mpsc::UnboundedSender<u64>,
}

impl Device {
    /// Connects, listens, and connects again, for ever.
    async fn live(self) {
        let mut longest = PAUSE;
        loop {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            if let Ok(Some((stream, welcome))) = timeout(PATIENCE, self.sign_in()).await {
                longest = PAUSE;
                // Nobody counts them any more when this is not the first time.
                let _sent = self.ready.send(self.number);
                self.listen(stream, welcome).await;
            }
            sleep(longest.mul_f64(rand::random())).await;
            longest = (longest * 2).min(LONGEST_PAUSE);
        }
    }

    async fn sign_in(&self) -> Option<(Stream, Value)> {
        let to = self.url.strip_prefix("ws://")?.split('/').next()?.parse().ok()?;
        let socket = TcpSocket::new_v4().ok()?;
        let from = u8::try_from(1 + self.number % ADDRESSES).ok()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, from), 0).into()).ok()?;
        let stream = socket.connect(to).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
        let opened = tokio_tungstenite::client_async_with_config(self.url.as_str(), stream, Some(config)).await;
        let (mut stream, _) = opened.ok()?;
        stream.send(Message::text(self.login.to_string())).await.ok()?;
        loop {
            let Message::Text(text) = stream.next().await?.ok()? else { continue };
            let frame: Value = serde_json::from_str(&text).ok()?;
            return (frame["type"] == "welcome").then_some((stream, frame));
        }
    }

    /// Until the connection ends.
    async fn listen(&self, mut stream: Stream, welcome: Value) {
        let mut frames = VecDeque::from([welcome]);
        let mut more = false;
        // Not all at the same moment.
        let mut beat = tokio::time::Instant::now() + HEARTBEAT.mul_f64(rand::random());
        loop {
            while let Some(frame) = frames.pop_front() {
                let answer = match frame["type"].as_str() {
                    Some("message") => self.take(&[frame]),
                    Some("welcome") => {
                        more = frame["more"] == true;
                        self.take(frame["messages"].as_array().map_or(&[], Vec::as_slice))
                    }
                    Some("acked") if std::mem::take(&mut more) => Some(json!({ "v": 1, "type": "resume" })),
                    _ => None,
                };
                if let Some(answer) = answer
                    && stream.send(Message::text(answer.to_string())).await.is_err()
                {
                    return;
                }
            }
            tokio::select! {
                incoming = stream.next() => match incoming {
                    Some(Ok(Message::Text(text))) => frames.extend(serde_json::from_str::<Value>(&text).ok()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
                () = tokio::time::sleep_until(beat) => {
                    beat += HEARTBEAT;
                    if stream.send(Message::text(r#"{"v":1,"type":"ping"}"#)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Notes messages; what acknowledges them.
    fn take(&self, messages: &[Value]) -> Option<Value> {
        let tasks: Vec<u64> = messages.iter().filter_map(|message| message["task_id"].as_u64()).collect();
        let mut heard = self.heard.lock().expect("what was heard");
        for task in &tasks {
            let (devices, last) = heard.entry(*task).or_insert_with(|| (HashMap::new(), Instant::now()));
            *devices.entry(self.number).or_default() += 1;
            *last = Instant::now();
        }
        (!tasks.is_empty()).then(|| json!({ "v": 1, "type": "ack", "task_ids": tasks }))
    }
}
