//! What Meizu reports: a form with `cb`, JSON by message id and kind, and `access_token`, the token set in its console.

use crate::vendor::code::Code;
use crate::vendor::receipt::{Event, ReceiptError, Report, each, form_field};
use model::secret::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// `{"<msgId>-<type>":{"param","type":1|2,"targets":["id"]}}`
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    param: Option<String>,
    #[serde(rename = "type")]
    kind: Code,
    #[serde(default)]
    targets: Vec<String>,
}

/// Reads the body of a receipt call. `expected` is the token that was set in Meizu's console, compared in a time that does
/// not tell how much of it is right.
pub fn read(body: &[u8], expected: &Secret<String>) -> Result<Vec<Report>, ReceiptError> {
    let token = form_field(body, "access_token").unwrap_or_default();
    if !bool::from(token.as_bytes().ct_eq(expected.expose().as_bytes())) || token.is_empty() {
        return Err(ReceiptError::Unauthorised);
    }
    let cb = form_field(body, "cb").ok_or(ReceiptError::Malformed("`cb` is missing"))?;
    let entries: BTreeMap<String, Entry> =
        serde_json::from_str(&cb).map_err(|_| ReceiptError::Malformed("`cb` is no map of entries"))?;
    let reports = entries.values().flat_map(|entry| {
        let event = match entry.kind.0 {
            1 => Event::Delivered,
            2 => Event::Clicked,
            _ => Event::Other,
        };
        let param = entry.param.as_deref().unwrap_or_default();
        entry.targets.iter().flat_map(move |targets| each(targets, param, event))
    });
    Ok(reports.collect())
}
