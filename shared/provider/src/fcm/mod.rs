//! FCM: Google's push service, HTTP v1.
//!
//! One call per device, `POST /v1/projects/{project}/messages:send`, all over one HTTP/2 connection. Google does not
//! recognise repeats: an attempt whose outcome was unknown may show twice. It reports nothing later; what a device got only
//! the app can tell.

mod client;
pub mod error;
mod oauth;
mod render;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

use crate::channel::ChannelLimits;
use crate::http::{HttpClient, HttpSettings, Trust};
use crate::token::{Refresh, TokenError, TokenHolder};
use crate::vendor::chunks::one_by_one;
use crate::vendor::{Ended, Push, fault, guard};
use client::Sender;
use model::certificate::FcmCertificate;
use model::clock::Clock;
use model::outcome::Outcome;
use oauth::TokenCall;
use render::Rendered;
use settings::{FcmSettings, LIMITS, REQUESTS, TIMEOUT_WAIT};
use std::sync::Arc;

/// The channel.
pub struct Fcm {
    tokens: Arc<TokenHolder>,
    clock: Arc<dyn Clock>,
    /// Without a slash at its end.
    base_url: String,
    token_url: Arc<str>,
    /// For the token call.
    http: HttpClient,
    /// For the send call.
    line: HttpClient,
}

impl std::fmt::Debug for Fcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fcm").field("base_url", &crate::http::redacted(&self.base_url)).finish_non_exhaustive()
    }
}

impl Fcm {
    /// The channel, with a connection of its own for the send call; `http` makes the token call. It opens none yet.
    pub fn new(settings: FcmSettings, http: HttpClient, tokens: Arc<TokenHolder>, clock: Arc<dyn Clock>) -> Self {
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        // Over TLS the handshake agrees on HTTP/2. Without it, a server on loopback speaks what every client does.
        let http2_only = base_url.starts_with("https://");
        let trust = Trust { roots: settings.roots, identity: None, http2_only };
        let line = HttpClient::trusting(HttpSettings::default(), trust);
        Self { tokens, clock, base_url, token_url: settings.token_url.into(), http, line }
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push.message` to every one of `push.targets`, and answers one end per target, in the same order.
    ///
    /// Once Google refuses the certificate, the rest is not sent. When Google gives most of many tokens to another
    /// project, the certificate is blamed and no token.
    pub async fn send(&self, push: Push<'_, FcmCertificate>) -> Vec<Ended> {
        let project = &push.certificate.service_account.project_id;
        if !is_project(project) {
            return Ended::with(Outcome::Config, None, "malformed_project_id").times(push.targets.len());
        }
        let url = format!("{}/v1/projects/{project}/messages:send", self.base_url);
        let (call, account) = (self.token_call(push.certificate), &push.certificate.id);
        let rendered = Rendered::of(&push, self.clock.now());
        let making = Sender::new(&self.tokens, &self.line, url, call, account, rendered);
        let sender = &match tokio::time::timeout_at(push.until.into(), making).await {
            Ok(Ok(sender)) => sender,
            Ok(Err(ended)) => return ended.times(push.targets.len()),
            Err(_) => return fault::not_begun().times(push.targets.len()),
        };
        let mut ended = one_by_one(push.targets, REQUESTS, push.until, |target| Box::pin(sender.deliver(target))).await;
        for one in ended.iter_mut().filter(|one| one.reason == fault::CUT_OFF) {
            one.attempt.outcome = fault::later(Some(TIMEOUT_WAIT));
        }
        guard::judge(&mut ended);
        ended
    }

    /// Renews the token of a certificate when its end is near.
    pub async fn refresh_token(&self, certificate: &FcmCertificate) -> Result<Refresh, TokenError> {
        let call = self.token_call(certificate);
        self.tokens.refresh_due(call.key(), &call).await
    }

    fn token_call(&self, certificate: &FcmCertificate) -> TokenCall {
        TokenCall::new(certificate, self.http.clone(), Arc::clone(&self.token_url), Arc::clone(&self.clock))
    }
}

/// A project id goes into a path. Google's are lower-case letters, digits and hyphens, old ones with a domain before a colon.
fn is_project(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
    !id.is_empty() && id.bytes().all(plain) && id.bytes().any(|byte| byte.is_ascii_alphanumeric())
}
