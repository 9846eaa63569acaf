//! Ordered error codes in the vendors' own shapes.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Vendor, reply};
use crate::sandbox::reply::Reply;

/// What a vendor answers a whole call with this code. Apple's and Google's codes are HTTP statuses.
pub(super) fn of_call(vendor: Vendor, code: i64) -> Reply {
    let ok = |body: &Value| reply(standin::json(StatusCode::OK, body));
    match vendor {
        Vendor::Apns | Vendor::ApnsDevelopment => reply(*standin::apns::refusal(apple(code))),
        Vendor::Fcm => reply(*standin::fcm::device_refusal(google(code))),
        Vendor::Huawei => reply(standin::huawei::answer(StatusCode::OK, code, "ordered")),
        Vendor::Xiaomi => ok(&json!({
            "result": "error", "code": code, "trace_id": "Xcm47", "reason": "ordered", "description": "ordered", "info": "",
        })),
        Vendor::Oppo | Vendor::OppoOverseas => ok(&json!({ "code": code, "message": "ordered" })),
        Vendor::Vivo => ok(&json!({ "result": code, "desc": "ordered" })),
        Vendor::Meizu => {
            ok(&json!({ "code": code.to_string(), "message": "ordered", "value": "", "redirect": "", "msgId": "" }))
        }
    }
}

/// The code of a single device in the words of the stand-in.
pub(super) fn of_device(vendor: Vendor, code: i64) -> String {
    match vendor {
        Vendor::Apns | Vendor::ApnsDevelopment => apple(code).to_owned(),
        Vendor::Fcm => google(code).to_owned(),
        Vendor::Xiaomi => "bad_regids".to_owned(),
        Vendor::Huawei | Vendor::Oppo | Vendor::OppoOverseas | Vendor::Vivo | Vendor::Meizu => code.to_string(),
    }
}

/// The code by which a vendor calls a device gone for good.
pub(super) const fn gone(vendor: Vendor) -> i64 {
    match vendor {
        Vendor::Apns | Vendor::ApnsDevelopment => 410,
        Vendor::Fcm => 404,
        // Any code makes a dead token there.
        Vendor::Huawei | Vendor::Xiaomi => 1,
        Vendor::Oppo | Vendor::OppoOverseas => 10_000,
        Vendor::Vivo => 2,
        Vendor::Meizu => 110_002,
    }
}

/// Apple's reason at a status.
const fn apple(status: i64) -> &'static str {
    match status {
        403 => "ExpiredProviderToken",
        410 => "Unregistered",
        413 => "PayloadTooLarge",
        429 => "TooManyRequests",
        500 => "InternalServerError",
        503 => "ServiceUnavailable",
        _ => "BadDeviceToken",
    }
}

/// Google's code at a status.
const fn google(status: i64) -> &'static str {
    match status {
        403 => "SENDER_ID_MISMATCH",
        404 => "UNREGISTERED",
        429 => "QUOTA_EXCEEDED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}
