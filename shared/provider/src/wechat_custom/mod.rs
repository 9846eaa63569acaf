//! `wechat-custom`: a customer-service message of a WeChat account.
//!
//! One call per recipient, `POST /cgi-bin/message/custom/send`. It reaches only who has turned to the account lately: five
//! messages within 48 hours of the user's last message, three within a minute of a follow, a scan or a tap on the menu.
//! WeChat gives it no id, recognises no repeat and reports no end of it, so an attempt whose outcome is unknown may be
//! shown twice when it is repeated.

mod client;
pub mod error;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

use crate::channel::{Call, Channel, ChannelLimits};
use crate::wechat::{WechatClient, to_each};
use async_trait::async_trait;
use model::channel::ChannelKind;
use model::outcome::Attempt;

/// Which channel this is.
const KIND: ChannelKind = ChannelKind::WechatCustom;

/// The channel.
#[derive(Debug)]
pub struct WechatCustom {
    client: WechatClient,
}

impl WechatCustom {
    /// The channel over a client of WeChat's API.
    pub const fn new(client: WechatClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Channel for WechatCustom {
    fn kind(&self) -> ChannelKind {
        KIND
    }

    fn limits(&self) -> ChannelLimits {
        ChannelLimits {
            recipients_per_call: settings::RECIPIENTS_PER_CALL,
            calls_in_flight: settings::CALLS_IN_FLIGHT,
            recognises_repeats: false,
        }
    }

    async fn send(&self, call: Call<'_>) -> Vec<Attempt> {
        to_each(call, settings::CALLS_IN_FLIGHT, |account, _, openid| {
            Box::pin(client::deliver(&self.client, account, call.message, openid))
        })
        .await
    }
}
