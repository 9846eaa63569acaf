//! The calls.

use super::error::outcome_of;
use super::render::form;
use super::settings::{LIMITS, PATH, XiaomiSettings};
use super::wire::Answer;
use crate::channel::ChannelLimits;
use crate::http::HttpClient;
use crate::vendor::call::{CallError, Called, read};
use crate::vendor::chunks::in_chunks;
use crate::vendor::form::{joined, push_pair};
use crate::vendor::link::Link;
use crate::vendor::{Ended, Push, Target};
use futures::FutureExt;
use http::{HeaderValue, header};
use model::certificate::{XiaomiCertificate, XiaomiRegion};
use model::clock::Clock;
use model::notification::Kind;
use model::outcome::Outcome;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The channel. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Xiaomi(Arc<Inner>);

struct Inner {
    mainland: Link,
    singapore: Link,
    europe: Link,
    russia: Link,
    india: Link,
    clock: Arc<dyn Clock>,
}

/// What all calls for one message have in common.
struct Common<'a> {
    certificate: &'a XiaomiCertificate,
    link: &'a Link,
    /// `key=<AppSecret>`.
    authorization: HeaderValue,
    /// Everything but the registration ids, encoded.
    form: String,
}

impl Xiaomi {
    /// The channel's name in logs.
    const NAME: &'static str = "xiaomi";

    /// The channel over Xiaomi's services at `settings`.
    pub fn new(settings: &XiaomiSettings, http: &HttpClient, clock: Arc<dyn Clock>) -> Self {
        let link = |region| Link::new(settings.base_url(region), http.clone());
        Self(Arc::new(Inner {
            mainland: link(XiaomiRegion::Mainland),
            singapore: link(XiaomiRegion::Singapore),
            europe: link(XiaomiRegion::Europe),
            russia: link(XiaomiRegion::Russia),
            india: link(XiaomiRegion::India),
            clock,
        }))
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Whether Xiaomi carries messages of this kind. A device whose message it does not carry gets none; that is no error.
    pub const fn carries(kind: Kind) -> bool {
        match kind {
            Kind::Text | Kind::Image => true,
            Kind::Cmd => false,
        }
    }

    /// Sends `push`: one end per target, in order.
    pub async fn send(&self, push: Push<'_, XiaomiCertificate>) -> Vec<Ended> {
        let everyone = |ended: Ended| ended.times(push.targets.len());
        if !Self::carries(push.message.kind) {
            return everyone(Ended::not_carried());
        }
        let form = match form(&push, self.0.clock.now()) {
            Ok(form) => form,
            Err(ended) => return everyone(ended),
        };
        let certificate = push.certificate;
        let Ok(mut authorization) = HeaderValue::try_from(format!("key={}", certificate.app_secret.expose())) else {
            return everyone(Ended::with(Outcome::Config, None, "malformed_secret"));
        };
        authorization.set_sensitive(true);
        let common = Common { certificate, link: self.0.link(certificate.region), authorization, form };
        in_chunks(push.targets, LIMITS, |chunk| deliver(&common, chunk).boxed()).await
    }
}

impl Inner {
    const fn link(&self, region: XiaomiRegion) -> &Link {
        match region {
            XiaomiRegion::Mainland => &self.mainland,
            XiaomiRegion::Singapore => &self.singapore,
            XiaomiRegion::Europe => &self.europe,
            XiaomiRegion::Russia => &self.russia,
            XiaomiRegion::India => &self.india,
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("mainland", &self.mainland).finish_non_exhaustive()
    }
}

async fn deliver(common: &Common<'_>, chunk: &[&Target]) -> Vec<Ended> {
    let (account, targets) = (common.certificate.id.as_str(), chunk.len());
    match call(common, chunk).await {
        Ok(answer) => {
            if answer.data.get("channel_exceed_quota").is_some_and(is_set) {
                tracing::warn!(
                    channel = Xiaomi::NAME,
                    account,
                    targets,
                    "xiaomi's notification channel is over its quota"
                );
            }
            let bad = bad_regids(&answer.data);
            let of = |target: &&Target| match bad.contains(target.token.as_str()) {
                true => Ended::with(Outcome::Invalid, None, "bad_regids"),
                false => Ended::ok(),
            };
            chunk.iter().map(of).collect()
        }
        Err(error) => {
            let called =
                Called { channel: Xiaomi::NAME, account, targets, repeats_are_known: LIMITS.recognises_repeats };
            error.report(called, outcome_of).times(targets)
        }
    }
}

async fn call(common: &Common<'_>, chunk: &[&Target]) -> Result<Answer, CallError> {
    let mut body = String::with_capacity(common.form.len() + chunk.len() * 96);
    body.push_str(&common.form);
    push_pair(&mut body, "registration_id", &joined(chunk));
    let authorization = (header::AUTHORIZATION, common.authorization.clone());
    read(&common.link.post_form(PATH, Some(authorization), body).await?)
}

const fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// Dead registration ids, where an answer names any: as a list or as a comma list. Xiaomi does not document them.
fn bad_regids(data: &Value) -> HashSet<&str> {
    match data.get("bad_regids") {
        Some(Value::String(ids)) => ids.split(',').map(str::trim).collect(),
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
        _ => HashSet::new(),
    }
}
