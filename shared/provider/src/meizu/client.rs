//! The calls: sign, send, and read who failed.

use super::error::{is_doubtful, outcome_of, outcome_of_value};
use super::render::message_json;
use super::settings::{LIMITS, PATH};
use super::sign::Signer;
use super::wire::Answer;
use crate::channel::ChannelLimits;
use crate::http::HttpClient;
use crate::vendor::call::{CallError, Called, of_code_alone, read};
use crate::vendor::chunks::in_chunks;
use crate::vendor::code::Code;
use crate::vendor::form::{joined, push_pair};
use crate::vendor::link::Link;
use crate::vendor::{Ended, Push, Target, guard};
use futures::FutureExt;
use model::certificate::MeizuCertificate;
use model::clock::Clock;
use model::notification::android::Phone;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The channel. Cheap to clone.
#[derive(Clone)]
pub struct Meizu {
    link: Link,
    clock: Arc<dyn Clock>,
}

/// What all calls for one message have in common.
struct Common<'a> {
    certificate: &'a MeizuCertificate,
    signer: Signer,
    /// `appId` and `messageJson`, encoded.
    form: String,
}

impl Meizu {
    /// The channel's name in logs.
    const NAME: &'static str = "meizu";

    /// The channel over Meizu's server at `base_url`; [`super::settings::BASE_URL`] is the real one.
    pub fn new(base_url: &str, http: HttpClient, clock: Arc<dyn Clock>) -> Self {
        Self { link: Link::new(base_url, http), clock }
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push`: one end per target, in order.
    pub async fn send(&self, push: Push<'_, MeizuCertificate>) -> Vec<Ended> {
        if !Phone::Meizu.carries(push.message.kind) {
            return Ended::not_carried().times(push.targets.len());
        }
        let json = message_json(&push, self.clock.now());
        let app_id = &push.certificate.app_id;
        let mut form = String::with_capacity(2 * json.len());
        push_pair(&mut form, "appId", app_id);
        push_pair(&mut form, "messageJson", &json);
        let common = Common { certificate: push.certificate, signer: Signer::new(app_id, &json), form };
        let mut ended = in_chunks(push.targets, LIMITS, push.until, |chunk| self.deliver(&common, chunk).boxed()).await;
        guard::judge(&mut ended);
        ended
    }

    async fn deliver(&self, common: &Common<'_>, chunk: &[&Target]) -> Vec<Ended> {
        let account = common.certificate.id.as_str();
        let called =
            Called { channel: Self::NAME, account, targets: chunk.len(), repeats_are_known: LIMITS.recognises_repeats };
        match self.call(common, chunk).await {
            Ok(answer) => {
                let failed = failures(&answer.value, account);
                let of = |target: &&Target| match failed.get(target.token.as_str()) {
                    Some(code) => {
                        Ended { doubtful: is_doubtful(*code), ..of_code_alone(outcome_of_value(*code), *code) }
                    }
                    None => Ended::ok(),
                };
                called.noted(chunk.iter().map(of).collect())
            }
            Err(error) => error.report(called, outcome_of).times(chunk.len()),
        }
    }

    async fn call(&self, common: &Common<'_>, chunk: &[&Target]) -> Result<Answer, CallError> {
        let push_ids = joined(chunk);
        let sign = common.signer.sign(&push_ids, &common.certificate.app_secret);
        let mut body = String::with_capacity(common.form.len() + 2 * push_ids.len() + 64);
        body.push_str(&common.form);
        push_pair(&mut body, "pushIds", &push_ids);
        push_pair(&mut body, "sign", &sign);
        read(&self.link.post_form(PATH, None, body).await?)
    }
}

impl std::fmt::Debug for Meizu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meizu").field("link", &self.link).finish_non_exhaustive()
    }
}

/// Who failed, and why: the answer's map of codes to ids, turned round.
///
/// One that cannot be read says that the call itself went well. Then everybody counts as sent: sending again to people
/// who have the message already is the greater harm.
fn failures<'a>(value: &'a Value, account: &str) -> HashMap<&'a str, Code> {
    let mut failed = HashMap::new();
    let mut unreadable = false;
    match value {
        Value::Null => {}
        Value::String(text) => unreadable = !text.trim().is_empty(),
        Value::Object(by_code) => {
            for (code, ids) in by_code {
                match (code.trim().parse().map(Code), ids) {
                    (Ok(code), Value::Array(ids)) => {
                        failed.extend(ids.iter().filter_map(Value::as_str).map(|id| (id, code)));
                    }
                    (Ok(code), Value::String(ids)) => failed.extend(ids.split(',').map(|id| (id.trim(), code))),
                    _ => unreadable = true,
                }
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => unreadable = true,
    }
    if unreadable {
        tracing::warn!(channel = Meizu::NAME, account, "meizu lists failed recipients in an unknown form");
    }
    failed
}
