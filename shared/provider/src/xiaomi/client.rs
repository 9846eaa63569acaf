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
use model::certificate::XiaomiCertificate;
use model::clock::Clock;
use model::notification::android::Phone;
use model::outcome::Outcome;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The channel. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Xiaomi(Arc<Inner>);

struct Inner {
    settings: XiaomiSettings,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

/// What all calls for one message have in common.
struct Common<'a> {
    certificate: &'a XiaomiCertificate,
    link: Link,
    /// `key=<AppSecret>`.
    authorization: HeaderValue,
    /// Everything but the registration ids, encoded.
    form: String,
}

impl Xiaomi {
    /// The channel's name in logs.
    const NAME: &'static str = "xiaomi";

    /// The channel over Xiaomi's services at `settings`.
    pub fn new(settings: XiaomiSettings, http: HttpClient, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { settings, http, clock }))
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push`: one end per target, in order.
    pub async fn send(&self, push: Push<'_, XiaomiCertificate>) -> Vec<Ended> {
        let everyone = |ended: Ended| ended.times(push.targets.len());
        if !Phone::Xiaomi.carries(push.message.kind) {
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
        let link = Link::new(self.0.settings.base_url(certificate.region), self.0.http.clone());
        let common = Common { certificate, link, authorization, form };
        in_chunks(push.targets, LIMITS, push.until, |chunk| deliver(&common, chunk).boxed()).await
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

async fn deliver(common: &Common<'_>, chunk: &[&Target]) -> Vec<Ended> {
    let (account, targets) = (common.certificate.id.as_str(), chunk.len());
    let called = Called { channel: Xiaomi::NAME, account, targets, repeats_are_known: LIMITS.recognises_repeats };
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
            called.noted(chunk.iter().map(of).collect())
        }
        Err(error) => error.report(called, outcome_of).times(targets),
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
