//! The stand-ins of phone vendors: Apple, Google, Huawei, Xiaomi, OPPO, vivo and Meizu, each for one app.
//!
//! Each is found under its channel's name, `http://<sandbox>/huawei/…`. Apple's (`/apns`, `/apns-development`) and Google's
//! are meant to be called over TLS with HTTP/2, as theirs are; the process has an address of its own for that, with a
//! certificate that it makes at its start. What they check and answer is on the pages of the crate `standin`.
//!
//! What they accept is in the inbox under the channel's name, with the device's token as `recipient` and what the vendor was
//! given as `raw`. Those that report later ([`receipts`]) do so a moment after. Huawei reports to the address that its console
//! was given: `PUT /sandbox/huawei/callback` with `{"url"}`; 400 and `{"error"}` for what is no http or https URL.
//!
//! **Faults.** An order without a `recipient` is about a whole call: `errcode` is the vendor's code for the call (for Apple
//! and Google the HTTP status that belongs to it). One with a `recipient` and an `errcode` is about that device among others
//! of the call: the vendor's own code for a device (OPPO 10000, vivo 1, 2 or 4, Meizu 110002; for Apple and Google 410, 404
//! and so on; for Huawei and Xiaomi any code makes the token a dead one). It counts as one call less to go, however few
//! devices the call has; other orders for a device are for calls that name it alone, once its codes are used up.

mod codes;
pub mod keys;
mod receipts;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, put};
use axum::{Json, Router};
use model::certificate::Certificate;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use standin::apns::Apns;
use standin::fcm::Fcm;
use standin::huawei::Huawei;
use standin::meizu::Meizu;
use standin::oppo::Oppo;
use standin::vivo::Vivo;
use standin::xiaomi::Xiaomi;
use standin::{Accepted, Desk};
use url::Url;

use self::receipts::Receipts;
use super::controls::refused;
use super::faults::FaultOperation;
use super::inbox::Entry;
use super::reply::{Arrival, Reply};
use super::{Sandbox, Wire};

/// The channels of phone vendors, as the inbox, the counted calls and faults name them.
pub(super) const CHANNELS: &[&str] = &["apns", "fcm", "huawei", "xiaomi", "oppo", "vivo", "meizu"];

/// The largest body of a call.
const MAX_BODY_BYTES: usize = 8 << 20;

/// One vendor's address in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Apns,
    ApnsDevelopment,
    Fcm,
    Huawei,
    Xiaomi,
    Oppo,
    OppoOverseas,
    Vivo,
    Meizu,
}

impl Vendor {
    const ALL: [Self; 9] = [
        Self::Apns,
        Self::ApnsDevelopment,
        Self::Fcm,
        Self::Huawei,
        Self::Xiaomi,
        Self::Oppo,
        Self::OppoOverseas,
        Self::Vivo,
        Self::Meizu,
    ];

    /// The first segment of its paths.
    const fn path(self) -> &'static str {
        match self {
            Self::ApnsDevelopment => "apns-development",
            Self::OppoOverseas => "oppo-overseas",
            other => other.channel(),
        }
    }

    const fn channel(self) -> &'static str {
        match self {
            Self::Apns | Self::ApnsDevelopment => "apns",
            Self::Fcm => "fcm",
            Self::Huawei => "huawei",
            Self::Xiaomi => "xiaomi",
            Self::Oppo | Self::OppoOverseas => "oppo",
            Self::Vivo => "vivo",
            Self::Meizu => "meizu",
        }
    }

    const fn channels(self) -> &'static [&'static str] {
        match self {
            Self::Apns | Self::ApnsDevelopment => &["apns"],
            Self::Fcm => &["fcm"],
            Self::Huawei => &["huawei"],
            Self::Xiaomi => &["xiaomi"],
            Self::Oppo | Self::OppoOverseas => &["oppo"],
            Self::Vivo => &["vivo"],
            Self::Meizu => &["meizu"],
        }
    }
}

/// The stand-ins.
pub(super) struct Phones {
    apns: Apns,
    apns_development: Apns,
    fcm: Fcm,
    huawei: Huawei,
    xiaomi: Xiaomi,
    oppo: Oppo,
    oppo_overseas: Oppo,
    vivo: Vivo,
    meizu: Meizu,
    receipts: Receipts,
}

impl Phones {
    /// The stand-ins for the apps of these certificates, the last of each vendor. A vendor that none is for knows nobody.
    pub(super) fn new(certificates: &[Certificate]) -> Self {
        let mut phones = Self {
            apns: Apns::new("", Some(keys::nobody())),
            apns_development: Apns::new("", Some(keys::nobody())),
            fcm: Fcm::new("", keys::no_account()),
            huawei: Huawei::new("", ""),
            xiaomi: Xiaomi::new("", ""),
            oppo: Oppo::new("", "", false),
            oppo_overseas: Oppo::new("", "", true),
            vivo: Vivo::new(0, "", ""),
            meizu: Meizu::new("", ""),
            receipts: Receipts::new(certificates),
        };
        for certificate in certificates {
            match certificate {
                Certificate::Apns(apns) => {
                    let stand_in = || Apns::new(&apns.bundle_id, keys::of_apple(&apns.key));
                    (phones.apns, phones.apns_development) = (stand_in(), stand_in());
                }
                Certificate::Fcm(fcm) => {
                    let account = keys::of_google(&fcm.service_account);
                    phones.fcm = Fcm::new(&fcm.service_account.project_id, account);
                }
                Certificate::Huawei(huawei) => {
                    phones.huawei = Huawei::new(&huawei.app_id, huawei.app_secret.expose());
                }
                Certificate::Xiaomi(xiaomi) => {
                    phones.xiaomi = Xiaomi::new(xiaomi.app_secret.expose(), &xiaomi.package);
                }
                Certificate::Oppo(oppo) => {
                    let stand_in = |overseas| Oppo::new(&oppo.app_key, oppo.master_secret.expose(), overseas);
                    (phones.oppo, phones.oppo_overseas) = (stand_in(false), stand_in(true));
                }
                Certificate::Vivo(vivo) => {
                    phones.vivo = Vivo::new(vivo.app_id, &vivo.app_key, vivo.app_secret.expose());
                }
                Certificate::Meizu(meizu) => {
                    phones.meizu = Meizu::new(&meizu.app_id, meizu.app_secret.expose());
                }
            }
        }
        phones
    }

    const fn desk(&self, vendor: Vendor) -> &Desk {
        match vendor {
            Vendor::Apns => &self.apns.desk,
            Vendor::ApnsDevelopment => &self.apns_development.desk,
            Vendor::Fcm => &self.fcm.desk,
            Vendor::Huawei => &self.huawei.desk,
            Vendor::Xiaomi => &self.xiaomi.desk,
            Vendor::Oppo => &self.oppo.desk,
            Vendor::OppoOverseas => &self.oppo_overseas.desk,
            Vendor::Vivo => &self.vivo.desk,
            Vendor::Meizu => &self.meizu.desk,
        }
    }

    fn answer(&self, vendor: Vendor, request: &axum::http::Request<Bytes>, now_ms: i64) -> axum::http::Response<Bytes> {
        match vendor {
            Vendor::Apns => self.apns.answer(request, now_ms),
            Vendor::ApnsDevelopment => self.apns_development.answer(request, now_ms),
            Vendor::Fcm => self.fcm.answer(request, now_ms),
            Vendor::Huawei => self.huawei.answer(request, now_ms),
            Vendor::Xiaomi => self.xiaomi.answer(request, now_ms),
            Vendor::Oppo => self.oppo.answer(request, now_ms),
            Vendor::OppoOverseas => self.oppo_overseas.answer(request, now_ms),
            Vendor::Vivo => self.vivo.answer(request, now_ms),
            Vendor::Meizu => self.meizu.answer(request, now_ms),
        }
    }
}

impl Sandbox {
    /// Where Huawei reports, as its console would say: the others are told with every message.
    pub fn report_huawei_to(&self, url: String) {
        self.phones.receipts.report_huawei_to(url);
    }

    /// Where Huawei reports.
    #[cfg(test)]
    pub(super) fn huawei_reports_to(&self) -> Option<String> {
        self.phones.receipts.huawei_reports_to()
    }

    /// From now on the vendor of `channel` answers for this device as for one that is gone: an app that was removed. For
    /// thousands of devices, where orders of faults would be looked through with every call.
    pub fn remove_app_from(&self, channel: &str, device: &str) {
        for vendor in Vendor::ALL.into_iter().filter(|vendor| vendor.channel() == channel) {
            self.phones.desk(vendor).set_device(device, &codes::of_device(vendor, codes::gone(vendor)));
        }
    }

    /// How long after a message its vendor reports that it arrived; `None` does not report any more.
    pub fn report_after(&self, delay: Option<Duration>) {
        self.phones.receipts.report_after(delay);
    }
}

/// The paths of all vendors, and Huawei's console. Any method is routed: vendors answer a wrong one themselves.
pub(super) fn routes() -> Router<Arc<Sandbox>> {
    let console = Router::new().route("/sandbox/huawei/callback", put(configure));
    Vendor::ALL.into_iter().fold(console, |router, vendor| {
        let handler = move |State(sandbox): State<Arc<Sandbox>>, request: Request| call(sandbox, vendor, request);
        router.route(&format!("/{}/{{*path}}", vendor.path()), any(handler))
    })
}

/// What Huawei's console knows of the gateway.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Console {
    url: String,
}

/// `PUT /sandbox/huawei/callback`
async fn configure(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    let Console { url } = match serde_json::from_slice(&body) {
        Ok(console) => console,
        Err(error) => return refused(&error.to_string()),
    };
    if !Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return refused("`url` must be an http or https URL");
    }
    sandbox.report_huawei_to(url);
    Json(json!({ "ok": true })).into_response()
}

async fn call(sandbox: Arc<Sandbox>, vendor: Vendor, request: Request) -> Response {
    let wire = request.extensions().get::<Wire>().cloned();
    let Ok(request) = received(vendor, request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (operation, kind) = requests::operation(request.uri().path());
    let devices = requests::devices(vendor, &request);
    if let Some(wire) = wire {
        sandbox.faults.disturb(vendor.channel(), kind, &devices, &wire);
    }
    let ordered = sandbox.faults.take_of_devices(vendor.channel(), kind, &devices);
    // An order that is carried out as the device's own is not one about the call as well: it would count twice.
    let single = if let ([device], []) = (&*devices, &*ordered) { Some(device.as_str()) } else { None };
    let arrival = Arrival {
        service: vendor.channel(),
        operation,
        channels: vendor.channels(),
        kind,
        recipient: single,
        request_bytes: request.body().len(),
    };
    let coded = |code| codes::of_call(vendor, code);
    let handle = || {
        let desk = sandbox.phones.desk(vendor);
        for (device, code) in &ordered {
            desk.set_device(device, &codes::of_device(vendor, *code));
        }
        let answer = sandbox.phones.answer(vendor, &request, sandbox.clock.now_ms());
        for (device, _) in &ordered {
            desk.clear_device(device);
        }
        // Only by who keeps them: a call at the same moment may have had them accepted.
        if kind == FaultOperation::Send {
            let accepted = desk.take_accepted();
            sandbox.keep(vendor, &accepted);
            sandbox.phones.receipts.of(vendor, &accepted);
        }
        reply(answer)
    };
    sandbox.answer(arrival, coded, handle).await
}

/// The request as the vendor's own host would see it.
async fn received(vendor: Vendor, request: Request) -> Result<axum::http::Request<Bytes>, axum::Error> {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await?;
    let prefix = format!("/{}", vendor.path());
    let host = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if let Ok(uri) = path.strip_prefix(&prefix).unwrap_or(path).parse::<Uri>() {
        parts.uri = uri;
    }
    // Google signs its own address: here it includes the prefix.
    if let Ok(host) = HeaderValue::try_from(format!("{}{prefix}", host.unwrap_or_default())) {
        parts.headers.insert(header::HOST, host);
    }
    Ok(axum::http::Request::from_parts(parts, body))
}

impl Sandbox {
    /// Puts what a vendor accepted into the inbox.
    fn keep(&self, vendor: Vendor, accepted: &[Accepted]) {
        for one in accepted {
            let kept = RawValue::from_string(one.raw.to_string()).map_err(std::io::Error::other).and_then(|raw| {
                self.inbox.append(Entry {
                    at_ms: self.clock.now_ms(),
                    channel: vendor.channel(),
                    account: vendor.path(),
                    recipient: &one.token,
                    title: &one.title,
                    body: &one.body,
                    raw: &raw,
                })
            });
            if let Err(error) = kept {
                tracing::error!(%error, "the sandbox inbox cannot be written");
            }
        }
    }
}

fn reply(answer: axum::http::Response<Bytes>) -> Reply {
    let seconds = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Reply {
        status: answer.status(),
        content_type: "application/json; charset=UTF-8",
        retry_after: seconds.and_then(|seconds| seconds.parse().ok()),
        body: String::from_utf8_lossy(answer.body()).into_owned(),
    }
}
