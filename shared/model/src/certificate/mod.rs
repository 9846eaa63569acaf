//! Certificates: in whose name a vendor's push service is called.
//!
//! "Certificate" is the mobile family's word for whatever a vendor wants to see: a key, a secret, a service account. One
//! struct per vendor, with the defaults for fields that a call cannot name. Secrets come opened from their seal and cannot
//! be printed.

mod apns;
mod fcm;
pub mod form;
mod huawei;
mod meizu;
mod oppo;
mod provider;
mod scope;
mod vivo;
mod xiaomi;

pub use apns::{ApnsCertificate, ApnsKey, ApnsKeyError};
pub use fcm::{FcmCertificate, ServiceAccount};
pub use huawei::{HuaweiCertificate, HuaweiReceiptKey};
pub use meizu::MeizuCertificate;
pub use oppo::{OppoCategory, OppoCertificate};
pub use provider::Provider;
pub use scope::Scope;
pub use vivo::VivoCertificate;
pub use xiaomi::{XiaomiCertificate, XiaomiRegion};

use serde::{Deserialize, Serialize};

/// Which of a vendor's environments a certificate is for. Only Apple has two; the others' development certificates go to
/// the same hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// `environment` 0 of the call.
    Development,
    /// `environment` 1 of the call, and its default.
    #[default]
    Production,
}

impl Environment {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Development, Self::Production];

    /// From the number of the call; `None` for anything but 0 and 1.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Development),
            1 => Some(Self::Production),
            _ => None,
        }
    }

    /// From its word; `None` for a word that is none's.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|environment| environment.as_str() == word)
    }

    /// The word for it in keys and in the operator's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

/// A certificate of some vendor, opened.
#[derive(Debug, Clone)]
pub enum Certificate {
    /// Apple's.
    Apns(ApnsCertificate),
    /// Huawei's.
    Huawei(HuaweiCertificate),
    /// Xiaomi's.
    Xiaomi(XiaomiCertificate),
    /// Meizu's.
    Meizu(MeizuCertificate),
    /// vivo's.
    Vivo(VivoCertificate),
    /// OPPO's.
    Oppo(OppoCertificate),
    /// Google's.
    Fcm(FcmCertificate),
}

impl Certificate {
    /// Whose it is.
    pub const fn provider(&self) -> Provider {
        match self {
            Self::Apns(_) => Provider::Apns,
            Self::Huawei(_) => Provider::Huawei,
            Self::Xiaomi(_) => Provider::Xiaomi,
            Self::Meizu(_) => Provider::Meizu,
            Self::Vivo(_) => Provider::Vivo,
            Self::Oppo(_) => Provider::Oppo,
            Self::Fcm(_) => Provider::Fcm,
        }
    }
}
