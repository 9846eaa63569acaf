//! Receipts: what Huawei reports later (Push Kit, "Message receipt", read 2026-08).
//!
//! Unlike other vendors, Huawei signs them when a user name and a key were typed into its console.

use super::settings::{MAX_REPORTS, RECEIPT_WINDOW};
use crate::vendor::code::Code;
use crate::vendor::receipt::{Event, ReceiptError, Report};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::certificate::HuaweiReceiptKey;
use model::clock::Timestamp;
use model::ids::DeviceToken;
use ring::hmac;
use serde::Deserialize;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-huawei-callback-id";

/// What Huawei expects to be answered. The names of the fields are documented, their values are not.
pub const REPLY: &str = r#"{"errno":"0","errmsg":"success"}"#;

/// Reads the receipt in `body`. `signature` is the value of [`SIGNATURE_HEADER`]; it is looked at when there is a `key`,
/// and then it must be there, be right and be recent.
pub fn read(
    body: &[u8],
    signature: Option<&str>,
    key: Option<&HuaweiReceiptKey>,
    now: Timestamp,
) -> Result<Vec<Report>, ReceiptError> {
    if let Some(key) = key
        && !signature.is_some_and(|signature| is_signed(signature, key, now))
    {
        return Err(ReceiptError::Unauthorised);
    }
    let receipt: Receipt =
        serde_json::from_slice(body).map_err(|_| ReceiptError::Malformed("`statuses` is expected"))?;
    if receipt.statuses.len() > MAX_REPORTS {
        return Err(ReceiptError::Malformed("more than 1000 statuses"));
    }
    Ok(receipt.statuses.into_iter().map(Status::report).collect())
}

/// `timestamp=…; nonce=…; value=…`, where `value` signs the first two and the user name.
fn is_signed(signature: &str, key: &HuaweiReceiptKey, now: Timestamp) -> bool {
    let field = |name: &str| {
        let mut parts = signature.split(';').filter_map(|part| part.trim().split_once('='));
        parts.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    };
    let (Some(timestamp), Some(nonce), Some(value)) = (field("timestamp"), field("nonce"), field("value")) else {
        return false;
    };
    let (Ok(at), Ok(value)) = (timestamp.parse().map(Timestamp::from_millis), STANDARD.decode(value)) else {
        return false;
    };
    let recent = now.since(at).max(at.since(now)) <= RECEIPT_WINDOW;
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, key.key.expose().as_bytes());
    let signed = format!("{timestamp}{nonce}{}", key.user);
    recent && hmac::verify(&hmac_key, signed.as_bytes(), &value).is_ok()
}

#[derive(Deserialize)]
struct Receipt {
    statuses: Vec<Status>,
}

/// One device, in the form of version 1 or 2.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: DeviceToken,
    #[serde(default)]
    bi_tag: Option<String>,
    #[serde(default)]
    status: Option<Code>,
    #[serde(default)]
    delivery_status: Option<DeliveryStatus>,
}

#[derive(Deserialize)]
struct DeliveryStatus {
    result: Code,
}

impl Status {
    fn report(self) -> Report {
        let status = self.status.or(self.delivery_status.map(|delivery| delivery.result));
        let event = status.map_or(Event::Other, event_of);
        Report { token: self.token, param: self.bi_tag.unwrap_or_default(), event }
    }
}

/// What a status means. Huawei advises to forget devices at 2, 5, 6, 10 and 201; only at 2 and 5 is the token dead.
fn event_of(status: Code) -> Event {
    match status.0 {
        0 => Event::Delivered,
        // Uninstalled; unknown on the device.
        2 | 5 => Event::Invalid,
        // Notifications are off; the app has not been used for a month.
        6 | 10 => Event::Suppressed,
        102 => Event::OverQuota,
        // Replaced, cached, unsupported, locked, held back: it was not received, and nothing follows from it.
        _ => Event::Other,
    }
}
