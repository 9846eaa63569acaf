//! Whether a certificate can be used at all, before anything is sent with it.

use crate::http::Identity;
use crate::vendor::jwt::Signer;
use model::certificate::{ApnsKey, Certificate};

/// Tries the keys of a certificate. What a vendor would say of it only a push shows.
///
/// # Errors
/// The field that holds a key that does not sign, and why. The text quotes nothing of it.
pub fn check(certificate: &Certificate) -> Result<(), (&'static str, String)> {
    match certificate {
        Certificate::Apns(apns) => match &apns.key {
            ApnsKey::Token { private_key, .. } => {
                Signer::es256(private_key.expose()).map(drop).map_err(|error| ("private_key", error.to_string()))
            }
            ApnsKey::Certificate { chain, private_key } => {
                let identity = Identity { chain: chain.clone(), private_key: private_key.clone() };
                identity
                    .check()
                    .map_err(|error| ("certificate", format!("and `private_key` make no client certificate: {error}")))
            }
        },
        Certificate::Fcm(fcm) => Signer::rs256(fcm.service_account.private_key.expose())
            .map(drop)
            .map_err(|error| ("service_account", format!("cannot sign: {error}"))),
        Certificate::Huawei(_)
        | Certificate::Xiaomi(_)
        | Certificate::Meizu(_)
        | Certificate::Vivo(_)
        | Certificate::Oppo(_) => Ok(()),
    }
}
