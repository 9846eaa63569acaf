//! `POST /cgi-bin/message/template/send?access_token=`: template messages.
//!
//! Body `{"touser","template_id","data":{key:{"value"}},"url"?,"miniprogram"?:{"appid","pagepath"},"client_msg_id"?}`,
//! answer `{"errcode":0,"errmsg":"ok","msgid":int64}`.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; account 48001; method 43002; body 44002, 47001,
//! 40033; recipient 40003, 43004; template 40036, 40037; values 47003; mini program 40013, 40165; a repeat of the
//! same openid and `client_msg_id` within ten minutes is answered with the first msgid; quota 45009.
//!
//! `first` and `remark` are taken and not shown, as WeChat has done since May 2023.
//! Source: WeChat's page "template message", read 2026-11.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::account::Account;
use super::refusal::Refusal;
use super::token::ordered;
use super::typed::KeyType;
use super::{SERVICE, json_reply, parameter};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::FaultOperation;
use crate::sandbox::inbox::Entry;
use crate::sandbox::reply::Arrival;
use crate::sandbox::world::{Template, WechatKind};

/// The channel's name in the inbox and in faults.
pub(super) const CHANNEL: &str = "wechat-template";

/// Keys that WeChat takes and does not show.
const HIDDEN_KEYS: [&str; 2] = ["first", "remark"];

/// The body. Colours and unknown fields are ignored.
#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) touser: Option<String>,
    pub(super) template_id: Option<String>,
    #[serde(default)]
    pub(super) data: BTreeMap<String, Datum>,
    miniprogram: Option<Target>,
    /// Read only so that a wrong type is refused; the inbox keeps it as it came.
    #[serde(rename = "url")]
    _url: Option<String>,
    client_msg_id: Option<String>,
}

/// One value of a template.
#[derive(Deserialize)]
pub(super) struct Datum {
    value: Option<String>,
}

/// The mini program that a card opens. Empty fields count as missing.
#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    appid: String,
}

/// `POST /cgi-bin/message/template/send`
pub(super) async fn send(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let access_token = parameter(query.as_deref(), "access_token");
    let accepted =
        |end: Option<String>| accept(&sandbox, &access_token, &method, &body, end).map(|msgid| sent(Some(msgid)));
    answer_send(&sandbox, "message/template/send", &[CHANNEL], &body, accepted).await
}

/// The answer to a message that was accepted.
pub(super) fn sent(msgid: Option<i64>) -> Value {
    let mut answer = json!({ "errcode": 0, "errmsg": "ok" });
    if let Some(msgid) = msgid {
        answer["msgid"] = json!(msgid);
    }
    answer
}

/// Answers a send with what `accepted` makes of it, faults apart. It is given the words in which the message is to fail
/// later, if a fault ordered any.
pub(super) async fn answer_send(
    sandbox: &Sandbox,
    operation: &'static str,
    channels: &'static [&'static str],
    body: &[u8],
    accepted: impl FnOnce(Option<String>) -> Result<Value, Refusal>,
) -> Response {
    let recipient = recipient(body);
    let arrival = Arrival {
        service: SERVICE,
        operation,
        channels,
        kind: FaultOperation::Send,
        recipient: recipient.as_deref(),
        request_bytes: body.len(),
    };
    let reply = |end| match accepted(end) {
        Ok(answer) => json_reply(&answer),
        Err(refusal) => refusal.reply(),
    };
    sandbox.answer_ending(arrival, ordered, reply).await
}

/// Puts a message into the inbox.
pub(super) fn keep(sandbox: &Sandbox, entry: Entry<'_>) -> Result<(), Refusal> {
    sandbox.inbox.append(entry).map(|_| ()).map_err(|error| {
        tracing::error!(%error, "the sandbox inbox cannot be written");
        Refusal::SystemError
    })
}

/// Whom a message is for, as far as its body can be read.
fn recipient(body: &[u8]) -> Option<String> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(request)) => request.get("touser")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Checks a message and puts it into the inbox; its msgid. The gateway is told later how it ended: `end` as WeChat words
/// a failure, or success.
fn accept(
    sandbox: &Arc<Sandbox>,
    access_token: &str,
    method: &Method,
    body: &[u8],
    end: Option<String>,
) -> Result<i64, Refusal> {
    let now_ms = sandbox.clock.now_ms();
    let account = sandbox.wechat.authorised(access_token, now_ms)?;
    match account.given.kind {
        WechatKind::Official => {}
        WechatKind::MiniProgram => return Err(Refusal::Unauthorised),
    }
    if method != Method::POST {
        return Err(Refusal::NeedsPost);
    }
    let (text, request) = read(body)?;

    // Held until the message is in the inbox, so that of two equal messages at once the second sees the first.
    let mut state = account.state();
    let openid = request.touser.as_deref().unwrap_or("");
    account.reachable(&state, openid)?;
    let template = template(account, request.template_id.as_deref().unwrap_or(""))?;
    check_values(template, &request.data)?;
    check_target(account, request.miniprogram.as_ref())?;
    let id = request.client_msg_id.as_deref().filter(|id| !id.is_empty());
    if let Some(msgid) = id.and_then(|id| state.repeats.find(openid, id, now_ms)) {
        return Ok(msgid);
    }
    state.quota.check(now_ms)?;

    let msgid = state.next_msgid(now_ms);
    let (title, shown) = card(template, &request.data);
    let entry = Entry {
        at_ms: now_ms,
        channel: CHANNEL,
        account: &account.given.appid,
        recipient: openid,
        title: &title,
        body: &shown,
        raw: &kept(text, msgid)?,
    };
    keep(sandbox, entry)?;
    state.quota.count();
    if let Some(id) = id {
        state.repeats.remember(openid, id, now_ms, msgid);
    }
    sandbox.will_finish(&account.given.appid, openid, msgid, end);
    Ok(msgid)
}

/// The body as text and as a request.
pub(super) fn read(body: &[u8]) -> Result<(&str, Request), Refusal> {
    let text = checked_text(body)?;
    let request = serde_json::from_str(text).map_err(|_| Refusal::Format)?;
    Ok((text, request))
}

/// The body as the text of a JSON object.
pub(super) fn checked_text(body: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::Format)?.trim();
    if text.is_empty() {
        return Err(Refusal::EmptyBody);
    }
    // A struct may be read from an array too; WeChat wants an object.
    if !text.starts_with('{') || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return Err(Refusal::Format);
    }
    if has_escaped_characters(text) {
        return Err(Refusal::EscapedCharacters);
    }
    Ok(text)
}

/// Whether a string in this JSON holds a `\uXXXX` escape.
fn has_escaped_characters(json: &str) -> bool {
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        // A backslash takes the next character with it, so `\\u` is a backslash and a letter.
        if byte == b'\\' && bytes.next() == Some(b'u') {
            return true;
        }
    }
    false
}

/// The account's template with this id.
pub(super) fn template<'a>(account: &'a Account, id: &str) -> Result<&'a Template, Refusal> {
    if id.is_empty() {
        return Err(Refusal::TemplateIdSize);
    }
    account.given.templates.iter().find(|template| template.id == id).ok_or(Refusal::TemplateId)
}

/// Whether every typed key of the template has a value that fits.
pub(super) fn check_values(template: &Template, data: &BTreeMap<String, Datum>) -> Result<(), Refusal> {
    for key in &template.keys {
        let Some(key_type) = KeyType::of(key) else {
            continue;
        };
        let value = value(data, key);
        let blank = value.trim().is_empty();
        let choices = template.constants.get(key).map(Vec::as_slice);
        if blank || !key_type.takes(value, choices) {
            let key = key.clone();
            return Err(Refusal::Value { key, blank });
        }
    }
    Ok(())
}

/// Whether the card may open this mini program.
fn check_target(account: &Account, target: Option<&Target>) -> Result<(), Refusal> {
    let Some(target) = target.filter(|target| !target.appid.is_empty()) else {
        return Ok(());
    };
    let bound = account
        .given
        .mini_programs
        .iter()
        .find(|mini_program| mini_program.appid == target.appid)
        .ok_or(Refusal::Appid)?;
    if bound.published { Ok(()) } else { Err(Refusal::MiniProgramPage) }
}

/// What the recipient sees: the first value as the title, and a line `key: value` for every key shown. A card that
/// shows nothing has what the sender put into `first` as its title, else the template's id.
pub(super) fn card(template: &Template, data: &BTreeMap<String, Datum>) -> (String, String) {
    let shown: Vec<(&str, &str)> = template
        .keys
        .iter()
        .filter(|key| !HIDDEN_KEYS.contains(&key.as_str()))
        .map(|key| (key.as_str(), value(data, key)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let title = shown
        .first()
        .map(|(_, value)| *value)
        .or_else(|| Some(value(data, "first")).filter(|first| !first.is_empty()))
        .unwrap_or(&template.id);
    let lines: Vec<String> = shown.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    (title.to_owned(), lines.join("\n"))
}

/// The value of a key; empty if it is not there.
fn value<'a>(data: &'a BTreeMap<String, Datum>, key: &str) -> &'a str {
    data.get(key).and_then(|datum| datum.value.as_deref()).unwrap_or("")
}

/// The request as it came, on one line, with its msgid as a decimal string: JavaScript cannot read the number exactly.
pub(super) fn kept(request: &str, msgid: i64) -> Result<Box<RawValue>, Refusal> {
    // Line breaks in JSON only ever stand between its parts; within strings they are escaped.
    let one_line = request.replace(['\r', '\n'], " ");
    let open = one_line.strip_suffix('}').unwrap_or(&one_line);
    RawValue::from_string(format!("{open},\"msgid\":\"{msgid}\"}}")).map_err(|_| Refusal::SystemError)
}
