//! Messages and events, from fields to what happened.

use super::body::{BodyError, text};
use model::clock::Timestamp;
use model::ids::OpenId;
use model::inbound::{Finished, FinishedAs, Happening, Inbound, MassCounts};
use ring::digest::{SHA256, digest};
use serde_json::Value;

/// What WeChat puts in front of the scene when the scan made somebody follow.
const SCENE_PREFIX: &str = "qrscene_";
/// What stands there when a payment made somebody follow; that is no scene.
const TRADE_PREFIX: &str = "last_trade_no_";

/// What names an event may hold an openid, which is not to outlive the person's leave: its hash names it as well.
const REPEAT_KEY_BYTES: usize = 16;

/// Reads a message or event.
pub(super) fn read(fields: &Value) -> Result<Inbound, BodyError> {
    let from = text(fields, "FromUserName").trim().to_owned();
    let seconds = text(fields, "CreateTime").trim().parse::<i64>();
    let (Ok(seconds), false) = (seconds, from.is_empty()) else {
        return Err(BodyError::Malformed("`FromUserName` or `CreateTime` is missing"));
    };
    let message_type = text(fields, "MsgType").trim().to_ascii_lowercase();
    let message_id = text(fields, "MsgId").trim().to_owned();
    let (repeat_key, what) = match message_type.as_str() {
        "" => return Err(BodyError::Malformed("`MsgType` is missing")),
        "event" => {
            // WeChat's own documents write `SCAN` and `subscribe`: the case says nothing.
            let event = text(fields, "Event").trim().to_ascii_lowercase();
            let event_key = text(fields, "EventKey").trim().to_owned();
            let finish_id = text(fields, "MsgID");
            (format!("e:{from}:{seconds}:{event}:{event_key}:{finish_id}"), happened(fields, event, event_key)?)
        }
        "text" => (String::new(), Happening::Text { content: text(fields, "Content") }),
        _ => (String::new(), Happening::OtherMessage { message_type }),
    };
    let repeat_key = match (repeat_key.is_empty(), message_id.is_empty()) {
        (false, _) => repeat_key,
        (true, false) => format!("m:{message_id}"),
        (true, true) => format!("m:{from}:{seconds}"),
    };
    let repeat_key = digest(&SHA256, repeat_key.as_bytes());
    let repeat_key = repeat_key.as_ref()[..REPEAT_KEY_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    let at = Timestamp::from_seconds(seconds);
    Ok(Inbound { to: text(fields, "ToUserName").trim().to_owned(), from: OpenId::new(from), at, repeat_key, what })
}

fn happened(fields: &Value, event: String, event_key: String) -> Result<Happening, BodyError> {
    Ok(match event.as_str() {
        "subscribe" => {
            let scene = event_key.strip_prefix(SCENE_PREFIX).unwrap_or(&event_key);
            let none = scene.is_empty() || event_key.starts_with(TRADE_PREFIX);
            Happening::Subscribe { scene: (!none).then(|| scene.to_owned()) }
        }
        "unsubscribe" => Happening::Unsubscribe,
        "scan" => Happening::Scan { scene: event_key },
        "click" => Happening::Click { key: event_key },
        // A mass message went out when WeChat says so; `err(n)` is its reason for not sending at all.
        "templatesendjobfinish" => Happening::Finished { messages: vec![finished(fields)?] },
        "masssendjobfinish" => {
            let ended = Finished { counts: Some(mass_counts(fields)), ..finished(fields)? };
            Happening::Finished { messages: vec![ended] }
        }
        "subscribe_msg_sent_event" => Happening::Finished { messages: sent_subscriptions(fields) },
        _ => Happening::Other { event },
    })
}

/// The id element of a finish event is `MsgID`, not `MsgId`.
fn finished(fields: &Value) -> Result<Finished, BodyError> {
    let end = FinishedAs::from_status(&text(fields, "Status"));
    let msgid = text(fields, "MsgID").trim().parse();
    msgid.map(|msgid| Finished { msgid, end, counts: None }).map_err(|_| BodyError::Malformed("`MsgID` is no number"))
}

/// How many people a mass message reached. A count that is missing is none.
fn mass_counts(fields: &Value) -> MassCounts {
    let count = |name: &str| text(fields, name).trim().parse().unwrap_or(0);
    MassCounts {
        total: count("TotalCount"),
        filtered: count("FilterCount"),
        sent: count("SentCount"),
        errors: count("ErrorCount"),
    }
}

/// What became of a mini program's subscription messages: an object, or several of them in an array. JSON bodies have
/// `List`, XML ones an element of the event's own name around it.
fn sent_subscriptions(fields: &Value) -> Vec<Finished> {
    let around = fields.get("SubscribeMsgSentEvent").unwrap_or(fields);
    let one_or_many = |list: &Value| match list {
        Value::Array(entries) => entries.clone(),
        Value::Object(_) => vec![list.clone()],
        _ => Vec::new(),
    };
    let entries = around.get("List").map(one_or_many).unwrap_or_default();
    let read = |entry: &Value| {
        let msgid = [text(entry, "MsgID"), text(entry, "MsgId")].iter().find_map(|id| id.trim().parse().ok())?;
        let words = || text(entry, "ErrorStatus").chars().take(FinishedAs::TEXT_CHARS).collect();
        let end = match text(entry, "ErrorCode").trim() {
            "" | "0" => FinishedAs::Delivered,
            _ => FinishedAs::Failed { text: words() },
        };
        Some(Finished { msgid, end, counts: None })
    };
    entries.iter().filter_map(read).collect()
}
