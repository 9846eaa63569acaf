//! The request as WeChat names it.

use model::wechat::CustomMessage;
use serde::Serialize;

/// Body of `POST /cgi-bin/message/custom/send`.
#[derive(Debug, Serialize)]
pub(super) struct Addressed<'a> {
    pub(super) touser: &'a str,
    #[serde(flatten)]
    pub(super) message: &'a CustomMessage,
}
