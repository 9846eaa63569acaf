//! What vivo reports. Its page on this is not public; the form is that of public SDKs, so nothing that looks different is
//! an error.

use crate::vendor::code::Code;
use crate::vendor::receipt::{Event, Report, each};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// `{"<taskId>":{"param","targets":"a,b","ackType","ackTime"}}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    param: String,
    targets: String,
    ack_type: Option<Code>,
}

/// What was read of the body of a receipt call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What was understood.
    pub reports: Vec<Report>,
    /// Some of it was not. Answer 200 all the same, log it once and count nothing for it.
    pub unknown: bool,
}

/// Reads the body of a receipt call.
pub fn read(body: &[u8]) -> Read {
    let Ok(entries) = serde_json::from_slice::<BTreeMap<String, Value>>(body) else {
        return Read { reports: Vec::new(), unknown: true };
    };
    let mut read = Read { reports: Vec::new(), unknown: false };
    for entry in entries.into_values() {
        match serde_json::from_value::<Entry>(entry) {
            // 0, or nothing: delivered.
            Ok(Entry { param, targets, ack_type: None | Some(Code(0)) }) => {
                read.reports.extend(each(&targets, &param, Event::Delivered));
            }
            Ok(_) | Err(_) => read.unknown = true,
        }
    }
    read
}
