//! The token that proves who we are: signed here, and shared by all instances as if Apple had issued it.

use super::settings::{TOKEN_AGE, TOKEN_AGE_SPREAD};
use crate::token::{FRESH, Fetch, FetchError, Fetched, TokenKey, Upstream};
use crate::vendor::jwt::{KeyError, Signer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::certificate::{ApnsCertificate, ApnsKey};
use model::clock::{Clock, Timestamp};
use model::ids::AccountId;
use model::outcome::Outcome;
use model::secret::Secret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long an instance does not try again to sign with a key that does not sign.
const KEY_HOLD: Duration = Duration::from_secs(30);

/// Signs tokens with one key.
#[derive(Clone)]
pub(super) struct Mint {
    key: TokenKey,
    key_id: String,
    team_id: String,
    private_key: Secret<String>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

impl Mint {
    /// The mint of a certificate; `None` for one that needs no token.
    pub(super) fn of(certificate: &ApnsCertificate, clock: Arc<dyn Clock>) -> Option<Self> {
        let ApnsKey::Token { key_id, team_id, private_key } = &certificate.key else { return None };
        // A certificate whose key is replaced must not go on with tokens of the old one.
        let account = AccountId::new(format!("{}/{key_id}", certificate.id));
        Some(Self {
            key: TokenKey { upstream: Upstream::Apns, account },
            key_id: key_id.clone(),
            team_id: team_id.clone(),
            private_key: private_key.clone(),
            clock,
        })
    }

    /// What the token is held under.
    pub(super) const fn key(&self) -> &TokenKey {
        &self.key
    }

    fn sign(&self) -> Result<String, KeyError> {
        let claims = Claims { iss: &self.team_id, iat: self.clock.now().seconds() };
        Signer::es256(self.private_key.expose())?.token(Some(&self.key_id), &claims)
    }
}

impl Fetch for Mint {
    fn fetch(&self, _force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        let mint = self.clone();
        async move {
            let value = mint.sign().map_err(|error| FetchError {
                outcome: Outcome::Config,
                code: None,
                reason: error.to_string(),
                hold: KEY_HOLD,
            })?;
            Ok(Fetched { value: Secret::new(value), life: life(rand::random()) })
        }
        .boxed()
    }
}

/// The life that makes the holder replace a token at [`TOKEN_AGE`], give or take: it does so when [`FRESH`] is left.
fn life(jitter: f64) -> Duration {
    TOKEN_AGE + FRESH + (2 * TOKEN_AGE_SPREAD).mul_f64(jitter) - TOKEN_AGE_SPREAD
}

/// When a token of ours was signed; `None` if it cannot be read.
pub(super) fn issued_at(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims<'_>>(&claims).ok().map(|claims| Timestamp::from_seconds(claims.iat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_between_43_and_47_minutes() {
        let age = |jitter| (life(jitter) - FRESH).as_secs();
        assert_eq!((age(0.0), age(0.5), age(1.0)), (43 * 60, 45 * 60, 47 * 60));
        // Whoever holds on to it until the end still has ten minutes to spare with Apple.
        assert!(life(1.0) < Duration::from_secs(3600 - 300));
    }
}
