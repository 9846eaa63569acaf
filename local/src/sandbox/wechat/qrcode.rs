//! `POST /cgi-bin/qrcode/create?access_token=`: QR codes with a scene, and `GET /cgi-bin/showqrcode?ticket=`, their pictures.
//!
//! Body `{"expire_seconds"?,"action_name","action_info":{"scene":{"scene_id"|"scene_str"}}}`, answer
//! `{"ticket","expire_seconds","url"}`; a permanent code has no `expire_seconds`. `expire_seconds` is cut to 30 days and is
//! 60 when missing.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; account 48001; method 43002; body 44002, 47001;
//! action, scene number or length 40053. Source: WeChat's page "QR code with parameters", read 2026-11.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;

use super::refusal::Refusal;
use super::token::ordered;
use super::{CHANNELS, SERVICE, json_reply, parameter};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::FaultOperation;
use crate::sandbox::reply::{Arrival, Reply};
use crate::sandbox::world::WechatKind;

/// The longest life of a temporary code, and the life of one that names none, in seconds.
const MOST_SECONDS: i64 = 2_592_000;
const DEFAULT_SECONDS: i64 = 60;
/// Characters of a `scene_str`.
const SCENE_CHARS: usize = 64;
/// What every code's address begins with.
const ADDRESS: &str = "http://weixin.qq.com/q/";

/// The codes of an account.
#[derive(Debug, Default)]
pub(super) struct Scenes {
    by_address: HashMap<Box<str>, (Box<str>, Option<i64>)>,
    by_ticket: HashMap<Box<str>, Box<str>>,
    created: u64,
}

impl Scenes {
    /// The scene behind what somebody scanned: a code's address, or the scene itself.
    pub(super) fn read(&self, scanned: &str, now_ms: i64) -> Result<String, String> {
        if !scanned.starts_with(ADDRESS) {
            return Ok(scanned.to_owned());
        }
        match self.by_address.get(scanned) {
            Some((scene, until)) if until.is_none_or(|until| now_ms < until) => Ok(scene.to_string()),
            Some(_) => Err("`scene`: this QR code has expired".to_owned()),
            None => Err("`scene`: no QR code of this account has that address".to_owned()),
        }
    }

    /// How many codes were made.
    pub(super) fn created(&self) -> u64 {
        self.created
    }
}

/// The body.
#[derive(Deserialize)]
struct Request {
    expire_seconds: Option<i64>,
    #[serde(default)]
    action_name: String,
    action_info: Option<ActionInfo>,
}

#[derive(Deserialize)]
struct ActionInfo {
    scene: Option<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    scene_id: Option<i64>,
    scene_str: Option<String>,
}

/// `POST /cgi-bin/qrcode/create`
pub(super) async fn create(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let arrival = Arrival {
        service: SERVICE,
        operation: "qrcode/create",
        channels: CHANNELS,
        kind: FaultOperation::Send,
        recipient: None,
        request_bytes: body.len(),
    };
    let access_token = parameter(query.as_deref(), "access_token");
    sandbox
        .answer(arrival, ordered, || {
            sandbox.make_code(&access_token, &method, &body).unwrap_or_else(|refusal| refusal.reply())
        })
        .await
}

/// `GET /cgi-bin/showqrcode?ticket=`
pub(super) async fn show(State(sandbox): State<Arc<Sandbox>>, RawQuery(query): RawQuery) -> Response {
    let ticket = parameter(query.as_deref(), "ticket");
    let address =
        sandbox.wechat.accounts.iter().find_map(|account| account.state().scenes.by_ticket.get(&*ticket).cloned());
    match address.and_then(|address| functions::page::picture::qr_code(&address)) {
        Some(picture) => ([(CONTENT_TYPE, "image/jpg")], picture).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Sandbox {
    fn make_code(&self, access_token: &str, method: &Method, body: &[u8]) -> Result<Reply, Refusal> {
        let now_ms = self.clock.now_ms();
        let account = self.wechat.authorised(access_token, now_ms)?;
        if account.given.kind == WechatKind::MiniProgram {
            return Err(Refusal::Unauthorised);
        }
        if method != Method::POST {
            return Err(Refusal::NeedsPost);
        }
        if body.is_empty() {
            return Err(Refusal::EmptyBody);
        }
        let request: Request = serde_json::from_slice(body).map_err(|_| Refusal::Format)?;
        let scene = request.action_info.and_then(|info| info.scene).ok_or(Refusal::ActionInfo)?;
        let text = scene.scene_str.filter(|text| (1..=SCENE_CHARS).contains(&text.chars().count()));
        let number = |most: i64| scene.scene_id.filter(|id| (1..=most).contains(id)).map(|id| id.to_string());
        let (scene, temporary) = match request.action_name.as_str() {
            "QR_STR_SCENE" => (text, true),
            "QR_SCENE" => (number(i64::from(u32::MAX)), true),
            "QR_LIMIT_STR_SCENE" => (text, false),
            "QR_LIMIT_SCENE" => (number(100_000), false),
            _ => return Err(Refusal::ActionInfo),
        };
        let scene = scene.ok_or(Refusal::ActionInfo)?;
        let seconds = request.expire_seconds.unwrap_or(DEFAULT_SECONDS).clamp(1, MOST_SECONDS);
        let address = format!("{ADDRESS}02{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 15]>()));
        let ticket = STANDARD.encode(rand::random::<[u8; 72]>());
        let until = temporary.then_some(now_ms + seconds * 1000);
        let scenes = &mut account.state().scenes;
        scenes.created += 1;
        scenes.by_address.insert(Box::from(address.as_str()), (Box::from(scene), until));
        scenes.by_ticket.insert(Box::from(ticket.as_str()), Box::from(address.as_str()));
        let mut answer = json!({ "ticket": ticket, "url": address });
        if temporary {
            answer["expire_seconds"] = json!(seconds);
        }
        Ok(json_reply(&answer))
    }
}
