//! What vendors report a moment after a message: that it arrived, each in its own form and with its own proof.
//!
//! Apple and Google report nothing. Huawei signs what it sends to the address of its console; Meizu shows the token of its
//! console; Xiaomi, OPPO and vivo prove nothing and call the address that came with the message. A report that is not taken
//! is not repeated, as Xiaomi does not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::certificate::{Certificate, HuaweiReceiptKey};
use model::secret::Secret;
use provider::http::{HttpClient, HttpRequest, HttpSettings};
use ring::hmac;
use serde_json::{Value, json};
use standin::Accepted;

use super::Vendor;

/// How long after a message its vendor reports, unless a test says otherwise.
const DELAY: Duration = Duration::from_millis(300);
/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who reports, and how.
pub(super) struct Receipts {
    huawei_key: Option<HuaweiReceiptKey>,
    meizu_token: Option<Secret<String>>,
    settings: Mutex<Settings>,
}

struct Settings {
    huawei_url: Option<String>,
    delay: Option<Duration>,
    sent: u64,
}

/// Messages of one call that are reported together.
struct Report {
    vendor: Vendor,
    url: String,
    param: String,
    tokens: Vec<String>,
    number: u64,
}

impl Receipts {
    pub(super) fn new(certificates: &[Certificate]) -> Self {
        let (mut huawei_key, mut meizu_token) = (None, None);
        for certificate in certificates {
            match certificate {
                Certificate::Huawei(huawei) => huawei_key.clone_from(&huawei.receipt_key),
                Certificate::Meizu(meizu) => meizu_token.clone_from(&meizu.receipt_token),
                _ => {}
            }
        }
        let settings = Mutex::new(Settings { huawei_url: None, delay: Some(DELAY), sent: 0 });
        Self { huawei_key, meizu_token, settings }
    }

    pub(super) fn report_huawei_to(&self, url: String) {
        self.settings().huawei_url = Some(url);
    }

    #[cfg(test)]
    pub(super) fn huawei_reports_to(&self) -> Option<String> {
        self.settings().huawei_url.clone()
    }

    pub(super) fn report_after(&self, delay: Option<Duration>) {
        self.settings().delay = delay;
    }

    /// Reports what was accepted, later.
    pub(super) fn of(&self, vendor: Vendor, accepted: &[Accepted]) {
        let Some(delay) = self.settings().delay else { return };
        let mut grouped: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for one in accepted {
            if let Some(place) = self.place(vendor, &one.raw) {
                grouped.entry(place).or_default().push(one.token.clone());
            }
        }
        for ((url, param), tokens) in grouped {
            let number = {
                let mut settings = self.settings();
                settings.sent += 1;
                settings.sent
            };
            let report = Report { vendor, url, param, tokens, number };
            let request = self.request(&report);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                match client().send(request).await {
                    Ok(answer) => tracing::debug!(status = %answer.status, "a receipt was sent"),
                    // Its address is whose receipts are believed.
                    Err(error) => tracing::warn!(cause = error.cause(), "a receipt was not taken"),
                }
            });
        }
    }

    /// Where a message is reported to, and what is brought back.
    fn place(&self, vendor: Vendor, raw: &Value) -> Option<(String, String)> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        match vendor {
            Vendor::Apns | Vendor::ApnsDevelopment | Vendor::Fcm => None,
            Vendor::Huawei => {
                let url = self.settings().huawei_url.clone()?;
                Some((url, text(&raw["message"]["android"]["bi_tag"]).unwrap_or_default()))
            }
            Vendor::Xiaomi => text(&raw["extra.callback"]).zip(text(&raw["extra.callback.param"])),
            Vendor::Oppo | Vendor::OppoOverseas => {
                let notification = &raw["notification"];
                text(&notification["call_back_url"]).zip(text(&notification["call_back_parameter"]))
            }
            Vendor::Vivo | Vendor::Meizu => text(&raw["extra"]["callback"]).zip(text(&raw["extra"]["callback.param"])),
        }
    }

    fn request(&self, report: &Report) -> HttpRequest {
        let Report { vendor, url, param, tokens, number } = report;
        let json_type = HeaderValue::from_static("application/json");
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let form =
            |pairs: &[(&str, &str)]| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        match vendor {
            Vendor::Huawei => {
                let statuses: Vec<Value> = tokens
                    .iter()
                    .map(|token| json!({ "biTag": param, "appid": "", "token": token, "status": 0, "timestamp": now_ms as u64, "requestId": number.to_string() }))
                    .collect();
                let mut request =
                    HttpRequest::post(url.clone(), json_type, json!({ "statuses": statuses }).to_string());
                if let Some(signature) = self.huawei_key.as_ref().and_then(|key| signature(key, now_ms, *number)) {
                    request.headers.insert(HeaderName::from_static("x-huawei-callback-id"), signature);
                }
                request
            }
            Vendor::Xiaomi => {
                let entry = json!({ "param": param, "type": "1", "targets": tokens.join(","), "jobkey": "", "timestamp": now_ms.to_string() });
                let data = json!({ format!("scm{number}"): entry }).to_string();
                HttpRequest::post(url.clone(), form_type, form(&[("data", &data)]))
            }
            Vendor::Meizu => {
                let cb =
                    json!({ format!("NS{number}-1"): { "param": param, "type": 1, "targets": tokens } }).to_string();
                let token = self.meizu_token.as_ref().map_or("", |token| token.expose().as_str());
                HttpRequest::post(url.clone(), form_type, form(&[("cb", &cb), ("access_token", token)]))
            }
            Vendor::Oppo | Vendor::OppoOverseas => {
                let event = json!({ "messageId": number.to_string(), "appId": "", "taskId": number.to_string(), "registrationIds": tokens.join(","), "eventTime": now_ms.to_string(), "param": param, "eventType": "push_arrive" });
                HttpRequest::post(url.clone(), json_type, json!([event]).to_string())
            }
            Vendor::Vivo | Vendor::Apns | Vendor::ApnsDevelopment | Vendor::Fcm => {
                let entry = json!({ "param": param, "targets": tokens.join(","), "ackType": "0", "ackTime": now_ms.to_string() });
                HttpRequest::post(url.clone(), json_type, json!({ number.to_string(): entry }).to_string())
            }
        }
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `timestamp=…; nonce=…; value=…`, as Huawei signs.
fn signature(key: &HuaweiReceiptKey, now_ms: u128, number: u64) -> Option<HeaderValue> {
    let nonce = format!("a07bfa17-6d82-4b53-a9a2-{number:012x}");
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, key.key.expose().as_bytes());
    let value = STANDARD.encode(hmac::sign(&hmac_key, format!("{now_ms}{nonce}{}", key.user).as_bytes()));
    HeaderValue::try_from(format!("timestamp={now_ms}; nonce={nonce}; value={value}")).ok()
}

/// What calls the gateway.
fn client() -> &'static HttpClient {
    static CLIENT: OnceLock<HttpClient> = OnceLock::new();
    CLIENT.get_or_init(|| HttpClient::new(HttpSettings { total_timeout: PATIENCE, ..HttpSettings::default() }))
}
