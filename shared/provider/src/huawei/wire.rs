//! The request as Huawei names it, and its answers.

use super::error::{OK, PARTIAL};
use crate::vendor::call;
use crate::vendor::code::Code;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `message` of the send call, without `token`.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    /// For messages that are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<String>,
    pub(super) android: Android<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Android<'a> {
    pub(super) ttl: String,
    /// Comes back in receipts.
    pub(super) bi_tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<&'a str>,
    /// 1: a test message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_user_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification: Option<Notification<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Notification<'a> {
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sound: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_sound: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_id: Option<&'a str>,
    pub(super) click_action: ClickAction<'a>,
    /// 1: a long text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) style: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) big_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) big_body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) badge: Option<Badge<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) importance: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct ClickAction<'a> {
    /// 1 a page, 3 the app.
    #[serde(rename = "type")]
    pub(super) kind: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) intent: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Badge<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) add_num: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set_num: Option<u32>,
    pub(super) class: &'a str,
}

/// The answer to a send.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) code: Code,
    #[serde(default)]
    msg: Value,
    #[serde(default, rename = "requestId")]
    request_id: String,
    #[serde(default)]
    illegal_tokens: Option<Vec<String>>,
}

/// What `msg` holds, as a string of JSON, when some tokens are dead.
#[derive(Debug, Deserialize)]
struct Dead {
    illegal_tokens: Vec<String>,
}

impl Answer {
    /// The dead tokens of a partial success, wherever they stand; `None` when they cannot be read.
    pub(super) fn dead_tokens(&self) -> Option<Vec<String>> {
        let in_msg = match &self.msg {
            Value::String(text) => serde_json::from_str::<Dead>(text).ok(),
            other => Dead::deserialize(other).ok(),
        };
        in_msg.map(|dead| dead.illegal_tokens).or_else(|| self.illegal_tokens.clone())
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }
}

impl call::Answer for Answer {
    const OK: Code = OK;

    fn code(&self) -> Code {
        // A partial success is an answer like a whole one.
        if self.code == PARTIAL { OK } else { self.code }
    }

    fn words(&self) -> (&str, &str) {
        (self.msg.as_str().unwrap_or_default(), &self.request_id)
    }
}
