//! The token call, `POST /message/auth`.

use super::error::outcome_of;
use super::settings::{AUTH_PATH, TOKEN_USE};
use super::wire::{AuthAnswer, AuthRequest};
use crate::token::{Fetch, FetchError, Fetched, TokenKey, Upstream};
use crate::vendor::call::{CallError, read};
use crate::vendor::hex;
use crate::vendor::link::Link;
use futures::FutureExt;
use futures::future::BoxFuture;
use md5::{Digest, Md5};
use model::certificate::VivoCertificate;
use model::clock::{Clock, Timestamp};
use model::outcome::Outcome;
use model::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

/// The token call in the name of one certificate.
#[derive(Clone)]
pub(super) struct Auth {
    link: Link,
    clock: Arc<dyn Clock>,
    app_id: u64,
    app_key: String,
    app_secret: Secret<String>,
}

impl Auth {
    pub(super) fn new(link: Link, clock: Arc<dyn Clock>, certificate: &VivoCertificate) -> Self {
        let VivoCertificate { app_id, app_key, app_secret, .. } = certificate;
        Self { link, clock, app_id: *app_id, app_key: app_key.trim().to_owned(), app_secret: app_secret.clone() }
    }

    async fn call(self) -> Result<Fetched, FetchError> {
        let now = self.clock.now();
        let sign = sign(self.app_id, &self.app_key, now, &self.app_secret);
        let request = AuthRequest { app_id: self.app_id, app_key: &self.app_key, timestamp: now.millis(), sign };
        // Strings and numbers into a buffer: this cannot fail.
        let body = serde_json::to_vec(&request).unwrap_or_default();
        let answered = self.link.post_json(AUTH_PATH, None, body).await.map_err(CallError::from);
        let answer = answered.and_then(|response| read::<AuthAnswer>(&response));
        let answer = answer.map_err(|error| error.of_token_call(outcome_of))?;
        match answer.auth_token.filter(|token| !token.expose().is_empty()) {
            Some(value) => Ok(Fetched { value, life: TOKEN_USE }),
            None => Err(FetchError {
                outcome: Outcome::Retry { after: None, at_most: Some(3) },
                code: None,
                reason: "`authToken` is missing from the answer".to_owned(),
                hold: Duration::from_secs(1),
            }),
        }
    }
}

impl Fetch for Auth {
    /// vivo issues a new token whenever it is asked, and the old ones stay valid, so there is nothing to force.
    fn fetch(&self, _force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        self.clone().call().boxed()
    }
}

/// Lower-case hexadecimal MD5 of appId, appKey, milliseconds and appSecret in a row, without the blanks around each.
pub(super) fn sign(app_id: u64, app_key: &str, now: Timestamp, app_secret: &Secret<String>) -> String {
    // MD5 is vivo's choice.
    let text = format!("{app_id}{}{}{}", app_key.trim(), now.millis(), app_secret.expose().trim());
    hex(&Md5::digest(text.as_bytes()))
}

/// The key under which the token is held.
pub(super) fn token_key(certificate: &VivoCertificate) -> TokenKey {
    TokenKey { upstream: Upstream::Vivo, account: certificate.id.clone() }
}
