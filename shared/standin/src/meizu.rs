//! Meizu (Flyme): `pushByPushId` of the server API, by the README of MEIZUPUSH/PushAPI, read 2026-11.
//!
//! Checks, first failure answers: path 404; form and parameters 1005; appId 110001; signature 1006; count of ids, message
//! and its limits 1005. A device's code stands in `value` of a success.

use crate::{Accepted, Desk, form, json};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json as object};
use std::collections::BTreeMap;

const PATH: &str = "/garcia/api/server/push/varnished/pushByPushId";
/// Most ids of a call.
const MOST_IDS: usize = 100;

/// One app at Meizu.
#[derive(Debug)]
pub struct Meizu {
    app_id: String,
    app_secret: String,
    /// What it accepted, and what it is to refuse.
    pub desk: Desk,
}

impl Meizu {
    /// The app with this id and secret.
    pub fn new(app_id: &str, app_secret: &str) -> Self {
        Self { app_id: app_id.to_owned(), app_secret: app_secret.to_owned(), desk: Desk::default() }
    }

    /// Answers `request`.
    pub fn answer(&self, request: &Request<Bytes>, _now_ms: i64) -> Response<Bytes> {
        if request.uri().path() != PATH || request.method() != Method::POST {
            return json(StatusCode::NOT_FOUND, &object!({ "error": "Not Found" }));
        }
        if let Some(answer) = self.desk.ordered() {
            return answer;
        }
        match self.accept(request) {
            Ok(failed) => {
                let value = if failed.is_empty() { object!("") } else { object!(failed) };
                ok(object!({ "code": "200", "message": "", "value": value, "redirect": "", "msgId": "NS20231025" }))
            }
            Err((code, message)) => {
                ok(object!({ "code": code.to_string(), "message": message, "value": "", "redirect": "", "msgId": "" }))
            }
        }
    }

    fn accept(&self, request: &Request<Bytes>) -> Result<BTreeMap<String, Vec<String>>, (i64, &'static str)> {
        let form = form(request).ok_or((1005, "no form"))?;
        let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
        if field("appId").ok_or((1005, "appId is missing"))? != self.app_id {
            return Err((110_001, "appId is invalid"));
        }
        if field("sign").ok_or((1005, "sign is missing"))? != self.signature(&form) {
            return Err((1006, "sign is wrong"));
        }
        let ids: Vec<&str> = field("pushIds").ok_or((1005, "pushIds are missing"))?.split(',').collect();
        if ids.len() > MOST_IDS || ids.iter().any(|id| id.is_empty()) {
            return Err((1005, "pushIds"));
        }
        let message = field("messageJson").and_then(|text| serde_json::from_str::<Value>(text).ok());
        let message = message.ok_or((1005, "messageJson is no JSON"))?;
        check(&message).map_err(|what| (1005, what))?;
        let mut failed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in ids {
            match self.desk.device(id) {
                Some(code) => failed.entry(code).or_default().push(id.to_owned()),
                None => self.desk.accept(Accepted {
                    token: id.to_owned(),
                    title: text(&message["noticeBarInfo"]["title"]),
                    body: text(&message["noticeBarInfo"]["content"]),
                    raw: message.clone(),
                }),
            }
        }
        Ok(failed)
    }

    /// MD5 over all parameters but `sign`, sorted by name, as they were before they were encoded.
    fn signature(&self, form: &BTreeMap<String, String>) -> String {
        let pairs = form.iter().filter(|(name, _)| *name != "sign");
        let text: String = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        Md5::digest(format!("{text}{}", self.app_secret)).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What of the message breaks a rule.
fn check(message: &Value) -> Result<(), &'static str> {
    let within = |value: &Value, most: usize| (1..=most).contains(&text(value).chars().count());
    let flag = |value: &Value| matches!(value.as_i64(), Some(0 | 1));
    let bar = &message["noticeBarInfo"];
    if !within(&bar["title"], 32) || text(&bar["title"]).trim().is_empty() {
        return Err("title must have 1 to 32 characters");
    }
    if !within(&bar["content"], 100) || text(&bar["content"]).trim().is_empty() {
        return Err("content must have 1 to 100 characters");
    }
    let expand = &message["noticeExpandInfo"];
    match expand["noticeExpandType"].as_i64() {
        Some(0) => {}
        Some(1) if !text(&expand["noticeExpandContent"]).is_empty() => {}
        _ => return Err("noticeExpandType"),
    }
    let click = &message["clickTypeInfo"];
    match click["clickType"].as_i64() {
        Some(0) => {}
        Some(1) if !text(&click["activity"]).is_empty() => {}
        Some(2) if !text(&click["url"]).is_empty() => {}
        _ => return Err("clickType"),
    }
    if !click["parameters"].is_null() && !click["parameters"].is_object() {
        return Err("parameters");
    }
    let time = &message["pushTimeInfo"];
    if !flag(&time["offLine"]) || !time["validTime"].as_i64().is_some_and(|hours| (1..=72).contains(&hours)) {
        return Err("pushTimeInfo");
    }
    let advance = &message["advanceInfo"];
    if !flag(&advance["fixDisplay"]) {
        return Err("fixDisplay");
    }
    let is_time = |value: &Value| text(value).len() == "yyyy-MM-dd HH:mm:ss".len();
    if advance["fixDisplay"] == 1
        && !(is_time(&advance["fixStartDisplayTime"]) && is_time(&advance["fixEndDisplayTime"]))
    {
        return Err("fixStartDisplayTime and fixEndDisplayTime");
    }
    let kinds = advance["notificationType"].as_object().map(Map::values);
    if kinds.is_some_and(|mut kinds| !kinds.all(flag)) {
        return Err("notificationType");
    }
    let extra = &message["extra"];
    if text(&extra["callback"]).len() > 128 || text(&extra["callback.param"]).len() > 64 {
        return Err("extra");
    }
    if !extra.is_null() && !matches!(extra["callback.type"].as_str(), Some("1" | "2" | "3")) {
        return Err("callback.type");
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ok(body: Value) -> Response<Bytes> {
    json(StatusCode::OK, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Fields, body, fields, post_form};

    fn message() -> Value {
        object!({
            "noticeBarInfo": {"title": "t", "content": "c"}, "noticeExpandInfo": {"noticeExpandType": 0},
            "clickTypeInfo": {"clickType": 0}, "pushTimeInfo": {"offLine": 1, "validTime": 24},
            "advanceInfo": {"fixDisplay": 0},
        })
    }

    fn code(meizu: &Meizu, mut fields: Fields) -> String {
        let sign = meizu.signature(&fields);
        fields.entry("sign".to_owned()).or_insert(sign);
        body(&meizu.answer(&post_form(PATH, &[], &fields), 0))["code"].as_str().unwrap().to_owned()
    }

    fn with(ids: &str, message: &Value) -> Fields {
        fields([("appId", "1"), ("pushIds", ids), ("messageJson", &message.to_string())])
    }

    #[test]
    fn every_broken_rule_refuses_the_call() {
        let meizu = Meizu::new("1", "s");
        assert_eq!(code(&meizu, with("a,b", &message())), "200");
        assert_eq!(meizu.desk.take_accepted().len(), 2);
        assert_eq!(code(&meizu, with(&vec!["x"; 101].join(","), &message())), "1005");
        assert_eq!(code(&meizu, with("a,,b", &message())), "1005");
        let mut other = with("a", &message());
        other.insert("appId".to_owned(), "2".to_owned());
        assert_eq!(code(&meizu, other), "110001");
        let mut forged = with("a", &message());
        forged.insert("sign".to_owned(), "0".repeat(32));
        assert_eq!(code(&meizu, forged), "1006");
        for (pointer, value) in [
            ("/noticeBarInfo/title", object!("")),
            ("/noticeBarInfo/title", object!("字".repeat(33))),
            ("/noticeBarInfo/content", object!(" ")),
            ("/noticeBarInfo/content", object!("字".repeat(101))),
            ("/noticeExpandInfo/noticeExpandType", object!(1)),
            ("/clickTypeInfo/clickType", object!(1)),
            ("/clickTypeInfo/clickType", object!(3)),
            ("/pushTimeInfo/validTime", object!(73)),
            ("/pushTimeInfo/offLine", object!(2)),
            ("/advanceInfo/fixDisplay", object!(1)),
            ("/advanceInfo", object!({"fixDisplay": 0, "notificationType": {"sound": 2}})),
        ] {
            let mut broken = message();
            *broken.pointer_mut(pointer).unwrap() = value;
            assert_eq!(code(&meizu, with("a", &broken)), "1005", "{pointer}");
        }
        let mut noisy = message();
        noisy["extra"] = object!({"callback": "U", "callback.param": "p".repeat(65), "callback.type": "1"});
        assert_eq!(code(&meizu, with("a", &noisy)), "1005");
        assert!(meizu.desk.take_accepted().is_empty());
    }
}
