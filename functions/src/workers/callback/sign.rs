//! How a receiver can tell that a callback is ours: the headers of Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>), for which every
//! common language has a library. Receivers that look at the body alone are not disturbed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use model::callback::CallbackId;
use model::clock::Timestamp;
use model::secret::Secret;
use ring::hmac;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// The callback's id: the same in every attempt, so a receiver can recognise a repeat.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When this attempt was made, epoch s.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// One `v1,<base64>` per secret, separated by spaces.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The headers of one attempt. Without a secret there is no signature.
pub fn headers(
    id: &CallbackId,
    at: Timestamp,
    body: &str,
    secrets: &[Secret<String>],
) -> Vec<(HeaderName, HeaderValue)> {
    let signatures: Vec<String> = secrets.iter().filter_map(|secret| signature(id, at, body, secret)).collect();
    let mut headers = vec![(ID, id.to_string()), (TIMESTAMP, at.seconds().to_string())];
    if !signatures.is_empty() {
        headers.push((SIGNATURE, signatures.join(" ")));
    }
    headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?))).collect()
}

/// `v1,` and the HMAC-SHA256 of `<id>.<timestamp>.<body>` under what `whsec_…` holds in base64.
fn signature(id: &CallbackId, at: Timestamp, body: &str, secret: &Secret<String>) -> Option<String> {
    let key = STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?;
    let signed = format!("{id}.{}.{body}", at.seconds());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(tag)))
}

/// A new secret: 32 random bytes.
pub fn new_secret() -> Secret<String> {
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 32]>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of the specification's reference implementations (`msg_p5jXN8AQM9LWM0D4loKWxJek`), by way of its three
    /// parts: our own ids have another form, so the tag is compared over the same text.
    #[test]
    fn the_tag_is_that_of_the_specification() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = r#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        assert_eq!(STANDARD.encode(tag), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_valid_secret_signs() {
        let (id, at) =
            (CallbackId::new(Timestamp::from_seconds(5), &[1; 12]), Timestamp::from_millis(1_614_265_330_999));
        let (new, old) = (new_secret(), new_secret());
        let all = headers(&id, at, "{}", &[new.clone(), old.clone()]);
        let text = |name: &HeaderName| {
            let found = all.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_str().unwrap());
            found.unwrap_or_default().to_owned()
        };
        assert_eq!((text(&ID), text(&TIMESTAMP)), (id.to_string(), "1614265330".to_owned()));
        let signatures: Vec<String> = text(&SIGNATURE).split(' ').map(str::to_owned).collect();
        assert_eq!(signatures, [&new, &old].map(|secret| signature(&id, at, "{}", secret).unwrap()));
        assert_ne!(signatures[0], signature(&id, at, "{ }", &new).unwrap());
        assert_eq!(headers(&id, at, "{}", &[]).len(), 2, "no secret, no signature");
    }
}
