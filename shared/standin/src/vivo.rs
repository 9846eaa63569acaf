//! vivo: the token call, `send`, `saveListPayload`, `pushToList` and `getStatistics`, by vivo's "server API" 2.9.2,
//! read 2026-11.
//!
//! Checks, first failure answers. Token call: 10200 to 10207. Others: token 10000; appId 10094; fields 10043 and 10045;
//! category 10097; list of fewer than two or too many 10045; unknown taskId 10043. A device's code is its `status`; the
//! code `10302` refuses a whole call. `getStatistics` wants 1 to 100 ids and leaves out what it does not know. In test
//! mode all but test users have status 4.

use crate::tokens::Tokens;
use crate::{Accepted, Desk, header, json, object};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use md5::{Digest, Md5};
use serde_json::{Value, json as value};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const CLOCK_MS: u64 = 10 * 60_000;
const TOKEN_MS: i64 = 24 * 3_600_000;

/// One app at vivo.
#[derive(Debug)]
pub struct Vivo {
    app_id: u64,
    app_key: String,
    app_secret: String,
    test_users: Vec<String>,
    /// They end at an epoch millisecond.
    tokens: Tokens,
    state: Mutex<State>,
    /// What it accepted, and what it is to refuse.
    pub desk: Desk,
}

#[derive(Debug, Default)]
struct State {
    /// What was left for lists.
    left: HashMap<String, Value>,
    tasks: u64,
    /// What became of tasks: asked for, and accepted, both in devices.
    became: HashMap<String, (u64, u64)>,
}

type Fault = (i64, &'static str);

impl Vivo {
    /// The app with this id and these keys.
    pub fn new(app_id: u64, app_key: &str, app_secret: &str) -> Self {
        Self {
            app_id,
            app_key: app_key.to_owned(),
            app_secret: app_secret.to_owned(),
            test_users: Vec::new(),
            tokens: Tokens::new(app_secret.as_bytes(), ["vivo-", ""]),
            state: Mutex::default(),
            desk: Desk::default(),
        }
    }

    /// The same app, with one more test user.
    #[must_use]
    pub fn with_test_user(mut self, reg_id: &str) -> Self {
        self.test_users.push(reg_id.to_owned());
        self
    }

    /// From now on no token that was issued is valid.
    pub fn forget_tokens(&self) {
        self.tokens.recall();
    }

    /// Answers `request`.
    pub fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes> {
        let path = request.uri().path();
        if path == "/report/getStatistics" && request.method() == Method::GET {
            return answered(self.statistics(request, now_ms));
        }
        let known = ["/message/auth", "/message/send", "/message/saveListPayload", "/message/pushToList"];
        if !known.contains(&path) || request.method() != Method::POST {
            return json(StatusCode::NOT_FOUND, &value!({ "error": "Not Found" }));
        }
        if path != "/message/auth"
            && let Some(answer) = self.desk.ordered()
        {
            return answer;
        }
        answered(match (object(request), path) {
            (None, _) => Err((10045, "the body is no JSON object")),
            (Some(body), "/message/auth") => self.auth(&body, now_ms),
            (Some(body), _) => self.authorised(request, &body, now_ms).and_then(|()| match path {
                "/message/send" => self.send(&body),
                "/message/saveListPayload" => self.leave(body),
                _ => self.list(&body),
            }),
        })
    }

    fn statistics(&self, request: &Request<Bytes>, now_ms: i64) -> Result<Value, Fault> {
        self.known(request, now_ms)?;
        let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let ids = query.into_owned().find_map(|(name, ids)| (name == "taskIds").then_some(ids));
        let ids = ids.ok_or((10043, "taskIds"))?;
        let ids: Vec<&str> = ids.split(',').collect();
        if ids.len() > 100 || ids.iter().any(|id| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err((10045, "taskIds"));
        }
        let state = self.state();
        let of = |id: &&str| {
            let (target, accepted) = state.became.get(*id)?;
            let (send, receive) = (accepted, accepted);
            Some(value!({
                "taskId": id, "target": target, "valid": accepted, "send": send, "receive": receive,
                "display": receive, "click": 0,
            }))
        };
        Ok(value!({ "statistics": ids.iter().filter_map(of).collect::<Vec<_>>() }))
    }

    fn auth(&self, body: &Value, now_ms: i64) -> Result<Value, Fault> {
        let app_id = body["appId"].as_u64().ok_or((10200, "appId"))?;
        let app_key = body["appKey"].as_str().ok_or((10201, "appKey"))?;
        let timestamp = body["timestamp"].as_i64().ok_or((10203, "timestamp"))?;
        let sign = body["sign"].as_str().ok_or((10204, "sign"))?;
        if (app_id, app_key) != (self.app_id, &*self.app_key) {
            return Err((10205, "no such app"));
        }
        if timestamp.abs_diff(now_ms) > CLOCK_MS {
            return Err((10207, "timestamp"));
        }
        let hash = Md5::digest(format!("{app_id}{app_key}{timestamp}{}", self.app_secret));
        if sign != hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>() {
            return Err((10206, "sign"));
        }
        let token = self.tokens.issue(self.desk.issue(), now_ms + TOKEN_MS);
        Ok(value!({ "authToken": token }))
    }

    fn authorised(&self, request: &Request<Bytes>, body: &Value, now_ms: i64) -> Result<(), Fault> {
        self.known(request, now_ms)?;
        if body["appId"].as_u64() != Some(self.app_id) { Err((10094, "appId")) } else { Ok(()) }
    }

    fn known(&self, request: &Request<Bytes>, now_ms: i64) -> Result<(), Fault> {
        let end = self.tokens.end(header(request, "authToken"));
        if end.is_none_or(|end| end <= now_ms) { Err((10000, "authToken")) } else { Ok(()) }
    }

    fn send(&self, body: &Value) -> Result<Value, Fault> {
        let reg_id = body["regId"].as_str().filter(|id| !id.is_empty()).ok_or((10043, "regId"))?;
        check(body, 60)?;
        let task_id = self.next_task();
        let mut answer = value!({ "taskId": task_id });
        if let Some(status) = self.deliver(&task_id, reg_id, body)? {
            answer["invalidUser"] = value!({ "userid": reg_id, "status": status });
        }
        Ok(answer)
    }

    fn leave(&self, body: Value) -> Result<Value, Fault> {
        if !body["regId"].is_null() || !body["extra"]["callback"].is_null() {
            return Err((10045, "regId and callback are for single sends"));
        }
        check(&body, 900)?;
        let task_id = self.next_task();
        self.state().left.insert(task_id.clone(), body);
        Ok(value!({ "taskId": task_id }))
    }

    fn list(&self, body: &Value) -> Result<Value, Fault> {
        let reg_ids = body["regIds"].as_array().ok_or((10043, "regIds"))?;
        let reg_ids: Option<Vec<&str>> = reg_ids.iter().map(Value::as_str).collect();
        let reg_ids = reg_ids.filter(|ids| (2..=1000).contains(&ids.len())).ok_or((10045, "regIds"))?;
        request_id(body)?;
        let task_id = body["taskId"].as_str().unwrap_or_default();
        let left = self.state().left.get(task_id).cloned().ok_or((10043, "taskId"))?;
        if reg_ids.iter().any(|id| self.desk.device(id).as_deref() == Some("10302")) {
            return Err((10302, "regId"));
        }
        let mut invalid = Vec::new();
        for reg_id in reg_ids {
            if let Some(status) = self.deliver(task_id, reg_id, &left)? {
                invalid.push(value!({ "userid": reg_id, "status": status }));
            }
        }
        let mut answer = value!({ "taskId": task_id });
        if !invalid.is_empty() {
            answer["invalidUsers"] = value!(invalid);
        }
        Ok(answer)
    }

    /// The status of a device that gets nothing.
    fn deliver(&self, task_id: &str, reg_id: &str, message: &Value) -> Result<Option<i64>, Fault> {
        let status = self.refused(reg_id, message)?;
        let mut state = self.state();
        let (target, accepted) = state.became.entry(task_id.to_owned()).or_default();
        *target += 1;
        *accepted += u64::from(status.is_none());
        Ok(status)
    }

    fn refused(&self, reg_id: &str, message: &Value) -> Result<Option<i64>, Fault> {
        match self.desk.device(reg_id).and_then(|code| code.parse().ok()) {
            Some(10302) => return Err((10302, "regId")),
            Some(status) => return Ok(Some(status)),
            None => {}
        }
        if message["pushMode"] == 1 && !self.test_users.iter().any(|user| user == reg_id) {
            return Ok(Some(4));
        }
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let (title, body) = (text("title"), text("content"));
        self.desk.accept(Accepted { token: reg_id.to_owned(), title, body, raw: message.clone() });
        Ok(None)
    }

    fn next_task(&self) -> String {
        let mut state = self.state();
        state.tasks += 1;
        (542_921_510_410_936_320 + state.tasks).to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answered(answered: Result<Value, Fault>) -> Response<Bytes> {
    let mut answer = answered.unwrap_or_else(|(code, desc)| value!({ "result": code, "desc": desc }));
    if answer["result"].is_null() {
        answer["result"] = value!(0);
        answer["desc"] = value!("请求成功");
    }
    json(StatusCode::OK, &answer)
}

/// The rules of the fields.
fn check(body: &Value, least_ttl: i64) -> Result<(), Fault> {
    let fault = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err((10045, what)) };
    let chars = |value: &Value| value.as_str().unwrap_or_default().chars().count();
    let number = |name: &str| body[name].as_i64();
    let blank = |name: &str| body[name].as_str().unwrap_or_default().trim().is_empty();
    fault((1..=40).contains(&chars(&body["title"])) && !blank("title"), "title")?;
    fault((1..=100).contains(&chars(&body["content"])) && !blank("content"), "content")?;
    fault(matches!(number("notifyType"), Some(1..=4)), "notifyType")?;
    fault(number("timeToLive").is_none_or(|ttl| (least_ttl..=86_400).contains(&ttl)), "timeToLive")?;
    match number("skipType") {
        Some(1) => {}
        Some(2..=4) => fault((1..=1024).contains(&chars(&body["skipContent"])), "skipContent")?,
        _ => return Err((10045, "skipType")),
    }
    fault(matches!(number("networkType"), None | Some(-1 | 1)), "networkType")?;
    fault(matches!(number("classification"), None | Some(0 | 1)), "classification")?;
    fault(matches!(number("pushMode"), None | Some(0 | 1)), "pushMode")?;
    if let Some(own) = body["clientCustomMap"].as_object() {
        let size: usize = own.iter().map(|(key, value)| key.chars().count() + chars(value)).sum();
        fault(own.values().all(Value::is_string) && own.len() <= 10 && size <= 1024, "clientCustomMap")?;
    }
    let category = body["category"].as_str();
    // Marketing is operation; the other categories are the system's.
    if category.is_some_and(|name| (name == "MARKETING" || name == "NEWS") != (number("classification") != Some(1))) {
        return Err((10097, "category"));
    }
    let extra = &body["extra"];
    let text = |name: &str| extra[name].as_str().unwrap_or_default().len();
    fault(text("callback") <= 128 && text("callback.param") <= 64, "extra")?;
    request_id(body)
}

fn request_id(body: &Value) -> Result<(), Fault> {
    let id = body["requestId"].as_str().unwrap_or_default();
    if (1..=64).contains(&id.len()) { Ok(()) } else { Err((10043, "requestId")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{body, post_json};

    const NOW: i64 = 1_700_000_000_000;
    /// For `NOW`, computed with another implementation.
    const SIGN: &str = "ac022b1f6b3c4711b19e8a69b67eef3d";

    fn vivo() -> Vivo {
        Vivo::new(10004, "key-1", "secret-1")
    }

    fn post(vivo: &Vivo, path: &str, token: &str, message: &Value) -> Value {
        body(&vivo.answer(&post_json(path, &[("authToken", token)], message), NOW))
    }

    fn auth(vivo: &Vivo, change: impl FnOnce(&mut Value)) -> Value {
        let mut request = value!({"appId": 10004, "appKey": "key-1", "timestamp": NOW, "sign": SIGN});
        change(&mut request);
        post(vivo, "/message/auth", "", &request)
    }

    fn token(vivo: &Vivo) -> String {
        auth(vivo, |_| ())["authToken"].as_str().unwrap().to_owned()
    }

    fn message() -> Value {
        value!({
            "appId": 10004, "regId": "a", "title": "t", "content": "c", "notifyType": 4, "skipType": 1,
            "requestId": "1", "timeToLive": 900,
        })
    }

    #[test]
    fn a_token_takes_keys_a_clock_and_a_signature() {
        let vivo = vivo();
        assert_eq!(auth(&vivo, |request| request["appId"] = value!("10004"))["result"], 10200);
        assert_eq!(auth(&vivo, |request| request["appKey"] = value!("x"))["result"], 10205);
        assert_eq!(auth(&vivo, |request| request["sign"] = value!("x"))["result"], 10206);
        assert_eq!(auth(&vivo, |request| request["timestamp"] = value!(NOW - 600_001))["result"], 10207);
        assert_eq!(post(&vivo, "/message/send", "x", &message())["result"], 10000);
        assert_eq!(post(&vivo, "/message/send", &token(&vivo), &message())["result"], 0);
    }

    #[test]
    fn statistics_take_a_token_and_ids_and_say_what_is_known() {
        let vivo = vivo();
        let token = token(&vivo);
        vivo.desk.set_device("gone", "2");
        let task = |reg_id: &str| {
            let mut message = message();
            message["regId"] = value!(reg_id);
            post(&vivo, "/message/send", &token, &message)["taskId"].as_str().unwrap().to_owned()
        };
        let (there, gone) = (task("a"), task("gone"));
        let ask = |token: &str, query: &str| {
            let request = Request::get(format!("/report/getStatistics{query}")).header("authToken", token);
            body(&vivo.answer(&request.body(Bytes::new()).unwrap(), NOW))
        };
        assert_eq!(ask("x", &format!("?taskIds={there}"))["result"], 10000);
        let many = vec!["1"; 101].join(",");
        for (query, code) in
            [("", 10043), ("?taskIds=", 10045), ("?taskIds=1,,2", 10045), (&format!("?taskIds={many}"), 10045)]
        {
            assert_eq!(ask(&token, query)["result"], code, "{query}");
        }
        let told = ask(&token, &format!("?taskIds={there},7,{gone}"));
        assert_eq!(told["result"], 0);
        let told: Vec<(&Value, &Value, &Value)> = told["statistics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (&one["taskId"], &one["target"], &one["receive"]))
            .collect();
        assert_eq!(told, [(&value!(there), &value!(1), &value!(1)), (&value!(gone), &value!(1), &value!(0))]);
        let posted = post(&vivo, "/report/getStatistics", &token, &value!({}));
        assert_eq!(posted["error"], "Not Found");
    }

    #[test]
    fn every_broken_rule_refuses_the_call() {
        let vivo = vivo();
        let token = token(&vivo);
        let send = |path: &str, message: &Value| post(&vivo, path, &token, message)["result"].clone();
        for (name, value, code) in [
            ("appId", value!(10005), 10094),
            ("regId", value!(""), 10043),
            ("requestId", value!(""), 10043),
            ("requestId", value!("x".repeat(65)), 10043),
            ("title", value!("字".repeat(41)), 10045),
            ("content", value!("字".repeat(101)), 10045),
            ("content", value!(" "), 10045),
            ("notifyType", value!(0), 10045),
            ("timeToLive", value!(59), 10045),
            ("timeToLive", value!(86_401), 10045),
            ("skipType", value!(4), 10045),
            ("networkType", value!(0), 10045),
            ("classification", value!(2), 10045),
            ("pushMode", value!(2), 10045),
            ("clientCustomMap", value!({"k": 1}), 10045),
            ("clientCustomMap", value!({"k": "x".repeat(1024)}), 10045),
            ("category", value!("ORDER"), 10097),
            ("extra", value!({"callback": "x".repeat(129)}), 10045),
            ("extra", value!({"callback.param": "x".repeat(65)}), 10045),
        ] {
            let mut broken = message();
            broken[name] = value;
            assert_eq!(send("/message/send", &broken), code, "{name}");
        }
        assert_eq!(send("/message/saveListPayload", &message()), 10045, "it names a phone");
        let mut left = message();
        left["regId"].take();
        left["timeToLive"] = value!(60);
        assert_eq!(send("/message/saveListPayload", &left), 10045);
        left["timeToLive"] = value!(900);
        let task_id = post(&vivo, "/message/saveListPayload", &token, &left)["taskId"].clone();
        let list = |ids: usize, task_id: &Value| value!({"appId": 10004, "regIds": vec!["x"; ids], "taskId": task_id, "requestId": "1"});
        for (ids, code) in [(1, 10045), (1001, 10045), (2, 0), (1000, 0)] {
            assert_eq!(send("/message/pushToList", &list(ids, &task_id)), code, "{ids}");
        }
        assert_eq!(send("/message/pushToList", &list(2, &value!("7"))), 10043);
        assert_eq!(vivo.desk.take_accepted().len(), 1002);
    }
}
