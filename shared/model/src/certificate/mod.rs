//! Certificates: in whose name a vendor's push service is called.
//!
//! "Certificate" is the mobile family's word for whatever a vendor wants to see: a key, a secret, a service account. One
//! struct per vendor, with the defaults for fields that a call cannot name. Secrets come opened from their seal and cannot
//! be printed.

mod apns;
mod fcm;
mod huawei;
mod meizu;
mod oppo;
mod vivo;
mod xiaomi;

pub use apns::{ApnsCertificate, ApnsKey, ApnsKeyError};
pub use fcm::{FcmCertificate, ServiceAccount};
pub use huawei::{HuaweiCertificate, HuaweiReceiptKey};
pub use meizu::MeizuCertificate;
pub use oppo::{OppoCategory, OppoCertificate};
pub use vivo::VivoCertificate;
pub use xiaomi::{XiaomiCertificate, XiaomiRegion};

use serde::{Deserialize, Serialize};

/// Which of a vendor's environments a certificate is for. Only Apple has two; the others' development certificates go to
/// the same hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// `environment` 0 of the call.
    Development,
    /// `environment` 1 of the call, and its default.
    #[default]
    Production,
}
