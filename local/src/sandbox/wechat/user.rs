//! The person on the other side of WeChat: whoever acts here is told to the gateway as WeChat would tell it.
//!
//! | path | what |
//! |---|---|
//! | `GET /sandbox/wechat` | official accounts, and some of the people who may act |
//! | `POST /sandbox/wechat/{account}/events` | somebody acts |
//! | `GET /sandbox/wechat/{account}/people?openid=` | whether they follow, and what they did |
//! | `PUT /sandbox/wechat/{account}/callback` | the "server configuration" of WeChat's console |
//! | `POST /sandbox/wechat/{account}/mass` | an administrator's word on mass messages, see [`mass`] |
//! | `GET /sandbox/wechat/{account}/media/{media_id}` | what was uploaded, see [`media`] |
//!
//! An act is `{"openid","event","scene"?,"content"?,"key"?}` with `event` one of `subscribe`, `unsubscribe`, `SCAN`, `text`,
//! `CLICK`, `VIEW`; `scene` may be what a QR code of `qrcode/create` encodes. As at WeChat, who scans and does not follow
//! yet follows by it, and who does not follow can neither type nor tap.
//!
//! The call is signed, encrypted if the account says so, given 5 seconds, and made up to three times until it is
//! answered. What the answer says to the person goes into the inbox, channel `wechat-reply`; an answer that WeChat could
//! not read shows there as what WeChat would show. The reply here is `{"event","tries","status","reply"}`.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use model::account::{CallbackMode, WechatCallback};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::secret::Secret;
use provider::http::{HttpClient, HttpRequest, HttpSettings};
use provider::wechat_event::PassiveReply;
use provider::wechat_event::peer::{address_check, post, read_answer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::people::Opening;
use super::{mass, media, parameter};
use crate::sandbox::Sandbox;
use crate::sandbox::controls::refused;
use crate::sandbox::inbox::Entry;
use crate::sandbox::world::WechatKind;

/// The channel of what the gateway answers a person, in the inbox.
const CHANNEL: &str = "wechat-reply";
/// How long WeChat waits for an answer, and how often it asks.
/// Source: WeChat's page "passive user reply", read 2026-11.
const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;
/// What the person sees in place of an answer that cannot be read.
const OUT_OF_ORDER: &str = "该公众号提供的服务出现故障，请稍后再试";
/// How many of an account's first followers are named.
const PEOPLE_NAMED: usize = 20;
/// The most acts that are remembered per account, for the page.
const MAX_ACTS: usize = 500;

/// The routes of a person.
pub(in crate::sandbox) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/sandbox/wechat", routing::get(accounts))
        .route("/sandbox/wechat/{account}/events", routing::post(act))
        .route("/sandbox/wechat/{account}/people", routing::get(person))
        .route("/sandbox/wechat/{account}/callback", routing::put(configure))
        .route("/sandbox/wechat/{account}/mass", routing::post(mass::word))
        .route("/sandbox/wechat/{account}/media/{media_id}", routing::get(media::show))
}

/// What WeChat's console knows of the gateway.
#[derive(Debug, Clone)]
pub struct ServerConfiguration {
    /// The address that is called, for example `http://127.0.0.1:8080/wechat/callback/wx00000000000000d1`.
    pub url: String,
    /// Token, keys and mode.
    pub callback: WechatCallback,
    /// Whether bodies are JSON instead of XML.
    pub json: bool,
}

/// Something a person did, as the page shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Act {
    at_ms: i64,
    openid: Box<str>,
    /// `subscribe`, `text`, ….
    event: &'static str,
    /// What was typed, scanned or tapped.
    detail: String,
}

/// What people did to an account, and whom it tells.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) configuration: Option<ServerConfiguration>,
    acts: VecDeque<Act>,
    last_message_id: i64,
}

/// The fields of a message, in order.
pub(super) type Fields = Vec<(&'static str, String)>;

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Subscribe,
    Unsubscribe,
    Scan,
    Text,
    Click,
    View,
}

impl Event {
    const ALL: [(&'static str, Self); 6] = [
        ("subscribe", Self::Subscribe),
        ("unsubscribe", Self::Unsubscribe),
        ("SCAN", Self::Scan),
        ("text", Self::Text),
        ("CLICK", Self::Click),
        ("VIEW", Self::View),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, event)| *event == self).map_or("", |(name, _)| name)
    }
}

/// The body of an act.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActRequest {
    openid: String,
    event: String,
    scene: Option<String>,
    content: Option<String>,
    key: Option<String>,
}

/// `POST /sandbox/wechat/{account}/events`
async fn act(State(sandbox): State<Arc<Sandbox>>, Path(appid): Path<String>, body: Bytes) -> Response {
    let Some(account) = sandbox.wechat.account(&appid) else { return unknown(&appid) };
    let request: ActRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refused(&error.to_string()),
    };
    let (event, fields) = match sandbox.happens(account, &request) {
        Ok(happened) => happened,
        Err(problem) => return refused(&problem),
    };
    match sandbox.tell(account, &request.openid, fields).await {
        Some(told) => Json(json!({
            "event": event.name(), "tries": told.tries, "status": told.status, "reply": told.reply,
        }))
        .into_response(),
        None => {
            let problem =
                format!("account `{appid}` has no server configuration; PUT /sandbox/wechat/{appid}/callback");
            (StatusCode::CONFLICT, Json(json!({ "error": problem }))).into_response()
        }
    }
}

/// `GET /sandbox/wechat`
async fn accounts(State(sandbox): State<Arc<Sandbox>>) -> Response {
    let accounts = sandbox.wechat.accounts.iter().filter(|account| account.given.kind == WechatKind::Official);
    let accounts = accounts.map(|account| {
        let mut people = account.given.followers.some(PEOPLE_NAMED);
        let state = account.state();
        people.extend(state.people.moved().map(|(openid, _)| openid.to_owned()));
        people.sort_unstable();
        people.dedup();
        json!({ "appid": account.given.appid, "people": people })
    });
    Json(json!({ "accounts": accounts.collect::<Vec<_>>() })).into_response()
}

/// `GET /sandbox/wechat/{account}/people?openid=`
async fn person(State(sandbox): State<Arc<Sandbox>>, Path(appid): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(account) = sandbox.wechat.account(&appid) else { return unknown(&appid) };
    let openid = parameter(query.as_deref(), "openid");
    let state = account.state();
    let acts: Vec<&Act> = state.conversation.acts.iter().filter(|act| *act.openid == *openid).collect();
    let follows = account.reachable(&state, &openid).is_ok();
    Json(json!({ "openid": openid, "follows": follows, "acts": acts })).into_response()
}

/// The body of a server configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigurationRequest {
    url: String,
    original_id: String,
    token: Secret<String>,
    aes_key: Option<Secret<String>>,
    #[serde(default)]
    mode: CallbackMode,
    #[serde(default)]
    json: bool,
}

/// `PUT /sandbox/wechat/{account}/callback`: as WeChat's console does, the address is asked to echo a text first.
async fn configure(State(sandbox): State<Arc<Sandbox>>, Path(appid): Path<String>, body: Bytes) -> Response {
    let Some(account) = sandbox.wechat.account(&appid) else { return unknown(&appid) };
    let request: ConfigurationRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refused(&error.to_string()),
    };
    let callback = WechatCallback {
        original_id: request.original_id,
        token: request.token,
        aes_key: request.aes_key,
        previous_aes_key: None,
        mode: request.mode,
    };
    let echo = rand::random::<u64>().to_string();
    let query = address_check(&callback, &echo, Timestamp::from_millis(sandbox.clock.now_ms()));
    let answer = client().send(HttpRequest::get(format!("{}?{query}", request.url))).await;
    if !answer.is_ok_and(|answer| answer.status.is_success() && answer.body == echo.as_bytes()) {
        return refused("the address did not answer WeChat's check with the text that it was sent");
    }
    let configuration = ServerConfiguration { url: request.url, callback, json: request.json };
    account.state().conversation.configuration = Some(configuration);
    Json(json!({ "ok": true })).into_response()
}

fn unknown(appid: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is no account `{appid}`") }))).into_response()
}

/// What calls the gateway.
fn client() -> &'static HttpClient {
    static CLIENT: OnceLock<HttpClient> = OnceLock::new();
    CLIENT.get_or_init(|| HttpClient::new(HttpSettings { total_timeout: PATIENCE, ..HttpSettings::default() }))
}

/// What became of a call to the gateway.
pub(super) struct Told {
    tries: u32,
    /// The status of the last answer; `None` without one.
    status: Option<u16>,
    /// What the person sees.
    reply: Option<Value>,
}

impl Told {
    /// Whether the gateway took it.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Sandbox {
    /// Changes the world as the act does; the event that it is and the fields that WeChat sends.
    fn happens(&self, account: &Account, request: &ActRequest) -> Result<(Event, Fields), String> {
        let known = Event::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(&request.event));
        let Some(&(_, mut event)) = known else {
            let names: Vec<&str> = Event::ALL.iter().map(|(name, _)| *name).collect();
            return Err(format!("`event` is none of {}", names.join(", ")));
        };
        if request.openid.is_empty() || request.openid.len() > 64 {
            return Err("`openid` must have 1 to 64 characters".to_owned());
        }
        let now_ms = self.clock.now_ms();
        let mut state = account.state();
        let follows = account.reachable(&state, &request.openid).is_ok();
        let scene = match request.scene.as_deref().unwrap_or("") {
            "" if event == Event::Scan => return Err("`scene` is missing".to_owned()),
            scene => state.scenes.read(scene, now_ms)?,
        };
        match event {
            // Who scans and does not follow yet is asked to follow, and does.
            Event::Scan if !follows => event = Event::Subscribe,
            Event::Subscribe if follows && !scene.is_empty() => event = Event::Scan,
            Event::Text | Event::Click | Event::View | Event::Unsubscribe if !follows => {
                return Err(format!("`{}` does not follow the account", request.openid));
            }
            _ => {}
        }
        let text = |value: &Option<String>, name: &str| {
            value.clone().filter(|value| !value.is_empty()).ok_or_else(|| format!("`{name}` is missing"))
        };
        let mut fields = match event {
            Event::Text => {
                let id = state.conversation.next_message_id(now_ms);
                vec![("MsgType", "text".to_owned()), ("Content", text(&request.content, "content")?), ("MsgId", id)]
            }
            _ => vec![("MsgType", "event".to_owned()), ("Event", event.name().to_owned())],
        };
        let (opening, detail) = match event {
            Event::Subscribe if scene.is_empty() => {
                fields.push(("EventKey", String::new()));
                (Some(Opening::Follow), String::new())
            }
            Event::Subscribe => {
                fields.push(("EventKey", format!("qrscene_{scene}")));
                fields.push(("Ticket", format!("ticket-of-{scene}")));
                (Some(Opening::Follow), scene)
            }
            Event::Scan => {
                fields.push(("EventKey", scene.clone()));
                fields.push(("Ticket", format!("ticket-of-{scene}")));
                (Some(Opening::Scan), scene)
            }
            Event::Click | Event::View => {
                let key = text(&request.key, "key")?;
                fields.push(("EventKey", key.clone()));
                ((event == Event::Click).then_some(Opening::Tap), key)
            }
            Event::Unsubscribe => {
                fields.push(("EventKey", String::new()));
                (None, String::new())
            }
            Event::Text => (Some(Opening::Message), request.content.clone().unwrap_or_default()),
        };
        let person = state.people.of(&request.openid);
        match event {
            Event::Subscribe => person.follows = Some(true),
            Event::Unsubscribe => person.follows = Some(false),
            Event::Scan | Event::Text | Event::Click | Event::View => {}
        }
        if let Some(opening) = opening {
            person.openings.insert(opening, now_ms);
        }
        let openid = Box::from(request.openid.as_str());
        state.conversation.remember(Act { at_ms: now_ms, openid, event: event.name(), detail });
        drop(state);
        if matches!(event, Event::Subscribe | Event::Unsubscribe) {
            self.wechat.keep_people().map_err(|error| format!("the people cannot be kept: {error}"))?;
        }
        Ok((event, fields))
    }

    /// Tells the gateway of something that `openid` did or met: calls the account's address as WeChat does, and puts
    /// what it answers into the inbox. `None` when the account has no address.
    pub(super) async fn tell(&self, account: &Account, openid: &str, fields: Fields) -> Option<Told> {
        let configuration = account.state().conversation.configuration.clone()?;
        let (id, now_ms) = (AccountId::new(account.given.appid.clone()), self.clock.now_ms());
        let common = [
            ("ToUserName", configuration.callback.original_id.clone()),
            ("FromUserName", openid.to_owned()),
            ("CreateTime", (now_ms / 1000).to_string()),
        ];
        let fields: Vec<(&str, String)> = common.into_iter().chain(fields).collect();
        let mut told = Told { tries: 0, status: None, reply: None };
        let mut answer = None;
        while told.tries < TRIES && answer.is_none() {
            told.tries += 1;
            let now = Timestamp::from_millis(self.clock.now_ms());
            let call = post(&id, &configuration.callback, &fields, configuration.json, now);
            let url = format!("{}?{}", configuration.url, call.query);
            let content_type = axum::http::HeaderValue::from_static(call.content_type);
            if let Ok(answered) = client().send(HttpRequest::post(url, content_type, call.body)).await {
                told.status = Some(answered.status.as_u16());
                answer = answered.status.is_success().then_some(answered.body);
            }
        }
        let said = match answer.as_deref() {
            Some(answer) => read_answer(&id, &configuration.callback, openid, answer),
            None => Ok(Some(PassiveReply::Text(OUT_OF_ORDER.to_owned()))),
        };
        let said = said.unwrap_or_else(|problem| {
            tracing::warn!(%problem, "WeChat could not read the answer");
            Some(PassiveReply::Text(OUT_OF_ORDER.to_owned()))
        });
        if let Some(said) = said {
            told.reply = Some(self.show(account, openid, &said));
        }
        Some(told)
    }

    /// Puts what was said into the inbox.
    fn show(&self, account: &Account, openid: &str, said: &PassiveReply) -> Value {
        let (title, body, shown) = match said {
            PassiveReply::Text(text) => {
                (text.lines().next().unwrap_or_default(), text.as_str(), json!({ "msgtype": "text", "text": text }))
            }
            PassiveReply::Image { media_id } => ("image", "", json!({ "msgtype": "image", "media_id": media_id })),
            PassiveReply::News { title, description, picture, url } => (
                title.as_str(),
                description.as_str(),
                json!({ "msgtype": "news", "title": title, "description": description, "picurl": picture, "url": url }),
            ),
        };
        let kept = serde_json::value::to_raw_value(&shown).and_then(|raw| {
            let entry = Entry {
                at_ms: self.clock.now_ms(),
                channel: CHANNEL,
                account: &account.given.appid,
                recipient: openid,
                title,
                body,
                raw: &raw,
            };
            self.inbox.append(entry).map_err(serde_json::Error::io)
        });
        if let Err(error) = kept {
            tracing::error!(%error, "the sandbox inbox cannot be written");
        }
        shown
    }
}

impl Conversation {
    fn remember(&mut self, act: Act) {
        if self.acts.len() == MAX_ACTS {
            self.acts.pop_front();
        }
        self.acts.push_back(act);
    }

    /// A message id as WeChat's are: 64 bits, and never the same.
    fn next_message_id(&mut self, now_ms: i64) -> String {
        self.last_message_id = (now_ms << 20).max(self.last_message_id + 1);
        self.last_message_id.to_string()
    }
}
