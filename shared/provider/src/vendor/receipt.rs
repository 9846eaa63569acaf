//! Receipts: what a vendor reports later about a notification that it accepted.
//!
//! Most vendors sign nothing (Huawei does, see [`crate::huawei`]). So a receipt is believed for two reasons: it came to
//! an address with a secret in its path (checked before these functions are called), and it brings back a parameter
//! that only we can have made ([`ReceiptSigner`]), which names the batch. Reading one is a pure function in the
//! vendor's folder.

use super::hex;
use model::batch::BatchId;
use model::channel::ChannelKind;
use model::ids::{DeviceToken, MobileAppId};
use model::secret::Secret;
use ring::hmac;
use subtle::ConstantTimeEq;

/// What became of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It arrived on the device.
    Delivered,
    /// Its user tapped it.
    Clicked,
    /// The token is dead: forget it.
    Invalid,
    /// The device or its user does not show it; the token lives.
    Suppressed,
    /// The app's or the device's quota was gone.
    OverQuota,
    /// The vendor names something that we do not know, or that means nothing for us. Count nothing.
    Other,
}

impl Event {
    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Clicked => "clicked",
            Self::Invalid => "invalid",
            Self::Suppressed => "suppressed",
            Self::OverQuota => "over_quota",
            Self::Other => "other",
        }
    }
}

/// One delivery in a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The device.
    pub token: DeviceToken,
    /// What we gave the vendor to bring back, unchecked; empty when it brought nothing.
    pub param: String,
    /// What happened.
    pub event: Event,
}

/// Why the body of a receipt call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It does not prove that it is the vendor's. Answer 401 and count nothing.
    #[error("the receipt does not carry the token or signature that is set up in the vendor's console")]
    Unauthorised,
    /// It is not of the vendor's form.
    #[error("the receipt is not of the vendor's form: {0}")]
    Malformed(&'static str),
}

/// Makes and checks the parameter that a vendor brings back with a receipt: the batch, a dot, and the first 16 hexadecimal
/// digits of HMAC-SHA256(secret, `app|batch|channel`), for example `42.d.0.36fee4f994f8ce4d`. At most 64 characters, which
/// is the shortest limit of any vendor today.
#[derive(Clone)]
pub struct ReceiptSigner(hmac::Key);

/// Longest address that Xiaomi, Meizu and vivo report to, in bytes.
pub const MAX_URL_BYTES: usize = 128;

/// Longest parameter that we make, in bytes.
const MAX_PARAM_BYTES: usize = 64;

/// Tokens of one entry that are read. No vendor takes more of them in one call, so none has more to report of it.
const MAX_TOKENS: usize = 1000;

/// Hexadecimal digits of the signature: 64 bits, for a check that can only be tried online.
const SIGNATURE_DIGITS: usize = 16;

impl ReceiptSigner {
    /// A signer with the app's receipt secret.
    pub fn new(secret: &Secret<String>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The parameter for a batch of `app` on `channel`.
    pub fn param(&self, app: &MobileAppId, batch: BatchId, channel: ChannelKind) -> String {
        let tag = hmac::sign(&self.0, format!("{app}|{batch}|{channel}").as_bytes());
        let mut param = format!("{batch}.{}", hex(tag.as_ref()));
        param.truncate(param.len() - 2 * tag.as_ref().len() + SIGNATURE_DIGITS);
        param
    }

    /// The batch that `param` names, if it was made for `app` and `channel`. It takes a time that does not tell how much
    /// of it is right.
    pub fn batch(&self, app: &MobileAppId, channel: ChannelKind, param: &str) -> Option<BatchId> {
        let (batch, _) = param.rsplit_once('.')?;
        let batch = BatchId::parse(batch)?;
        let made = self.param(app, batch, channel);
        bool::from(made.as_bytes().ct_eq(param.as_bytes())).then_some(batch)
    }
}

impl std::fmt::Debug for ReceiptSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptSigner")
    }
}

/// One receipt per token of a comma list, at most [`MAX_TOKENS`]. A parameter that is longer than any of ours is none of
/// them: every report has its own copy, so a long one is not kept.
pub(crate) fn each<'a>(targets: &'a str, param: &'a str, event: Event) -> impl Iterator<Item = Report> + use<'a> {
    let param = if param.len() > MAX_PARAM_BYTES { "" } else { param };
    let tokens = targets.split(',').map(str::trim).filter(|token| !token.is_empty()).take(MAX_TOKENS);
    tokens.map(move |token| Report { token: DeviceToken::new(token), param: param.to_owned(), event })
}

/// The value of a field of a form body; `None` when it is not there.
pub(crate) fn form_field(body: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
