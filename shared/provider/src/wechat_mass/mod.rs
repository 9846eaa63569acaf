//! `wechat-mass`: one message to everybody who follows a WeChat official account.
//!
//! One call in all, `POST /cgi-bin/message/mass/sendall`. WeChat recognises a repeat of it by `clientmsgid` for 24 hours,
//! which is a message's whole life here, and answers it with the id of the first (45065): so it goes out once, wherever a
//! process dies. How many people it reached, WeChat says later, by an event.

mod client;
pub mod error;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

use crate::channel::{Call, Channel, ChannelLimits, Credentials};
use crate::wechat::WechatClient;
use async_trait::async_trait;
use model::channel::{Address, ChannelKind, Which};
use model::message::Message;
use model::outcome::Attempt;

/// Which channel this is.
const KIND: ChannelKind = ChannelKind::WechatMass;

/// The channel.
#[derive(Debug)]
pub struct WechatMass {
    client: WechatClient,
}

impl WechatMass {
    /// The channel over a client of WeChat's API.
    pub const fn new(client: WechatClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Channel for WechatMass {
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
        let Credentials::Wechat(account) = call.credentials else {
            return vec![error::no_form(); call.recipients.len()];
        };
        let mut attempts = Vec::with_capacity(call.recipients.len());
        for recipient in call.recipients {
            attempts.push(match (call.message, &recipient.address) {
                (Message::Mass(message), Address::Followers(Which::All)) => {
                    client::deliver(&self.client, account, message, recipient.slot).await
                }
                _ => error::no_form(),
            });
        }
        attempts
    }
}
