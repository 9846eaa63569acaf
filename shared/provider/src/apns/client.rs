//! One delivery: token, call, and what is repeated at once.

use super::error::{self, Action, action_of};
use super::jwt::{self, Mint};
use super::line::Lines;
use super::render::{Rendered, delivery_id};
use super::settings::LEAST_TOKEN_AGE;
use super::wire::Refusal;
use crate::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use crate::token::{Token, TokenHolder};
use crate::vendor::{Ended, Push, Target, fault};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use model::certificate::ApnsCertificate;
use model::clock::{Clock, Timestamp};
use model::ids::DeviceToken;
use model::outcome::Outcome;
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that the deliveries of one call share.
pub(super) struct Sender<'a> {
    tokens: &'a TokenHolder,
    clock: &'a dyn Clock,
    mint: Option<Mint>,
    http: HttpClient,
    base_url: &'a str,
    push: &'a Push<'a, ApnsCertificate>,
    rendered: Rendered<'a>,
    /// The generation of a token, and what it is as a header.
    bearer: Mutex<Option<(u64, HeaderValue)>>,
}

/// Longest token that is sent. Apple's have 64 hexadecimal digits and may grow.
const MAX_TOKEN_DIGITS: usize = 256;
/// The most of an unknown reason that is logged.
const REASON_CHARS: usize = 60;

impl<'a> Sender<'a> {
    pub(super) fn new(
        tokens: &'a TokenHolder,
        clock: &'a Arc<dyn Clock>,
        lines: &'a Lines,
        push: &'a Push<'a, ApnsCertificate>,
    ) -> Result<Self, Ended> {
        Ok(Self {
            tokens,
            clock: clock.as_ref(),
            mint: Mint::of(push.certificate, Arc::clone(clock)),
            http: lines.client(push.certificate),
            base_url: lines.base_url(push.certificate),
            push,
            rendered: Rendered::of(push, clock.now())?,
            bearer: Mutex::default(),
        })
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
        let mut token = match self.token().await {
            Ok(token) => token,
            Err(ended) => return ended,
        };
        let (mut renewed, mut shrunk) = (false, false);
        loop {
            let answered = match self.post(&target.token, token.as_ref(), payload.clone()).await {
                Ok(answered) => answered,
                // The path names the device, so the error as a whole is not for the log.
                Err(error) => return self.log(fault::of_call(&error), &target.token, &error.cause()),
            };
            if answered.status == StatusCode::OK {
                return Ended::ok();
            }
            let refusal: Refusal = serde_json::from_slice(&answered.body).unwrap_or_default();
            match (action_of(&refusal.reason).map(|(_, action)| action), &token) {
                (Some(Action::RefreshToken), Some(refused)) if !renewed => {
                    renewed = true;
                    match self.renew(refused).await {
                        Ok(fresh) => token = Some(fresh),
                        Err(Some(ended)) => return ended,
                        Err(None) => return self.read(&answered, &refusal, &target.token),
                    }
                }
                (Some(Action::Shrink), _) if !shrunk => {
                    shrunk = true;
                    match self.rendered.smaller(badge, payload.len()) {
                        Some(smaller) => payload = smaller,
                        None => return self.read(&answered, &refusal, &target.token),
                    }
                }
                (action, _) => {
                    if matches!(action, Some(Action::Reconnect | Action::KeepToken)) {
                        self.http.reconnect();
                    }
                    return self.read(&answered, &refusal, &target.token);
                }
            }
        }
    }

    /// The token to send with; none for a client certificate.
    async fn token(&self) -> Result<Option<Token>, Ended> {
        let Some(mint) = &self.mint else { return Ok(None) };
        self.tokens.get(mint.key(), mint).await.map(Some).map_err(|error| fault::of_token(&error))
    }

    /// Another token in place of one that Apple calls expired. `Err(None)`: there is none, Apple's answer stands.
    async fn renew(&self, refused: &Token) -> Result<Token, Option<Ended>> {
        let Some(mint) = &self.mint else { return Err(None) };
        // A young token cannot have expired. Signing another one would only use up Apple's patience.
        let issued = jwt::issued_at(refused.value.expose()).unwrap_or_default();
        if self.clock.now().since(issued) < LEAST_TOKEN_AGE {
            tracing::error!(account = %self.push.certificate.id, "apns calls a fresh token expired; check this machine's clock");
            return Err(None);
        }
        let renewed = self.tokens.refused(mint.key(), refused.generation, mint).await;
        renewed.map_err(|error| Some(fault::of_token(&error)))
    }

    async fn post(
        &self,
        device: &DeviceToken,
        token: Option<&Token>,
        payload: Bytes,
    ) -> Result<HttpResponse, HttpError> {
        let url = [self.base_url, "/3/device/", device.as_str()].concat();
        let headers = self.rendered.headers();
        let mut request = HttpRequest { method: Method::POST, url, headers, body: payload };
        let id = delivery_id(self.rendered.task(), device);
        // Hexadecimal digits and hyphens, and base64 with dots: both are always header values.
        if let Ok(id) = HeaderValue::try_from(id) {
            request.headers.insert(HeaderName::from_static("apns-id"), id);
        }
        if let Some(bearer) = token.and_then(|token| self.bearer(token)) {
            request.headers.insert(header::AUTHORIZATION, bearer);
        }
        self.http.send(request).await
    }

    /// A token as a header, made once for all that send with it.
    fn bearer(&self, token: &Token) -> Option<HeaderValue> {
        let mut made = self.bearer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, bearer)) = &*made
            && *generation == token.generation
        {
            return Some(bearer.clone());
        }
        let mut bearer = HeaderValue::try_from(format!("bearer {}", token.value.expose())).ok()?;
        bearer.set_sensitive(true);
        *made = Some((token.generation, bearer.clone()));
        Some(bearer)
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
    (1..=MAX_TOKEN_DIGITS).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_hexdigit())
}
