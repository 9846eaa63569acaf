//! The caller's own data.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// `message.ext`: a JSON object, kept as the text that the caller sent without the blanks between its parts.
///
/// Text, because apps read it as text on most phones, and because a number such as 12345678901234567890.5 would not
/// survive being read and written again. Vendors' limits are in bytes, so blanks are not carried.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ext(String);

/// The text is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object")]
pub struct NotAnObject;

impl Ext {
    /// From the text of a JSON object.
    pub fn parse(json: &str) -> Result<Self, NotAnObject> {
        serde_json::from_str::<BTreeMap<String, &RawValue>>(json).map_err(|_| NotAnObject)?;
        Ok(Self(compact(json)))
    }

    /// The object as compact JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The object as a part of a larger JSON document.
    pub fn as_raw(&self) -> Option<&RawValue> {
        serde_json::from_str(&self.0).ok()
    }

    /// Its keys, in alphabetical order, with the JSON text of their values. Of a key that stands twice, the last value.
    pub fn entries(&self) -> BTreeMap<String, &RawValue> {
        // It was read when this was made, so it can be read again.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Its keys with their values as plain text: a string without its quotes, anything else as its JSON text.
    ///
    /// What vendors need that carry strings only.
    pub fn texts(&self) -> BTreeMap<String, String> {
        let text = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
        self.entries().into_iter().map(|(key, raw)| (key, text(raw))).collect()
    }
}

/// The caller's data is not for our logs.
impl std::fmt::Debug for Ext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ext({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Ext {
    type Error = NotAnObject;

    fn try_from(json: String) -> Result<Self, NotAnObject> {
        Self::parse(&json)
    }
}

impl From<Ext> for String {
    fn from(ext: Ext) -> Self {
        ext.0
    }
}

/// Valid JSON without the blanks between its parts.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            if !in_string {
                in_string = c == '"';
                return !matches!(c, ' ' | '\t' | '\n' | '\r');
            }
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            true
        })
        .collect()
}
