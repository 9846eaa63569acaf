//! One delivery. A notice is rendered, sent, and sent once more with shorter texts when WeChat finds one too long; a
//! message in WeChat's own words goes out as it is.

use super::error::{RenderError, wants_shorter_text};
use super::render::{Width, render};
use super::settings::PATH;
use super::wire::{Addressed, Data, MSGID, TemplateSend};
use super::{KIND, error};
use crate::wechat::{Action, CallError, WechatClient, action_of, log};
use model::account::WechatAccount;
use model::ids::OpenId;
use model::message::{Message, Notice};
use model::outcome::Attempt;
use model::wechat::WechatMessage;
use serde::Serialize;

/// Sends `message` to `openid`, which the task knows as `slot`.
pub(super) async fn deliver(
    client: &WechatClient,
    account: &WechatAccount,
    message: &Message,
    slot: u64,
    openid: &OpenId,
) -> Attempt {
    let sent = match message {
        Message::Notice(notice) => deliver_notice(client, account, notice, slot, openid).await,
        Message::Wechat(message) => deliver_message(client, account, message, slot, openid).await,
        Message::Push(_) | Message::Mass(_) => Err(Failure::NoForm),
    };
    match sent {
        Ok(msgid) => Attempt::ok(msgid),
        Err(Failure::NoForm) => error::no_form(),
        Err(Failure::Render(error)) => {
            tracing::warn!(account = %account.id, recipient = ?openid, error = %error, "template message not sent");
            error.attempt()
        }
        Err(Failure::Call(error)) => {
            let attempt = error.attempt(client.now(), rand::random());
            log(KIND.as_str(), &account.id, openid, &error, &attempt);
            attempt
        }
    }
}

enum Failure {
    /// The message is nothing that a template could carry.
    NoForm,
    Render(RenderError),
    Call(CallError),
}

/// One call. WeChat's id of the message; `None` when an attempt whose answer was lost has sent it already.
async fn send(
    client: &WechatClient,
    account: &WechatAccount,
    message: &impl Serialize,
) -> Result<Option<u64>, CallError> {
    // Strings into a buffer: this cannot fail, and an empty body would only be refused (44002).
    let body = serde_json::to_vec(message).unwrap_or_default();
    match client.post(account, PATH, body.into()).await {
        Ok(answer) => answer.number(MSGID).map(Some),
        Err(CallError::Code { code, .. }) if action_of(code) == Action::Accept => Ok(None),
        Err(error) => Err(error),
    }
}

async fn deliver_message(
    client: &WechatClient,
    account: &WechatAccount,
    message: &WechatMessage,
    slot: u64,
    openid: &OpenId,
) -> Result<Option<u64>, Failure> {
    let template = message.content.template.as_ref().ok_or(Failure::NoForm)?;
    let repeat_key = message.naming.repeat_key(slot);
    let addressed = Addressed { touser: openid.as_str(), client_msg_id: &repeat_key, message: template };
    send(client, account, &addressed).await.map_err(Failure::Call)
}

async fn deliver_notice(
    client: &WechatClient,
    account: &WechatAccount,
    notice: &Notice,
    slot: u64,
    openid: &OpenId,
) -> Result<Option<u64>, Failure> {
    let template = account.notice_template.as_ref().ok_or(Failure::NoForm)?;
    let repeat_key = notice.naming.repeat_key(slot);
    let send = async |data: &Data| {
        let message = TemplateSend {
            touser: openid.as_str(),
            template_id: &template.template_id,
            url: &notice.url,
            client_msg_id: &repeat_key,
            data,
        };
        send(client, account, &message).await
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
