//! `wechat-template`: a template message of a WeChat official account, from a notice or in WeChat's own words.
//!
//! One call per recipient, `POST /cgi-bin/message/template/send`. Every attempt of a delivery carries the same
//! `client_msg_id`, so an attempt whose outcome was unknown can be repeated within ten minutes without being shown
//! twice. An accepted message is not a delivered one: WeChat reports the end of it later (`TEMPLATESENDJOBFINISH`).

mod client;
pub mod error;
mod render;
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
const KIND: ChannelKind = ChannelKind::WechatTemplate;

/// The channel.
#[derive(Debug)]
pub struct WechatTemplate {
    client: WechatClient,
}

impl WechatTemplate {
    /// The channel over a client of WeChat's API.
    pub const fn new(client: WechatClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Channel for WechatTemplate {
    fn kind(&self) -> ChannelKind {
        KIND
    }

    fn limits(&self) -> ChannelLimits {
        ChannelLimits {
            recipients_per_call: settings::RECIPIENTS_PER_CALL,
            calls_in_flight: settings::CALLS_IN_FLIGHT,
            recognises_repeats: true,
        }
    }

    async fn send(&self, call: Call<'_>) -> Vec<Attempt> {
        to_each(call, settings::CALLS_IN_FLIGHT, |account, recipient, openid| {
            Box::pin(client::deliver(&self.client, account, call.message, recipient.slot, openid))
        })
        .await
    }
}
