//! Accepting messages to openids: what every call of this family that sends does last.

use crate::accepting;
pub(super) use crate::accepting::AcceptStore;
use gateway::{ApiError, Context};
use model::audience::Recipient;
use model::channel::Address;
use model::ids::{AccountId, MessageId, OpenId, Owner};
use model::task::Content;
use model::wechat::WechatContent;
use std::time::Duration;

/// What is to be accepted.
pub(super) struct Acceptance {
    pub(super) account: AccountId,
    pub(super) content: WechatContent,
    pub(super) openids: Vec<OpenId>,
    /// By what a repeat of the call is recognised, and for how long.
    pub(super) repeat: Option<(String, Duration)>,
}

/// Writes the task. Answers the id that callers know the message by: all its recipients share one.
pub(super) async fn accept(
    context: &Context,
    store: &AcceptStore,
    Acceptance { account, content, openids, repeat }: Acceptance,
) -> Result<MessageId, ApiError> {
    let owner = Owner::Account(account.clone());
    let begun = store.begin(context, &owner, repeat).await?;
    if let Some(task) = &begun.standing {
        return Ok(task.id.message(0));
    }
    let recipients = openids.into_iter().zip(0..);
    let recipients =
        recipients.map(|(openid, slot)| Recipient { slot, address: Address::Wechat(openid), quota_uid: None });
    let acceptance = accepting::Acceptance {
        family: "wechat",
        owner,
        account,
        legs: content.legs(),
        content: Content::Wechat(Box::new(content)),
        recipients: recipients.collect(),
    };
    Ok(store.finish(context, begun, acceptance).await?.id.message(0))
}
