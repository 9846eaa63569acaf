//! The request as WeChat names it, and what of its answer is used.

use model::wechat::SubscribeMessage;
use serde::Serialize;

/// Body of `POST /cgi-bin/message/subscribe/send`.
#[derive(Debug, Serialize)]
pub(super) struct Addressed<'a> {
    pub(super) touser: &'a str,
    #[serde(flatten)]
    pub(super) message: &'a SubscribeMessage,
}

/// The field of the answer that names the message.
pub(super) const MSGID: &str = "msgid";
