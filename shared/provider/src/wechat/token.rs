//! The token call, `POST /cgi-bin/stable_token`.
//!
//! It hands every caller the same token, so unlike `GET /cgi-bin/token` it does not turn another system on the same
//! appid out of the door. Only this call is checked against the account's IP whitelist.

use super::client::WechatClient;
use super::error::{self, CallError};
use crate::http::{HttpError, HttpResponse};
use crate::token::{Fetch, FetchError, Fetched, TokenKey, Upstream};
use crate::wechat::Answer;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::account::WechatAccount;
use model::ids::AccountId;
use model::outcome::Outcome;
use model::secret::Secret;
use serde::Serialize;
use std::time::Duration;

/// The path of the call.
pub(crate) const PATH: &str = "/cgi-bin/stable_token";

/// The longest life of a token that WeChat documents.
const LONGEST_LIFE: Duration = Duration::from_secs(7200);
/// How long an instance does not ask again after an error that only an operator can mend.
const CONFIG_HOLD: Duration = Duration::from_secs(30);
/// After a question that an administrator has to answer (895xx), asking again within the hour gets the address blocked.
const RISKY_ADDRESS_HOLD: Duration = Duration::from_secs(3600);
/// How long an instance does not ask again after passing trouble.
const RETRY_HOLD: Duration = Duration::from_secs(1);

/// The key under which the token of `account` is held.
pub fn token_key(account: &AccountId) -> TokenKey {
    TokenKey { upstream: Upstream::Wechat, account: account.clone() }
}

/// The token call in the name of one account.
#[derive(Debug, Clone)]
pub struct StableToken {
    client: WechatClient,
    id: AccountId,
    secret: Secret<String>,
}

impl StableToken {
    /// The call in the name of `account`.
    pub fn new(client: WechatClient, account: &WechatAccount) -> Self {
        Self { client, id: account.id.clone(), secret: account.secret.clone() }
    }

    async fn call(self, force: bool) -> Result<Fetched, FetchError> {
        let body = Body {
            grant_type: "client_credential",
            appid: self.id.as_str(),
            secret: self.secret.expose(),
            force_refresh: force,
        };
        let body = serde_json::to_vec(&body).map_err(|error| FetchError {
            outcome: Outcome::Auth,
            code: None,
            reason: format!("the request cannot be written: {error}"),
            hold: CONFIG_HOLD,
        })?;
        let answered = self.client.post_plain(PATH, body.into()).await;
        read(answered).map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &CallError) -> FetchError {
        let (now, jitter) = (self.client.now(), rand::random());
        let outcome = match error {
            CallError::Code { code, .. } => error::token_outcome_of(*code, now, jitter),
            // A status that speaks against the message has no message to speak against here.
            _ => match error.outcome(now, jitter) {
                Outcome::Content | Outcome::TooLarge | Outcome::Config => Outcome::Auth,
                other => other,
            },
        };
        let hold = match (error, &outcome) {
            (CallError::Code { code: 89501 | 89503 | 89506 | 89507, .. }, _) => RISKY_ADDRESS_HOLD,
            (_, Outcome::Retry { after, .. }) => after.unwrap_or(RETRY_HOLD),
            _ => CONFIG_HOLD,
        };
        // The text names the address that is missing from the whitelist (40164), which is what the operator needs.
        let reason = match error {
            CallError::Code { message, .. } => format!("{error}: {message}"),
            other => other.to_string(),
        };
        FetchError { outcome, code: error.vendor_code(), reason, hold }
    }
}

impl Fetch for StableToken {
    fn fetch(&self, force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        self.clone().call(force).boxed()
    }
}

/// The request, named as WeChat names it.
#[derive(Serialize)]
struct Body<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

fn read(answered: Result<HttpResponse, HttpError>) -> Result<Fetched, CallError> {
    let answer = Answer::read(&answered?)?;
    let value = Secret::new(answer.text("access_token")?.to_owned());
    let life = Duration::from_secs(answer.number("expires_in")?).min(LONGEST_LIFE);
    Ok(Fetched { value, life })
}
