//! The request as WeChat names it.

use model::service::MassContent;
use serde::Serialize;

/// Body of `POST /cgi-bin/message/mass/sendall`.
#[derive(Debug, Serialize)]
pub(super) struct SendAll<'a> {
    pub(super) filter: Filter,
    #[serde(flatten)]
    pub(super) content: &'a MassContent,
    /// At most 64 bytes.
    pub(super) clientmsgid: &'a str,
    /// 1: articles that WeChat takes for reprints are sent all the same, where their authors allow it.
    pub(super) send_ignore_reprint: u8,
}

/// To whom.
#[derive(Debug, Serialize)]
pub(super) struct Filter {
    pub(super) is_to_all: bool,
}
