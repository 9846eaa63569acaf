//! The call: a thousand devices at a time, under a token, and what is repeated at once.

use super::error::{self, BAD_TOKEN, NO_HIGH_PRIORITY, PARTIAL, TOO_LARGE, TOO_MANY, outcome_of, wants_new_token};
use super::oauth::TokenCall;
use super::render::{Rendered, with_tokens};
use super::settings::{APP_ID, BELIEVABLE_DEATHS, FLOW_CONTROL_WAIT, HuaweiSettings, LIMITS};
use super::wire::Answer;
use crate::channel::ChannelLimits;
use crate::http::{HttpClient, HttpResponse};
use crate::token::{Refresh, Token, TokenError, TokenHolder};
use crate::vendor::call::{self, CallError, Called};
use crate::vendor::chunks::in_chunks;
use crate::vendor::link::Link;
use crate::vendor::tokens::with_token;
use crate::vendor::{Ended, Push, Target, fault, guard};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use model::certificate::HuaweiCertificate;
use model::clock::Clock;
use model::outcome::Outcome;
use std::collections::HashSet;
use std::sync::Arc;

/// The channel. Cheap to clone.
#[derive(Clone)]
pub struct Huawei {
    link: Link,
    settings: Arc<HuaweiSettings>,
    http: HttpClient,
    tokens: Arc<TokenHolder>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Huawei {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Huawei").field("link", &self.link).finish_non_exhaustive()
    }
}

/// What all calls for one message have in common.
struct Common<'a> {
    certificate: &'a HuaweiCertificate,
    path: String,
    token_call: TokenCall,
    rendered: Rendered<'a>,
}

/// Which form of the message a call sends. Each one is tried once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Smaller,
    Calm,
}

impl Huawei {
    /// The channel's name in logs.
    const NAME: &'static str = "huawei";

    /// The channel. It opens no connection yet.
    pub fn new(settings: HuaweiSettings, http: HttpClient, tokens: Arc<TokenHolder>, clock: Arc<dyn Clock>) -> Self {
        let link = Link::new(&settings.base_url, http.clone());
        Self { link, settings: Arc::new(settings), http, tokens, clock }
    }

    /// How the worker has to cut and pace its calls.
    pub const fn limits(&self) -> ChannelLimits {
        LIMITS
    }

    /// Sends `push`: one end per target, in order.
    pub async fn send(&self, push: Push<'_, HuaweiCertificate>) -> Vec<Ended> {
        let app_id = &push.certificate.app_id;
        if app_id.is_empty() || !app_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ended::with(Outcome::Config, None, "malformed_app_id").times(push.targets.len());
        }
        let rendered = Rendered::of(&push, self.clock.now());
        let Some(whole) = rendered.whole() else {
            return Ended::with(Outcome::TooLarge, None, "too_large").times(push.targets.len());
        };
        let common = Common {
            certificate: push.certificate,
            path: self.settings.send_path.replace(APP_ID, app_id),
            token_call: self.token_call(push.certificate),
            rendered,
        };
        let mut ended =
            in_chunks(push.targets, LIMITS, push.until, |chunk| self.deliver(&common, &whole, Form::Whole, chunk))
                .await;
        guard::judge(&mut ended);
        ended
    }

    /// Renews the token of a certificate when its end is near.
    pub async fn refresh_token(&self, certificate: &HuaweiCertificate) -> Result<Refresh, TokenError> {
        let call = self.token_call(certificate);
        self.tokens.refresh_due(call.key(), &call).await
    }

    fn token_call(&self, certificate: &HuaweiCertificate) -> TokenCall {
        TokenCall::new(certificate, self.http.clone(), self.settings.token_url.as_str().into())
    }

    /// One call, and what a repeat cures: too many tokens, a body that is too large, a priority that is too high. None of
    /// these has served any token.
    fn deliver<'a>(
        &'a self,
        common: &'a Common<'_>,
        head: &'a [u8],
        form: Form,
        chunk: &'a [&'a Target],
    ) -> BoxFuture<'a, Vec<Ended>> {
        async move {
            let error = match self.post(common, head, chunk).await {
                Ok(answer) => return self.served(common, chunk, &answer),
                Err(error) => error,
            };
            match (error.code(), form) {
                (Some(TOO_MANY), _) if chunk.len() > 1 => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    let mut ended = self.deliver(common, head, form, first).await;
                    ended.extend(self.deliver(common, head, form, second).await);
                    return ended;
                }
                (Some(TOO_LARGE), Form::Whole) => {
                    if let Some(smaller) = common.rendered.smaller(head.len()) {
                        return self.deliver(common, &smaller, Form::Smaller, chunk).await;
                    }
                }
                (Some(NO_HIGH_PRIORITY), Form::Whole) => {
                    if let Some(calm) = common.rendered.calm() {
                        return self.deliver(common, &calm, Form::Calm, chunk).await;
                    }
                }
                _ => {}
            }
            self.failed(common, chunk, &error)
        }
        .boxed()
    }

    async fn post(&self, common: &Common<'_>, head: &[u8], chunk: &[&Target]) -> Result<Answer, CallError> {
        let body = with_tokens(head, chunk);
        let send = |token: Token| {
            let (body, path) = (body.clone(), common.path.as_str());
            async move {
                let bearer = HeaderValue::try_from(format!("Bearer {}", token.value.expose())).map(|mut bearer| {
                    bearer.set_sensitive(true);
                    (header::AUTHORIZATION, bearer)
                });
                // A token that is no header value is not sent: Huawei answers for its absence.
                read(&self.link.post_json(path, bearer.ok(), body).await?)
            }
            .boxed()
        };
        with_token(&self.tokens, common.token_call.key(), &common.token_call, wants_new_token, send).await
    }

    /// The ends of a call that was served, at least in part.
    fn served(&self, common: &Common<'_>, chunk: &[&Target], answer: &Answer) -> Vec<Ended> {
        if answer.code != PARTIAL {
            return Ended::ok().times(chunk.len());
        }
        let (account, request_id, targets) = (&common.certificate.id, answer.request_id(), chunk.len());
        let Some(dead) = answer.dead_tokens() else {
            // The live ones have it. Sending to all again would show it twice to everyone.
            tracing::error!(%account, request_id, targets, "huawei served some devices and does not say which");
            return Ended::ok().times(chunk.len());
        };
        tracing::debug!(%account, request_id, targets, dead = dead.len(), "huawei names dead tokens");
        let dead: HashSet<&str> = dead.iter().map(String::as_str).collect();
        let end = |target: &&Target| {
            if dead.contains(target.token.as_str()) {
                Ended::with(Outcome::Invalid, PARTIAL.recorded(), "illegal_token")
            } else {
                Ended::ok()
            }
        };
        chunk.iter().map(end).collect()
    }

    fn failed(&self, common: &Common<'_>, chunk: &[&Target], error: &CallError) -> Vec<Ended> {
        let account = common.certificate.id.as_str();
        let called = Called { channel: Self::NAME, account, targets: chunk.len(), repeats_are_known: false };
        let mut ended = error.report(called, outcome_of);
        if let CallError::Status { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: None } = error {
            ended.attempt.outcome = fault::later(Some(FLOW_CONTROL_WAIT));
        }
        if error.code() == Some(error::ALL_DEAD) {
            // So many at once do not die; few may, and still look like a wrong app id.
            if chunk.len() > BELIEVABLE_DEATHS {
                ended.attempt.outcome = Outcome::Config;
            } else {
                ended.doubtful = true;
            }
        }
        ended.times(chunk.len())
    }
}

/// As [`call::read`]; a partial success counts at any status, and HTTP 401 is about the token whatever stands in it.
fn read(response: &HttpResponse) -> Result<Answer, CallError> {
    if let Ok(answer) = serde_json::from_slice::<Answer>(&response.body)
        && answer.code == PARTIAL
    {
        return Ok(answer);
    }
    match call::read(response) {
        Err(error) if response.status == StatusCode::UNAUTHORIZED && !error.code().is_some_and(wants_new_token) => {
            Err(CallError::Code {
                code: BAD_TOKEN,
                retry_after: None,
                message: "http status 401".to_owned(),
                request_id: String::new(),
            })
        }
        read => read,
    }
}
