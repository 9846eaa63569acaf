//! The calls: one phone or a list, under a token; one by one where lists do not go.

use super::auth::{Auth, token_key};
use super::error::{ALREADY_SEEN, LIST_QUOTA, outcome_of, outcome_of_status, wants_new_token};
use super::render::Rendered;
use super::settings::{LIMITS, LIST_PATH, SAVE_PATH, SEND_PATH};
use super::wire::{Answer, PushToList};
use crate::channel::ChannelLimits;
use crate::http::HttpClient;
use crate::token::{Token, TokenHolder};
use crate::vendor::call::{self, CallError, Called, of_code_alone, read};
use crate::vendor::chunks::{ONE_BY_ONE, in_chunks, within};
use crate::vendor::code::Code;
use crate::vendor::link::Link;
use crate::vendor::tokens::with_token;
use crate::vendor::{Ended, Lists, Push, Target, guard};
use futures::FutureExt;
use http::{HeaderName, HeaderValue};
use model::certificate::VivoCertificate;
use model::clock::Clock;
use model::notification::android::Phone;
use model::outcome::Outcome;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OnceCell;

/// The header that carries the token.
const AUTH_TOKEN: HeaderName = HeaderName::from_static("authtoken");

/// The channel. Cheap to clone.
#[derive(Clone)]
pub struct Vivo {
    link: Link,
    tokens: Arc<TokenHolder>,
    clock: Arc<dyn Clock>,
}

/// What all calls for one message have in common.
struct Common<'a> {
    certificate: &'a VivoCertificate,
    lists: Option<&'a dyn Lists>,
    rendered: Rendered,
    /// The notification that was left for lists: vivo's id of it. All lists of a send use the same.
    left: OnceCell<Result<String, CallError>>,
    /// When the caller stops waiting.
    until: Instant,
}

impl Vivo {
    /// The channel's name in logs.
    const NAME: &'static str = "vivo";

    /// The channel over vivo's server at `base_url`; [`super::settings::BASE_URL`] is the real one.
    pub fn new(base_url: &str, http: HttpClient, tokens: Arc<TokenHolder>, clock: Arc<dyn Clock>) -> Self {
        Self { link: Link::new(base_url, http), tokens, clock }
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push`: one end per target, in order.
    pub async fn send(&self, push: Push<'_, VivoCertificate>) -> Vec<Ended> {
        if !Phone::Vivo.carries(push.message.kind) {
            return Ended::not_carried().times(push.targets.len());
        }
        let rendered = match Rendered::new(&push, self.clock.now()) {
            Ok(rendered) => rendered,
            Err(ended) => return ended.times(push.targets.len()),
        };
        let (certificate, lists, until) = (push.certificate, push.lists, push.until);
        let common = Common { certificate, lists, rendered, left: OnceCell::new(), until };
        let mut ended = in_chunks(push.targets, LIMITS, until, |chunk| self.deliver(&common, chunk).boxed()).await;
        guard::judge(&mut ended);
        ended
    }

    async fn deliver(&self, common: &Common<'_>, chunk: &[&Target]) -> Vec<Ended> {
        let [target] = chunk else {
            return match self.to_list(common, chunk).await {
                Err(error) if goes_one_by_one(&error) => {
                    let (account, targets, code) = (common.certificate.id.as_str(), chunk.len(), error.code());
                    tracing::warn!(channel = Self::NAME, account, targets, code = ?code, "no list; phones are served one by one");
                    in_chunks(chunk.iter().copied(), ONE_BY_ONE, within(common.until), |one| {
                        self.to_one(common, one[0]).boxed()
                    })
                    .await
                }
                answered => self.ended(common, chunk, answered),
            };
        };
        self.to_one(common, target).await
    }

    async fn to_one(&self, common: &Common<'_>, target: &Target) -> Vec<Ended> {
        let body = common.rendered.single(target.token.as_str());
        let answered = self.post(common, SEND_PATH, body).await;
        self.ended(common, &[target], answered)
    }

    async fn to_list(&self, common: &Common<'_>, chunk: &[&Target]) -> Result<Answer, CallError> {
        let left = common.left.get_or_init(|| self.leave(common)).await;
        let list = PushToList {
            app_id: common.certificate.app_id,
            reg_ids: chunk.iter().map(|target| target.token.as_str()).collect(),
            task_id: left.as_ref().map_err(CallError::clone)?,
            request_id: common.rendered.request_id(chunk.iter().map(|target| target.token.as_str())),
        };
        // A repeat is answered as seen, without the id under which the list went out: so it is noted before.
        if let (Some(lists), Ok(task)) = (common.lists, list.task_id.parse()) {
            lists.note(&list.request_id, task).await;
        }
        // Strings and numbers into a string: this cannot fail.
        let body = serde_json::to_string(&list).unwrap_or_default();
        self.post(common, LIST_PATH, body).await
    }

    /// Leaves the notification for lists.
    async fn leave(&self, common: &Common<'_>) -> Result<String, CallError> {
        let answer = self.post(common, SAVE_PATH, common.rendered.list()).await?;
        answer.task_id().ok_or(CallError::Unreadable { status: http::StatusCode::OK, bytes: 0 })
    }

    async fn post(&self, common: &Common<'_>, path: &str, body: String) -> Result<Answer, CallError> {
        let body = bytes::Bytes::from(body);
        let send = |token: Token| {
            let body = body.clone();
            async move { read(&self.link.post_json(path, shown(&token), body).await?) }.boxed()
        };
        let auth = self.auth(common.certificate);
        with_token(&self.tokens, &token_key(common.certificate), &auth, wants_new_token, send).await
    }

    /// Asks for something that is no message.
    pub(super) async fn get<T: call::Answer + Send>(
        &self,
        certificate: &VivoCertificate,
        path: String,
    ) -> Result<T, CallError> {
        let ask = |token: Token| {
            let path = path.clone();
            async move { read(&self.link.get(&path, shown(&token)).await?) }.boxed()
        };
        let auth = self.auth(certificate);
        with_token(&self.tokens, &token_key(certificate), &auth, wants_new_token, ask).await
    }

    fn auth(&self, certificate: &VivoCertificate) -> Auth {
        Auth::new(self.link.clone(), Arc::clone(&self.clock), certificate)
    }

    fn ended(&self, common: &Common<'_>, chunk: &[&Target], answered: Result<Answer, CallError>) -> Vec<Ended> {
        let account = common.certificate.id.as_str();
        let called =
            Called { channel: Self::NAME, account, targets: chunk.len(), repeats_are_known: LIMITS.recognises_repeats };
        match answered {
            Ok(answer) => {
                let vendor_id = answer.task_id().and_then(|id| id.parse().ok());
                let sent = Ended::with(Outcome::Ok { vendor_id }, None, "ok");
                let invalid: HashMap<&str, Code> = answer.invalid().collect();
                let of = |target: &&Target| {
                    // The answer about a single phone need not name it.
                    let alone = if chunk.len() == 1 { invalid.values().next() } else { None };
                    invalid
                        .get(target.token.as_str())
                        .or(alone)
                        .map_or_else(|| sent.clone(), |status| of_status(*status))
                };
                called.noted(chunk.iter().map(of).collect())
            }
            Err(error) if error.code() == Some(ALREADY_SEEN) => Ended::ok().times(chunk.len()),
            Err(error) => {
                let ended = error.report(called, outcome_of);
                let doubtful = ended.attempt.outcome == Outcome::Invalid;
                Ended { doubtful, ..ended }.times(chunk.len())
            }
        }
    }
}

impl std::fmt::Debug for Vivo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vivo").field("link", &self.link).finish_non_exhaustive()
    }
}

/// The header that shows a token. One that is no header value is not sent: vivo answers for its absence.
fn shown(token: &Token) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::try_from(token.value.expose()).ok()?;
    value.set_sensitive(true);
    Some((AUTH_TOKEN, value))
}

/// Whether a list failed for a reason that single sends do not share: its quota, or one regId that spoils it.
fn goes_one_by_one(error: &CallError) -> bool {
    error.code().is_some_and(|code| code == LIST_QUOTA || outcome_of(code) == Outcome::Invalid)
}

/// How it ended for one phone that the answer calls invalid.
fn of_status(status: Code) -> Ended {
    let outcome = outcome_of_status(status);
    // "Not of this app" is what a wrong appId looks like.
    Ended { doubtful: status.0 == 1, ..of_code_alone(outcome, status) }
}
