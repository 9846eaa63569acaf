//! The one call.

use super::settings::PATH;
use super::wire::{Filter, SendAll};
use super::{KIND, error};
use crate::wechat::{Answer, CallError, WechatClient};
use model::account::WechatAccount;
use model::outcome::{Attempt, Outcome};
use model::service::MassMessage;

/// Sends `message` to everybody who follows the account.
pub(super) async fn deliver(
    client: &WechatClient,
    account: &WechatAccount,
    message: &MassMessage,
    slot: u64,
) -> Attempt {
    let key = message.naming.repeat_key(slot);
    let body = SendAll {
        filter: Filter { is_to_all: true },
        content: &message.content,
        clientmsgid: &key,
        send_ignore_reprint: 1,
    };
    // Strings into a buffer: this cannot fail, and an empty body would only be refused (44002).
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let answered = client.post(account, PATH, body.into()).await;
    match answered.and_then(|answer: Answer| answer.number("msg_id")) {
        Ok(id) => Attempt::ok(Some(id)),
        Err(error) => {
            let attempt = error::attempt(&error, client.now(), rand::random());
            log(account, &error, &attempt);
            attempt
        }
    }
}

/// Logs a failed attempt, once. A repeat that WeChat recognised did not fail.
fn log(account: &WechatAccount, error: &CallError, attempt: &Attempt) {
    let (outcome, code, rid) = (attempt.outcome.label(), attempt.vendor_code, error.rid());
    match attempt.outcome {
        Outcome::Ok { .. } => {
            tracing::debug!(account = %account.id, channel = KIND.as_str(), "mass message was sent before");
        }
        _ => {
            tracing::warn!(account = %account.id, channel = KIND.as_str(), outcome, code, rid, error = %error, "mass message failed");
        }
    }
}
