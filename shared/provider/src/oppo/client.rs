//! The calls: per region, under a token, once more without a category that is not permitted.

use super::auth::{Auth, token_key};
use super::error::{CATEGORY_REFUSED, SOON_SECONDS, outcome_of, wants_new_token};
use super::render::Template;
use super::settings::{LIMITS, OppoSettings, PATH};
use super::wire::{Answer, Data};
use crate::channel::ChannelLimits;
use crate::http::HttpClient;
use crate::token::{Token, TokenHolder};
use crate::vendor::call::{CallError, Called, of_code_alone, read};
use crate::vendor::chunks::{ONE_BY_ONE, in_chunks, within};
use crate::vendor::code::Code;
use crate::vendor::form::push_pair;
use crate::vendor::link::Link;
use crate::vendor::tokens::with_token;
use crate::vendor::{Ended, Push, Target, guard};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::certificate::OppoCertificate;
use model::clock::Clock;
use model::notification::android::Phone;
use model::outcome::Outcome;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The channel. Cheap to clone.
#[derive(Clone)]
pub struct Oppo {
    mainland: Link,
    overseas: Link,
    tokens: Arc<TokenHolder>,
    clock: Arc<dyn Clock>,
}

/// What all calls for one message have in common.
struct Common<'a> {
    certificate: &'a OppoCertificate,
    template: Template,
    /// The same without the certificate's category, if it has one.
    plain: Option<Template>,
    /// When the caller stops waiting.
    until: Instant,
}

impl Oppo {
    /// The channel's name in logs.
    const NAME: &'static str = "oppo";

    /// The channel over OPPO's servers at `settings`.
    pub fn new(settings: &OppoSettings, http: &HttpClient, tokens: Arc<TokenHolder>, clock: Arc<dyn Clock>) -> Self {
        let link = |base_url| Link::new(base_url, http.clone());
        Self { mainland: link(&settings.mainland), overseas: link(&settings.overseas), tokens, clock }
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push`: one end per target, in order.
    pub async fn send(&self, push: Push<'_, OppoCertificate>) -> Vec<Ended> {
        if !Phone::Oppo.carries(push.message.kind) {
            return Ended::not_carried().times(push.targets.len());
        }
        let common = match self.common(&push) {
            Ok(common) => common,
            Err(ended) => return ended.times(push.targets.len()),
        };
        let common = &common;
        let limits = ChannelLimits { recipients_per_call: common.template.targets_per_call(), ..LIMITS };
        let is_overseas = |target: &&Target| is_overseas(target.token.as_str());
        let (away, home): (Vec<&Target>, Vec<&Target>) = push.targets.iter().partition(is_overseas);
        // Side by side, so that neither server holds up the other's phones.
        let away = in_chunks(away, limits, push.until, |chunk| self.deliver(common, true, chunk).boxed());
        let home = in_chunks(home, limits, push.until, |chunk| self.deliver(common, false, chunk).boxed());
        let (away, home) = futures::join!(away, home);
        let (mut away, mut home) = (away.into_iter(), home.into_iter());
        // Back in the order of the targets.
        let ended =
            push.targets.iter().filter_map(|target| if is_overseas(&target) { away.next() } else { home.next() });
        let mut ended: Vec<Ended> = ended.collect();
        guard::judge(&mut ended);
        ended
    }

    fn common<'a>(&self, push: &Push<'a, OppoCertificate>) -> Result<Common<'a>, Ended> {
        let (certificate, now) = (push.certificate, self.clock.now());
        let template = Template::new(push, now, true)?;
        let plain = certificate.category.as_ref().map(|_| Template::new(push, now, false)).transpose()?;
        Ok(Common { certificate, template, plain, until: push.until })
    }

    async fn deliver(&self, common: &Common<'_>, overseas: bool, chunk: &[&Target]) -> Vec<Ended> {
        let mut ended = self.once(common, &common.template, overseas, chunk).await;
        let Some(plain) = &common.plain else { return ended };
        let is_refused =
            |ended: &Ended| ended.attempt.vendor_code.is_some_and(|code| i64::from(code) == CATEGORY_REFUSED);
        let places: Vec<usize> = (0..chunk.len()).filter(|place| is_refused(&ended[*place])).collect();
        if !places.is_empty() {
            let targets: Vec<&Target> = places.iter().map(|place| chunk[*place]).collect();
            let again = self.once(common, plain, overseas, &targets).await;
            for (place, again) in places.into_iter().zip(again) {
                ended[place] = again;
            }
        }
        ended
    }

    async fn once(&self, common: &Common<'_>, template: &Template, overseas: bool, chunk: &[&Target]) -> Vec<Ended> {
        let account = common.certificate.id.as_str();
        let called =
            Called { channel: Self::NAME, account, targets: chunk.len(), repeats_are_known: LIMITS.recognises_repeats };
        match self.call(common, template, overseas, chunk).await {
            Ok(answer) => {
                let failed = failures(&answer.data, account);
                let of = |target: &&Target| failed.get(target.token.as_str()).map_or_else(Ended::ok, |code| of(*code));
                called.noted(chunk.iter().map(of).collect())
            }
            // A dead registration id speaks for itself, not for everybody who is in a call with it.
            Err(error) if chunk.len() > 1 && error.code().is_some_and(|code| outcome_of(code) == Outcome::Invalid) => {
                let targets = chunk.iter().copied();
                in_chunks(targets, ONE_BY_ONE, within(common.until), |one| {
                    self.once_boxed(common, template, overseas, one)
                })
                .await
            }
            Err(error) => {
                let mut ended = error.report(called, outcome_of);
                if let (CallError::Status { .. }, Outcome::Retry { after: after @ None, .. }) =
                    (&error, &mut ended.attempt.outcome)
                {
                    *after = Some(Duration::from_secs(SOON_SECONDS));
                }
                ended.doubtful = ended.attempt.outcome == Outcome::Invalid;
                ended.times(chunk.len())
            }
        }
    }

    /// [`Oppo::once`], in a form that it can use itself.
    fn once_boxed<'a>(
        &'a self,
        common: &'a Common<'_>,
        template: &'a Template,
        overseas: bool,
        chunk: &'a [&'a Target],
    ) -> BoxFuture<'a, Vec<Ended>> {
        self.once(common, template, overseas, chunk).boxed()
    }

    async fn call(
        &self,
        common: &Common<'_>,
        template: &Template,
        overseas: bool,
        chunk: &[&Target],
    ) -> Result<Answer, CallError> {
        let link = if overseas { &self.overseas } else { &self.mainland };
        let auth = Auth::new(link.clone(), Arc::clone(&self.clock), common.certificate);
        let key = token_key(&common.certificate.id, overseas);
        let send = |token: Token| {
            let mut body = String::new();
            push_pair(&mut body, "auth_token", token.value.expose());
            body.push_str("&messages=");
            template.push_messages(&mut body, chunk);
            async move { read(&link.post_form(PATH, None, body).await?) }.boxed()
        };
        with_token(&self.tokens, &key, &auth, wants_new_token, send).await
    }
}

impl std::fmt::Debug for Oppo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mainland, overseas, .. } = self;
        f.debug_struct("Oppo").field("mainland", mainland).field("overseas", overseas).finish_non_exhaustive()
    }
}

/// How it ended for one target that the answer says `code` about.
fn of(code: Code) -> Ended {
    let outcome = outcome_of(code);
    // The id may be another app's, and the keys wrong.
    Ended { doubtful: outcome == Outcome::Invalid, ..of_code_alone(outcome, code) }
}

/// Who failed, and why.
///
/// A target that the answer does not speak of counts as sent, since the call itself went well.
fn failures<'a>(data: &'a Data, account: &str) -> HashMap<&'a str, Code> {
    match data {
        Data::List(elements) => {
            elements.iter().filter_map(|element| Some((&*element.registration_id, element.failure()?))).collect()
        }
        Data::Other(_) => {
            tracing::warn!(channel = Oppo::NAME, account, "oppo answers a batch in an unknown form");
            HashMap::new()
        }
    }
}

/// Whether the phone is registered outside of mainland China: its id has several parts and does not name `CN` as the first
/// of them, or as the second of three.
fn is_overseas(token: &str) -> bool {
    let mut parts = token.split('_');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    second.is_some() && first != Some("CN") && !(second == Some("CN") && third.is_some())
}
