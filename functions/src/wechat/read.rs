//! Reading bodies as WeChat reads them, from SDKs as they write them: empty texts, empty arrays and `null` for what is not
//! there, numbers for texts, escaped characters, anything or nothing as a content type.

use super::refused;
use gateway::{ApiError, Request};
use model::cgi::{BODY_BYTES, Refusal};
use model::wechat::{MiniProgramJump, TemplateData, TemplateValue};
use serde_json::{Map, Value};

/// The fields of a JSON object. One that is `null` or an empty text counts as absent.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The body of a call: 45002, 44002 or 47001 when it is none.
    pub(super) fn of(request: &Request) -> Result<Self, ApiError> {
        if request.body.len() > BODY_BYTES {
            return Err(refused(Refusal::BodyTooLarge));
        }
        let body = request.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&request.body);
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(refused(Refusal::BodyEmpty));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(refused(Refusal::BodyMalformed)),
        }
    }

    /// A field that is there.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// A text, or a number as one.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        self.get(name).map(|value| text_of(value).ok_or_else(|| malformed(name))).transpose()
    }

    /// `{"appid","pagepath"}`, where some SDKs write `path`. Without an appid it is none.
    pub(super) fn miniprogram(&self) -> Result<Option<MiniProgramJump>, ApiError> {
        let fields = match self.get("miniprogram") {
            None => return Ok(None),
            Some(Value::Object(fields)) => Self(fields.clone()),
            Some(Value::Array(values)) if values.is_empty() => return Ok(None),
            Some(_) => return Err(malformed("miniprogram")),
        };
        let pagepath = fields.text("pagepath")?.map_or_else(|| fields.text("path"), |path| Ok(Some(path)))?;
        Ok(fields.text("appid")?.map(|appid| MiniProgramJump { appid, pagepath }))
    }

    /// `{key: {"value", "color"?}}`; an empty array is an empty object in PHP.
    pub(super) fn data(&self) -> Result<TemplateData, ApiError> {
        let fields = match self.get("data") {
            None => return Ok(TemplateData::new()),
            Some(Value::Array(values)) if values.is_empty() => return Ok(TemplateData::new()),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(malformed("data")),
        };
        let value = |(key, given): (&String, &Value)| {
            let Value::Object(given) = given else { return Err(malformed(&format!("data.{key}"))) };
            let given = Self(given.clone());
            let value = given.text("value")?.unwrap_or_default();
            // A colour is not looked at.
            let color = given.get("color").and_then(text_of);
            Ok((key.clone(), TemplateValue { value, color }))
        };
        fields.iter().map(value).collect()
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// 47001, naming the field.
fn malformed(name: &str) -> ApiError {
    ApiError::refused(Refusal::BodyMalformed.code(), format!("{}: {name}", Refusal::BodyMalformed.errmsg()))
}
