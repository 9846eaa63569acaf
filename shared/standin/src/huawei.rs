//! Huawei Push Kit, version 1: the token call, and `POST /v1/{app_id}/messages:send`.
//!
//! Business codes come with HTTP 200, refused tokens with HTTP 401. A partial success holds, as text, JSON that names the
//! dead tokens.

use crate::tokens::Tokens;
use crate::{Accepted, Desk, bearer, form, json, object};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Huawei's service as one app sees it.
#[derive(Debug)]
pub struct Huawei {
    /// What it accepted and is to refuse. Any code of a device makes its token an illegal one.
    pub desk: Desk,
    app_id: String,
    app_secret: String,
    high_priority: AtomicBool,
    /// They end at an epoch second.
    tokens: Tokens,
}

const TOKEN_PATH: &str = "/oauth2/v3/token";
const TOKEN_LIFE_S: i64 = 3600;
const MAX_BODY_BYTES: usize = 4096;
const MAX_TOKENS: usize = 1000;
const MAX_TTL_S: u64 = 15 * 86_400;
const CATEGORIES: [&str; 12] = [
    "IM",
    "VOIP",
    "SUBSCRIPTION",
    "TRAVEL",
    "HEALTH",
    "WORK",
    "ACCOUNT",
    "EXPRESS",
    "FINANCE",
    "DEVICE_REMINDER",
    "MAIL",
    "MARKETING",
];

/// Why a message is refused: a code of Huawei's.
type Refused = (i64, &'static str);

const STRUCTURE: Refused = (80_100_003, "Illegal payload");

impl Huawei {
    /// The service for one app, which has no right to high priority.
    pub fn new(app_id: &str, app_secret: &str) -> Self {
        Self {
            desk: Desk::default(),
            app_id: app_id.to_owned(),
            app_secret: app_secret.to_owned(),
            high_priority: AtomicBool::new(false),
            tokens: Tokens::new(app_secret.as_bytes(), ["CgB6e3x9", "+/="]),
        }
    }

    /// Gives the app the right to messages of high priority.
    pub fn grant_high_priority(&self) {
        self.high_priority.store(true, Ordering::SeqCst);
    }

    /// Lets every token it has issued end: they are answered 80200003.
    pub fn expire_tokens(&self) {
        self.tokens.recall();
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes> {
        if request.uri().path() == TOKEN_PATH {
            return self.grant(request, now_ms / 1000);
        }
        let path = format!("/v1/{}/messages:send", self.app_id);
        if request.method() != Method::POST || request.uri().path() != path {
            return json(StatusCode::NOT_FOUND, &json!({}));
        }
        match self.tokens.end(bearer(request)) {
            None => return answer(StatusCode::UNAUTHORIZED, 80_200_001, "Oauth authentication error"),
            Some(end) if end <= now_ms / 1000 => {
                return answer(StatusCode::UNAUTHORIZED, 80_200_003, "Oauth Token expired");
            }
            Some(_) => {}
        }
        if let Some(ordered) = self.desk.ordered() {
            return ordered;
        }
        match self.send(request) {
            Ok(answer) => answer,
            Err((code, message)) => answer(StatusCode::OK, code, message),
        }
    }

    fn grant(&self, request: &Request<Bytes>, now_s: i64) -> Response<Bytes> {
        let denied = |error: i64, why: &str| {
            json(StatusCode::BAD_REQUEST, &json!({ "error": error, "sub_error": 0, "error_description": why }))
        };
        let Some(fields) = form(request).filter(|_| request.method() == Method::POST) else {
            return denied(1101, "invalid request");
        };
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") != "client_credentials" {
            return denied(1102, "not supported grant_type");
        }
        if field("client_id") != self.app_id || field("client_secret") != self.app_secret {
            return denied(1101, "invalid client");
        }
        let token = self.tokens.issue(self.desk.issue(), now_s + TOKEN_LIFE_S);
        let granted = json!({ "access_token": token, "expires_in": TOKEN_LIFE_S, "token_type": "Bearer" });
        json(StatusCode::OK, &granted)
    }

    fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Refused> {
        let body = object(request).ok_or(STRUCTURE)?;
        let message = body["message"].as_object().ok_or(STRUCTURE)?;
        let tokens: Option<Vec<&str>> = message
            .get("token")
            .and_then(Value::as_array)
            .map(|tokens| tokens.iter().filter_map(Value::as_str).collect());
        let tokens = tokens.filter(|tokens| !tokens.is_empty()).ok_or((80_100_002, "Token parameter error"))?;
        if tokens.len() > MAX_TOKENS {
            return Err((80_300_010, "Number of tokens in the message body exceeds the default value"));
        }
        let mut common = body.clone();
        common["message"]["token"] = json!([]);
        if common.to_string().len() > MAX_BODY_BYTES {
            return Err((80_300_008, "The message body size exceeds the default value"));
        }
        let android = &body["message"]["android"];
        self.check(android, message.get("data"))?;
        let (dead, live): (Vec<&str>, Vec<&str>) = tokens.iter().partition(|token| self.desk.device(token).is_some());
        let notification = &android["notification"];
        let text = |name: &str| notification[name].as_str().unwrap_or_default().to_owned();
        for token in &live {
            let mut raw = common.clone();
            raw["message"]["token"] = json!([token]);
            let accepted = Accepted { token: (*token).to_owned(), title: text("title"), body: text("body"), raw };
            self.desk.accept(accepted);
        }
        if dead.is_empty() {
            return Ok(answer(StatusCode::OK, 80_000_000, "Success"));
        }
        if live.is_empty() {
            return Err((80_300_007, "All tokens are invalid"));
        }
        let detail = json!({ "success": live.len(), "failure": dead.len(), "illegal_tokens": dead });
        Ok(answer(StatusCode::OK, 80_100_000, &detail.to_string()))
    }

    fn check(&self, android: &Value, data: Option<&Value>) -> Result<(), Refused> {
        let seconds = |ttl: &Value| ttl.as_str()?.strip_suffix('s')?.parse::<u64>().ok();
        if android.get("ttl").is_some_and(|ttl| seconds(ttl).is_none_or(|seconds| seconds > MAX_TTL_S)) {
            return Err((80_100_004, "Illegal ttl"));
        }
        if android["category"].as_str().is_some_and(|category| !CATEGORIES.contains(&category)) {
            return Err(STRUCTURE);
        }
        let notification = &android["notification"];
        if !notification.is_object() {
            return if data.and_then(Value::as_str).is_some_and(|data| !data.is_empty()) {
                Ok(())
            } else {
                Err(STRUCTURE)
            };
        }
        let high = notification["importance"] == "HIGH" || android["urgency"] == "HIGH";
        if high && !self.high_priority.load(Ordering::SeqCst) {
            return Err((80_300_011, "Insufficient permission for high priority messages"));
        }
        let click = &notification["click_action"];
        let click_is_whole = match click["type"].as_i64() {
            Some(1) => click["intent"].is_string() || click["action"].is_string(),
            Some(2) => click["url"].as_str().is_some_and(|url| url.starts_with("https://")),
            Some(3) => true,
            _ => false,
        };
        let long_is_whole = notification["style"] != 1
            || (notification["big_title"].is_string() && notification["big_body"].is_string());
        let badge = &notification["badge"];
        let in_range = |name: &str, least: i64| {
            badge.get(name).is_none_or(|number| number.as_i64().is_some_and(|number| (least..=99).contains(&number)))
        };
        let badge_is_whole =
            badge.is_null() || (badge["class"].is_string() && in_range("add_num", 1) && in_range("set_num", 0));
        let image_is_safe = notification
            .get("image")
            .is_none_or(|image| image.as_str().is_some_and(|image| image.starts_with("https://")));
        if click_is_whole && long_is_whole && badge_is_whole && image_is_safe { Ok(()) } else { Err(STRUCTURE) }
    }
}

/// Huawei's answer with `code`, a string as it sends them.
pub fn answer(status: StatusCode, code: i64, message: &str) -> Response<Bytes> {
    json(status, &json!({ "code": code.to_string(), "msg": message, "requestId": "157440955549500001002006" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{body, fields, post_form, post_json};

    const NOW_MS: i64 = 1_700_000_000_000;
    const SEND: &str = "/v1/1/messages:send";

    fn huawei() -> (Huawei, String) {
        let huawei = Huawei::new("1", "s");
        let asked = fields([("grant_type", "client_credentials"), ("client_id", "1"), ("client_secret", "s")]);
        let granted = body(&huawei.answer(&post_form(TOKEN_PATH, &[], &asked), NOW_MS));
        let bearer = format!("Bearer {}", granted["access_token"].as_str().unwrap());
        (huawei, bearer)
    }

    fn message() -> Value {
        json!({"message": {
            "android": {"ttl": "60s", "notification": {"title": "t", "body": "b", "click_action": {"type": 3}}},
            "token": ["a", "b"],
        }})
    }

    #[test]
    fn a_token_takes_the_apps_own_credentials() {
        let (huawei, bearer) = huawei();
        let good = fields([("grant_type", "client_credentials"), ("client_id", "1"), ("client_secret", "s")]);
        for (name, error) in [("grant_type", 1102), ("client_id", 1101), ("client_secret", 1101)] {
            let mut asked = good.clone();
            asked.insert(name.to_owned(), "x".to_owned());
            let denied = huawei.answer(&post_form(TOKEN_PATH, &[], &asked), NOW_MS);
            assert_eq!((denied.status(), &body(&denied)["error"]), (StatusCode::BAD_REQUEST, &json!(error)), "{name}");
        }
        let code = |bearer: &str, now_ms: i64| {
            let answer = huawei.answer(&post_json(SEND, &[("authorization", bearer)], &message()), now_ms);
            body(&answer)["code"].clone()
        };
        assert_eq!(code("Bearer x", NOW_MS), "80200001");
        assert_eq!(code(&bearer, NOW_MS), "80000000");
        assert_eq!(code(&bearer, NOW_MS + 3_600_000), "80200003");
    }

    #[test]
    fn every_broken_rule_refuses_the_message() {
        let (huawei, bearer) = huawei();
        let code = |message: &Value| {
            let answer = huawei.answer(&post_json(SEND, &[("authorization", &bearer)], message), NOW_MS);
            body(&answer)["code"].clone()
        };
        let android = "/message/android";
        for (at, value, expected) in [
            ("/message/token", json!([]), "80100002"),
            ("/message/token", json!(vec!["x"; 1001]), "80300010"),
            (android, json!({"ttl": "60"}), "80100004"),
            (android, json!({"ttl": "1296001s"}), "80100004"),
            (android, json!({"category": "NOISE"}), "80100003"),
            (android, json!({"ttl": "60s"}), "80100003"),
            (android, json!({"notification": {"title": "t"}}), "80100003"),
            (android, json!({"notification": {"click_action": {"type": 1}}}), "80100003"),
            (android, json!({"notification": {"click_action": {"type": 3}, "style": 1}}), "80100003"),
            (android, json!({"notification": {"click_action": {"type": 3}, "badge": {"add_num": 1}}}), "80100003"),
            (
                android,
                json!({"notification": {"click_action": {"type": 3}, "badge": {"add_num": 0, "class": "c"}}}),
                "80100003",
            ),
            (
                android,
                json!({"notification": {"click_action": {"type": 3}, "badge": {"set_num": 100, "class": "c"}}}),
                "80100003",
            ),
            (android, json!({"notification": {"click_action": {"type": 3}, "image": "http://a/b.png"}}), "80100003"),
            (android, json!({"notification": {"click_action": {"type": 3}, "importance": "HIGH"}}), "80300011"),
            (android, json!({"data": "x".repeat(4096)}), "80300008"),
        ] {
            let mut broken = message();
            *broken.pointer_mut(at).unwrap() = value.clone();
            assert_eq!(code(&broken), expected, "{at}: {value}");
        }
        assert!(huawei.desk.take_accepted().is_empty());
        huawei.desk.set_device("a", "dead");
        assert_eq!(code(&message()), "80100000");
        huawei.desk.set_device("b", "dead");
        assert_eq!(code(&message()), "80300007");
        assert_eq!(huawei.desk.take_accepted().len(), 1);
    }
}
