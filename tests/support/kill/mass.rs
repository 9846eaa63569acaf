//! `kill -9` between an upload, a draft and a message to everybody: each accepted one goes out once, and none twice.
//!
//! Each round starts the real program on the same folder and sends one message to everybody after the other: articles, each
//! with a picture of its own, so that WeChat is brought a picture and a draft first, and texts. It is killed at a random
//! moment, in most rounds after a first message was accepted, perhaps again while it makes good, and only at the end is it let
//! finish: within a minute of a message WeChat does not say whether it knows a repeat. The stand-in for WeChat forgets uploads and drafts with each kill, and remembers what
//! it has sent. A call that got no answer may have been accepted or not; its message may still not go out twice.

use super::kill_early;
use crate::program::Program;
use crate::{Client, until_within};
use http::Method;
use local::{Options, seed};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long it may take to make good at the end: a repeat that was too early for WeChat comes again after minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program, as `cargo build` made it.
    pub program: PathBuf,
    /// How often.
    pub rounds: u32,
    /// What the random moments are drawn from.
    pub seed: u64,
}

/// What came of it. [`Report::faults`] says what was wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// Processes killed.
    pub kills: u32,
    /// Messages that were accepted.
    pub accepted: usize,
    /// Messages whose call got no answer.
    pub unanswered: usize,
    /// Messages that went out, of either.
    pub arrived: usize,
    /// Accepted messages that did not go out.
    pub lost: Vec<String>,
    /// Messages that went out more than once.
    pub repeated: Vec<String>,
}

impl Report {
    /// What was wrong, in words; empty when nothing was.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.lost.is_empty() {
            faults.push(format!("accepted and not sent: {:?}", self.lost));
        }
        if !self.repeated.is_empty() {
            faults.push(format!("sent to everybody twice: {:?}", self.repeated));
        }
        if self.accepted == 0 {
            faults.push("nothing was accepted, so nothing was shown".to_owned());
        }
        faults
    }
}

/// What was sent, by what it says: the task, once the call was answered.
type Sent = Arc<Mutex<HashMap<String, Option<String>>>>;

/// Runs the rounds.
pub async fn run(plan: &Plan) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = StdRng::seed_from_u64(plan.seed);
    let (sent, mut report) = (Sent::default(), Report::default());
    for round in 1..=plan.rounds {
        let process = start(plan, folder.path()).await;
        let sender = tokio::spawn(send(process.api.clone(), round, sent.clone()));
        // On a busy machine uploads take longer than any moment that is drawn: what is killed would never be a message.
        if round % 4 != 0 {
            until_within(PATIENCE, "a message that is accepted", || async { has_accepted(&sent, round) }).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(100..2_500))).await;
        process.kill().await;
        report.kills += 1;
        sender.abort();
        report.kills += kill_early(&mut random, async || start(plan, folder.path()).await).await;
    }
    let sent = std::mem::take(&mut *sent.lock().expect("no panic"));
    let process = start(plan, folder.path()).await;
    for (says, task) in &sent {
        let Some(task) = task else { continue };
        until_within(PATIENCE, &format!("the end of {says}"), || is_done(&process.api, task)).await;
    }
    process.kill().await;
    count(folder.path(), &sent, &mut report).await;
    report
}

async fn start(plan: &Plan, folder: &Path) -> Program {
    Program::start(&plan.program, folder, &[]).await
}

fn at(path: &str) -> String {
    format!("/interface/demo/api/push/{path}?access_token={}", seed::ACCESS_TOKEN)
}

/// What the `number`-th message of a round says.
fn says(round: u32, number: u32) -> String {
    format!("round {round}, message {number}")
}

/// Whether some message of a round was.
fn has_accepted(sent: &Sent, round: u32) -> bool {
    sent.lock().expect("no panic").get(&says(round, 0)).is_some_and(Option::is_some)
}

async fn is_done(api: &Client, task: &str) -> bool {
    api.get(&at(&format!("task/{task}"))).await.json()["data"]["state"] == "done"
}

/// One message after another, until the process is gone.
async fn send(api: Client, round: u32, sent: Sent) {
    for number in 0.. {
        let says = says(round, number);
        let (kind, part) = if number % 3 == 2 {
            ("text", json!({ "content": says }))
        } else {
            let Some(articles) = articles(&api, &says).await else { return };
            ("mpnews", json!({ "media_id": articles }))
        };
        let body = json!({ "channelId": "demo", "msgtype": kind, kind: part });
        sent.lock().expect("no panic").insert(says.clone(), None);
        let Some(data) = call(&api, &at("mass/send"), "application/json", body.to_string()).await else { return };
        let task = data["taskId"].as_str().expect("a task").to_owned();
        sent.lock().expect("no panic").insert(says, Some(task));
    }
}

/// Uploads a picture of its own and an article under it; the articles' id, or `None` when the process is gone.
async fn articles(api: &Client, says: &str) -> Option<String> {
    let boundary = "kill-form";
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nthumb\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n"
    );
    let form = [head.as_bytes(), &picture(says), format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
    let thumb = call(api, &at("uploadMedia"), &format!("multipart/form-data; boundary={boundary}"), form).await?;
    let article = json!({ "thumb_media_id": thumb["media_id"], "title": says, "content": "x" });
    let body = json!({ "articles": [article] }).to_string();
    Some(call(api, &at("uploadMedia"), "application/json", body).await?["media_id"].as_str().expect("an id").to_owned())
}

/// The data of a call that succeeds, which it does at the latest when it is not one too many any more; `None` when the process
/// is gone.
async fn call(api: &Client, path: &str, content_type: &str, body: impl Into<bytes::Bytes>) -> Option<Value> {
    let body = body.into();
    loop {
        let answer = api.try_send(Method::POST, path, &[("content-type", content_type)], body.clone()).await?.json();
        match answer["code"].as_i64() {
            Some(200) => return Some(answer["data"].clone()),
            Some(429) => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => panic!("{path}: {answer}"),
        }
    }
}

/// A picture that nobody else has.
fn picture(says: &str) -> Vec<u8> {
    let mut pixels = [200; 16 * 16 * 3];
    for (pixel, byte) in pixels.iter_mut().zip(says.bytes()) {
        *pixel = byte;
    }
    let mut png = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut png, &pixels, 16, 16, image::ExtendedColorType::Rgb8, image::ImageFormat::Png)
        .expect("a picture");
    png.into_inner()
}

/// Opens the folder once more, without workers, and counts what everybody was sent.
async fn count(folder: &Path, sent: &HashMap<String, Option<String>>, report: &mut Report) {
    let options = Options { data: Some(folder.to_owned()), pollers: false, ..Options::for_tests() };
    let stack = crate::stack(options).await;
    let mut arrivals: HashMap<String, usize> = HashMap::new();
    for message in stack.sandbox().messages_since(0).expect("an inbox") {
        let raw = &message.raw;
        let says = raw["articles"][0]["title"].as_str().or(raw["text"]["content"].as_str()).unwrap_or_default();
        *arrivals.entry(says.to_owned()).or_default() += 1;
    }
    stack.stop().await;
    report.arrived = arrivals.len();
    report.accepted = sent.values().flatten().count();
    report.unanswered = sent.len() - report.accepted;
    let is_lost = |(says, task): &(&String, &Option<String>)| task.is_some() && !arrivals.contains_key(*says);
    report.lost = sent.iter().filter(is_lost).map(|(says, _)| says.clone()).collect();
    report.repeated = arrivals.into_iter().filter(|(_, count)| *count > 1).map(|(says, _)| says).collect();
}
