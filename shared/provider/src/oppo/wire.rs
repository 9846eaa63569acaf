//! The notification as OPPO names it, and its answers.

use crate::vendor::call;
use crate::vendor::code::Code;
use model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// `notification`, without its badge, which differs from phone to phone.
#[derive(Debug, Serialize)]
pub(super) struct Notification<'a> {
    /// OPPO delivers one of these to one phone once.
    pub(super) app_message_id: String,
    /// 1 standard, 2 long text.
    pub(super) style: u8,
    pub(super) title: Cow<'a, str>,
    pub(super) content: Cow<'a, str>,
    /// 0 the app, 5 an intent URI.
    pub(super) click_action_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) click_action_url: Option<&'a str>,
    /// The caller's own data as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action_parameters: Option<&'a str>,
    /// 0 at once, 1 within the times that follow (ms).
    pub(super) show_time_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) show_start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) show_end_time: Option<i64>,
    pub(super) off_line: bool,
    /// Seconds.
    pub(super) off_line_ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notify_level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call_back_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call_back_parameter: Option<&'a str>,
}

/// The answer to a batch: failures are in the elements, under a code of success.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    code: Code,
    message: Option<String>,
    /// One element per notification; in failures something else or nothing.
    #[serde(default)]
    pub(super) data: Data,
}

/// `data` of a batch.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Data {
    List(Vec<Element>),
    Other(serde::de::IgnoredAny),
}

impl Default for Data {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// What became of one notification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Element {
    #[serde(default)]
    pub(super) registration_id: String,
    #[serde(default)]
    error_code: Value,
}

impl Element {
    /// The code of a failure; `None` for a success, whose code is missing, empty or 0.
    pub(super) fn failure(&self) -> Option<Code> {
        Code::deserialize(&self.error_code).ok().filter(|code| *code != Code(0))
    }
}

/// The answer to the token call.
#[derive(Debug, Deserialize)]
pub(super) struct AuthAnswer {
    code: Code,
    message: Option<String>,
    pub(super) data: Option<AuthData>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AuthData {
    pub(super) auth_token: Secret<String>,
    /// When it was issued, ms.
    pub(super) create_time: Option<Code>,
}

impl call::Answer for Answer {
    const OK: Code = Code(0);

    fn code(&self) -> Code {
        self.code
    }

    fn words(&self) -> (&str, &str) {
        (self.message.as_deref().unwrap_or_default(), "")
    }
}

impl call::Answer for AuthAnswer {
    const OK: Code = Code(0);

    fn code(&self) -> Code {
        self.code
    }

    fn words(&self) -> (&str, &str) {
        (self.message.as_deref().unwrap_or_default(), "")
    }
}
