//! Reading an order from JSON, strictly: a slip in a test's order must not pass as "no fault".

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::{Effect, Fault, FaultOperation};
use crate::sandbox::FINISHED;

/// The longest wait, in milliseconds.
const MAX_DELAY_MS: u64 = 600_000;

/// The fields of an order.
const FIELDS: [&str; 13] = [
    "channel",
    "operation",
    "recipient",
    "status",
    "retry_after",
    "errcode",
    "finish",
    "drop",
    "goaway",
    "streams",
    "delay_ms",
    "times",
    "forever",
];
/// The most streams that an order names: as many as a connection takes at first.
const MAX_STREAMS: u64 = 1_000;
/// The channels whose stand-ins are called over HTTP/2.
const OVER_HTTP2: [&str; 2] = ["apns", "fcm"];
/// The most that a finish event says about a failure, in characters.
const MAX_FINISH_CHARS: usize = 60;

/// Why a body is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// It is not a JSON object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// A field that orders do not have.
    #[error("unknown field `{0}`; the fields are {fields}", fields = FIELDS.join(", "))]
    UnknownField(String),
    /// A field has a value it cannot have.
    #[error("`{field}` must be {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it may be.
        expected: String,
    },
    /// No failure is named.
    #[error(
        "one of `status`, `errcode`, `finish`, `drop`, `goaway`, `streams`, `delay_ms` is missing: say what goes wrong"
    )]
    NoEffect,
    /// More than one failure is named.
    #[error("`status`, `errcode`, `finish`, `drop`, `goaway` and `streams` exclude each other")]
    SeveralEffects,
}

impl Fault {
    /// Reads an order, as the page of `sandbox::faults` describes it.
    ///
    /// # Errors
    /// [`FaultError`], naming the field.
    pub fn from_json(body: &[u8]) -> Result<Self, FaultError> {
        let Ok(Value::Object(order)) = serde_json::from_slice(body) else {
            return Err(FaultError::NotAnObject);
        };
        if let Some(unknown) = order.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(FaultError::UnknownField(unknown.clone()));
        }
        let effect = effect(&order)?;
        let delay = whole(&order, "delay_ms", 0..=MAX_DELAY_MS)?;
        if effect.is_none() && delay.is_none() {
            return Err(FaultError::NoEffect);
        }
        Ok(Self {
            channel: channel(&order)?,
            operation: operation(&order)?,
            recipient: recipient(&order)?,
            effect,
            delay: Duration::from_millis(delay.unwrap_or(0)),
            left: left(&order)?,
        })
    }
}

/// `channel`: one that some stand-in receives, or its upstream.
fn channel(order: &Map<String, Value>) -> Result<String, FaultError> {
    let known = || super::super::channels().chain(super::super::SERVICES);
    match order.get("channel") {
        Some(Value::String(channel)) if known().any(|name| name == channel) => Ok(channel.clone()),
        _ => Err(FaultError::Field {
            field: "channel",
            expected: format!("one of {}", known().collect::<Vec<_>>().join(", ")),
        }),
    }
}

/// `operation`.
fn operation(order: &Map<String, Value>) -> Result<FaultOperation, FaultError> {
    match order.get("operation") {
        None => Ok(FaultOperation::Send),
        Some(word) => [FaultOperation::Token, FaultOperation::Send, FaultOperation::Upload]
            .into_iter()
            .find(|operation| word == operation.as_str())
            .ok_or_else(|| wrong("operation", "\"send\", \"token\" or \"upload\"")),
    }
}

/// `recipient`. Token calls have none, so such an order would wait in vain.
fn recipient(order: &Map<String, Value>) -> Result<Option<String>, FaultError> {
    match order.get("recipient") {
        None => Ok(None),
        Some(Value::String(recipient)) if !recipient.is_empty() && operation(order)? == FaultOperation::Send => {
            Ok(Some(recipient.clone()))
        }
        Some(_) => Err(wrong("recipient", "a string that is not empty, and only for the operation \"send\"")),
    }
}

/// The one of `status`, `errcode`, `finish`, `drop`, `goaway` and `streams` that is there.
fn effect(order: &Map<String, Value>) -> Result<Option<Effect>, FaultError> {
    let retry_after = whole(order, "retry_after", 0..=u64::from(u32::MAX))?;
    let status = match whole(order, "status", 200..=599)? {
        None => None,
        Some(number) => u16::try_from(number)
            .ok()
            .and_then(|number| StatusCode::from_u16(number).ok())
            .map(|status| Effect::Status { status, retry_after }),
    };
    if retry_after.is_some() && status.is_none() {
        return Err(wrong("retry_after", "given together with `status` only"));
    }
    let errcode = match order.get("errcode") {
        None => None,
        Some(code) => match code.as_i64() {
            Some(code) if code != 0 => Some(Effect::Errcode(code)),
            _ => return Err(wrong("errcode", "a whole number other than 0")),
        },
    };
    let drop = match order.get("drop") {
        None => None,
        Some(Value::Bool(true)) => Some(Effect::DropBefore),
        Some(Value::String(when)) if when == "before" => Some(Effect::DropBefore),
        Some(Value::String(when)) if when == "after" => Some(Effect::DropAfter),
        Some(_) => return Err(wrong("drop", "true, \"before\" or \"after\"")),
    };
    let finish = match order.get("finish") {
        None => None,
        Some(Value::String(words)) if (1..=MAX_FINISH_CHARS).contains(&words.chars().count()) && is_finished(order) => {
            Some(Effect::Finish(words.clone()))
        }
        Some(_) => {
            let expected = format!(
                "1 to {MAX_FINISH_CHARS} characters, for the operation \"send\" of the channel {}",
                FINISHED.join(" or ")
            );
            return Err(wrong("finish", &expected));
        }
    };
    let goaway = of_connection(order, "goaway", 0)?.map(Effect::GoAway);
    let streams = of_connection(order, "streams", 1)?.map(Effect::Streams);
    let mut named = [status, errcode, finish, drop, goaway, streams].into_iter().flatten();
    match (named.next(), named.next()) {
        (effect, None) => Ok(effect),
        (_, Some(_)) => Err(FaultError::SeveralEffects),
    }
}

/// A number that is about an HTTP/2 connection, which only some channels have.
fn of_connection(order: &Map<String, Value>, field: &'static str, least: u64) -> Result<Option<u32>, FaultError> {
    let number = whole(order, field, least..=MAX_STREAMS)?.and_then(|number| u32::try_from(number).ok());
    let channel = order.get("channel").and_then(Value::as_str);
    let fits = operation(order) == Ok(FaultOperation::Send) && channel.is_some_and(|name| OVER_HTTP2.contains(&name));
    if number.is_some() && !fits {
        let expected = format!("for the operation \"send\" of the channel {} only", OVER_HTTP2.join(" or "));
        return Err(wrong(field, &expected));
    }
    Ok(number)
}

/// Whether an order is for messages whose end is told.
fn is_finished(order: &Map<String, Value>) -> bool {
    let channel = order.get("channel").and_then(Value::as_str);
    operation(order) == Ok(FaultOperation::Send) && channel.is_some_and(|channel| FINISHED.contains(&channel))
}

/// `times` and `forever`.
fn left(order: &Map<String, Value>) -> Result<Option<u64>, FaultError> {
    let times = whole(order, "times", 0..=u64::MAX)?;
    match order.get("forever") {
        None | Some(Value::Bool(false)) => Ok(match times {
            None => Some(1),
            Some(0) => None,
            Some(times) => Some(times),
        }),
        Some(Value::Bool(true)) => Ok(None),
        Some(_) => Err(wrong("forever", "true or false")),
    }
}

/// A whole number within `range`, if the field is there.
fn whole(
    order: &Map<String, Value>,
    field: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, FaultError> {
    match order.get(field) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ if *range.end() == u64::MAX => Err(wrong(field, "a whole number, 0 or more")),
            _ => Err(wrong(field, &format!("a whole number from {} to {}", range.start(), range.end()))),
        },
    }
}

/// A field with a value it cannot have.
fn wrong(field: &'static str, expected: &str) -> FaultError {
    FaultError::Field { field, expected: expected.to_owned() }
}
