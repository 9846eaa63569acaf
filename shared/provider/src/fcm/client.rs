//! One delivery: token, call, and what is repeated at once.

use super::error::{self, Action};
use super::oauth::TokenCall;
use super::render::Rendered;
use super::settings::TIMEOUT_WAIT;
use super::wire::Refusal;
use crate::http::{HttpClient, HttpError, HttpResponse, Part, Series};
use crate::token::{Token, TokenError, TokenHolder};
use crate::vendor::{Ended, Target, fault};
use http::{HeaderMap, HeaderValue, header};
use model::ids::{AccountId, DeviceToken};
use model::outcome::Outcome;

/// Everything that the deliveries of one call share.
pub(super) struct Sender<'a> {
    tokens: &'a TokenHolder,
    token_call: TokenCall,
    account: &'a AccountId,
    rendered: Rendered<'a>,
    /// The token to send with, and the requests to all devices.
    token: Token,
    series: Series,
}

/// How a token is shown.
const SCHEME: &str = "Bearer";
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// The most that is logged of the names of fields that Google finds wrong. Its own words stay out of the log: they quote
/// values.
const FIELDS_CHARS: usize = 200;

impl<'a> Sender<'a> {
    /// Makes ready what the deliveries to `url` share; fails for all of them at once.
    pub(super) async fn new(
        tokens: &'a TokenHolder,
        http: &HttpClient,
        url: String,
        token_call: TokenCall,
        account: &'a AccountId,
        rendered: Rendered<'a>,
    ) -> Result<Self, Ended> {
        let token = tokens.get(token_call.key(), &token_call).await.map_err(|error| fault::of_token(&error))?;
        let series = http.series(url, HeaderMap::from_iter([(header::CONTENT_TYPE, JSON)]));
        let series = series.authorized(SCHEME, &token.value);
        Ok(Self { tokens, token_call, account, rendered, token, series })
    }

    /// Sends to one device. Repeats at once what a repeat cures: a refused access token, a message that Google finds too
    /// large.
    pub(super) async fn deliver(&self, target: &Target) -> Ended {
        let Some(mut body) = self.rendered.body(target) else {
            return Ended::with(Outcome::TooLarge, None, "TOO_LARGE");
        };
        let (mut renewed, mut shrunk) = (None, false);
        loop {
            let series = renewed.as_ref().unwrap_or(&self.series);
            let answered = match series.post(Part { path: "", headers: &[], body: body.clone() }).await {
                Ok(answered) => answered,
                Err(error) => return self.log(of_call(&error), &target.token, &error.cause()),
            };
            if answered.status.is_success() {
                return Ended::ok();
            }
            let refusal: Refusal = serde_json::from_slice(&answered.body).unwrap_or_default();
            match error::action_of(answered.status, &refusal.error).map(|(_, action)| action) {
                Some(Action::RefreshToken) if renewed.is_none() => {
                    let refused = self.token.generation;
                    match self.tokens.refused(self.token_call.key(), refused, &self.token_call).await {
                        Ok(fresh) => renewed = Some(self.series.clone().authorized(SCHEME, &fresh.value)),
                        // There is no other token, so Google's own answer says more.
                        Err(TokenError::Refused) => return self.read(&answered, &refusal, target),
                        Err(error) => return fault::of_token(&error),
                    }
                }
                Some(Action::Shrink) if !shrunk => {
                    shrunk = true;
                    match self.rendered.smaller(target) {
                        Some(smaller) => body = smaller,
                        None => return self.read(&answered, &refusal, target),
                    }
                }
                _ => return self.read(&answered, &refusal, target),
            }
        }
    }

    fn read(&self, answered: &HttpResponse, refusal: &Refusal, target: &Target) -> Ended {
        let ended = error::ended(answered.status, &refusal.error, answered.retry_after);
        let violations = refusal.error.details.iter().flat_map(|detail| &detail.field_violations);
        let fields: Vec<&str> = violations.map(|violation| violation.field.as_str()).collect();
        self.log(ended, &target.token, &fields.join(" "))
    }

    /// Once per failed attempt. A device's own state is daily business; the rest somebody may want to look into.
    fn log(&self, ended: Ended, device: &DeviceToken, said: &str) -> Ended {
        let (account, outcome) = (self.account, ended.attempt.outcome.label());
        let (code, reason) = (ended.attempt.vendor_code, ended.reason);
        let said: String = said.chars().take(FIELDS_CHARS).filter(|c| !c.is_control()).collect();
        if ended.attempt.outcome == Outcome::Invalid {
            tracing::debug!(%account, recipient = ?device, outcome, code, reason, "push refused");
        } else {
            tracing::warn!(%account, recipient = ?device, outcome, code, reason, said, "push failed");
        }
        ended
    }
}

/// A call that got no answer in time is not repeated for ten seconds.
fn of_call(error: &HttpError) -> Ended {
    let mut ended = fault::of_call(error);
    if matches!(error, HttpError::Unknown { .. }) {
        ended.attempt.outcome = fault::later(Some(TIMEOUT_WAIT));
    }
    ended
}
