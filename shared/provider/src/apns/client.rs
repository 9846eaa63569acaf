//! One delivery: token, call, and what is repeated at once.

use super::error::{self, Action, action_of};
use super::jwt::{self, Mint};
use super::line::Lines;
use super::render::{Rendered, delivery_id, headers};
use super::settings::LEAST_TOKEN_AGE;
use super::wire::Refusal;
use crate::http::{HttpError, HttpResponse, Part, Series};
use crate::text;
use crate::token::{Token, TokenHolder};
use crate::vendor::{Ended, Push, Target, fault};
use bytes::Bytes;
use http::{HeaderName, StatusCode};
use model::certificate::ApnsCertificate;
use model::clock::{Clock, Timestamp};
use model::ids::DeviceToken;
use model::outcome::Outcome;
use std::sync::Arc;

/// Everything that the deliveries of one call share.
pub(super) struct Sender<'a> {
    tokens: &'a TokenHolder,
    clock: &'a dyn Clock,
    mint: Option<Mint>,
    push: &'a Push<'a, ApnsCertificate>,
    rendered: Rendered<'a>,
    /// The token to send with; none for a client certificate.
    token: Option<Token>,
    /// The requests to all devices.
    series: Series,
}

/// How a token is shown.
const SCHEME: &str = "bearer";
/// What a delivery is called.
const ID: HeaderName = HeaderName::from_static("apns-id");
/// Longest token that is sent. Apple's have 64 hexadecimal digits and may grow.
const MAX_TOKEN_DIGITS: usize = 256;
/// The most of an unknown reason that is logged.
const REASON_CHARS: usize = 60;

impl<'a> Sender<'a> {
    /// Makes ready what the deliveries share; fails for all of them at once.
    pub(super) async fn new(
        tokens: &'a TokenHolder,
        clock: &'a Arc<dyn Clock>,
        lines: &'a Lines,
        push: &'a Push<'a, ApnsCertificate>,
    ) -> Result<Self, Ended> {
        let headers = headers(push.message, push.certificate, clock.now())?;
        let mint = Mint::of(push.certificate, Arc::clone(clock));
        let token = match &mint {
            Some(mint) => Some(tokens.get(mint.key(), mint).await.map_err(|error| fault::of_token(&error))?),
            None => None,
        };
        let rendered = Rendered::of(push);
        let url = [lines.base_url(push.certificate), "/3/device/"].concat();
        let mut series = lines.client(push.certificate).series(url, headers);
        if let Some(token) = &token {
            series = series.authorized(SCHEME, &token.value);
        }
        Ok(Self { tokens, clock: clock.as_ref(), mint, push, rendered, token, series })
    }

    /// Sends to one device. Repeats at once what a repeat cures: an expired token, a payload that Apple finds too large.
    pub(super) async fn deliver(&self, target: &Target) -> Ended {
        if !is_token(target.token.as_str()) {
            return Ended::with(Outcome::Invalid, None, "malformed_token");
        }
        let badge = target.counter(self.push.message);
        let Some(mut payload) = self.rendered.payload(badge) else {
            return Ended::with(Outcome::TooLarge, None, "PayloadTooLarge");
        };
        let (mut renewed, mut shrunk) = (None, false);
        loop {
            let series = renewed.as_ref().unwrap_or(&self.series);
            let answered = match self.post(series, &target.token, payload.clone()).await {
                Ok(answered) => answered,
                // The path names the device, so the error as a whole is not for the log.
                Err(error) => return self.log(fault::of_call(&error), &target.token, &error.cause()),
            };
            if answered.status == StatusCode::OK {
                return Ended::ok();
            }
            let refusal: Refusal = serde_json::from_slice(&answered.body).unwrap_or_default();
            match (action_of(&refusal.reason).map(|(_, action)| action), &self.token) {
                (Some(Action::RefreshToken), Some(refused)) if renewed.is_none() => match self.renew(refused).await {
                    Ok(fresh) => renewed = Some(fresh),
                    Err(Some(ended)) => return ended,
                    Err(None) => return self.read(&answered, &refusal, &target.token),
                },
                (Some(Action::Shrink), _) if !shrunk => {
                    shrunk = true;
                    match self.rendered.smaller(badge, payload.len()) {
                        Some(smaller) => payload = smaller,
                        None => return self.read(&answered, &refusal, &target.token),
                    }
                }
                (action, _) => {
                    if matches!(action, Some(Action::Reconnect | Action::KeepToken)) {
                        self.series.client().reconnect(&answered);
                    }
                    return self.read(&answered, &refusal, &target.token);
                }
            }
        }
    }

    /// The requests with another token in place of one that Apple calls expired. `Err(None)`: there is none, Apple's answer
    /// stands.
    async fn renew(&self, refused: &Token) -> Result<Series, Option<Ended>> {
        let Some(mint) = &self.mint else { return Err(None) };
        // A young token cannot have expired. Signing another one would only use up Apple's patience.
        let issued = jwt::issued_at(refused.value.expose()).unwrap_or_default();
        if self.clock.now().since(issued) < LEAST_TOKEN_AGE {
            tracing::error!(account = %self.push.certificate.id, "apns calls a fresh token expired; check this machine's clock");
            return Err(None);
        }
        let renewed = self.tokens.refused(mint.key(), refused.generation, mint).await;
        let renewed = renewed.map_err(|error| Some(fault::of_token(&error)))?;
        Ok(self.series.clone().authorized(SCHEME, &renewed.value))
    }

    /// Sends to one device.
    async fn post(&self, series: &Series, device: &DeviceToken, body: Bytes) -> Result<HttpResponse, HttpError> {
        let id = delivery_id(self.rendered.task(), device);
        let headers = &[(ID, id.as_str())];
        series.post(Part { path: device.as_str(), headers, body }).await
    }

    fn read(&self, answered: &HttpResponse, refusal: &Refusal, device: &DeviceToken) -> Ended {
        let dead_since = refusal.timestamp.filter(|_| answered.status == StatusCode::GONE);
        let dead_since = dead_since.map(Timestamp::from_millis);
        let ended = error::ended(answered.status, &refusal.reason, dead_since, answered.retry_after);
        self.log(ended, device, &refusal.reason)
    }

    /// Once per failed attempt. A device's own state is daily business; the rest somebody may want to look into.
    fn log(&self, ended: Ended, device: &DeviceToken, said: &str) -> Ended {
        let (account, outcome) = (&self.push.certificate.id, ended.attempt.outcome.label());
        let (code, reason) = (ended.attempt.vendor_code, ended.reason);
        let said: String = said.chars().take(REASON_CHARS).filter(|c| !c.is_control()).collect();
        let apns_id = delivery_id(self.rendered.task(), device);
        if ended.attempt.outcome == Outcome::Invalid {
            tracing::debug!(%account, recipient = ?device, outcome, code, reason, apns_id, "push refused");
        } else {
            tracing::warn!(%account, recipient = ?device, outcome, code, reason, said, apns_id, "push failed");
        }
        ended
    }
}

/// Whether `token` can be Apple's name for a device: tokens come from devices and go into a path.
pub fn is_token(token: &str) -> bool {
    (1..=MAX_TOKEN_DIGITS).contains(&token.len()) && text::all(token, |byte| byte.is_ascii_hexdigit())
}
