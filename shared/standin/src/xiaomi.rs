//! Xiaomi MiPush: `POST /v3/message/regid`, by Xiaomi's "server API address and parameters", read 2026-11.
//!
//! Checks, first failure answers: path 404; key 21301; parameters 10016 (missing) and 10017 (value); package 22022. It
//! accepts dead ids without a word, as Xiaomi does, unless a device has the code `bad_regids`.

use crate::{Accepted, Desk, form, header, json};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

const PATH: &str = "/v3/message/regid";
const MOST_IDS: usize = 1000;
const DAY_MS: i64 = 86_400_000;
/// Names in `extra.*` that are Xiaomi's. Others are the app's own, of which there may be ten.
const XIAOMIS_EXTRAS: [&str; 12] = [
    "callback",
    "callback.param",
    "callback.type",
    "channel_id",
    "intent_uri",
    "jobkey",
    "notification_style_type",
    "notify_effect",
    "notify_foreground",
    "only_send_once",
    "sound_uri",
    "web_uri",
];

/// One app at Xiaomi.
#[derive(Debug)]
pub struct Xiaomi {
    app_secret: String,
    package: String,
    /// What it accepted, and what it is to refuse.
    pub desk: Desk,
}

type Fault = (i64, &'static str);

impl Xiaomi {
    /// The app of this package.
    pub fn new(app_secret: &str, package: &str) -> Self {
        Self { app_secret: app_secret.to_owned(), package: package.to_owned(), desk: Desk::default() }
    }

    /// Answers `request`.
    pub fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes> {
        if request.uri().path() != PATH || request.method() != Method::POST {
            return json(StatusCode::NOT_FOUND, &object!({ "error": "Not Found" }));
        }
        if let Some(answer) = self.desk.ordered() {
            return answer;
        }
        let answer = match self.accept(request, now_ms) {
            Ok(data) => object!({
                "result": "ok", "trace_id": "Xcm46", "code": 0, "data": data, "description": "成功",
                "info": "Received push messages",
            }),
            Err((code, reason)) => object!({
                "result": "error", "trace_id": "Xcm47", "code": code, "reason": reason, "description": reason, "info": "",
            }),
        };
        json(StatusCode::OK, &answer)
    }

    fn accept(&self, request: &Request<Bytes>, now_ms: i64) -> Result<Value, Fault> {
        if header(request, "authorization") != format!("key={}", self.app_secret) {
            return Err((21301, "认证失败"));
        }
        let form = form(request).ok_or((10016, "no form"))?;
        let ids: Vec<&str> = required(&form, "registration_id")?.split(',').collect();
        if ids.len() > MOST_IDS || ids.iter().any(|id| id.is_empty()) {
            return Err((10017, "registration_id"));
        }
        if !required(&form, "restricted_package_name")?.split(',').any(|name| name == self.package) {
            return Err((22022, "restricted_package_name"));
        }
        check(&form, now_ms)?;
        let mut bad = Vec::new();
        let common: BTreeMap<&str, &str> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for id in ids {
            if self.desk.device(id).as_deref() == Some("bad_regids") {
                bad.push(id);
                continue;
            }
            let mut raw = common.clone();
            raw.insert("registration_id", id);
            self.desk.accept(Accepted {
                token: id.to_owned(),
                title: form["title"].clone(),
                body: form["description"].clone(),
                raw: object!(raw),
            });
        }
        let mut data = object!({ "id": "scm46" });
        if !bad.is_empty() {
            data["bad_regids"] = object!(bad.join(","));
        }
        Ok(data)
    }
}

/// The rules of the fields.
fn check(form: &BTreeMap<String, String>, now_ms: i64) -> Result<(), Fault> {
    let optional = |name: &str| form.get(name).map(String::as_str);
    let number = |name: &str| optional(name).map(str::parse::<i64>);
    let fault = |holds: bool, name: &'static str| if holds { Ok(()) } else { Err((10017, name)) };
    let shorter = |text: &str, than: usize| !text.trim().is_empty() && text.chars().count() < than;
    fault(required(form, "pass_through")? == "0", "pass_through")?;
    fault(shorter(required(form, "title")?, 50), "title")?;
    fault(shorter(required(form, "description")?, 128), "description")?;
    let kind = required(form, "notify_type")?.parse::<i64>();
    fault(kind.is_ok_and(|kind| (-1..=7).contains(&kind)), "notify_type")?;
    let payload = optional("payload").unwrap_or_default();
    fault(form_urlencoded::byte_serialize(payload.as_bytes()).map(str::len).sum::<usize>() < 4096, "payload")?;
    let within = |name: &'static str, range: std::ops::RangeInclusive<i64>| match number(name) {
        None => Ok(()),
        Some(number) => fault(number.is_ok_and(|number| range.contains(&number)), name),
    };
    within("notify_id", 0..=i64::from(i32::MAX))?;
    within("time_to_live", 1..=10 * DAY_MS)?;
    within("time_to_send", now_ms..=now_ms + 7 * DAY_MS)?;
    let extra = |name: &str| optional(&format!("extra.{name}")).unwrap_or_default().to_owned();
    match (&*extra("notify_effect"), &*extra("intent_uri")) {
        ("1" | "", "") => {}
        ("2", uri) if !uri.is_empty() => {}
        ("3", _) if !extra("web_uri").is_empty() => {}
        _ => return Err((10017, "extra.notify_effect")),
    }
    let key = extra("jobkey");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    fault(key.len() <= 20 && key.chars().all(is_plain) && !key.starts_with('_'), "extra.jobkey")?;
    fault(extra("callback").len() <= 128, "extra.callback")?;
    fault(extra("callback.param").len() <= 64, "extra.callback.param")?;
    fault(matches!(&*extra("callback.type"), "" | "1" | "3" | "16" | "17" | "177" | "243"), "extra.callback.type")?;
    let sound = extra("sound_uri");
    fault(sound.is_empty() || sound.starts_with("android.resource://"), "extra.sound_uri")?;
    let own = form.iter().filter_map(|(name, value)| Some((name.strip_prefix("extra.")?, value)));
    let own: Vec<_> = own.filter(|(name, _)| !XIAOMIS_EXTRAS.contains(name)).collect();
    let chars: usize = own.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    fault(own.len() <= 10 && chars <= 1024, "extra")
}

fn required<'a>(form: &'a BTreeMap<String, String>, name: &'static str) -> Result<&'a str, Fault> {
    form.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or((10016, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Fields, body, fields, post_form};

    const NOW: i64 = 1_700_000_000_000;

    fn good() -> Fields {
        fields([
            ("registration_id", "a,b"),
            ("restricted_package_name", "com.a"),
            ("pass_through", "0"),
            ("title", "t"),
            ("description", "d"),
            ("notify_type", "-1"),
        ])
    }

    fn code(xiaomi: &Xiaomi, fields: &Fields) -> i64 {
        let request = post_form(PATH, &[("authorization", "key=s")], fields);
        body(&xiaomi.answer(&request, NOW))["code"].as_i64().unwrap()
    }

    #[test]
    fn a_good_call_reaches_everybody() {
        let xiaomi = Xiaomi::new("s", "com.a");
        assert_eq!(code(&xiaomi, &good()), 0);
        assert_eq!(xiaomi.desk.take_accepted().len(), 2);
    }

    #[test]
    fn every_broken_rule_refuses_the_call() {
        let xiaomi = Xiaomi::new("s", "com.a");
        let (ids, long) = (vec!["x"; 1001].join(","), |count: usize| "字".repeat(count));
        let late = (NOW + 8 * DAY_MS).to_string();
        for (name, value, expected) in [
            ("registration_id", "", 10016),
            ("registration_id", "a,,b", 10017),
            ("registration_id", &*ids, 10017),
            ("restricted_package_name", "com.b", 22022),
            ("pass_through", "1", 10017),
            ("title", " ", 10017),
            ("title", &*long(50), 10017),
            ("description", &*long(128), 10017),
            ("payload", &*long(456), 10017),
            ("notify_type", "8", 10017),
            ("notify_id", "2147483648", 10017),
            ("time_to_live", "864000001", 10017),
            ("time_to_send", &*late, 10017),
            ("time_to_send", "1699999999999", 10017),
            ("extra.notify_effect", "2", 10017),
            ("extra.intent_uri", "intent:x", 10017),
            ("extra.jobkey", "_x", 10017),
            ("extra.jobkey", "123456789012345678901", 10017),
            ("extra.callback", &*"x".repeat(129), 10017),
            ("extra.callback.param", &*"x".repeat(65), 10017),
            ("extra.callback.type", "246", 10017),
            ("extra.sound_uri", "ring", 10017),
            ("extra.own", &*"x".repeat(1025), 10017),
        ] {
            let mut fields = good();
            fields.insert(name.to_owned(), value.to_owned());
            assert_eq!(code(&xiaomi, &fields), expected, "{name}={value}");
        }
        let mut many = good();
        many.extend((0..11).map(|number| (format!("extra.k{number}"), String::new())));
        assert_eq!(code(&xiaomi, &many), 10017);
        let unsigned = post_form(PATH, &[("authorization", "Key=s")], &good());
        assert_eq!(body(&xiaomi.answer(&unsigned, NOW))["code"], 21301);
        assert_eq!(xiaomi.answer(&post_form("/v3/message/all", &[], &good()), NOW).status(), 404);
        assert!(xiaomi.desk.take_accepted().is_empty());
    }
}
