//! The token call, `POST /server/v1/auth`.

use super::error::outcome_of;
use super::settings::{AUTH_PATH, TOKEN_LIFE, TOKEN_USE};
use super::wire::AuthAnswer;
use crate::token::{Fetch, FetchError, Fetched, TokenKey, Upstream};
use crate::vendor::call::{CallError, read};
use crate::vendor::form::push_pair;
use crate::vendor::hex;
use crate::vendor::link::Link;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::certificate::OppoCertificate;
use model::clock::{Clock, Timestamp};
use model::ids::AccountId;
use model::outcome::Outcome;
use model::secret::Secret;
use ring::digest::{SHA256, digest};
use std::sync::Arc;
use std::time::Duration;

/// The least that is made of a token's life, so that one that is about to end is not asked for at every call.
const SHORTEST_USE: Duration = Duration::from_secs(60);

/// The token call in the name of one certificate.
#[derive(Clone)]
pub(super) struct Auth {
    pub(super) link: Link,
    pub(super) clock: Arc<dyn Clock>,
    app_key: String,
    master_secret: Secret<String>,
}

impl Auth {
    pub(super) fn new(link: Link, clock: Arc<dyn Clock>, certificate: &OppoCertificate) -> Self {
        let OppoCertificate { app_key, master_secret, .. } = certificate;
        Self { link, clock, app_key: app_key.clone(), master_secret: master_secret.clone() }
    }

    async fn call(self) -> Result<Fetched, FetchError> {
        let now = self.clock.now();
        let mut form = String::new();
        push_pair(&mut form, "app_key", &self.app_key);
        push_pair(&mut form, "timestamp", &now.millis().to_string());
        push_pair(&mut form, "sign", &sign(&self.app_key, now, &self.master_secret));
        let answered = self.link.post_form(AUTH_PATH, None, form).await.map_err(CallError::from);
        let answer = answered.and_then(|response| read::<AuthAnswer>(&response));
        let answer = answer.map_err(|error| error.of_token_call(outcome_of))?;
        let Some(data) = answer.data.filter(|data| !data.auth_token.expose().is_empty()) else {
            let outcome = Outcome::Retry { after: None, at_most: Some(3) };
            let reason = "`auth_token` is missing from the answer".to_owned();
            return Err(FetchError { outcome, code: None, reason, hold: Duration::from_secs(1) });
        };
        let end = data.create_time.map(|created| Timestamp::from_millis(created.0).plus(TOKEN_LIFE));
        let life = end.map_or(TOKEN_USE, |end| end.since(now).clamp(SHORTEST_USE, TOKEN_USE));
        Ok(Fetched { value: data.auth_token, life })
    }
}

impl Fetch for Auth {
    /// OPPO issues a new token whenever it is asked, so there is nothing to force.
    fn fetch(&self, _force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        self.clone().call().boxed()
    }
}

/// Lower-case hexadecimal SHA-256 of key, milliseconds and secret in a row.
pub(super) fn sign(app_key: &str, now: Timestamp, master_secret: &Secret<String>) -> String {
    let text = format!("{app_key}{}{}", now.millis(), master_secret.expose());
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The key under which the token is held: one for each of OPPO's servers.
pub(super) fn token_key(certificate: &AccountId, overseas: bool) -> TokenKey {
    let account = if overseas { AccountId::new(format!("{certificate}/overseas")) } else { certificate.clone() };
    TokenKey { upstream: Upstream::Oppo, account }
}
