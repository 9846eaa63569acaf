//! `POST /cgi-bin/message/custom/send?access_token=`: customer-service messages.
//!
//! Body `{"touser","msgtype","<msgtype>":{…}}`, answer `{"errcode":0,"errmsg":"ok"}`: no id, and no repeat is recognised.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; method 43002; body 44002, 47001, 40033; recipient
//! 40003, 43004; type 40008, its object 47001; text 44004 empty, 45002 above 2,048 bytes; media 41006 without an id,
//! 40007 when it is no upload of the account and type, or has expired; articles 45162 no array, 45008 not exactly one,
//! 45003 without a title; windows 45015, 45047; quota 45009.
//!
//! Windows: five messages within 48 hours of a person's message, three within a minute of a follow, a scan or a tap.
//! Source: WeChat's page "customer service messages", read 2026-11.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::parameter;
use super::people::{Opening, Person};
use super::refusal::Refusal;
use super::template::{answer_send, checked_text, keep, sent};
use crate::sandbox::Sandbox;
use crate::sandbox::inbox::Entry;

/// The channel's name in the inbox and in faults.
pub(super) const CHANNEL: &str = "wechat-custom";

/// Bytes of a text.
const TEXT_BYTES: usize = 2_048;

/// How many messages something that a person did lets the account send, and for how long, in milliseconds.
const WINDOWS: [(Opening, u32, i64); 4] = [
    (Opening::Tap, 3, 60_000),
    (Opening::Follow, 3, 60_000),
    (Opening::Scan, 3, 60_000),
    (Opening::Message, 5, 48 * 3_600_000),
];

/// Types whose object holds a `media_id`.
const MEDIA: [&str; 4] = ["image", "voice", "video", "mpnews"];
/// The other types. What their objects hold is not looked at.
const OTHERS: [&str; 6] = ["music", "mpnewsarticle", "msgmenu", "wxcard", "miniprogrampage", "link"];

/// `POST /cgi-bin/message/custom/send`
pub(super) async fn send(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let access_token = parameter(query.as_deref(), "access_token");
    let accepted = |_| accept(&sandbox, &access_token, &method, &body).map(|()| sent(None));
    answer_send(&sandbox, "message/custom/send", &[CHANNEL], &body, accepted).await
}

/// Checks a message and puts it into the inbox.
fn accept(sandbox: &Sandbox, access_token: &str, method: &Method, body: &[u8]) -> Result<(), Refusal> {
    let now_ms = sandbox.clock.now_ms();
    let account = sandbox.wechat.authorised(access_token, now_ms)?;
    if method != Method::POST {
        return Err(Refusal::NeedsPost);
    }
    let text = checked_text(body)?;
    let request: Map<String, Value> = serde_json::from_str(text).map_err(|_| Refusal::Format)?;

    let mut state = account.state();
    let openid = request.get("touser").and_then(Value::as_str).unwrap_or("");
    account.reachable(&state, openid)?;
    let (title, shown) = check(&request)?;
    if let Some((kind, id)) = media(&request) {
        state.library.check(id, kind, now_ms)?;
    }
    let answered = window(state.people.of(openid), now_ms)?;
    state.custom_quota.check(now_ms)?;
    let one_line = text.replace(['\r', '\n'], " ");
    let raw = RawValue::from_string(one_line).map_err(|_| Refusal::SystemError)?;
    let entry = Entry {
        at_ms: now_ms,
        channel: CHANNEL,
        account: &account.given.appid,
        recipient: openid,
        title: &title,
        body: &shown,
        raw: &raw,
    };
    keep(sandbox, entry)?;
    state.custom_quota.count();
    *state.people.of(openid).answered.entry(answered).or_default() += 1;
    Ok(())
}

/// The upload that a picture or a recording shows.
fn media(request: &Map<String, Value>) -> Option<(&str, &str)> {
    let kind = request.get("msgtype")?.as_str().filter(|kind| matches!(*kind, "image" | "voice"))?;
    Some((kind, request.get(kind)?.get("media_id")?.as_str()?))
}

/// What the recipient reads: a title and a body.
fn check(request: &Map<String, Value>) -> Result<(String, String), Refusal> {
    let kind = request.get("msgtype").and_then(Value::as_str).unwrap_or("");
    if kind != "text" && kind != "news" && !MEDIA.contains(&kind) && !OTHERS.contains(&kind) {
        return Err(Refusal::MessageType);
    }
    let Some(object) = request.get(kind).and_then(Value::as_object) else { return Err(Refusal::Format) };
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    match kind {
        "text" => match text("content") {
            content if content.is_empty() => Err(Refusal::EmptyText),
            content if content.len() > TEXT_BYTES => Err(Refusal::TextSize),
            content => Ok((content, String::new())),
        },
        "news" => {
            let articles = object.get("articles").and_then(Value::as_array).ok_or(Refusal::ArticlesForm)?;
            let [article] = &articles[..] else { return Err(Refusal::ArticleCount) };
            let text = |name: &str| article[name].as_str().unwrap_or("").to_owned();
            if text("title").is_empty() { Err(Refusal::TitleSize) } else { Ok((text("title"), text("description"))) }
        }
        _ if MEDIA.contains(&kind) && text("media_id").is_empty() => Err(Refusal::MediaMissing),
        _ => Ok((format!("[{kind}]"), text("title"))),
    }
}

/// What the person did that lets the account write to them now, and when.
fn window(person: &Person, now_ms: i64) -> Result<(Opening, i64), Refusal> {
    let open: Vec<(Opening, u32, i64)> = WINDOWS
        .into_iter()
        .filter_map(|(opening, most, life_ms)| {
            let at_ms = *person.openings.get(&opening)?;
            (now_ms - at_ms < life_ms).then_some((opening, most, at_ms))
        })
        .collect();
    if open.is_empty() {
        return Err(Refusal::WindowClosed);
    }
    let left = |(opening, most, at_ms): &(Opening, u32, i64)| {
        person.answered.get(&(*opening, *at_ms)).is_none_or(|sent| sent < most)
    };
    open.into_iter().find(left).map(|(opening, _, at_ms)| (opening, at_ms)).ok_or(Refusal::WindowUsedUp)
}
