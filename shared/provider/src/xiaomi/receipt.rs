//! What Xiaomi reports: a form with `data`, JSON by message id. It is not signed and not repeated.

use crate::vendor::code::Code;
use crate::vendor::receipt::{Event, ReceiptError, Report, each, form_field};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `{"<msgId>":{"param","type","targets":"id1,id2","jobkey","timestamp","extra"}}`
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    param: Option<String>,
    #[serde(rename = "type")]
    kind: Code,
    #[serde(default)]
    targets: String,
}

/// Reads the body of a receipt call.
pub fn read(body: &[u8]) -> Result<Vec<Report>, ReceiptError> {
    let data = form_field(body, "data").ok_or(ReceiptError::Malformed("`data` is missing"))?;
    let entries: BTreeMap<String, Entry> =
        serde_json::from_str(&data).map_err(|_| ReceiptError::Malformed("`data` is no map of entries"))?;
    let reports = entries.values().flat_map(|entry| {
        let event = match entry.kind.0 {
            1 => Event::Delivered,
            2 => Event::Clicked,
            16 => Event::Invalid,
            32 => Event::Suppressed,
            128 => Event::OverQuota,
            _ => Event::Other,
        };
        each(&entry.targets, entry.param.as_deref().unwrap_or_default(), event)
    });
    Ok(reports.collect())
}
