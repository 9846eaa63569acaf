//! One call of WeChat's: who signed it, what it says, and how to answer it.

use super::body::{BodyError, Format, parse, text};
use super::crypto::{AesKey, OpenError};
use super::happening;
use super::reply::{PassiveReply, element, render};
use super::signature::{is_signed, sign};
use model::account::{CallbackMode, WechatCallback};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::inbound::Inbound;
use model::secret::Secret;
use serde_json::json;
use std::time::Duration;

/// How far WeChat's clock and ours may be apart: a call that is older was recorded by somebody. Decision of ours.
const MOST_SKEW: Duration = Duration::from_secs(600);

/// The query of a call, decoded. What is missing is empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// Signature over token, timestamp and nonce.
    pub signature: &'a str,
    /// Epoch seconds.
    pub timestamp: &'a str,
    /// Random digits.
    pub nonce: &'a str,
    /// `aes` when the body is encrypted; missing or `raw` when it is not.
    pub encrypt_type: &'a str,
    /// Signature over token, timestamp, nonce and encrypted text.
    pub msg_signature: &'a str,
}

/// What it takes to read the calls for one account.
#[derive(Debug, Clone)]
pub struct Keys {
    appid: String,
    original_id: String,
    token: Secret<String>,
    /// The current key, then the previous one.
    aes: Vec<AesKey>,
    mode: CallbackMode,
}

impl Keys {
    /// The keys of `account`. A key that is malformed is left out: in safe mode nothing can be read then.
    pub fn new(account: &AccountId, callback: &WechatCallback) -> Self {
        let keys = [&callback.aes_key, &callback.previous_aes_key];
        Self {
            appid: account.as_str().to_owned(),
            original_id: callback.original_id.clone(),
            token: callback.token.clone(),
            aes: keys.into_iter().flatten().filter_map(|key| AesKey::parse(key).ok()).collect(),
            mode: callback.mode,
        }
    }
}

/// Why a call is not believed, or not read. The text is for the log: a stranger learns nothing but the status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A signature is wrong or missing.
    #[error("`{0}` does not sign this call")]
    Signature(&'static str),
    /// The timestamp is more than ten minutes away from ours.
    #[error("the timestamp is too far from our clock")]
    Stale,
    /// The account takes encrypted bodies only, and this one is not.
    #[error("the body is not encrypted, and the account is set to safe mode")]
    NotEncrypted,
    /// The body is encrypted, and no key opens it.
    #[error("the body does not open under the current EncodingAESKey, nor under the previous one")]
    Undecipherable,
    /// It was meant for another account.
    #[error("the message is for another account")]
    OtherAccount,
    /// It cannot be read.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// A call that was read.
#[derive(Debug, Clone)]
pub struct Call {
    /// What WeChat tells us.
    pub inbound: Inbound,
    format: Format,
    /// The key that opened it: right after a change WeChat reads replies under the same one only.
    key: Option<AesKey>,
    token: Secret<String>,
    appid: String,
}

/// Checks and reads a POST.
pub fn read(keys: &Keys, query: &Query<'_>, body: &[u8], now: Timestamp) -> Result<Call, Refused> {
    if !is_signed(&keys.token, &[query.timestamp, query.nonce], query.signature) {
        return Err(Refused::Signature("signature"));
    }
    let said = Timestamp::from_seconds(query.timestamp.parse().map_err(|_| Refused::Stale)?);
    if now.since(said).max(said.since(now)) > MOST_SKEW {
        return Err(Refused::Stale);
    }
    let (mut format, mut fields) = parse(body)?;
    let encrypted = query.encrypt_type.eq_ignore_ascii_case("aes");
    let mut key = None;
    if encrypted {
        let sealed = text(&fields, "Encrypt");
        if !is_signed(&keys.token, &[query.timestamp, query.nonce, &sealed], query.msg_signature) {
            return Err(Refused::Signature("msg_signature"));
        }
        // In compatible mode the same message stands beside it in the clear; only what was encrypted is signed.
        let (opened, under) = open(keys, &sealed)?;
        (format, fields) = parse(&opened)?;
        key = Some(under);
    } else if keys.mode == CallbackMode::Safe {
        return Err(Refused::NotEncrypted);
    }
    let inbound = happening::read(&fields)?;
    if !keys.original_id.is_empty() && keys.original_id != inbound.to {
        return Err(Refused::OtherAccount);
    }
    Ok(Call { inbound, format, key, token: keys.token.clone(), appid: keys.appid.clone() })
}

fn open(keys: &Keys, sealed: &str) -> Result<(Vec<u8>, AesKey), Refused> {
    let mut refused = Refused::Undecipherable;
    for key in &keys.aes {
        match key.open(sealed, &keys.appid) {
            Ok(opened) => return Ok((opened, key.clone())),
            Err(OpenError::OtherAppid) => refused = Refused::OtherAccount,
            Err(OpenError::Undecipherable) => {}
        }
    }
    Err(refused)
}

impl Call {
    /// The body that says `reply` to the person, encrypted when the call was. Empty for no reply: WeChat is content
    /// with an empty answer, and shows the person nothing.
    pub fn reply(&self, reply: Option<&PassiveReply>, now: Timestamp, nonce: u64, random: [u8; 16]) -> String {
        let Some(reply) = reply else { return "success".to_owned() };
        let plain = render(reply, self.format, &self.inbound.to, &self.inbound.from, now);
        let Some(key) = &self.key else { return plain };
        let sealed = key.seal(plain.as_bytes(), &self.appid, random);
        let (timestamp, nonce) = (now.seconds().to_string(), nonce.to_string());
        let signature = sign(&self.token, &[&timestamp, &nonce, &sealed]);
        match self.format {
            Format::Xml => format!(
                "<xml>{}{}<TimeStamp>{timestamp}</TimeStamp>{}</xml>",
                element("Encrypt", &sealed),
                element("MsgSignature", &signature),
                element("Nonce", &nonce),
            ),
            Format::Json => json!({
                "Encrypt": sealed, "MsgSignature": signature, "TimeStamp": now.seconds(), "Nonce": nonce,
            })
            .to_string(),
        }
    }

    /// `Content-Type` of a reply.
    pub const fn content_type(&self, replies: bool) -> &'static str {
        match (replies, self.format) {
            (false, _) => "text/plain; charset=utf-8",
            (true, Format::Xml) => "application/xml; charset=utf-8",
            (true, Format::Json) => "application/json; charset=utf-8",
        }
    }
}
