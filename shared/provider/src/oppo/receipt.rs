//! What OPPO reports: a JSON array, or a single element of it. It is not signed.

use crate::vendor::receipt::{Event, ReceiptError, Report, each};
use serde::Deserialize;

/// `[{messageId, appId, taskId, registrationIds:"a,b", eventTime, param, eventType}]`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    registration_ids: String,
    param: Option<String>,
    #[serde(default)]
    event_type: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entries {
    Many(Vec<Entry>),
    One(Entry),
}

/// Reads the body of a receipt call.
pub fn read(body: &[u8]) -> Result<Vec<Report>, ReceiptError> {
    let entries: Entries =
        serde_json::from_slice(body).map_err(|_| ReceiptError::Malformed("it is no array of entries"))?;
    let entries = match entries {
        Entries::Many(entries) => entries,
        Entries::One(entry) => vec![entry],
    };
    let reports = entries.iter().flat_map(|entry| {
        let event = match &*entry.event_type {
            "push_arrive" => Event::Delivered,
            "regid_invalid" => Event::Invalid,
            "user_daily_limit" => Event::OverQuota,
            _ => Event::Other,
        };
        each(&entry.registration_ids, entry.param.as_deref().unwrap_or_default(), event)
    });
    Ok(reports.collect())
}
