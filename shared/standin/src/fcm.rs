//! Google's push service: the token call, and `POST /v1/projects/{project}/messages:send`.
//!
//! Refusals are shaped as Google's: `error` with `code`, `message`, `status` and `details`, of which one carries the code of
//! FCM and one names the field that is wrong.

use crate::jwt::verified;
use crate::tokens::Tokens;
use crate::{Accepted, Desk, bearer, form, header, json, object};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use serde_json::{Value, json};

/// Google's service as one project sees it.
#[derive(Debug)]
pub struct Fcm {
    /// What it accepted and is to refuse.
    pub desk: Desk,
    project: String,
    account: Account,
    /// They end at an epoch second.
    tokens: Tokens,
}

/// A service account, as Google knows it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its address.
    pub client_email: String,
    /// The public half of its key: PKCS#1 DER.
    pub public_key: Vec<u8>,
}

const TOKEN_PATH: &str = "/token";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_LIFE_S: i64 = 3599;
const MAX_PAYLOAD_BYTES: usize = 4096;
const MAX_TTL_S: u64 = 28 * 86_400;

/// Fields of `message` and of `android.notification` that are known; others are refused as Google does.
const MESSAGE: [&str; 8] = ["token", "topic", "condition", "notification", "data", "android", "apns", "fcm_options"];
const ANDROID_NOTIFICATION: [&str; 17] = [
    "title",
    "body",
    "image",
    "icon",
    "color",
    "sound",
    "default_sound",
    "tag",
    "click_action",
    "channel_id",
    "notification_count",
    "notification_priority",
    "event_time",
    "visibility",
    "sticky",
    "local_only",
    "ticker",
];

type Refused = Box<Response<Bytes>>;

impl Fcm {
    /// The service for `project`, in whose name `account` may send.
    pub fn new(project: &str, account: Account) -> Self {
        // Google signs with a key of its own; what the app's key is verified by is at hand, and the same after a restart.
        let tokens = Tokens::new(&account.public_key, ["ya29.c.", ""]);
        Self { desk: Desk::default(), project: project.to_owned(), account, tokens }
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes> {
        let answer = if request.uri().path() == TOKEN_PATH {
            self.grant(request, now_ms / 1000)
        } else {
            self.send(request, now_ms / 1000)
        };
        answer.unwrap_or_else(|refused| *refused)
    }

    /// Forgets every token it has issued: they are answered 401.
    pub fn revoke_tokens(&self) {
        self.tokens.recall();
    }

    fn grant(&self, request: &Request<Bytes>, now_s: i64) -> Result<Response<Bytes>, Refused> {
        let denied = |error: &str, why: &str| {
            Box::new(json(StatusCode::BAD_REQUEST, &json!({ "error": error, "error_description": why })))
        };
        let fields = form(request).filter(|_| request.method() == Method::POST);
        let fields = fields.ok_or_else(|| denied("invalid_request", "a form is expected"))?;
        if fields.get("grant_type").map(String::as_str) != Some(GRANT) {
            return Err(denied("unsupported_grant_type", "Invalid grant_type"));
        }
        let assertion = fields.get("assertion").map(String::as_str).unwrap_or_default();
        let jwt = verified(assertion, &RSA_PKCS1_2048_8192_SHA256, &self.account.public_key)
            .filter(|jwt| jwt.header["alg"] == "RS256")
            .ok_or_else(|| denied("invalid_grant", "Invalid JWT Signature."))?;
        let claims = jwt.claims;
        let (iat, exp) = (claims["iat"].as_i64().unwrap_or(i64::MAX), claims["exp"].as_i64().unwrap_or(0));
        if iat > now_s + 300 || exp <= now_s || exp - iat > 3600 {
            return Err(denied("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"));
        }
        // The audience is the very address that is called.
        let host = request.uri().authority().map_or_else(|| header(request, "host"), |authority| authority.as_str());
        let audience = claims["aud"].as_str().unwrap_or_default().split_once("://").map(|(_, audience)| audience);
        if claims["iss"] != *self.account.client_email || audience != Some(&format!("{host}{TOKEN_PATH}")) {
            return Err(denied("invalid_grant", "Invalid grant: account not found"));
        }
        if claims["scope"] != SCOPE {
            return Err(denied("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
        }
        let token = self.tokens.issue(self.desk.issue(), now_s + TOKEN_LIFE_S);
        let granted = json!({ "access_token": token, "expires_in": TOKEN_LIFE_S, "token_type": "Bearer" });
        Ok(json(StatusCode::OK, &granted))
    }

    fn send(&self, request: &Request<Bytes>, now_s: i64) -> Result<Response<Bytes>, Refused> {
        let path = request.uri().path();
        let project = path.strip_prefix("/v1/projects/").and_then(|rest| rest.strip_suffix("/messages:send"));
        let Some(project) = project.filter(|_| request.method() == Method::POST) else {
            return Err(refusal(404, "NOT_FOUND", "Requested entity was not found.", None));
        };
        if self.tokens.end(bearer(request)).is_none_or(|end| end <= now_s) {
            let text = "Request had invalid authentication credentials. Expected OAuth 2 access token.";
            return Err(refusal(401, "UNAUTHENTICATED", text, None));
        }
        if project != self.project {
            let text = "Permission 'cloudmessaging.messages.create' denied on resource";
            return Err(refusal(403, "PERMISSION_DENIED", text, None));
        }
        if let Some(ordered) = self.desk.ordered() {
            return Ok(ordered);
        }
        let body = object(request).ok_or_else(|| violation("message", "Invalid JSON payload received."))?;
        let message = &body["message"];
        check(message)?;
        let token = message["token"].as_str().unwrap_or_default();
        if let Some(code) = self.desk.device(token) {
            return Err(device_refusal(&code));
        }
        let notification = &message["notification"];
        let text = |name: &str| notification[name].as_str().unwrap_or_default().to_owned();
        let accepted =
            Accepted { token: token.to_owned(), title: text("title"), body: text("body"), raw: body.clone() };
        self.desk.accept(accepted);
        let name = format!("projects/{}/messages/0:{:016x}", self.project, now_s);
        Ok(json(StatusCode::OK, &json!({ "name": name })))
    }
}

fn check(message: &Value) -> Result<(), Refused> {
    let Some(fields) = message.as_object() else { return Err(violation("message", "Message is required")) };
    if let Some(unknown) = fields.keys().find(|name| !MESSAGE.contains(&name.as_str())) {
        return Err(violation(&format!("message.{unknown}"), "Unknown name: Cannot find field."));
    }
    let token = message["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        return Err(violation("message", "Exactly one of token, topic or condition is required"));
    }
    if token.chars().any(char::is_whitespace) {
        let text = "The registration token is not a valid FCM registration token";
        return Err(refusal(400, "INVALID_ARGUMENT", text, Some("INVALID_ARGUMENT")));
    }
    for (number, (key, value)) in message["data"].as_object().into_iter().flatten().enumerate() {
        if !value.is_string() {
            return Err(violation(&format!("message.data[{number}].value"), "Invalid value (TYPE_STRING)"));
        }
        if key == "from" || key == "message_type" || key.starts_with("google") || key.starts_with("gcm") {
            return Err(violation("message.data", "Invalid data payload key"));
        }
    }
    let android = &message["android"];
    if let Some(ttl) = android["ttl"].as_str() {
        let seconds = ttl.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok());
        if seconds.is_none_or(|seconds| seconds > MAX_TTL_S) {
            return Err(violation("message.android.ttl", "Invalid ttl"));
        }
    }
    if !matches!(android["priority"].as_str(), None | Some("HIGH" | "NORMAL")) {
        return Err(violation("message.android.priority", "Invalid value"));
    }
    let shown = android["notification"].as_object();
    if let Some(unknown) =
        shown.and_then(|shown| shown.keys().find(|name| !ANDROID_NOTIFICATION.contains(&name.as_str())))
    {
        return Err(violation(&format!("message.android.notification.{unknown}"), "Cannot find field."));
    }
    if android["notification"].get("notification_count").is_some_and(|count| count.as_u64().is_none()) {
        return Err(violation("message.android.notification.notification_count", "Invalid value (TYPE_INT32)"));
    }
    let label = message["fcm_options"]["analytics_label"].as_str().unwrap_or_default();
    if label.len() > 50
        || !label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'%'))
    {
        return Err(violation("message.fcm_options.analytics_label", "Invalid label"));
    }
    let payload: usize = message.to_string().len() - token.len();
    if payload > MAX_PAYLOAD_BYTES {
        return Err(refusal(400, "INVALID_ARGUMENT", "Android message is too big", Some("INVALID_ARGUMENT")));
    }
    Ok(())
}

/// Google's answer to a device in this state.
pub fn device_refusal(code: &str) -> Box<Response<Bytes>> {
    match code {
        "UNREGISTERED" => refusal(404, "NOT_FOUND", "Requested entity was not found.", Some(code)),
        "SENDER_ID_MISMATCH" => refusal(403, "PERMISSION_DENIED", "SenderId mismatch", Some(code)),
        "THIRD_PARTY_AUTH_ERROR" => {
            refusal(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", Some(code))
        }
        "QUOTA_EXCEEDED" => refusal(429, "RESOURCE_EXHAUSTED", "Message rate exceeded.", Some(code)),
        "UNAVAILABLE" => refusal(503, "UNAVAILABLE", "The service is currently unavailable.", Some(code)),
        "INTERNAL" => refusal(500, "INTERNAL", "Internal error encountered.", Some(code)),
        _ => violation("message.token", "The registration token is not a valid FCM registration token"),
    }
}

/// The answer that one field is wrong.
pub fn violation(field: &str, description: &str) -> Box<Response<Bytes>> {
    let bad_request = json!({
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "field": field, "description": description }],
    });
    let error = json!({
        "code": 400, "message": format!("Invalid value at '{field}': {description}"), "status": "INVALID_ARGUMENT",
        "details": [bad_request],
    });
    Box::new(json(StatusCode::BAD_REQUEST, &json!({ "error": error })))
}

/// An answer with FCM's own code, if there is one.
pub fn refusal(status: u16, name: &str, message: &str, code: Option<&str>) -> Box<Response<Bytes>> {
    let details: Vec<Value> = code
        .map(|code| json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code }))
        .into_iter()
        .collect();
    let error = json!({ "code": status, "message": message, "status": name, "details": details });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Box::new(json(status, &json!({ "error": error })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{body, fields, post_form, post_json};

    const NOW_MS: i64 = 1_700_000_000_000;

    fn fcm() -> (Fcm, String) {
        let fcm = Fcm::new("p", Account { client_email: "a@p".to_owned(), public_key: Vec::new() });
        let bearer = format!("Bearer {}", fcm.tokens.issue(1, NOW_MS / 1000 + 1));
        (fcm, bearer)
    }

    fn message() -> Value {
        json!({"message": {"token": "a", "notification": {"title": "t"}, "data": {"k": "v"}, "android": {"ttl": "60s"}}})
    }

    #[test]
    fn an_assertion_must_be_signed() {
        let (fcm, _) = fcm();
        for (grant, assertion, error) in [
            (GRANT, "a.b.c", "invalid_grant"),
            (GRANT, "", "invalid_grant"),
            ("password", "", "unsupported_grant_type"),
        ] {
            let asked = fields([("grant_type", grant), ("assertion", assertion)]);
            let denied = fcm.answer(&post_form(TOKEN_PATH, &[], &asked), NOW_MS);
            assert_eq!((denied.status(), &body(&denied)["error"]), (StatusCode::BAD_REQUEST, &json!(error)));
        }
        assert_eq!(fcm.desk.tokens_issued(), 0);
    }

    #[test]
    fn every_broken_rule_names_its_field() {
        let (fcm, bearer) = fcm();
        let send = |path: &str, token: &str, message: &Value, now_ms: i64| {
            fcm.answer(&post_json(path, &[("authorization", token)], message), now_ms)
        };
        let path = "/v1/projects/p/messages:send";
        assert_eq!(send(path, &bearer, &message(), NOW_MS).status(), 200);
        assert_eq!(send(path, "Bearer x", &message(), NOW_MS).status(), 401);
        assert_eq!(send(path, &bearer, &message(), NOW_MS + 1000).status(), 401);
        assert_eq!(send("/v1/projects/q/messages:send", &bearer, &message(), NOW_MS).status(), 403);
        assert_eq!(send("/v1/projects/p/messages", &bearer, &message(), NOW_MS).status(), 404);
        for (name, value, field) in [
            ("token", json!(""), "message"),
            ("colour", json!("red"), "message.colour"),
            ("data", json!({"k": 1}), "message.data[0].value"),
            ("data", json!({"from": "x"}), "message.data"),
            ("data", json!({"google.a": "x"}), "message.data"),
            ("android", json!({"ttl": "60"}), "message.android.ttl"),
            ("android", json!({"ttl": "2419201s"}), "message.android.ttl"),
            ("android", json!({"priority": "LOUD"}), "message.android.priority"),
            ("android", json!({"notification": {"colour": "red"}}), "message.android.notification.colour"),
            (
                "android",
                json!({"notification": {"notification_count": "1"}}),
                "message.android.notification.notification_count",
            ),
            ("fcm_options", json!({"analytics_label": "a b"}), "message.fcm_options.analytics_label"),
        ] {
            let mut broken = message();
            broken["message"][name] = value;
            let answer = body(&send(path, &bearer, &broken, NOW_MS));
            assert_eq!(answer["error"]["details"][0]["fieldViolations"][0]["field"], field, "{name}");
        }
        let mut large = message();
        large["message"]["data"]["k"] = json!("x".repeat(4096));
        let answer = body(&send(path, &bearer, &large, NOW_MS));
        assert_eq!(answer["error"]["message"], "Android message is too big");
        assert_eq!(fcm.desk.take_accepted().len(), 1);
    }
}
