//! `POST /cgi-bin/message/subscribe/send?access_token=`: subscription messages of a mini program.
//!
//! Body `{"touser","template_id","page"?,"data":{key:{"value"}}}`, answer `{"errcode":0,"errmsg":"ok","msgid":int64}`. No
//! repeat is recognised.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; account 48001; method 43002; body 44002, 47001,
//! 40033; recipient 40003; template 40037; values 47003; grant 43101. A message takes one of the grants that the user gave
//! for the template.
//! Source: WeChat's page "subscription message", read 2026-11.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;

use super::parameter;
use super::refusal::Refusal;
use super::template::{answer_send, card, check_values, keep, kept, read, sent, template};
use crate::sandbox::Sandbox;
use crate::sandbox::inbox::Entry;
use crate::sandbox::world::WechatKind;

/// The channel's name in the inbox and in faults.
pub(super) const CHANNEL: &str = "wechat-subscribe";

/// `POST /cgi-bin/message/subscribe/send`
pub(super) async fn send(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let access_token = parameter(query.as_deref(), "access_token");
    let accepted = |_| accept(&sandbox, &access_token, &method, &body).map(|msgid| sent(Some(msgid)));
    answer_send(&sandbox, "message/subscribe/send", &[CHANNEL], &body, accepted).await
}

/// Checks a message and puts it into the inbox; its msgid.
fn accept(sandbox: &Sandbox, access_token: &str, method: &Method, body: &[u8]) -> Result<i64, Refusal> {
    let now_ms = sandbox.clock.now_ms();
    let account = sandbox.wechat.authorised(access_token, now_ms)?;
    match account.given.kind {
        WechatKind::MiniProgram => {}
        WechatKind::Official => return Err(Refusal::Unauthorised),
    }
    if method != Method::POST {
        return Err(Refusal::NeedsPost);
    }
    let (text, request) = read(body)?;
    let mut state = account.state();
    let openid = request.touser.as_deref().unwrap_or("");
    account.reachable(&state, openid)?;
    let id = request.template_id.as_deref().filter(|id| !id.is_empty()).ok_or(Refusal::TemplateId)?;
    let template = template(account, id)?;
    check_values(template, &request.data)?;
    let granted = account.given.grants;
    if *state.people.of(openid).grants.entry(Box::from(id)).or_insert(granted) == 0 {
        return Err(Refusal::NotGranted);
    }
    let msgid = state.next_msgid(now_ms);
    let (title, shown) = card(template, &request.data);
    let entry = Entry {
        at_ms: now_ms,
        channel: CHANNEL,
        account: &account.given.appid,
        recipient: openid,
        title: &title,
        body: &shown,
        raw: &kept(text, msgid)?,
    };
    keep(sandbox, entry)?;
    if let Some(left) = state.people.of(openid).grants.get_mut(id) {
        *left -= 1;
    }
    Ok(msgid)
}
