//! Reading what WeChat answers.

use super::error::CallError;
use crate::http::HttpResponse;
use serde_json::{Map, Value};

/// A successful answer: HTTP 2xx, a JSON object, and `errcode` absent or 0.
#[derive(Clone)]
pub struct Answer(Map<String, Value>);

/// The most of `errmsg` that is kept.
const MESSAGE_CHARS: usize = 300;

impl Answer {
    /// Reads `response` by its content: WeChat's `Content-Type` is not to be relied on.
    pub fn read(response: &HttpResponse) -> Result<Self, CallError> {
        if !response.status.is_success() {
            return Err(CallError::Status { status: response.status, retry_after: response.retry_after });
        }
        let Ok(Value::Object(fields)) = serde_json::from_slice(&response.body) else {
            let content_type = response.content_type.chars().take(100).collect();
            return Err(CallError::NotJson { bytes: response.body.len(), content_type });
        };
        let answer = Self(fields);
        match answer.0.get("errcode") {
            None | Some(Value::Null) => Ok(answer),
            Some(errcode) => match integer(errcode) {
                Some(0) => Ok(answer),
                Some(code) => {
                    let accepted = answer.number("msg_id").ok();
                    Err(CallError::Code { code, message: answer.message(), accepted })
                }
                None => Err(CallError::Incomplete { field: "errcode" }),
            },
        }
    }

    /// A number that the call must return, given as a number or as a string of digits.
    pub fn number(&self, field: &'static str) -> Result<u64, CallError> {
        let number = self.0.get(field).and_then(|value| match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        });
        number.ok_or(CallError::Incomplete { field })
    }

    /// A text that the call must return, and that is not empty.
    pub fn text(&self, field: &'static str) -> Result<&str, CallError> {
        let text = self.0.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or(CallError::Incomplete { field })
    }

    fn message(&self) -> String {
        self.0.get("errmsg").and_then(Value::as_str).unwrap_or_default().chars().take(MESSAGE_CHARS).collect()
    }
}

/// `errcode` arrives as a string now and then.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
