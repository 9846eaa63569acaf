//! The public halves of apps' keys, as Apple and Google know them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::certificate::{ApnsKey, ServiceAccount};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use standin::{apns, fcm};

/// A key that nobody has.
pub(super) fn nobody() -> apns::Key {
    apns::Key { key_id: String::new(), team_id: String::new(), public_key: Vec::new() }
}

/// An account that nobody has.
pub(super) const fn no_account() -> fcm::Account {
    fcm::Account { client_email: String::new(), public_key: Vec::new() }
}

/// The authentication key as Apple keeps it; `None` for a client certificate, which is shown in the handshake.
pub fn of_apple(key: &ApnsKey) -> Option<apns::Key> {
    let ApnsKey::Token { key_id, team_id, private_key } = key else { return None };
    let pair = pkcs8(private_key.expose())
        .and_then(|der| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new()).ok());
    let public_key = pair.map(|pair| pair.public_key().as_ref().to_vec()).unwrap_or_default();
    Some(apns::Key { key_id: key_id.clone(), team_id: team_id.clone(), public_key })
}

/// The service account as Google keeps it.
pub fn of_google(account: &ServiceAccount) -> fcm::Account {
    let pair = pkcs8(account.private_key.expose()).and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
    let public_key = pair.map(|pair| pair.public().as_ref().to_vec()).unwrap_or_default();
    fcm::Account { client_email: account.client_email.clone(), public_key }
}

/// The bytes of a PEM private key.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    STANDARD.decode(body).ok()
}
