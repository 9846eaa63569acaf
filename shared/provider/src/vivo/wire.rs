//! The requests as vivo names them, and its answers.

use crate::vendor::call;
use crate::vendor::code::Code;
use model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The token call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthRequest<'a> {
    pub(super) app_id: u64,
    pub(super) app_key: &'a str,
    /// ms.
    pub(super) timestamp: i64,
    pub(super) sign: String,
}

/// The notification, without `regId` and `requestId`, which differ from call to call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<'a> {
    pub(super) app_id: u64,
    /// 1 none, 4 ring and vibrate.
    pub(super) notify_type: u8,
    pub(super) title: Cow<'a, str>,
    pub(super) content: Cow<'a, str>,
    /// Seconds.
    pub(super) time_to_live: u64,
    /// 1 the app, 4 a page.
    pub(super) skip_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skip_content: Option<&'a str>,
    /// -1 any.
    pub(super) network_type: i8,
    /// 0 operation, 1 system.
    pub(super) classification: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) client_custom_map: &'a BTreeMap<String, String>,
    /// 0 formal, 1 test.
    pub(super) push_mode: u8,
    pub(super) foreground_show: bool,
    /// One more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) add_badge: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra: Option<Extra<'a>>,
}

/// Where the receipt goes: to an address, or to the one that is registered under an id.
#[derive(Debug, Serialize)]
pub(super) struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) callback: Option<&'a str>,
    #[serde(rename = "callback.id", skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(rename = "callback.param")]
    pub(super) param: &'a str,
}

/// `pushToList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushToList<'a> {
    pub(super) app_id: u64,
    pub(super) reg_ids: Vec<&'a str>,
    pub(super) task_id: &'a str,
    pub(super) request_id: String,
}

/// The answer to every call but the token's. Lists name the invalid in the plural, or do not: both are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    result: Code,
    desc: Option<String>,
    #[serde(default)]
    task_id: Value,
    #[serde(default)]
    invalid_user: Value,
    #[serde(default)]
    invalid_users: Value,
}

impl Answer {
    /// vivo's id of the task, given as a text or a number.
    pub(super) fn task_id(&self) -> Option<String> {
        match &self.task_id {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    /// Whom the answer calls invalid, and with which status.
    pub(super) fn invalid(&self) -> impl Iterator<Item = (&str, Code)> {
        [&self.invalid_user, &self.invalid_users].into_iter().flat_map(one_or_many).filter_map(|user| {
            let id = ["userid", "userId", "regId"].iter().find_map(|name| user.get(name)?.as_str());
            let status = user.get("status").and_then(|status| Code::deserialize(status).ok());
            Some((id.unwrap_or_default(), status?))
        })
    }
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(many) => many,
        Value::Object(_) => std::slice::from_ref(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    }
}

/// What became of tasks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatisticsAnswer {
    result: Code,
    desc: Option<String>,
    #[serde(default)]
    statistics: Option<Vec<Statistics>>,
}

/// What became of one task. `receive`: devices that it came to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    #[serde(default)]
    task_id: Value,
    #[serde(default)]
    receive: Value,
}

impl StatisticsAnswer {
    /// vivo's ids of the tasks that it says something of, and how many devices each came to.
    pub(super) fn received(&self) -> impl Iterator<Item = (u64, u64)> {
        self.statistics.iter().flatten().filter_map(|one| Some((number(&one.task_id)?, number(&one.receive)?)))
    }
}

/// A number, given as a text or a number.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The answer to the token call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthAnswer {
    result: Code,
    desc: Option<String>,
    pub(super) auth_token: Option<Secret<String>>,
}

impl call::Answer for Answer {
    const OK: Code = Code(0);

    fn code(&self) -> Code {
        self.result
    }

    fn words(&self) -> (&str, &str) {
        (self.desc.as_deref().unwrap_or_default(), "")
    }
}

impl call::Answer for StatisticsAnswer {
    const OK: Code = Code(0);

    fn code(&self) -> Code {
        self.result
    }

    fn words(&self) -> (&str, &str) {
        (self.desc.as_deref().unwrap_or_default(), "")
    }
}

impl call::Answer for AuthAnswer {
    const OK: Code = Code(0);

    fn code(&self) -> Code {
        self.result
    }

    fn words(&self) -> (&str, &str) {
        (self.desc.as_deref().unwrap_or_default(), "")
    }
}
