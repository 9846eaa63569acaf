//! Callbacks: what the developer of an app is told of, over HTTP, at a URL of their own.
//!
//! Actions, fields and their names are WxPusher's (its documentation, "回调说明"): receivers written for it go on
//! working. How often a call is tried, and how long it may take, is not documented there and is ours.

use crate::clock::Timestamp;
use crate::follow::Source;
use crate::ids::{AppId, ProductId, Uid};
use crate::payment::Trade;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The longest a receiver may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The waits after the first, second, … failed attempt. After the last one, the next failure is final.
pub const RETRIES: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(1800)];
/// How long a callback and its attempts can be read and replayed.
pub const RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// How long one worker has a callback to itself: more than [`TIMEOUT`] and the writes around it.
pub const CLAIM: Duration = Duration::from_secs(20);
/// A callback that was due this long ago and was not tried is told to the queue again.
pub const STUCK_AFTER: Duration = Duration::from_secs(120);
/// Attempts that a record shows; the oldest are dropped. A replay makes up to five more.
pub const ATTEMPTS_SHOWN: usize = 20;
/// A callback URL, in bytes.
pub const URL_BYTES: usize = 1_000;

/// What happened. As JSON it is the body of the call: `{"action":"…","data":{…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", content = "data", rename_all = "snake_case")]
pub enum CallbackEvent {
    /// Somebody follows the app, or an app's follower has scanned one of its parameter QR codes.
    AppSubscribe(AppSubscribe),
    /// A follower wrote to the app: `#97 some text`.
    SendUpCmd(SendUpCmd),
    /// Somebody paid for a product, or got their money back.
    OrderPay(OrderPay),
}

impl CallbackEvent {
    /// The action, as the body names it.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::AppSubscribe(_) => "app_subscribe",
            Self::SendUpCmd(_) => "send_up_cmd",
            Self::OrderPay(_) => "order_pay",
        }
    }
}

/// `data` of `app_subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppSubscribe {
    /// The app.
    pub app_id: AppId,
    /// The app's key, `AK_…`: deprecated, and the same for the life of the app.
    pub app_key: String,
    /// The app's name.
    pub app_name: String,
    /// How the user came.
    pub source: Source,
    /// Always empty: WeChat has stopped telling it.
    pub user_name: String,
    /// Always empty, likewise.
    pub user_head_img: String,
    /// When, epoch ms.
    pub time: Timestamp,
    /// Who.
    pub uid: Uid,
    /// What the developer put into the parameter QR code; empty for every other way.
    pub extra: String,
}

/// `data` of `send_up_cmd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendUpCmd {
    /// Who wrote.
    pub uid: Uid,
    /// To which app.
    pub app_id: AppId,
    /// Always `null`.
    pub app_key: Option<String>,
    /// The app's name.
    pub app_name: String,
    /// Always empty.
    pub user_name: String,
    /// Always empty.
    pub user_head_img: String,
    /// When, epoch ms.
    pub time: Timestamp,
    /// What, without the number.
    pub content: String,
}

/// `data` of `order_pay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderPay {
    /// By how much the paid time moved, ms; negative for a refund.
    pub add_time: i64,
    /// The money, in fen; negative for a refund.
    pub amount: i64,
    /// The app.
    pub app_id: AppId,
    /// When the order was made, epoch ms.
    pub create_time: Timestamp,
    /// The product.
    pub prod_id: ProductId,
    /// The number of the trade, as in the user's WeChat bill.
    pub trade_no: String,
    /// Payment (1) or refund (2).
    #[serde(rename = "type")]
    pub kind: i64,
    /// Who paid.
    pub uid: Uid,
}

impl From<&Trade> for OrderPay {
    fn from(trade: &Trade) -> Self {
        Self {
            add_time: trade.add_time_ms(),
            amount: trade.amount(),
            app_id: trade.app_id,
            create_time: trade.at,
            prod_id: trade.product,
            trade_no: trade.trade_no.clone(),
            kind: trade.kind.number(),
            uid: trade.uid.clone(),
        }
    }
}

/// Names a callback: `cb_`, the moment of what happened in 13 digits of milliseconds, `_`, and 24 hexadecimal digits of a
/// hash over app, action and what makes the event that one event. So a repeat of the same event is the same callback,
/// and ids sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallbackId(String);

/// A text that is no callback id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a callback id is `cb_`, 13 digits, `_` and 24 hexadecimal digits")]
pub struct MalformedCallbackId;

impl CallbackId {
    const DIGITS: usize = 13;
    const HASH_CHARS: usize = 24;

    /// The id of what happened at `at`. `hash` has at least 12 bytes and is the same for the same event.
    pub fn new(at: Timestamp, hash: &[u8]) -> Self {
        let hash: String = hash.iter().take(Self::HASH_CHARS / 2).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{}_{hash:0>24}", Self::before(at)))
    }

    /// What every id of that millisecond begins with, and no earlier one: where a range of ids begins.
    pub fn before(at: Timestamp) -> String {
        format!("cb_{:013}", at.millis().clamp(0, 9_999_999_999_999))
    }

    /// Parses an id.
    pub fn parse(text: &str) -> Result<Self, MalformedCallbackId> {
        let (digits, hash) =
            text.strip_prefix("cb_").and_then(|rest| rest.split_once('_')).ok_or(MalformedCallbackId)?;
        let well_formed = digits.len() == Self::DIGITS
            && digits.bytes().all(|b| b.is_ascii_digit())
            && hash.len() == Self::HASH_CHARS
            && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(MalformedCallbackId) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment of what happened.
    pub fn at(&self) -> Timestamp {
        // Digits by construction.
        Timestamp::from_millis(self.0[3..3 + Self::DIGITS].parse().unwrap_or_default())
    }
}

impl fmt::Display for CallbackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for CallbackId {
    type Error = MalformedCallbackId;

    fn try_from(text: String) -> Result<Self, MalformedCallbackId> {
        Self::parse(&text)
    }
}

impl From<CallbackId> for String {
    fn from(id: CallbackId) -> Self {
        id.0
    }
}

/// How far a callback has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Waiting for its first or its next attempt.
    Pending,
    /// The receiver acknowledged it with a 2xx.
    Delivered,
    /// Every attempt failed. It can be replayed.
    Failed,
    /// The app has no callback URL any more. It can be replayed once there is one.
    Dropped,
}

impl CallbackState {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Pending, Self::Delivered, Self::Failed, Self::Dropped];

    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// From the stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// A 2xx.
    Acknowledged,
    /// Another status; a redirect is one, for it is not followed.
    Status,
    /// No whole answer within [`TIMEOUT`], or the connection was lost on the way.
    NoAnswer,
    /// No connection: the name does not resolve, nobody listens, TLS failed.
    NoConnection,
    /// The URL leads, or its name resolves, to an address that is not on the public internet; nothing was sent.
    Forbidden,
}

impl AttemptOutcome {
    /// As metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Status => "status",
            Self::NoAnswer => "no_answer",
            Self::NoConnection => "no_connection",
            Self::Forbidden => "forbidden",
        }
    }
}

/// One attempt of a callback, as the app's owner can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackAttempt {
    /// When it began, epoch ms.
    pub at_ms: Timestamp,
    /// How long it took, ms.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The HTTP status, when there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
}

/// When to try again after `failed` attempts (from 1) of a round; `None` when that was the last.
pub fn next_attempt(failed: u32, now: Timestamp) -> Option<Timestamp> {
    let wait = RETRIES.get(usize::try_from(failed.checked_sub(1)?).ok()?)?;
    Some(now.plus(*wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::TradeKind;
    use serde_json::json;

    fn uid() -> Uid {
        Uid::parse("UID_demo000000000000000000000001").unwrap()
    }

    #[test]
    fn bodies_are_those_of_wxpushers_documentation() {
        let time = Timestamp::from_millis(1_569_416_451_573);
        let followed = CallbackEvent::AppSubscribe(AppSubscribe {
            app_id: AppId::new(123),
            app_key: "AK_xxxxxx".to_owned(),
            app_name: "应用名字".to_owned(),
            source: Source::Scan,
            user_name: String::new(),
            user_head_img: String::new(),
            time,
            uid: uid(),
            extra: "13".to_owned(),
        });
        assert_eq!(
            json!(followed),
            json!({"action": "app_subscribe", "data": {
                "appId": 123, "appKey": "AK_xxxxxx", "appName": "应用名字", "source": "scan", "userName": "",
                "userHeadImg": "", "time": 1_569_416_451_573_i64, "uid": "UID_demo000000000000000000000001", "extra": "13",
            }})
        );
        let wrote = CallbackEvent::SendUpCmd(SendUpCmd {
            uid: uid(),
            app_id: AppId::new(97),
            app_key: None,
            app_name: "应用".to_owned(),
            user_name: String::new(),
            user_head_img: String::new(),
            time,
            content: "内容".to_owned(),
        });
        assert_eq!(
            json!(wrote),
            json!({"action": "send_up_cmd", "data": {
                "uid": "UID_demo000000000000000000000001", "appId": 97, "appKey": null, "appName": "应用",
                "userName": "", "userHeadImg": "", "time": 1_569_416_451_573_i64, "content": "内容",
            }})
        );
        let refund = Trade {
            trade_no: "202005142132181234567890123".to_owned(),
            kind: TradeKind::Refund,
            app_id: AppId::new(1),
            product: ProductId::new(5),
            uid: uid(),
            period: Duration::from_secs(86_400),
            amount_fen: 100,
            at: time,
        };
        let refunded = CallbackEvent::OrderPay(OrderPay::from(&refund));
        assert_eq!(
            json!(refunded),
            json!({"action": "order_pay", "data": {
                "addTime": -86_400_000, "amount": -100, "appId": 1, "createTime": 1_569_416_451_573_i64, "prodId": 5,
                "tradeNo": "202005142132181234567890123", "type": 2, "uid": "UID_demo000000000000000000000001",
            }})
        );
        for event in [followed, wrote, refunded] {
            assert_eq!(json!(event)["action"], event.action());
            assert_eq!(serde_json::from_value::<CallbackEvent>(json!(event)).unwrap(), event);
        }
    }

    #[test]
    fn an_id_says_when_and_sorts_by_it() {
        let at = Timestamp::from_millis(1_795_449_600_123);
        let id = CallbackId::new(at, &[0xab; 32]);
        assert_eq!(id.as_str(), "cb_1795449600123_abababababababababababab");
        assert_eq!((id.at(), CallbackId::parse(id.as_str())), (at, Ok(id.clone())));
        assert!(CallbackId::before(at).as_str() < id.as_str());
        assert!(id < CallbackId::new(Timestamp::from_millis(1_795_449_600_124), &[0; 32]));
        for bad in ["", "cb_", "cb_1_a", "cb_1795449600123_", "cb_1795449600123_ABABABABABABABABABABABAB", "x"] {
            assert_eq!(CallbackId::parse(bad), Err(MalformedCallbackId), "{bad}");
        }
    }

    #[test]
    fn the_ladder_has_four_rungs() {
        let now = Timestamp::from_seconds(1_000);
        let waits: Vec<_> = (1..=6).map(|failed| next_attempt(failed, now).map(|at| at.since(now).as_secs())).collect();
        assert_eq!(waits, [Some(10), Some(60), Some(300), Some(1800), None, None]);
        assert_eq!(next_attempt(0, now), None);
    }

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for &state in CallbackState::ALL {
            assert_eq!(CallbackState::parse(state.as_str()), Some(state));
            assert_eq!(json!(state), state.as_str());
        }
        assert_eq!(CallbackState::parse("lost"), None);
    }
}
