//! What of a request the sandbox has to know before its stand-in looks at it: which call it is, and for which devices.

use axum::body::Bytes;
use axum::http::Request;
use serde_json::Value;

use super::Vendor;
use crate::sandbox::faults::FaultOperation;

/// The operation, as calls are counted, and what a fault calls it.
pub(super) fn operation(path: &str) -> (&'static str, FaultOperation) {
    match path {
        "/token" | "/oauth2/v3/token" | "/server/v1/auth" | "/message/auth" => ("token", FaultOperation::Token),
        // It hands over nothing yet: a fault is about the call that does.
        "/report/getStatistics" => ("getStatistics", FaultOperation::Token),
        "/message/saveListPayload" => ("saveListPayload", FaultOperation::Token),
        _ => ("send", FaultOperation::Send),
    }
}

/// The devices that a call names.
pub(super) fn devices(vendor: Vendor, request: &Request<Bytes>) -> Vec<String> {
    let json = || serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
    let field = |name: &str| standin::form(request).and_then(|mut form| form.remove(name)).unwrap_or_default();
    let listed = |list: String| list.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    let texts = |value: &Value| match value {
        Value::Array(ids) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(id) => vec![id.clone()],
        _ => Vec::new(),
    };
    match vendor {
        Vendor::Apns | Vendor::ApnsDevelopment => {
            request.uri().path().strip_prefix("/3/device/").map(str::to_owned).into_iter().collect()
        }
        Vendor::Fcm => texts(&json()["message"]["token"]),
        Vendor::Huawei => texts(&json()["message"]["token"]),
        Vendor::Xiaomi => listed(field("registration_id")),
        Vendor::Oppo | Vendor::OppoOverseas => {
            let messages: Value = serde_json::from_str(&field("messages")).unwrap_or_default();
            let messages = messages.as_array().into_iter().flatten();
            messages.flat_map(|message| texts(&message["target_value"])).collect()
        }
        Vendor::Vivo => {
            let body = json();
            if body["regIds"].is_array() { texts(&body["regIds"]) } else { texts(&body["regId"]) }
        }
        Vendor::Meizu => listed(field("pushIds")),
    }
}
