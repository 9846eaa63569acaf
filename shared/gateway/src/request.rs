//! Requests as handlers read them, and replies as they give them.

use crate::error::ApiError;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// A request, wherever it came from.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method.
    pub method: http::Method,
    /// The path as it was called, without the query.
    pub path: String,
    /// What the route's `{names}` stand for, decoded.
    pub path_parameters: HashMap<String, String>,
    /// The query as it was sent, without the question mark.
    pub raw_query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// The value of `{name}` in the route; empty when the route has none.
    pub fn path_parameter(&self, name: &str) -> &str {
        self.path_parameters.get(name).map_or("", String::as_str)
    }

    /// Where this deployment is reached: `configured`, or the address that the caller used.
    ///
    /// A function behind the API cannot be told the API's own address when both are created, so it takes the `Host` that
    /// the API was called by. API Gateway serves no request for a host that is not its own, and sets
    /// `X-Forwarded-Proto` itself; `X-Forwarded-Host`, which anybody may send, is not looked at. A host that is none is
    /// refused, so that no link leads where a header wanted it.
    pub fn public_url(&self, configured: &str) -> Result<String, ApiError> {
        if !configured.is_empty() {
            return Ok(configured.to_owned());
        }
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let is_host = |host: &&str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
            !host.is_empty() && host.len() <= 255 && host.bytes().all(known)
        };
        let host = text("host").filter(is_host).ok_or_else(|| ApiError::unreadable("请求头Host不正确"))?;
        let scheme = if text("x-forwarded-proto") == Some("http") { "http" } else { "https" };
        Ok(format!("{scheme}://{host}"))
    }

    /// The query, decoded.
    pub fn query(&self) -> Query {
        let mut values: HashMap<String, String> = HashMap::new();
        for (name, value) in form_urlencoded::parse(self.raw_query.as_bytes()) {
            // A parameter given twice reaches WxPusher as one comma-joined value.
            values
                .entry(name.into_owned())
                .and_modify(|joined| {
                    joined.push(',');
                    joined.push_str(&value);
                })
                .or_insert_with(|| value.clone().into_owned());
        }
        Query(values)
    }

    /// The body as a JSON object.
    ///
    /// A missing `Content-Type` is taken for JSON; any other type than JSON is refused, as the original refuses it.
    pub fn json_object(&self) -> Result<Fields, ApiError> {
        if let Some(sent) = self.headers.get(header::CONTENT_TYPE) {
            let sent = sent.to_str().unwrap_or("");
            let media_type = sent.split(';').next().unwrap_or("").trim();
            if !media_type.is_empty() && !media_type.eq_ignore_ascii_case("application/json") {
                return Err(ApiError::ContentType { sent: sent.to_owned() });
            }
        }
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::unreadable("请求体为空，需要一个JSON对象"));
        }
        if self.body.len() > model::limits::REQUEST_BODY_BYTES {
            return Err(ApiError::unreadable(format!("请求体超过{}字节", model::limits::REQUEST_BODY_BYTES)));
        }
        match serde_json::from_slice(&readable(&self.body)) {
            Ok(Value::Object(object)) => Ok(Fields(object)),
            Ok(_) => Err(ApiError::unreadable("请求体不是JSON对象")),
            Err(error) => {
                Err(ApiError::unreadable(format!("JSON无法解析，第{}行第{}列", error.line(), error.column())))
            }
        }
    }
}

/// A body as Jackson would take it: without a byte order mark (.NET writes one), and with a replacement character for
/// half of a surrogate pair (JavaScript that cuts text within an emoji escapes one).
fn readable(body: &[u8]) -> Cow<'_, [u8]> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut repaired: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = body[at..].iter().position(|&byte| byte == b'\\') {
        at += found;
        match surrogate(&body[at..]) {
            // A pair is as it should be.
            Some(0xd800..=0xdbff) if matches!(surrogate(&body[at + 6..]), Some(0xdc00..=0xdfff)) => at += 12,
            Some(_) => {
                repaired.get_or_insert_with(|| body.to_vec())[at..at + 6].copy_from_slice(br"\ufffd");
                at += 6;
            }
            None => at = (at + 2).min(body.len()),
        }
    }
    repaired.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// The surrogate that `text` begins with as an escape.
fn surrogate(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..=0xdfff).contains(&unit).then_some(unit)
}

/// Query parameters. An empty value counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Query(HashMap<String, String>);

impl Query {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let wrong = |_| ApiError::unreadable(format!("参数{name}应为整数"));
        self.get(name).map(|text| text.trim().parse().map_err(wrong)).transpose()
    }

    /// A boolean.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let wrong = |_| ApiError::unreadable(format!("参数{name}应为布尔值"));
        self.get(name).map_or(Ok(None), boolean).map_err(wrong)
    }
}

/// The fields of a JSON object, read as Jackson reads them: numbers and text change into each other where no meaning is
/// lost, `null`, missing and `""` are the same for scalars, nothing is wrapped into arrays.
#[derive(Debug, Clone, Default)]
pub struct Fields(serde_json::Map<String, Value>);

impl Fields {
    /// A text field. Numbers and booleans become text.
    pub fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => scalar(value).map(Some).ok_or_else(|| wrong_type(name, "应为字符串")),
        }
    }

    /// A whole number. Text of digits is one, blank text is none.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => integer(value).map_err(|()| wrong_type(name, "应为整数")),
        }
    }

    /// A boolean. `"true"`, `"false"` and whole numbers (0 is false) are ones, blank text is none.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let wrong = || wrong_type(name, "应为布尔值");
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::Number(number)) => number.as_i64().map(|number| Some(number != 0)).ok_or_else(wrong),
            Some(Value::String(text)) => boolean(text).map_err(|NotABoolean| wrong()),
            Some(Value::Array(_) | Value::Object(_)) => Err(wrong()),
        }
    }

    /// An array of text; `null` and blank elements are left out.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let texts = self
            .array(name)?
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| scalar(value).ok_or_else(|| wrong_type(name, "的元素应为字符串")));
        let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
        Ok(texts.into_iter().filter(|text| !text.trim().is_empty()).collect())
    }

    /// An array of whole numbers; `null` and blank elements are left out.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, ApiError> {
        let numbers = self.array(name)?.iter().map(|value| match value {
            Value::Null => Ok(None),
            value => integer(value).map_err(|()| wrong_type(name, "的元素应为整数")),
        });
        numbers.filter_map(Result::transpose).collect()
    }

    fn array(&self, name: &str) -> Result<&[Value], ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(wrong_type(name, "应为数组")),
        }
    }
}

fn wrong_type(name: &str, what: &str) -> ApiError {
    ApiError::unreadable(format!("字段{name}{what}"))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value) -> Result<Option<i64>, ()> {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Ok(Some(number)),
            // Jackson cuts decimals off; what does not fit a long is refused.
            (None, Some(number)) if number.abs() < 9.0e15 => Ok(Some(number.trunc() as i64)),
            _ => Err(()),
        },
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| ()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(()),
    }
}

/// A text that is no boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a boolean")]
pub struct NotABoolean;

/// Reads a boolean as text; blank is none.
pub fn boolean(text: &str) -> Result<Option<bool>, NotABoolean> {
    match text.trim() {
        "" => Ok(None),
        "true" | "True" | "TRUE" | "1" => Ok(Some(true)),
        "false" | "False" | "FALSE" | "0" => Ok(Some(false)),
        _ => Err(NotABoolean),
    }
}

/// A reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// An empty reply.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A JSON reply. Values of ours always serialise; should one not, the reply is an empty 500.
    pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status).typed("application/json;charset=UTF-8", body),
            Err(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// A page.
    pub fn html(status: StatusCode, html: String) -> Self {
        Self::new(status).typed("text/html; charset=utf-8", html)
    }

    fn typed(self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut reply = self.header(header::CONTENT_TYPE, content_type);
        reply.body = body.into();
        reply
    }

    /// With a header. A value that is no header value is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

#[cfg(test)]
mod tests;
