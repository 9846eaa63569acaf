//! One delivery: render, send, and once more with shorter texts when WeChat finds one too long.

use super::error::{RenderError, wants_shorter_text};
use super::render::{Width, render};
use super::settings::PATH;
use super::wire::{Data, MSGID, TemplateSend};
use crate::wechat::{CallError, WechatClient};
use model::account::WechatAccount;
use model::ids::OpenId;
use model::message::Notice;
use model::outcome::{Attempt, Outcome};

/// Sends `notice` to `openid`, which the task knows as `slot`.
pub(super) async fn deliver(
    client: &WechatClient,
    account: &WechatAccount,
    notice: &Notice,
    slot: u64,
    openid: &OpenId,
) -> Attempt {
    match try_to_deliver(client, account, notice, slot, openid).await {
        Ok(msgid) => Attempt::ok(msgid),
        Err(Failure::Render(error)) => {
            tracing::warn!(account = %account.id, recipient = ?openid, error = %error, "template message not sent");
            error.attempt()
        }
        Err(Failure::Call(error)) => {
            let attempt = error.attempt(client.now(), rand::random());
            log(account, openid, &error, &attempt);
            attempt
        }
    }
}

enum Failure {
    Render(RenderError),
    Call(CallError),
}

async fn try_to_deliver(
    client: &WechatClient,
    account: &WechatAccount,
    notice: &Notice,
    slot: u64,
    openid: &OpenId,
) -> Result<Option<u64>, Failure> {
    let template = &account.notice_template;
    let repeat_key = notice.repeat_key(slot);
    let send = async |data: &Data| {
        let message = TemplateSend {
            touser: openid.as_str(),
            template_id: &template.template_id,
            url: &notice.url,
            client_msg_id: &repeat_key,
            data,
        };
        // Strings into a buffer: this cannot fail, and an empty body would only be refused (44002).
        let body = serde_json::to_vec(&message).unwrap_or_default();
        let answered = client.post(account, PATH, body.into()).await;
        match answered {
            Ok(answer) => answer.number(MSGID).map(Some),
            // Sent by an attempt whose answer was lost.
            Err(CallError::Code { code, .. }) if crate::wechat::action_of(code) == crate::wechat::Action::Accept => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    };
    let data = render(&template.fields, notice, slot, Width::Full).map_err(Failure::Render)?;
    match send(&data).await {
        Err(error) if wants_shorter_text(&error) => {
            let shorter = render(&template.fields, notice, slot, Width::Tight).map_err(Failure::Render)?;
            if shorter == data {
                return Err(Failure::Call(error));
            }
            send(&shorter).await.map_err(Failure::Call)
        }
        sent => sent.map_err(Failure::Call),
    }
}

/// Once per failed attempt. A recipient's own state is daily business, and a token that is not to be had has been
/// reported by its holder; the rest somebody may want to look into.
fn log(account: &WechatAccount, openid: &OpenId, error: &CallError, attempt: &Attempt) {
    let (account, outcome, code, rid) = (&account.id, attempt.outcome.label(), attempt.vendor_code, error.rid());
    match attempt.outcome {
        _ if matches!(error, CallError::Token(_)) => {
            tracing::debug!(%account, recipient = ?openid, outcome, code, "template message has no token");
        }
        Outcome::Invalid | Outcome::Suppressed | Outcome::Ok { .. } => {
            tracing::debug!(%account, recipient = ?openid, outcome, code, rid, error = %error, "template message refused");
        }
        Outcome::Retry { .. }
        | Outcome::Auth
        | Outcome::TooLarge
        | Outcome::Quota { .. }
        | Outcome::Config
        | Outcome::Content => {
            tracing::warn!(%account, recipient = ?openid, outcome, code, rid, error = %error, "template message failed");
        }
    }
}
