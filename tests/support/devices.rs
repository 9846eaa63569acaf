//! The process in which thousands of devices live (`tests/live/devices.rs`), and who they are.

use crate::program::beside;
use local::Options;
use local::seed::mobile;
use model::channel::ChannelKind;
use model::clock::Clock;
use model::device::PushUser;
use model::ids::DeviceToken;
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use store::Capability;
use store::devices::UserWriter;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The vendor of the crowd's devices.
pub const VENDOR: ChannelKind = ChannelKind::Huawei;
/// What the crowd's push tokens begin with.
const PREFIX: &str = "crowd-";
/// Users and devices of the demo seed stand before them.
const BEHIND: u64 = 1_000;

/// Users that are written side by side.
const AT_A_TIME: usize = 200;

/// What the vendor knows device `n` by.
pub fn vendor_token(n: u64) -> DeviceToken {
    mobile::device_token(VENDOR, BEHIND + n)
}

/// Writes `count` users of the demo app with a device each into the folder of a program that does not run.
pub async fn settle(folder: &Path, count: u64) {
    let options = Options { data: Some(folder.to_owned()), pollers: false, ..Options::for_tests() };
    let stack = crate::stack(options).await;
    let app = mobile::app_id().expect("an app");
    let users: Vec<PushUser> = (1..=count)
        .map(|n| {
            let place = BEHIND + n;
            let mut user = mobile::user(place, &[VENDOR], place, 1, stack.clock().now(), |_| vendor_token(n));
            user.devices[0].push_token = format!("{PREFIX}{n}");
            user
        })
        .collect();
    let writer = UserWriter::open(stack.store());
    for some in users.chunks(AT_A_TIME) {
        // A write that a busy machine did not answer in time stands perhaps; it is the same again.
        let mut put = writer.put(&app, some).await;
        for _ in 0..5 {
            if put.is_err() {
                put = writer.put(&app, some).await;
            }
        }
        put.expect("users");
    }
    stack.stop().await;
}

/// The running process.
pub struct Devices {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// To whom a message came.
#[derive(Debug, Default)]
pub struct Got {
    /// How long ago the last one came, in milliseconds.
    pub ago_ms: u64,
    /// How often it came in all.
    pub frames: u64,
    /// The devices that have it.
    pub devices: Vec<u64>,
}

impl Devices {
    /// Starts it; nobody is connected yet.
    pub fn start(socket_url: &str, count: u64) -> Self {
        let program = beside("live-devices");
        let mut child = Command::new(&program)
            .args([socket_url, mobile::APP, PREFIX, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { _child: child, input, output }
    }

    /// Says a line; [`Devices::answer`] is what comes of it.
    pub async fn tell(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("it listens");
    }

    /// The numbers in the next answer, whose first word is `expected`.
    pub async fn answer(&mut self, expected: &str) -> Vec<u64> {
        let answer = self.output.next_line().await.expect("a line").expect("an answer");
        let mut words = answer.split_whitespace();
        assert_eq!(words.next(), Some(expected), "{answer}");
        words.map(|number| number.parse().expect("a number")).collect()
    }

    /// Waits until so many devices have a message, or no more get it.
    pub async fn got(&mut self, task: u64, count: u64) -> Got {
        self.tell(&format!("got {task} {count}")).await;
        match self.answer("got").await.as_slice() {
            [ago_ms, frames, devices @ ..] => Got { ago_ms: *ago_ms, frames: *frames, devices: devices.to_vec() },
            other => panic!("{other:?}"),
        }
    }
}

/// The crowd's devices by their vendor tokens.
pub fn by_vendor_token(count: u64) -> HashMap<String, u64> {
    (1..=count).map(|n| (vendor_token(n).as_str().to_owned(), n)).collect()
}
