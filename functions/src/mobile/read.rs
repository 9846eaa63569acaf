//! Reading bodies: JSON objects whose fields know their own path.

use gateway::envelope::mobile::parameter;
use gateway::{ApiError, Request};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The object of a body, and the texts of its fields as they were sent.
pub(crate) struct Body {
    fields: Map<String, Value>,
    text: Vec<u8>,
}

impl Body {
    /// The body of a call; 10002 when it is no JSON object.
    pub(crate) fn of(request: &Request) -> Result<Self, ApiError> {
        let refused = |why: &str| gateway::envelope::mobile::Refusal::Parameter.error(why);
        if request.body.len() > model::limits::REQUEST_BODY_BYTES {
            return Err(refused("the body is larger than 1 MB"));
        }
        let text = request.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&request.body);
        match serde_json::from_slice(text) {
            Ok(Value::Object(fields)) => Ok(Self { fields, text: text.to_vec() }),
            Ok(_) | Err(_) => Err(refused("the body must be a JSON object")),
        }
    }

    /// The object itself.
    pub(crate) fn object(&self) -> Object<'_> {
        Object { path: String::new(), fields: &self.fields }
    }

    /// The text of the value at `outer.inner`, as it was sent: numbers in it are not read and written anew.
    pub(crate) fn raw(&self, outer: &str, inner: &str) -> Option<String> {
        let object: BTreeMap<String, &RawValue> = serde_json::from_slice(&self.text).ok()?;
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(object.get(outer)?.get()).ok()?;
        fields.get(inner).map(|raw| raw.get().to_owned())
    }
}

/// An object within a body. A field that is `null` counts as absent; one that nobody asks for is not looked at.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// What a field is called in messages: its path.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The error of a field.
    pub(crate) fn wrong(&self, name: &str, why: &str) -> ApiError {
        parameter(&self.path_of(name), why)
    }

    /// A field that is there.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// The names of the fields that are there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { path: self.path_of(name), fields })),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    /// A text; an empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    /// A text that must be there, of at most `most` characters.
    pub(crate) fn required(&self, name: &str, most: usize) -> Result<String, ApiError> {
        let text = self.text(name)?.ok_or_else(|| self.wrong(name, "is missing"))?;
        if text.chars().count() > most {
            return Err(self.wrong(name, &format!("is longer than {most} characters")));
        }
        Ok(text)
    }

    /// A whole number of 64 bits; text of digits is one, as JavaScript has none of its own.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name).map(|value| integer(value).ok_or_else(|| self.wrong(name, "must be an integer"))).transpose()
    }

    /// A boolean.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// A list; `None` when it is not there.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(name, "must be an array")),
        }
    }

    /// A list of texts that are not empty; `None` when it is not there.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let Some(values) = self.list(name)? else { return Ok(None) };
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| self.wrong(name, "must hold non-empty strings only"))
        };
        values.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// A list of whole numbers; `None` when it is not there.
    pub(crate) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>, ApiError> {
        let Some(values) = self.list(name)? else { return Ok(None) };
        let number = |value| integer(value).ok_or_else(|| self.wrong(name, "must hold integers only"));
        values.iter().map(number).collect::<Result<_, _>>().map(Some)
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse().ok() } else { None }
        }
        _ => None,
    }
}
