//! `POST /cgi-bin/message/mass/sendall?access_token=`: one message to everybody who follows.
//!
//! Body `{"filter":{"is_to_all"},"msgtype","<msgtype>":{…},"clientmsgid"?}`, answer
//! `{"errcode":0,"errmsg":"send job submission success","msg_id","msg_data_id"?}`.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; account 48001; method 43002; body 44002, 47001, 40033;
//! filter 40035; type 40008, its object 47001; `clientmsgid` 45067 above 64 bytes, a repeat within 24 hours 45065 with the
//! first `msg_id`, within a minute 45066; text 44004, 45002; media and drafts 40007; quotas 45009 calls a day, 45011 a
//! minute, 45028 messages to everybody a day and a month. Without a `clientmsgid` equal messages are repeats.
//!
//! Then WeChat tells the gateway how it ended, by MASSSENDJOBFINISH. With protection on it asks an administrator first, who
//! answers by `POST /sandbox/wechat/{account}/mass`: `{"protected"?: bool, "answer"?: "confirm"|"refuse"|"silence"}`. What a
//! message's file shows, `GET /sandbox/wechat/{account}/media/{media_id}` answers.
//! Source: WeChat's pages "mass message" and "mass message events", read 2026-11.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::account::{Account, Quota};
use super::parameter;
use super::refusal::Refusal;
use super::template::{answer_send, checked_text, keep, kept};
use super::user::Fields;
use crate::sandbox::Sandbox;
use crate::sandbox::clock::beijing_day;
use crate::sandbox::controls::refused;
use crate::sandbox::inbox::{Entry, Inbox};
use crate::sandbox::world::WechatKind;

/// The channel's name in the inbox and in faults.
pub(super) const CHANNEL: &str = "wechat-mass";
/// Whom the inbox names as the recipient.
const EVERYBODY: &str = "@all";
/// Whom WeChat names as the author of what it tells of a mass message.
const AUTHOR: &str = "o_mass_message";

/// How long a repeat is recognised, and for how long it is too early to say, in milliseconds.
const WINDOW_MS: i64 = 24 * 3_600_000;
const TOO_EARLY_MS: i64 = 60_000;
/// Bytes of a `clientmsgid`, and of a text.
const ID_BYTES: usize = 64;
const TEXT_BYTES: usize = 2_048;
/// Calls per day and per minute.
const CALLS_PER_DAY: u64 = 100;
const CALLS_PER_MINUTE: usize = 60;

/// The mass messages of an account.
pub(super) struct Mass {
    /// When each was accepted, and the id it was answered with.
    seen: HashMap<Box<str>, (i64, i64)>,
    calls: Quota,
    /// When messages to everybody were accepted in the last month.
    to_all: Vec<i64>,
    /// When calls came in the last minute.
    lately: Vec<i64>,
    pub(super) protected: bool,
    /// What waits for an administrator.
    waiting: Vec<Job>,
}

impl Default for Mass {
    fn default() -> Self {
        Self {
            seen: HashMap::new(),
            calls: Quota::of(CALLS_PER_DAY),
            to_all: Vec::new(),
            lately: Vec::new(),
            protected: false,
            waiting: Vec::new(),
        }
    }
}

/// A message that was accepted.
struct Job {
    msg_id: i64,
    title: String,
    body: String,
    raw: Box<RawValue>,
    /// It is in the inbox already.
    shown: bool,
}

/// What an administrator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MassAnswer {
    /// It may go out.
    Confirm,
    /// It may not.
    Refuse,
    /// Nothing, for half an hour.
    Silence,
}

impl MassAnswer {
    /// WeChat's word for how the message ended.
    const fn status(self) -> &'static str {
        match self {
            Self::Confirm => "send success",
            Self::Refuse => "err(40001)",
            Self::Silence => "err(40002)",
        }
    }
}

/// `POST /cgi-bin/message/mass/sendall`
pub(super) async fn send_all(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let access_token = parameter(query.as_deref(), "access_token");
    let accepted = |_| {
        let (appid, answer, job) = accept(&sandbox, &access_token, &method, &body)?;
        if let Some(job) = job {
            tokio::spawn(end(Arc::clone(&sandbox), appid, job, MassAnswer::Confirm));
        }
        Ok(answer)
    };
    answer_send(&sandbox, "message/mass/sendall", &[CHANNEL], &body, accepted).await
}

/// The body of an administrator's word.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    protected: Option<bool>,
    answer: Option<MassAnswer>,
}

/// `POST /sandbox/wechat/{account}/mass`
pub(super) async fn word(State(sandbox): State<Arc<Sandbox>>, Path(appid): Path<String>, body: Bytes) -> Response {
    let Some(account) = sandbox.wechat.account(&appid) else { return StatusCode::NOT_FOUND.into_response() };
    let word: Word = match serde_json::from_slice(&body) {
        Ok(word) => word,
        Err(error) => return refused(&error.to_string()),
    };
    let waiting = {
        let mass = &mut account.state().mass;
        if let Some(protected) = word.protected {
            mass.protected = protected;
        }
        if word.answer.is_some() { std::mem::take(&mut mass.waiting) } else { Vec::new() }
    };
    let answered = waiting.len();
    for job in waiting {
        end(Arc::clone(&sandbox), appid.clone(), job, word.answer.unwrap_or(MassAnswer::Confirm)).await;
    }
    Json(json!({ "answered": answered })).into_response()
}

/// Sends a message that may go out, and tells the gateway how it ended.
async fn end(sandbox: Arc<Sandbox>, appid: String, job: Job, answer: MassAnswer) {
    let Some(account) = sandbox.wechat.account(&appid) else { return };
    let total = account.given.followers.count();
    let sent = if answer == MassAnswer::Confirm { total } else { 0 };
    // What cannot be kept is logged there; nobody is told of it, so that nobody takes it for sent.
    if answer == MassAnswer::Confirm && !job.shown && sandbox.keep_mass(account, &job).is_err() {
        return;
    }
    let fields: Fields = vec![
        ("MsgType", "event".to_owned()),
        ("Event", "MASSSENDJOBFINISH".to_owned()),
        ("MsgID", job.msg_id.to_string()),
        ("Status", answer.status().to_owned()),
        ("TotalCount", total.to_string()),
        ("FilterCount", sent.to_string()),
        ("SentCount", sent.to_string()),
        ("ErrorCount", "0".to_owned()),
    ];
    sandbox.tell(account, AUTHOR, fields).await;
}

type Accepted = (String, Value, Option<Job>);

fn accept(sandbox: &Sandbox, access_token: &str, method: &Method, body: &[u8]) -> Result<Accepted, Refusal> {
    let now_ms = sandbox.clock.now_ms();
    let account = sandbox.wechat.authorised(access_token, now_ms)?;
    if account.given.kind == WechatKind::MiniProgram {
        return Err(Refusal::Unauthorised);
    }
    if *method != Method::POST {
        return Err(Refusal::NeedsPost);
    }
    let text = checked_text(body)?;
    let request: Map<String, Value> = serde_json::from_str(text).map_err(|_| Refusal::Format)?;
    if request.get("filter").and_then(|filter| filter["is_to_all"].as_bool()) != Some(true) {
        // Messages to a tag are nothing that the gateway sends.
        return Err(Refusal::Parameter);
    }
    let kind = request.get("msgtype").and_then(Value::as_str).unwrap_or("");
    if !matches!(kind, "text" | "image" | "voice" | "mpnews") {
        return Err(Refusal::MessageType);
    }
    let Some(object) = request.get(kind).and_then(Value::as_object) else { return Err(Refusal::Format) };
    let id = match request.get("clientmsgid").and_then(Value::as_str) {
        Some(id) if id.len() > ID_BYTES => return Err(Refusal::MessageIdSize),
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => {
            digest(&SHA256, object_text(kind, object).as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect()
        }
    };

    let mut state = account.state();
    if let Some(&(at_ms, msg_id)) = state.mass.seen.get(&*id)
        && now_ms - at_ms < WINDOW_MS
    {
        return Err(if now_ms - at_ms < TOO_EARLY_MS { Refusal::RepeatedSoon } else { Refusal::Repeated { msg_id } });
    }
    let shown = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("");
    let (title, lines) = match kind {
        "text" => match shown("content") {
            "" => return Err(Refusal::EmptyText),
            content if content.len() > TEXT_BYTES => return Err(Refusal::TextSize),
            content => (content.to_owned(), String::new()),
        },
        "mpnews" => {
            let articles = state.drafts.by_id.get(shown("media_id")).ok_or(Refusal::MediaId)?;
            let titles: Vec<&str> = articles.iter().filter_map(|article| article.get("title")?.as_str()).collect();
            (titles.first().copied().unwrap_or_default().to_owned(), titles.join("\n"))
        }
        _ => {
            state.library.check(shown("media_id"), kind, now_ms)?;
            (format!("[{kind}]"), String::new())
        }
    };
    state.mass.admit(account, now_ms)?;

    let msg_id = state.next_msgid(now_ms);
    let mut raw = kept(text, msg_id)?;
    if let Some(articles) = state.drafts.by_id.remove(shown("media_id")) {
        // The draft is gone; what it said is what people read.
        let open = raw.get().strip_suffix('}').unwrap_or(raw.get());
        let with = format!("{open},\"articles\":{}}}", json!(articles));
        raw = RawValue::from_string(with).map_err(|_| Refusal::SystemError)?;
    }
    let protected = state.mass.protected;
    let job = Job { msg_id, title, body: lines, raw, shown: !protected };
    if job.shown {
        sandbox.keep_mass(account, &job)?;
    }
    state.mass.count(&id, now_ms, msg_id);
    let mut answer = json!({ "errcode": 0, "errmsg": "send job submission success", "msg_id": msg_id });
    if kind == "mpnews" {
        answer["msg_data_id"] = json!(msg_id + 1);
    }
    let appid = account.given.appid.clone();
    if protected {
        state.mass.waiting.push(job);
        return Ok((appid, answer, None));
    }
    Ok((appid, answer, Some(job)))
}

fn object_text(kind: &str, object: &Map<String, Value>) -> String {
    format!("{kind} {}", Value::Object(object.clone()))
}

impl Mass {
    /// Whether one more may be sent.
    fn admit(&mut self, account: &Account, now_ms: i64) -> Result<(), Refusal> {
        self.calls.check(now_ms)?;
        self.lately.retain(|at_ms| now_ms - at_ms < 60_000);
        if self.lately.len() >= CALLS_PER_MINUTE {
            return Err(Refusal::CallsPerMinute);
        }
        let limits = account.given.mass;
        self.to_all.retain(|at_ms| now_ms - at_ms < 30 * 86_400_000);
        let today = self.to_all.iter().filter(|at_ms| beijing_day(**at_ms) == beijing_day(now_ms)).count();
        if today >= limits.per_day || self.to_all.len() >= limits.per_month {
            return Err(Refusal::MassQuota);
        }
        Ok(())
    }

    fn count(&mut self, id: &str, now_ms: i64, msg_id: i64) {
        self.calls.count();
        self.lately.push(now_ms);
        self.to_all.push(now_ms);
        self.seen.insert(Box::from(id), (now_ms, msg_id));
    }
}

impl Sandbox {
    fn keep_mass(&self, account: &Account, job: &Job) -> Result<(), Refusal> {
        let entry = Entry {
            at_ms: self.clock.now_ms(),
            channel: CHANNEL,
            account: &account.given.appid,
            recipient: EVERYBODY,
            title: &job.title,
            body: &job.body,
            raw: &job.raw,
        };
        keep(self, entry)
    }
}

/// What restoring reads of a line of the inbox.
#[derive(Deserialize)]
struct Line {
    at_ms: i64,
    channel: Box<str>,
    account: Box<str>,
    raw: Raw,
}

/// What restoring reads of the request.
#[derive(Deserialize)]
struct Raw {
    clientmsgid: Option<Box<str>>,
    msgid: Option<Box<str>>,
}

/// Takes the messages of the last day from the inbox, so that repeats are recognised after a restart.
pub(super) fn restore(accounts: &[Account], inbox: &Inbox, now_ms: i64) -> io::Result<()> {
    let lines = inbox.lines_from(now_ms - WINDOW_MS)?;
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
        let account = accounts.iter().find(|account| *account.given.appid == *line.account);
        let msgid = line.raw.msgid.and_then(|msgid| msgid.parse().ok());
        if let (Some(account), Some(id), Some(msgid), true) =
            (account, line.raw.clientmsgid, msgid, &*line.channel == CHANNEL)
        {
            account.state().mass.seen.insert(id, (line.at_ms, msgid));
        }
    }
    Ok(())
}
