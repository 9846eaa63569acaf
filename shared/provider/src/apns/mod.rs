//! APNs: Apple's push service.
//!
//! One call per device, `POST /3/device/{token}`, all of a certificate over one HTTP/2 connection. Every attempt of a
//! delivery carries the same `apns-id`, which Apple does not use to recognise repeats: an attempt whose outcome was unknown
//! may show twice, unless the message has a collapse id.
//!
//! Apple reports nothing later. What a device got only the app can tell.

mod client;
pub mod error;
mod jwt;
mod line;
mod render;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

use crate::channel::ChannelLimits;
use crate::token::{Refresh, TokenError, TokenHolder};
use crate::vendor::chunks::one_by_one;
use crate::vendor::{Ended, Push, fault, guard};
use client::Sender;
use jwt::Mint;
use line::Lines;
use model::certificate::ApnsCertificate;
use model::clock::Clock;
use settings::{ApnsSettings, LIMITS, REQUESTS};
use std::sync::Arc;

pub use client::is_token;

/// The channel.
pub struct Apns {
    tokens: Arc<TokenHolder>,
    clock: Arc<dyn Clock>,
    lines: Lines,
}

impl std::fmt::Debug for Apns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Apns")
    }
}

impl Apns {
    /// The channel, with connections of its own. It opens none yet.
    pub fn new(settings: ApnsSettings, tokens: Arc<TokenHolder>, clock: Arc<dyn Clock>) -> Self {
        Self { tokens, clock, lines: Lines::new(settings) }
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push.message` to every one of `push.targets`, and answers one end per target, in the same order.
    ///
    /// Once Apple refuses the certificate, the rest is not sent. When Apple calls most of many tokens unknown, the
    /// certificate is blamed and no token.
    pub async fn send(&self, push: Push<'_, ApnsCertificate>) -> Vec<Ended> {
        let making = Sender::new(&self.tokens, &self.clock, &self.lines, &push);
        let sender = match tokio::time::timeout_at(push.until.into(), making).await {
            Ok(Ok(sender)) => sender,
            Ok(Err(ended)) => return ended.times(push.targets.len()),
            Err(_) => return fault::not_begun().times(push.targets.len()),
        };
        let sender = &sender;
        let mut ended = one_by_one(push.targets, REQUESTS, push.until, |target| Box::pin(sender.deliver(target))).await;
        guard::judge(&mut ended);
        ended
    }

    /// Renews the token of a certificate when its end is near; [`Refresh::NotDue`] for one that needs none.
    pub async fn refresh_token(&self, certificate: &ApnsCertificate) -> Result<Refresh, TokenError> {
        match Mint::of(certificate, Arc::clone(&self.clock)) {
            Some(mint) => self.tokens.refresh_due(mint.key(), &mint).await,
            None => Ok(Refresh::NotDue),
        }
    }
}
