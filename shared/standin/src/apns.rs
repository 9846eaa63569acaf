//! Apple's push service: `POST /3/device/{token}`.
//!
//! Checks, in this order: method and path, who is asking (token or client certificate), the headers, the payload, the
//! device. Refusals carry Apple's reasons ("Handling notification responses from APNs").

use crate::jwt::verified;
use crate::{Accepted, Desk, bearer, header, json};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use ring::signature::ECDSA_P256_SHA256_FIXED;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Apple's service as one app sees it.
#[derive(Debug)]
pub struct Apns {
    /// What it accepted and is to refuse.
    pub desk: Desk,
    bundle_id: String,
    key: Option<Key>,
    tokens: Mutex<Tokens>,
}

/// Tokens that were shown, with the time when each was issued (epoch s).
#[derive(Debug, Default)]
struct Tokens {
    last: Option<(String, i64)>,
    /// A signature that held holds again: callers show one token thousands of times, and two servers two of them in turns.
    verified: HashMap<String, i64>,
}

/// An authentication key, as Apple knows it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Ten characters.
    pub key_id: String,
    /// Ten characters.
    pub team_id: String,
    /// The public half: an uncompressed point on P-256.
    pub public_key: Vec<u8>,
}

/// A token that is older is refused.
const OLDEST_TOKEN_S: i64 = 3600;
/// Another token that was issued sooner after the last is one too many.
const LEAST_UPDATE_S: i64 = 20 * 60;
/// Tokens that are remembered at a time.
const MOST_VERIFIED: usize = 100;
const MAX_PAYLOAD_BYTES: usize = 4096;
const PUSH_TYPES: [&str; 9] =
    ["alert", "background", "voip", "location", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk"];
/// Headers that may stand once.
const SINGLE: [&str; 7] = [
    "authorization",
    "apns-id",
    "apns-topic",
    "apns-push-type",
    "apns-priority",
    "apns-expiration",
    "apns-collapse-id",
];

impl Apns {
    /// The service for the app `bundle_id`. With a `key`, callers show a token of it; without one, they have shown a client
    /// certificate in the handshake.
    pub fn new(bundle_id: &str, key: Option<Key>) -> Self {
        Self { desk: Desk::default(), bundle_id: bundle_id.to_owned(), key, tokens: Mutex::default() }
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request<Bytes>, now_ms: i64) -> Response<Bytes> {
        let mut answer = match self.judge(request, now_ms) {
            Ok(accepted) => {
                self.desk.accept(accepted);
                Response::new(Bytes::new())
            }
            Err(answer) => *answer,
        };
        if let Ok(id) = HeaderValue::from_str(header(request, "apns-id")) {
            answer.headers_mut().insert(HeaderName::from_static("apns-id"), id);
        }
        answer
    }

    fn judge(&self, request: &Request<Bytes>, now_ms: i64) -> Result<Accepted, Box<Response<Bytes>>> {
        if request.method() != Method::POST {
            return Err(refusal("MethodNotAllowed"));
        }
        let Some(token) = request.uri().path().strip_prefix("/3/device/") else { return Err(refusal("BadPath")) };
        if token.is_empty() {
            return Err(refusal("MissingDeviceToken"));
        }
        self.authorise(request, now_ms / 1000)?;
        if let Some(ordered) = self.desk.ordered() {
            return Err(Box::new(ordered));
        }
        let push_type = self.headers(request)?;
        let payload = payload(request.body(), push_type)?;
        if token.len() != 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refusal("BadDeviceToken"));
        }
        if let Some(reason) = self.desk.device(token) {
            return Err(device_refusal(&reason, now_ms));
        }
        let alert = &payload["aps"]["alert"];
        let text = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
        Ok(Accepted { token: token.to_owned(), title: text("title"), body: text("body"), raw: payload })
    }

    fn authorise(&self, request: &Request<Bytes>, now_s: i64) -> Result<(), Box<Response<Bytes>>> {
        let Some(key) = &self.key else { return Ok(()) };
        let token = bearer(request);
        if token.is_empty() {
            return Err(refusal("MissingProviderToken"));
        }
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let Tokens { last, verified: known } = &mut *tokens;
        let issued = known.get(token).copied().or_else(|| {
            let jwt = verified(token, &ECDSA_P256_SHA256_FIXED, &key.public_key).filter(|jwt| {
                jwt.header["alg"] == "ES256" && jwt.header["kid"] == *key.key_id && jwt.claims["iss"] == *key.team_id
            });
            let issued = jwt.and_then(|jwt| jwt.claims["iat"].as_i64())?;
            if known.len() >= MOST_VERIFIED {
                known.clear();
            }
            known.insert(token.to_owned(), issued);
            Some(issued)
        });
        let Some(issued) = issued.filter(|issued| *issued <= now_s + 60) else {
            return Err(refusal("InvalidProviderToken"));
        };
        if now_s - issued > OLDEST_TOKEN_S {
            return Err(refusal("ExpiredProviderToken"));
        }
        match last.as_ref() {
            // An older token that is still good may come after a newer one: two servers are changing over.
            Some((known, at)) if known != token && issued - at >= 0 && issued - at < LEAST_UPDATE_S => {
                return Err(refusal("TooManyProviderTokenUpdates"));
            }
            Some((_, at)) if issued < *at => {}
            Some((known, _)) if known == token => {}
            _ => *last = Some((token.to_owned(), issued)),
        }
        Ok(())
    }

    /// Checks the headers, and answers the push type.
    fn headers<'a>(&self, request: &'a Request<Bytes>) -> Result<&'a str, Box<Response<Bytes>>> {
        if SINGLE.iter().any(|name| request.headers().get_all(*name).iter().count() > 1) {
            return Err(refusal("DuplicateHeaders"));
        }
        match header(request, "apns-topic") {
            "" => return Err(refusal("MissingTopic")),
            topic if topic != self.bundle_id => return Err(refusal("TopicDisallowed")),
            _ => {}
        }
        let push_type = header(request, "apns-push-type");
        if !PUSH_TYPES.contains(&push_type) {
            return Err(refusal("InvalidPushType"));
        }
        match (push_type, header(request, "apns-priority")) {
            ("background", "5") | ("alert", "1" | "5" | "10" | "") => {}
            ("background" | "alert", _) => return Err(refusal("BadPriority")),
            _ => {}
        }
        let expiration = header(request, "apns-expiration");
        if !expiration.is_empty() && expiration.parse::<u64>().is_err() {
            return Err(refusal("BadExpirationDate"));
        }
        if request.headers().get("apns-collapse-id").is_some_and(|id| id.len() > 64) {
            return Err(refusal("BadCollapseId"));
        }
        let id = header(request, "apns-id");
        if !id.is_empty() && !is_uuid(id) {
            return Err(refusal("BadMessageId"));
        }
        Ok(push_type)
    }
}

fn payload(body: &Bytes, push_type: &str) -> Result<Value, Box<Response<Bytes>>> {
    if body.is_empty() {
        return Err(refusal("PayloadEmpty"));
    }
    if body.len() > MAX_PAYLOAD_BYTES {
        return Err(refusal("PayloadTooLarge"));
    }
    let payload: Option<Value> = serde_json::from_slice(body).ok();
    let Some(payload) = payload.filter(|payload| payload["aps"].is_object()) else {
        return Err(refusal("PayloadEmpty"));
    };
    let aps = &payload["aps"];
    let shows = ["alert", "badge", "sound"].iter().any(|name| aps.get(*name).is_some());
    let (background, wakes) = (push_type == "background", aps["content-available"] == 1);
    if background && (shows || !wakes) {
        return Err(refusal("InvalidPushType"));
    }
    if push_type == "alert" && !shows {
        return Err(refusal("PayloadEmpty"));
    }
    Ok(payload)
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_uuid(id: &str) -> bool {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Apple's answer with `reason`, at the status that belongs to it.
pub fn refusal(reason: &str) -> Box<Response<Bytes>> {
    Box::new(json(status(reason), &json!({ "reason": reason })))
}

/// As [`refusal`], with what Apple says of a device that is gone: since when, here for an hour.
fn device_refusal(reason: &str, now_ms: i64) -> Box<Response<Bytes>> {
    if status(reason) == StatusCode::GONE {
        return Box::new(json(StatusCode::GONE, &json!({ "reason": reason, "timestamp": now_ms - 3_600_000 })));
    }
    refusal(reason)
}

fn status(reason: &str) -> StatusCode {
    match reason {
        "BadCertificate"
        | "BadCertificateEnvironment"
        | "BadEnvironmentKeyIdInToken"
        | "ExpiredProviderToken"
        | "Forbidden"
        | "InvalidProviderToken"
        | "MissingProviderToken"
        | "UnrelatedKeyIdInToken" => StatusCode::FORBIDDEN,
        "BadPath" => StatusCode::NOT_FOUND,
        "MethodNotAllowed" => StatusCode::METHOD_NOT_ALLOWED,
        "ExpiredToken" | "Unregistered" => StatusCode::GONE,
        "PayloadTooLarge" => StatusCode::PAYLOAD_TOO_LARGE,
        "TooManyProviderTokenUpdates" | "TooManyRequests" => StatusCode::TOO_MANY_REQUESTS,
        "InternalServerError" => StatusCode::INTERNAL_SERVER_ERROR,
        "ServiceUnavailable" | "Shutdown" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{body, post_json};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    const NOW_S: i64 = 1_700_000_000;

    fn path() -> String {
        format!("/3/device/{}", "ab".repeat(32))
    }

    const GOOD: [(&str, &str); 4] =
        [("apns-topic", "com.a"), ("apns-push-type", "alert"), ("apns-priority", "10"), ("apns-expiration", "0")];

    fn message() -> Value {
        json!({"aps": {"alert": {"title": "t", "body": "b"}}})
    }

    fn reason(apns: &Apns, path: &str, headers: &[(&str, &str)], message: &Value) -> String {
        let answer = apns.answer(&post_json(path, headers, message), NOW_S * 1000);
        if answer.status() == 200 { "ok".to_owned() } else { body(&answer)["reason"].as_str().unwrap().to_owned() }
    }

    #[test]
    fn every_broken_rule_has_its_reason() {
        let apns = Apns::new("com.a", None);
        assert_eq!(reason(&apns, &path(), &GOOD, &message()), "ok");
        for (name, value, expected) in [
            ("apns-topic", "com.b", "TopicDisallowed"),
            ("apns-topic", "", "MissingTopic"),
            ("apns-push-type", "", "InvalidPushType"),
            ("apns-push-type", "loud", "InvalidPushType"),
            ("apns-priority", "7", "BadPriority"),
            ("apns-expiration", "-1", "BadExpirationDate"),
            ("apns-collapse-id", &"x".repeat(65), "BadCollapseId"),
            ("apns-id", "1", "BadMessageId"),
        ] {
            let mut headers: Vec<(&str, &str)> = GOOD.into_iter().filter(|(known, _)| *known != name).collect();
            headers.push((name, value));
            assert_eq!(reason(&apns, &path(), &headers, &message()), expected, "{name}: {value}");
        }
        let twice = [GOOD.as_slice(), &[("apns-topic", "com.a")]].concat();
        assert_eq!(reason(&apns, &path(), &twice, &message()), "DuplicateHeaders");
        for (path, expected) in
            [("/3/device/", "MissingDeviceToken"), ("/3/device/xyz", "BadDeviceToken"), ("/4/device/ab", "BadPath")]
        {
            assert_eq!(reason(&apns, path, &GOOD, &message()), expected);
        }
        let large = json!({"aps": {"alert": "x".repeat(4096)}});
        assert_eq!(reason(&apns, &path(), &GOOD, &large), "PayloadTooLarge");
        assert_eq!(reason(&apns, &path(), &GOOD, &json!({"ext": 1})), "PayloadEmpty");
        let background = [("apns-topic", "com.a"), ("apns-push-type", "background"), ("apns-priority", "5")];
        assert_eq!(reason(&apns, &path(), &background, &message()), "InvalidPushType");
        assert_eq!(reason(&apns, &path(), &background, &json!({"aps": {"content-available": 1}})), "ok");
        assert_eq!(apns.desk.take_accepted().len(), 2);
    }

    #[test]
    fn a_token_is_checked_to_its_last_claim() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let public_key = pair.public_key().as_ref().to_vec();
        let apns = Apns::new("com.a", Some(Key { key_id: "K".to_owned(), team_id: "T".to_owned(), public_key }));
        let token = |header: Value, claims: Value| {
            let part = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = pair.sign(&random, signed.as_bytes()).unwrap();
            format!("bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        };
        let good = |issued: i64| token(json!({"alg": "ES256", "kid": "K"}), json!({"iss": "T", "iat": issued}));
        let shown = |token: &str| {
            let headers = [GOOD.as_slice(), &[("authorization", token)]].concat();
            reason(&apns, &path(), &headers, &message())
        };
        assert_eq!(reason(&apns, &path(), &GOOD, &message()), "MissingProviderToken");
        assert_eq!(shown("bearer a.b.c"), "InvalidProviderToken");
        assert_eq!(shown(&good(NOW_S).replace('.', "..")), "InvalidProviderToken");
        assert_eq!(
            shown(&token(json!({"alg": "ES256", "kid": "X"}), json!({"iss": "T", "iat": NOW_S}))),
            "InvalidProviderToken"
        );
        assert_eq!(
            shown(&token(json!({"alg": "ES256", "kid": "K"}), json!({"iss": "X", "iat": NOW_S}))),
            "InvalidProviderToken"
        );
        assert_eq!(
            shown(&token(json!({"alg": "none", "kid": "K"}), json!({"iss": "T", "iat": NOW_S}))),
            "InvalidProviderToken"
        );
        assert_eq!(shown(&good(NOW_S - 3601)), "ExpiredProviderToken");
        let first = good(NOW_S - 1300);
        assert_eq!((shown(&first), shown(&first)), ("ok".to_owned(), "ok".to_owned()));
        assert_eq!(shown(&good(NOW_S - 200)), "TooManyProviderTokenUpdates");
        assert_eq!(shown(&good(NOW_S)), "ok", "20 minutes after the first");
    }
}
