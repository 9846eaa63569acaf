//! OPPO (HeyTap): the token call and `unicast_batch`, by OPPO's "addresses, common parameters and return codes" and
//! "single push", read 2026-11.
//!
//! Checks, first failure answers. Token call: key 14, timestamp 19 (10 min), signature 16. Batch: token 29, 11; array and
//! count 41, 40; each element 41; category 67. An id of the other region, and a device's code, stand in the element.

use crate::tokens::Tokens;
use crate::{Accepted, Desk, form, json};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json as object};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

const AUTH: &str = "/server/v1/auth";
const BATCH: &str = "/server/v1/message/notification/unicast_batch";
const MOST: usize = 1000;
const CLOCK_MS: u64 = 10 * 60_000;
const TOKEN_MS: i64 = 24 * 3_600_000;

/// One app at one of OPPO's servers.
#[derive(Debug)]
pub struct Oppo {
    app_key: String,
    master_secret: String,
    overseas: bool,
    categories: Vec<String>,
    /// They end at an epoch millisecond.
    tokens: Tokens,
    state: Mutex<State>,
    /// What it accepted, and what it is to refuse.
    pub desk: Desk,
}

#[derive(Debug, Default)]
struct State {
    /// (`app_message_id`, device) that were delivered.
    delivered: HashSet<(String, String)>,
}

type Fault = (i64, &'static str);

impl Oppo {
    /// The app with these keys, at the server for mainland China or the one for phones elsewhere.
    pub fn new(app_key: &str, master_secret: &str, overseas: bool) -> Self {
        Self {
            app_key: app_key.to_owned(),
            master_secret: master_secret.to_owned(),
            overseas,
            categories: Vec::new(),
            tokens: Tokens::new(master_secret.as_bytes(), ["oppo/+", ""]),
            state: Mutex::default(),
            desk: Desk::default(),
        }
    }

    /// The same app, with this category permitted.
    #[must_use]
    pub fn with_category(mut self, name: &str) -> Self {
        self.categories.push(name.to_owned());
        self
    }

    /// From now on no token that was issued is valid.
    pub fn forget_tokens(&self) {
        self.tokens.recall();
    }

    /// Answers `request`.
    pub fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes> {
        let answered = match (request.method(), request.uri().path()) {
            (&Method::POST, AUTH) => self.auth(request, now_ms),
            (&Method::POST, BATCH) => {
                if let Some(answer) = self.desk.ordered() {
                    return answer;
                }
                self.batch(request, now_ms)
            }
            _ => return json(StatusCode::NOT_FOUND, &object!({ "error": "Not Found" })),
        };
        let answer = match answered {
            Ok(data) => object!({ "code": 0, "message": "Success", "data": data }),
            Err((code, message)) => object!({ "code": code, "message": message }),
        };
        json(StatusCode::OK, &answer)
    }

    fn auth(&self, request: &Request<Bytes>, now_ms: i64) -> Result<Value, Fault> {
        let form = form(request).ok_or((40, "no form"))?;
        let field = |name: &str, code: i64| form.get(name).ok_or((code, "Missing parameter"));
        let (key, timestamp, sign) = (field("app_key", 15)?, field("timestamp", 18)?, field("sign", 17)?);
        if *key != self.app_key {
            return Err((14, "Invalid App Key"));
        }
        let is_near = |given: i64| given.abs_diff(now_ms) <= CLOCK_MS;
        if timestamp.len() != 13 || !timestamp.parse().is_ok_and(is_near) {
            return Err((19, "Invalid Timestamp"));
        }
        let hash = digest(&SHA256, format!("{key}{timestamp}{}", self.master_secret).as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        if *sign != hash {
            return Err((16, "Invalid Signature"));
        }
        let token = self.tokens.issue(self.desk.issue(), now_ms + TOKEN_MS);
        Ok(object!({ "auth_token": token, "create_time": now_ms }))
    }

    fn batch(&self, request: &Request<Bytes>, now_ms: i64) -> Result<Value, Fault> {
        let form = form(request).ok_or((40, "no form"))?;
        let token = form.get("auth_token").ok_or((29, "Missing Auth Token"))?;
        if self.tokens.end(token).is_none_or(|end| end <= now_ms) {
            return Err((11, "Invalid AuthToken"));
        }
        let messages = form.get("messages").ok_or((40, "Missing Required Arguments"))?;
        let messages: Vec<Value> = serde_json::from_str(messages).map_err(|_| (41, "messages is no array"))?;
        if messages.is_empty() || messages.len() > MOST {
            return Err((41, "messages"));
        }
        for message in &messages {
            self.check(message)?;
        }
        Ok(messages.into_iter().map(|message| self.deliver(message)).collect())
    }

    fn deliver(&self, message: Value) -> Value {
        let id = text(&message["target_value"]);
        let notification = &message["notification"];
        let code = self.desk.device(&id).or((overseas(&id) != self.overseas).then(|| "10000".to_owned()));
        if let Some(code) = code {
            let code: i64 = code.parse().unwrap_or_default();
            return object!({ "messageId": "", "registrationId": id, "errorCode": code, "errorMessage": "refused" });
        }
        let seen = (text(&notification["app_message_id"]), id.clone());
        if seen.0.is_empty() || self.state().delivered.insert(seen) {
            let (title, body) = (text(&notification["title"]), text(&notification["content"]));
            self.desk.accept(Accepted { token: id.clone(), title, body, raw: message });
        }
        object!({ "messageId": "5f6a", "registrationId": id })
    }

    fn check(&self, message: &Value) -> Result<(), Fault> {
        let notification = &message["notification"];
        let fault = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err((41, what)) };
        let chars = |name: &str| text(&notification[name]).chars().count();
        let number = |name: &str| notification[name].as_i64();
        fault(message["target_type"] == 2, "target_type")?;
        fault(!text(&message["target_value"]).is_empty(), "target_value")?;
        let known = notification.as_object().is_some_and(|fields| fields.keys().all(|name| FIELDS.contains(&&**name)));
        fault(known, "notification has a field that is unknown")?;
        fault((1..=50).contains(&chars("title")), "title")?;
        let most = match number("style") {
            Some(1) => 50,
            Some(2) => 128,
            _ => return Err((41, "style")),
        };
        fault((1..=most).contains(&chars("content")), "content")?;
        fault(!text(&notification["title"]).trim().is_empty(), "title")?;
        match number("click_action_type") {
            Some(0) => {}
            Some(2 | 5) => fault((1..=2000).contains(&chars("click_action_url")), "click_action_url")?,
            Some(1 | 4) => fault(chars("click_action_activity") > 0, "click_action_activity")?,
            _ => return Err((41, "click_action_type")),
        }
        let own = text(&notification["action_parameters"]);
        let is_json = own.is_empty() || serde_json::from_str::<BTreeMap<String, Value>>(&own).is_ok();
        fault(is_json && own.chars().count() <= 4000, "action_parameters")?;
        match (number("show_time_type"), number("show_start_time"), number("show_end_time")) {
            (Some(0) | None, _, _) => {}
            (Some(1), Some(start), Some(end)) => fault(start < end, "show_end_time")?,
            _ => return Err((41, "show_time_type")),
        }
        let ttl = number("off_line_ttl").unwrap_or(1);
        fault((1..=10 * 86_400).contains(&ttl), "off_line_ttl")?;
        fault(chars("call_back_url") <= 200 && chars("call_back_parameter") <= 100, "call_back_url")?;
        match (number("badge_operation_type"), number("badge_message_count")) {
            (None, None) | (Some(1), None) => {}
            (Some(0), Some(count)) => fault((0..=99).contains(&count), "badge_message_count")?,
            _ => return Err((41, "badge_operation_type")),
        }
        let category = text(&notification["category"]);
        let level = number("notify_level");
        if !category.is_empty() && !self.categories.contains(&category) || level.is_some() && category.is_empty() {
            return Err((67, "category or notify_level"));
        }
        fault(matches!(level, None | Some(1 | 2 | 16)), "notify_level")
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All fields of `notification` that this stand-in knows.
const FIELDS: &[&str] = &[
    "app_message_id",
    "style",
    "title",
    "content",
    "click_action_type",
    "click_action_url",
    "click_action_activity",
    "action_parameters",
    "show_time_type",
    "show_start_time",
    "show_end_time",
    "off_line",
    "off_line_ttl",
    "channel_id",
    "category",
    "notify_level",
    "badge_operation_type",
    "badge_message_count",
    "call_back_url",
    "call_back_parameter",
];

/// One part, `CN_…` and `X_CN_…` are in mainland China.
fn overseas(id: &str) -> bool {
    let parts: Vec<&str> = id.split('_').collect();
    !matches!(parts[..], [_] | ["CN", ..] | [_, "CN", _, ..])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{body, fields, post_form};

    const NOW: i64 = 1_700_000_000_000;
    /// For `NOW`, computed with another implementation.
    const SIGN: &str = "9aa2053d4ae51ba5966dd35e4f88c122a1c77bf2f622b5cf7b154c9f2df4b465";

    fn oppo() -> Oppo {
        Oppo::new("appkey-1", "master-secret-1", false)
    }

    fn auth(oppo: &Oppo, key: &str, timestamp: &str, sign: &str, now_ms: i64) -> Value {
        let fields = fields([("app_key", key), ("timestamp", timestamp), ("sign", sign)]);
        body(&oppo.answer(&post_form(AUTH, &[], &fields), now_ms))
    }

    fn send(oppo: &Oppo, token: &str, messages: &Value, now_ms: i64) -> Value {
        let fields = fields([("auth_token", token), ("messages", &messages.to_string())]);
        body(&oppo.answer(&post_form(BATCH, &[], &fields), now_ms))
    }

    fn message() -> Value {
        let notification = object!({"style": 1, "title": "t", "content": "c", "click_action_type": 0});
        object!([{"target_type": 2, "target_value": "CN_a", "notification": notification}])
    }

    #[test]
    fn a_token_takes_a_key_a_clock_and_a_signature_and_lasts_a_day() {
        let oppo = oppo();
        let text = NOW.to_string();
        assert_eq!(auth(&oppo, "x", &text, SIGN, NOW)["code"], 14);
        assert_eq!(auth(&oppo, "appkey-1", &text, "x", NOW)["code"], 16);
        assert_eq!(auth(&oppo, "appkey-1", &text, SIGN, NOW + 600_001)["code"], 19);
        assert_eq!(auth(&oppo, "appkey-1", "1700000000", SIGN, NOW)["code"], 19);
        let token = auth(&oppo, "appkey-1", &text, SIGN, NOW + 600_000)["data"]["auth_token"].clone();
        let token = token.as_str().unwrap();
        assert_eq!(send(&oppo, token, &message(), NOW)["code"], 0);
        assert_eq!(send(&oppo, token, &message(), NOW + 600_000 + TOKEN_MS)["code"], 11);
        assert_eq!(send(&oppo, "x", &message(), NOW)["code"], 11);
        let bare = fields([("messages", "[]")]);
        assert_eq!(body(&oppo.answer(&post_form(BATCH, &[], &bare), NOW))["code"], 29);
    }

    #[test]
    fn every_broken_rule_refuses_the_call() {
        let oppo = oppo();
        let token = auth(&oppo, "appkey-1", &NOW.to_string(), SIGN, NOW)["data"]["auth_token"].clone();
        let token = token.as_str().unwrap();
        let long = |count: usize| object!("字".repeat(count));
        for (name, value, code) in [
            ("style", object!(3), 41),
            ("title", object!(" "), 41),
            ("title", long(51), 41),
            ("content", long(51), 41),
            ("click_action_type", object!(5), 41),
            ("action_parameters", object!("x"), 41),
            ("action_parameters", object!(format!("{{\"a\":\"{}\"}}", "x".repeat(4000))), 41),
            ("show_time_type", object!(1), 41),
            ("off_line_ttl", object!(864_001), 41),
            ("call_back_url", object!("x".repeat(201)), 41),
            ("call_back_parameter", object!("x".repeat(101)), 41),
            ("badge_operation_type", object!(0), 41),
            ("badge_message_count", object!(1), 41),
            ("appMessageId", object!("42"), 41),
            ("category", object!("ORDER"), 67),
            ("notify_level", object!(2), 67),
        ] {
            let mut broken = message();
            broken[0]["notification"][name] = value;
            assert_eq!(send(&oppo, token, &broken, NOW)["code"], code, "{name}");
        }
        let mut alias = message();
        alias[0]["target_type"] = object!(5);
        assert_eq!(send(&oppo, token, &alias, NOW)["code"], 41);
        assert_eq!(send(&oppo, token, &object!(vec![message()[0].clone(); 1001]), NOW)["code"], 41);
        assert_eq!(send(&oppo, token, &object!([]), NOW)["code"], 41);
        assert!(oppo.desk.take_accepted().is_empty());
        // Of the other region.
        let mut abroad = message();
        abroad[0]["target_value"] = object!("US_a");
        assert_eq!(send(&oppo, token, &abroad, NOW)["data"][0]["errorCode"], 10000);
    }
}
