//! `POST /cgi-bin/draft/add?access_token=`: articles as a mass message takes them. A draft is gone once it is sent.
//!
//! Body `{"articles":[{"title","content","thumb_media_id","author"?,"digest"?,"content_source_url"?,…}]}`, answer
//! `{"media_id"}`.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; account 48001; method 43002; body 44002, 47001, 40033;
//! articles 45008 none; title 45003 missing or above 32 characters; author 45110 above 16; digest 45004 above 128; content
//! 44004 missing, 45002 not below 20,000 characters and 1 MB; content_source_url 45005 above 1 KB; thumb 40007 when it is no
//! material of the account; quota 45009. Source: WeChat's page "draft/add", read 2026-11.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::account::{Quota, State as AccountState};
use super::refusal::Refusal;
use super::template::checked_text;
use super::token::ordered;
use super::{SERVICE, json_reply, parameter};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::FaultOperation;
use crate::sandbox::reply::Arrival;
use crate::sandbox::world::WechatKind;

const TITLE_CHARS: usize = 32;
const AUTHOR_CHARS: usize = 16;
const DIGEST_CHARS: usize = 128;
const CONTENT_CHARS: usize = 20_000;
const CONTENT_BYTES: usize = 1 << 20;
const URL_BYTES: usize = 1 << 10;
/// Drafts per day.
const DRAFTS_PER_DAY: u64 = 1_000;

/// The drafts of an account.
pub(super) struct Drafts {
    pub(super) by_id: HashMap<Box<str>, Vec<Map<String, Value>>>,
    quota: Quota,
    pub(super) made: u64,
}

impl Default for Drafts {
    fn default() -> Self {
        Self { by_id: HashMap::new(), quota: Quota::of(DRAFTS_PER_DAY), made: 0 }
    }
}

/// `POST /cgi-bin/draft/add`
pub(super) async fn add(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let access_token = parameter(query.as_deref(), "access_token");
    let arrival = Arrival {
        service: SERVICE,
        operation: "draft/add",
        channels: &[super::mass::CHANNEL],
        kind: FaultOperation::Upload,
        recipient: None,
        request_bytes: body.len(),
    };
    sandbox
        .answer(arrival, ordered, || match make(&sandbox, &access_token, &method, &body) {
            Ok(answer) => json_reply(&answer),
            Err(refusal) => refusal.reply(),
        })
        .await
}

fn make(sandbox: &Sandbox, access_token: &str, method: &Method, body: &[u8]) -> Result<Value, Refusal> {
    let now_ms = sandbox.clock.now_ms();
    let account = sandbox.wechat.authorised(access_token, now_ms)?;
    if account.given.kind == WechatKind::MiniProgram {
        return Err(Refusal::Unauthorised);
    }
    if *method != Method::POST {
        return Err(Refusal::NeedsPost);
    }
    let mut request: Map<String, Value> = serde_json::from_str(checked_text(body)?).map_err(|_| Refusal::Format)?;
    let Some(Value::Array(articles)) = request.remove("articles") else { return Err(Refusal::Format) };
    let mut state = account.state();
    let mut kept = Vec::with_capacity(articles.len());
    for article in articles {
        let Value::Object(article) = article else { return Err(Refusal::Format) };
        check(&article, &state)?;
        kept.push(article);
    }
    if kept.is_empty() {
        return Err(Refusal::ArticleCount);
    }
    let drafts = &mut state.drafts;
    drafts.quota.check(now_ms)?;
    drafts.quota.count();
    drafts.made += 1;
    let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 48]>());
    drafts.by_id.insert(Box::from(id.as_str()), kept);
    Ok(json!({ "media_id": id }))
}

fn check(article: &Map<String, Value>, state: &AccountState) -> Result<(), Refusal> {
    let text = |name: &str| article.get(name).and_then(Value::as_str).unwrap_or("");
    let chars = |name: &str| text(name).chars().count();
    match () {
        () if chars("title") == 0 || chars("title") > TITLE_CHARS => Err(Refusal::TitleSize),
        () if chars("author") > AUTHOR_CHARS => Err(Refusal::AuthorSize),
        () if chars("digest") > DIGEST_CHARS => Err(Refusal::DescriptionSize),
        () if text("content").is_empty() => Err(Refusal::EmptyText),
        () if chars("content") >= CONTENT_CHARS || text("content").len() >= CONTENT_BYTES => Err(Refusal::TextSize),
        () if text("content_source_url").len() > URL_BYTES => Err(Refusal::UrlSize),
        () => state.library.check_thumb(text("thumb_media_id")),
    }
}
