//! Google.

use crate::ids::AccountId;
use crate::secret::Secret;
use serde::Deserialize;

/// What the FCM channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct FcmCertificate {
    /// Names it among all certificates of all apps: tokens are shared under it. Never Google's ids alone.
    pub id: AccountId,
    /// The service account, as Google's console exports it.
    pub service_account: ServiceAccount,
}

/// The fields of a service account's JSON file that are needed. Names are Google's.
///
/// `token_uri` of the file is not among them: it would let whoever uploads a certificate choose what we call. The channel
/// has the address in its settings.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceAccount {
    /// The Firebase project.
    pub project_id: String,
    /// Who signs.
    pub client_email: String,
    /// PEM of an RSA key.
    pub private_key: Secret<String>,
    /// Which of the account's keys it is.
    #[serde(default)]
    pub private_key_id: Option<String>,
}
