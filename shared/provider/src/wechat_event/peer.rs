//! WeChat's side of the conversation: how it writes a call, and how it reads our answer. For stand-ins and tests.

use super::body::{parse, text};
use super::crypto::AesKey;
use super::reply::{PassiveReply, element};
use super::signature::{is_signed, sign};
use model::account::{CallbackMode, WechatCallback};
use model::clock::Timestamp;
use model::ids::AccountId;
use serde_json::{Map, Value, json};

/// A POST as WeChat makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The query, without a question mark.
    pub query: String,
    /// The body.
    pub body: String,
    /// Its `Content-Type`.
    pub content_type: &'static str,
}

/// Writes a call with these fields, in the account's mode, as XML or as JSON. `FromUserName` and `ToUserName` are the
/// caller's to give.
pub fn post(
    account: &AccountId,
    callback: &WechatCallback,
    fields: &[(&str, String)],
    as_json: bool,
    now: Timestamp,
) -> Post {
    let (timestamp, nonce) = (now.seconds().to_string(), rand::random::<u32>().to_string());
    let signature = sign(&callback.token, &[&timestamp, &nonce]);
    let openid = fields.iter().find(|(name, _)| *name == "FromUserName").map_or("", |(_, openid)| openid);
    let mut query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}&openid={openid}");
    let mut body = write(fields, as_json);
    let key = callback.aes_key.as_ref().and_then(|key| AesKey::parse(key).ok());
    if let (CallbackMode::Safe | CallbackMode::Compatible, Some(key)) = (callback.mode, key) {
        let sealed = key.seal(body.as_bytes(), account.as_str(), rand::random());
        let signature = sign(&callback.token, &[&timestamp, &nonce, &sealed]);
        query.push_str(&format!("&encrypt_type=aes&msg_signature={signature}"));
        let clear = if callback.mode == CallbackMode::Compatible {
            fields
        } else {
            &fields[fields.iter().position(|(name, _)| *name == "ToUserName").map_or(0..0, |at| at..at + 1)]
        };
        let both: Vec<(&str, String)> = clear.iter().cloned().chain([("Encrypt", sealed)]).collect();
        body = write(&both, as_json);
    }
    Post { query, body, content_type: if as_json { "application/json" } else { "text/xml" } }
}

/// The query of the check of an address: a right answer is `echostr`.
pub fn address_check(callback: &WechatCallback, echostr: &str, now: Timestamp) -> String {
    let (timestamp, nonce) = (now.seconds().to_string(), rand::random::<u32>().to_string());
    let signature = sign(&callback.token, &[&timestamp, &nonce]);
    format!("signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr={echostr}")
}

fn write(fields: &[(&str, String)], as_json: bool) -> String {
    if as_json {
        let fields: Map<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        return Value::Object(fields).to_string();
    }
    let fields: String = fields
        .iter()
        .map(|(name, value)| match value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
            true => format!("<{name}>{value}</{name}>"),
            false => element(name, value),
        })
        .collect();
    format!("<xml>{fields}</xml>")
}

/// An answer that WeChat cannot read: it shows the person that the account's service is out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no passive reply: {0}")]
pub struct NoReply(&'static str);

/// Reads the answer to a call that `openid` made: `None` when nothing is said.
pub fn read_answer(
    account: &AccountId,
    callback: &WechatCallback,
    openid: &str,
    answer: &[u8],
) -> Result<Option<PassiveReply>, NoReply> {
    if matches!(answer.trim_ascii(), b"" | b"success") {
        return Ok(None);
    }
    let (_, mut fields) = parse(answer).map_err(|_| NoReply("it is neither `success` nor XML or JSON"))?;
    let sealed = text(&fields, "Encrypt");
    if !sealed.is_empty() {
        let (timestamp, nonce) = (text(&fields, "TimeStamp"), text(&fields, "Nonce"));
        if !is_signed(&callback.token, &[&timestamp, &nonce, &sealed], &text(&fields, "MsgSignature")) {
            return Err(NoReply("`MsgSignature` is wrong"));
        }
        let key = callback.aes_key.as_ref().and_then(|key| AesKey::parse(key).ok());
        let opened = key.and_then(|key| key.open(&sealed, account.as_str()).ok());
        let opened = opened.ok_or(NoReply("it does not open under the account's key"))?;
        fields = parse(&opened).map_err(|_| NoReply("what was encrypted is neither XML nor JSON"))?.1;
    } else if callback.mode == CallbackMode::Safe {
        return Err(NoReply("it is not encrypted, and the account is set to safe mode"));
    }
    if text(&fields, "ToUserName") != openid || text(&fields, "FromUserName") != callback.original_id {
        return Err(NoReply("it is not from the account to the person"));
    }
    if text(&fields, "CreateTime").parse::<i64>().is_err() {
        return Err(NoReply("`CreateTime` is no number"));
    }
    match text(&fields, "MsgType").as_str() {
        "text" if !text(&fields, "Content").is_empty() => Ok(Some(PassiveReply::Text(text(&fields, "Content")))),
        "image" => Ok(Some(PassiveReply::Image { media_id: text(&fields["Image"], "MediaId") })),
        "news" => {
            let articles = &fields["Articles"];
            let article = articles.get("item").or_else(|| articles.get(0)).ok_or(NoReply("it has no article"))?;
            Ok(Some(PassiveReply::News {
                title: text(article, "Title"),
                description: text(article, "Description"),
                picture: text(article, "PicUrl"),
                url: text(article, "Url"),
            }))
        }
        _ => Err(NoReply("its `MsgType` or content is unknown")),
    }
}
