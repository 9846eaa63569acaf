//! The message as Meizu names it, and its answer.

use crate::vendor::call;
use crate::vendor::code::Code;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `messageJson`. Flags are 0 and 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageJson<'a> {
    pub(super) notice_bar_info: NoticeBarInfo<'a>,
    pub(super) notice_expand_info: NoticeExpandInfo<'a>,
    pub(super) click_type_info: ClickTypeInfo<'a>,
    pub(super) push_time_info: PushTimeInfo,
    pub(super) advance_info: AdvanceInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra: Option<Extra<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoticeBarInfo<'a> {
    pub(super) notice_msg_type: u8,
    pub(super) notice_bar_type: u8,
    pub(super) title: Cow<'a, str>,
    pub(super) content: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoticeExpandInfo<'a> {
    /// 0 none, 1 text.
    pub(super) notice_expand_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notice_expand_content: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClickTypeInfo<'a> {
    /// 0 the app, 1 an Activity.
    pub(super) click_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activity: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parameters: BTreeMap<String, Parameter<'a>>,
}

/// A value of `parameters`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Parameter<'a> {
    /// From the caller's own data, as it came.
    Own(&'a RawValue),
    /// From the intent.
    Text(Cow<'a, str>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushTimeInfo {
    pub(super) off_line: u8,
    /// Hours.
    pub(super) valid_time: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdvanceInfo {
    pub(super) fix_display: u8,
    /// `yyyy-MM-dd HH:mm:ss`, Asia/Shanghai.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix_start_display_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix_end_display_time: Option<String>,
    pub(super) notification_type: NotificationType,
}

#[derive(Debug, Serialize)]
pub(super) struct NotificationType {
    pub(super) vibrate: u8,
    pub(super) lights: u8,
    pub(super) sound: u8,
}

#[derive(Debug, Serialize)]
pub(super) struct Extra<'a> {
    pub(super) callback: &'a str,
    #[serde(rename = "callback.param")]
    pub(super) param: &'a str,
    /// 1 delivered, 2 clicked, 3 both.
    #[serde(rename = "callback.type")]
    pub(super) kind: &'static str,
}

/// The answer. `code` stands in it as text.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    code: Code,
    message: Option<String>,
    /// Who failed: code → ids. An empty text when nobody did.
    #[serde(default)]
    pub(super) value: Value,
    #[serde(rename = "msgId")]
    msg_id: Option<String>,
}

impl call::Answer for Answer {
    const OK: Code = Code(200);

    fn code(&self) -> Code {
        self.code
    }

    fn words(&self) -> (&str, &str) {
        (self.message.as_deref().unwrap_or_default(), self.msg_id.as_deref().unwrap_or_default())
    }
}
