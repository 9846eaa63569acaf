//! The payload as Apple names it, and what of its answer is used.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body of `POST /3/device/{token}`. Everything beside `aps` is ours.
#[derive(Debug, Serialize)]
pub(super) struct Payload<'a> {
    pub(super) aps: Aps<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ext: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attachment_url: Option<&'a str>,
    /// The texts of a message that is not shown.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) body: &'a str,
    pub(super) mx_task: &'a str,
    /// What the app sends back to acknowledge the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mx_receipt: Option<&'a str>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Aps<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) badge: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_available: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mutable_content: Option<u8>,
}

#[derive(Debug, Serialize)]
pub(super) struct Alert<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) subtitle: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) body: &'a str,
}

/// The body of an answer other than 200.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// With 410: since when the token is dead, epoch ms.
    pub(super) timestamp: Option<i64>,
}
