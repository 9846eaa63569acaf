//! Failures on order: the next calls of a channel go wrong in a named way.
//!
//! Orders are kept in the order they came. A call takes the first one that fits its channel, operation and recipient;
//! an order that was taken as often as it asked for is gone.
//!
//! `POST /sandbox/faults` takes one order as JSON:
//!
//! | field | meaning |
//! |---|---|
//! | `channel` | a channel as the inbox names it, or an upstream (`wechat`) for all of its channels |
//! | `operation` | `"send"` (default), `"token"`, or `"upload"` of what messages show |
//! | `recipient` | only sends to this one |
//! | `status` | answer this HTTP status, 200 to 599, with an HTML page instead of the upstream's JSON |
//! | `retry_after` | with `status`: the header `Retry-After`, in seconds |
//! | `errcode` | answer HTTP 200 with this code in the upstream's own shape |
//! | `finish` | accept, and say later that it was not delivered: `"user block"`, `"system failed"`, `"freq limit"`, or other words |
//! | `drop` | `true` or `"before"`: close the connection, nothing happened. `"after"`: accept, then close it |
//! | `goaway` | only Apple and Google: the connection takes this many more calls, and turns the next ones away by GOAWAY. The call itself is answered |
//! | `streams` | only Apple and Google: the connection takes no more than this many calls at a time from now on. The call itself is answered |
//! | `delay_ms` | wait this long before the answer, at most 600,000. Alone or with one of the above |
//! | `times` | how many calls, default 1; 0 until cleared |
//! | `forever` | `true`: until cleared |
//!
//! It answers, as `GET` and `DELETE` do, `{"faults": [order, …]}` with the orders that are left; `times` counts the calls
//! still to fail. A body that is no order is answered 400 and `{"error"}`, naming the field.

mod order;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

pub use self::order::FaultError;
use super::reply::Arrival;
use super::wire::Wire;

/// What a call is, as far as faults tell calls apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultOperation {
    /// Asking for credentials to send with.
    Token,
    /// Handing over a message.
    Send,
    /// Bringing over what a message shows: a file, an article.
    Upload,
}

impl FaultOperation {
    /// The word for it in an order.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Send => "send",
            Self::Upload => "upload",
        }
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// This HTTP status with an HTML page; nothing is accepted.
    Status {
        /// The status.
        status: StatusCode,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The upstream's error answer with this code; nothing is accepted.
    Errcode(i64),
    /// The message is accepted, and its finish event says later that it failed in these words.
    Finish(String),
    /// The connection closes without an answer; nothing is accepted.
    DropBefore,
    /// The call is carried out, then the connection closes without an answer.
    DropAfter,
    /// The call's HTTP/2 connection takes this many more and turns away the next ones.
    GoAway(u32),
    /// The call's HTTP/2 connection takes no more than this many at a time from now on.
    Streams(u32),
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A channel as the inbox names it, or an upstream for all of its channels.
    pub channel: String,
    /// Which calls.
    pub operation: FaultOperation,
    /// Only messages for this recipient.
    pub recipient: Option<String>,
    /// What happens; `None` if the answer only comes late.
    pub effect: Option<Effect>,
    /// The wait before the answer.
    pub delay: Duration,
    /// How many more calls it happens to; `None` until cleared.
    pub left: Option<u64>,
}

impl Fault {
    /// The next send on `channel` goes wrong like this.
    #[must_use]
    pub fn new(channel: &str, effect: Effect) -> Self {
        Self {
            channel: channel.to_owned(),
            operation: FaultOperation::Send,
            recipient: None,
            effect: Some(effect),
            delay: Duration::ZERO,
            left: Some(1),
        }
    }

    /// The next send on `channel` is answered after `delay`.
    #[must_use]
    pub fn late(channel: &str, delay: Duration) -> Self {
        Self { effect: None, delay, ..Self::new(channel, Effect::DropBefore) }
    }

    /// The same, for token calls.
    #[must_use]
    pub fn on_token(mut self) -> Self {
        self.operation = FaultOperation::Token;
        self
    }

    /// The same, only for messages to `recipient`.
    #[must_use]
    pub fn to(mut self, recipient: &str) -> Self {
        self.recipient = Some(recipient.to_owned());
        self
    }

    /// The same, for this many calls.
    #[must_use]
    pub fn times(mut self, calls: u64) -> Self {
        self.left = Some(calls);
        self
    }

    /// The same, until cleared.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.left = None;
        self
    }

    /// Whether `arrival` is one of the calls meant.
    fn fits(&self, arrival: &Arrival<'_>) -> bool {
        let channel = self.channel == arrival.service || arrival.channels.contains(&self.channel.as_str());
        let recipient = self.recipient.as_deref();
        let connection = matches!(self.effect, Some(Effect::GoAway(_) | Effect::Streams(_)));
        channel
            && !connection
            && self.operation == arrival.kind
            && (recipient.is_none() || recipient == arrival.recipient)
    }

    /// As an order would say it.
    fn to_json(&self) -> Value {
        let mut order = json!({
            "channel": self.channel,
            "operation": self.operation.as_str(),
            "times": self.left.unwrap_or(0),
        });
        if self.left.is_none() {
            order["forever"] = json!(true);
        }
        if let Some(recipient) = &self.recipient {
            order["recipient"] = json!(recipient);
        }
        if !self.delay.is_zero() {
            order["delay_ms"] = json!(u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX));
        }
        match &self.effect {
            None => {}
            Some(Effect::Status { status, retry_after }) => {
                order["status"] = json!(status.as_u16());
                if let Some(seconds) = retry_after {
                    order["retry_after"] = json!(seconds);
                }
            }
            Some(Effect::Errcode(code)) => order["errcode"] = json!(code),
            Some(Effect::Finish(words)) => order["finish"] = json!(words),
            Some(Effect::DropBefore) => order["drop"] = json!("before"),
            Some(Effect::DropAfter) => order["drop"] = json!("after"),
            Some(Effect::GoAway(more)) => order["goaway"] = json!(more),
            Some(Effect::Streams(streams)) => order["streams"] = json!(streams),
        }
        order
    }
}

/// What happens to one call.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The failure, if any.
    pub(super) effect: Option<Effect>,
    /// The wait before the answer.
    pub(super) delay: Duration,
}

/// The orders that are left.
#[derive(Debug, Default)]
pub struct Faults {
    orders: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Adds an order behind the others. One for no calls at all (`left` is 0) does nothing.
    pub fn add(&self, fault: Fault) {
        if fault.left != Some(0) {
            self.lock().push(fault);
        }
    }

    /// Takes all orders back.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The orders that are left, first come first.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// `{"faults": [order, …]}`.
    pub(super) fn to_json(&self) -> Value {
        let orders: Vec<Value> = self.lock().iter().map(Fault::to_json).collect();
        json!({ "faults": orders })
    }

    /// What happens to `arrival`; its order has one call less to go.
    pub(super) fn take(&self, arrival: &Arrival<'_>) -> Taken {
        let mut orders = self.lock();
        let Some(index) = orders.iter().position(|fault| fault.fits(arrival)) else {
            return Taken::default();
        };
        let fault = &mut orders[index];
        let taken = Taken { effect: fault.effect.clone(), delay: fault.delay };
        if let Some(left) = &mut fault.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                orders.remove(index);
            }
        }
        taken
    }

    /// The codes that were ordered for single devices among those of one call: each order has one call less to go.
    pub(super) fn take_of_devices(
        &self,
        channel: &str,
        kind: FaultOperation,
        devices: &[String],
    ) -> Vec<(String, i64)> {
        let mut taken = Vec::new();
        self.lock().retain_mut(|fault| {
            let (Some(device), Some(&Effect::Errcode(code)), true) =
                (&fault.recipient, fault.effect.as_ref(), fault.delay.is_zero())
            else {
                return true;
            };
            if fault.channel != channel || fault.operation != kind || !devices.contains(device) {
                return true;
            }
            taken.push((device.clone(), code));
            let Some(left) = &mut fault.left else { return true };
            *left = left.saturating_sub(1);
            *left > 0
        });
        taken
    }

    /// Does to the connection of a call on `channel` what was ordered: each order has one call less to go. A connection whose
    /// end is in sight takes no second order of that kind.
    pub(super) fn disturb(&self, channel: &str, kind: FaultOperation, devices: &[String], wire: &Wire) {
        self.lock().retain_mut(|fault| {
            let meant = fault.channel == channel
                && fault.operation == kind
                && fault.recipient.as_ref().is_none_or(|device| devices.contains(device));
            let done = match fault.effect {
                Some(Effect::GoAway(more)) if meant => wire.go_away_after(more),
                Some(Effect::Streams(streams)) if meant => {
                    wire.allow_streams(streams);
                    true
                }
                _ => false,
            };
            let (true, Some(left)) = (done, &mut fault.left) else { return true };
            *left = left.saturating_sub(1);
            *left > 0
        });
    }

    /// The orders; a panic elsewhere leaves them usable.
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
