//! One delivery.

use super::settings::PATH;
use super::wire::{Addressed, MSGID};
use super::{KIND, error};
use crate::wechat::{WechatClient, log};
use model::account::WechatAccount;
use model::ids::OpenId;
use model::message::Message;
use model::outcome::Attempt;

/// Sends `message` to `openid`.
pub(super) async fn deliver(
    client: &WechatClient,
    account: &WechatAccount,
    message: &Message,
    openid: &OpenId,
) -> Attempt {
    let form = match message {
        Message::Wechat(message) => message.content.subscribe.as_ref(),
        Message::Notice(_) | Message::Push(_) | Message::Mass(_) => None,
    };
    let Some(form) = form else { return error::no_form() };
    let addressed = Addressed { touser: openid.as_str(), message: form };
    // Strings into a buffer: this cannot fail, and an empty body would only be refused (44002).
    let body = serde_json::to_vec(&addressed).unwrap_or_default();
    match client.post(account, PATH, body.into()).await {
        // Retired accounts answer without an id; the message is sent all the same.
        Ok(answer) => Attempt::ok(answer.number(MSGID).ok()),
        Err(error) => {
            let attempt = error::attempt(&error, client.now(), rand::random());
            log(KIND.as_str(), &account.id, openid, &error, &attempt);
            attempt
        }
    }
}
