//! `wechat-subscribe`: a subscription message of a WeChat mini program.
//!
//! One call per recipient, `POST /cgi-bin/message/subscribe/send`. Each takes one of the grants that the user gave for the
//! template; without one WeChat answers 43101. WeChat recognises no repeat of it.

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
const KIND: ChannelKind = ChannelKind::WechatSubscribe;

/// The channel.
#[derive(Debug)]
pub struct WechatSubscribe {
    client: WechatClient,
}

impl WechatSubscribe {
    /// The channel over a client of WeChat's API.
    pub const fn new(client: WechatClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Channel for WechatSubscribe {
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
