//! The message as Google names it, and what of its answer is used.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `message` of `POST /v1/projects/{project}/messages:send`, without `token`.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification: Option<Notification<'a>>,
    pub(super) data: BTreeMap<String, String>,
    pub(super) android: Android<'a>,
    pub(super) fcm_options: FcmOptions<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Notification<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Android<'a> {
    pub(super) priority: &'static str,
    pub(super) ttl: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification: Option<AndroidNotification<'a>>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct AndroidNotification<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sound: Option<&'a str>,
    /// The action of an intent filter, not an intent URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) click_action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification_priority: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct FcmOptions<'a> {
    pub(super) analytics_label: &'a str,
}

/// An answer other than 2xx.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) error: Error,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Error {
    pub(super) message: String,
    pub(super) details: Vec<Detail>,
}

/// One of several kinds, told apart by which fields they have: `google.firebase.fcm.v1.FcmError` has a code,
/// `google.rpc.BadRequest` has violations.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Detail {
    pub(super) error_code: String,
    pub(super) field_violations: Vec<Violation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Violation {
    pub(super) field: String,
}
