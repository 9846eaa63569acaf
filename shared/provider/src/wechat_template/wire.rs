//! The request as WeChat names it, and what of its answer is used.

use model::wechat::TemplateMessage;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Body of `POST /cgi-bin/message/template/send`. Keys without a value are left out rather than sent empty.
#[derive(Debug, Serialize)]
pub(super) struct TemplateSend<'a> {
    pub(super) touser: &'a str,
    pub(super) template_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) url: &'a str,
    pub(super) client_msg_id: &'a str,
    pub(super) data: &'a Data,
}

/// The same for a message that is in WeChat's own words already.
#[derive(Debug, Serialize)]
pub(super) struct Addressed<'a> {
    pub(super) touser: &'a str,
    pub(super) client_msg_id: &'a str,
    #[serde(flatten)]
    pub(super) message: &'a TemplateMessage,
}

/// Keys and values in the order of the account's settings, so that equal messages are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Data(pub(super) Vec<(String, String)>);

#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, &Value { value })?;
        }
        map.end()
    }
}

/// The field of the answer that a success must have.
pub(super) const MSGID: &str = "msgid";
