//! Apple.

use super::Environment;
use crate::ids::AccountId;
use crate::secret::Secret;

/// What the APNs channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct ApnsCertificate {
    /// Names it among all certificates of all apps: tokens and connections are shared under it. Never Apple's ids alone,
    /// or whoever claims a foreign key id would send with the foreign token.
    pub id: AccountId,
    /// Bundle id of the app: the topic.
    pub bundle_id: String,
    /// Which of Apple's hosts.
    pub environment: Environment,
    /// How to prove who we are.
    pub key: ApnsKey,
}

/// How to prove to Apple who we are.
#[derive(Debug, Clone)]
pub enum ApnsKey {
    /// With a token that is signed by an authentication key.
    Token {
        /// Ten characters, as Apple's page of the key shows.
        key_id: String,
        /// Ten characters, as Apple's membership page shows.
        team_id: String,
        /// The `.p8` file: PEM of a PKCS#8 P-256 key.
        private_key: Secret<String>,
    },
    /// With a client certificate.
    Certificate {
        /// PEM of the certificate and the chain behind it.
        chain: String,
        /// PEM of its private key.
        private_key: Secret<String>,
    },
}

/// The parts do not make a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApnsKeyError {
    /// Only one of key id and team id is given.
    #[error("give both `key_id` and `team_id` for an authentication key, or neither for a certificate")]
    HalfAKey,
    /// There is neither an authentication key nor a certificate.
    #[error("give a certificate and its private key, or `key_id` and `team_id` with the .p8 key")]
    Nothing,
}

impl ApnsKey {
    /// Decides by what is there: key id and team id make a token, neither makes a certificate. Empty texts count as absent.
    pub fn of(
        key_id: Option<String>,
        team_id: Option<String>,
        chain: Option<String>,
        private_key: Secret<String>,
    ) -> Result<Self, ApnsKeyError> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        match (given(key_id), given(team_id), given(chain)) {
            (Some(key_id), Some(team_id), _) => Ok(Self::Token { key_id, team_id, private_key }),
            (None, None, Some(chain)) => Ok(Self::Certificate { chain, private_key }),
            (None, None, None) => Err(ApnsKeyError::Nothing),
            (Some(_), None, _) | (None, Some(_), _) => Err(ApnsKeyError::HalfAKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ids_make_a_token_and_neither_a_certificate() {
        let of = |key_id: &str, team_id: &str, chain: &str| {
            let text = |text: &str| Some(text.to_owned());
            ApnsKey::of(text(key_id), text(team_id), text(chain), Secret::new("pem".to_owned()))
        };
        assert!(matches!(of("ABCDE12345", "TEAM123456", ""), Ok(ApnsKey::Token { .. })));
        assert!(matches!(of("", " ", "pem"), Ok(ApnsKey::Certificate { .. })));
        assert!(matches!(of("ABCDE12345", "", "pem"), Err(ApnsKeyError::HalfAKey)));
        assert!(matches!(of("", "TEAM123456", ""), Err(ApnsKeyError::HalfAKey)));
        assert!(matches!(of("", "", ""), Err(ApnsKeyError::Nothing)));
    }
}
