//! Xiaomi's answer.

use crate::vendor::call;
use crate::vendor::code::Code;
use serde::Deserialize;
use serde_json::Value;

/// The answer to a send.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    code: Code,
    description: Option<String>,
    reason: Option<String>,
    trace_id: Option<String>,
    /// `id`, and now and then `channel_exceed_quota` and `bad_regids`; missing or an empty text in failures.
    #[serde(default)]
    pub(super) data: Value,
}

impl call::Answer for Answer {
    const OK: Code = Code(0);

    fn code(&self) -> Code {
        self.code
    }

    fn words(&self) -> (&str, &str) {
        let reason = self.reason.as_deref().or(self.description.as_deref());
        (reason.unwrap_or_default(), self.trace_id.as_deref().unwrap_or_default())
    }
}

/// Names in `extra.*` that mean something to Xiaomi: a pair of the caller's own must not have one of them.
pub(super) const RESERVED_EXTRAS: &[&str] = &[
    "callback",
    "callback.param",
    "callback.type",
    "channel_id",
    "channel_name",
    "flow_control",
    "intent_uri",
    "jobkey",
    "locale",
    "model",
    "notify_effect",
    "notify_foreground",
    "only_send_once",
    "sound_uri",
    "sound_url",
    "ticker",
    "web_uri",
];
