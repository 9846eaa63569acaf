//! The access token: an assertion that we sign, exchanged for a token (RFC 7523).

use super::settings::{ASSERTION_LIFE, SCOPE};
use crate::http::HttpClient;
use crate::token::{FRESH, Fetch, FetchError, Fetched, TokenKey, Upstream};
use crate::vendor::jwt::{KeyError, Signer};
use crate::vendor::oauth;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::certificate::{FcmCertificate, ServiceAccount};
use model::clock::Clock;
use model::outcome::Outcome;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use url::form_urlencoded::Serializer;

/// The grant of RFC 7523.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an instance does not try again to sign with a key that does not sign.
const KEY_HOLD: Duration = Duration::from_secs(30);

/// Asks for tokens in the name of one service account.
#[derive(Clone)]
pub(super) struct TokenCall {
    key: TokenKey,
    account: ServiceAccount,
    http: HttpClient,
    token_url: Arc<str>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl TokenCall {
    pub(super) fn new(
        certificate: &FcmCertificate,
        http: HttpClient,
        token_url: Arc<str>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let key = TokenKey { upstream: Upstream::Fcm, account: certificate.id.clone() };
        Self { key, account: certificate.service_account.clone(), http, token_url, clock }
    }

    /// What the token is held under.
    pub(super) const fn key(&self) -> &TokenKey {
        &self.key
    }

    fn assertion(&self) -> Result<String, KeyError> {
        let iat = self.clock.now().seconds();
        let exp = iat.saturating_add(ASSERTION_LIFE.as_secs() as i64);
        let claims = Claims { iss: &self.account.client_email, scope: SCOPE, aud: &self.token_url, iat, exp };
        let signer = Signer::rs256(self.account.private_key.expose())?;
        signer.token(self.account.private_key_id.as_deref(), &claims)
    }

    async fn call(self) -> Result<Fetched, FetchError> {
        let assertion = self.assertion().map_err(|error| FetchError {
            outcome: Outcome::Config,
            code: None,
            reason: error.to_string(),
            hold: KEY_HOLD,
        })?;
        let fields = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let fetched = oauth::fetch(&self.http, &self.token_url, form).await?;
        Ok(Fetched { life: life(fetched.life), ..fetched })
    }
}

impl Fetch for TokenCall {
    fn fetch(&self, _force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        self.clone().call().boxed()
    }
}

/// The life that makes the holder replace a token at 80 % of its real one: it does so when [`FRESH`] is left.
fn life(real: Duration) -> Duration {
    real.min(real * 4 / 5 + FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_at_four_fifths_of_its_life() {
        assert_eq!(life(Duration::from_secs(3600)), Duration::from_secs(2880) + FRESH);
        assert_eq!(life(Duration::from_secs(60)), Duration::from_secs(60), "never believed beyond its end");
    }
}
