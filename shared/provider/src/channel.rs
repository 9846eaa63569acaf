//! The trait of a channel, what it is called with, and the registry of all channels.

use crate::http::HttpClient;
use crate::own::{Lines, Own, OwnSender};
use crate::phone::settings::PhoneSettings;
use crate::phone::{PhoneCredentials, Phones};
use crate::token::{Fetching, Refresh, TokenError, TokenHolder, TokenVault};
use crate::vivo::StatisticsError;
use crate::wechat::{StableToken, WechatClient, token_key};
use crate::wechat_custom::WechatCustom;
use crate::wechat_mass::WechatMass;
use crate::wechat_subscribe::WechatSubscribe;
use crate::wechat_template::{self, WechatTemplate};
use async_trait::async_trait;
use model::account::WechatAccount;
use model::audience::Recipient;
use model::certificate::Certificate;
use model::channel::ChannelKind;
use model::clock::Clock;
use model::message::Message;
use model::outcome::Attempt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

/// A way to reach a person.
///
/// It returns facts and acts on none of them: it deletes no address, opens no breaker and waits for no retry.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Which channel this is.
    fn kind(&self) -> ChannelKind;

    /// How the worker has to cut and pace its calls.
    fn limits(&self) -> ChannelLimits;

    /// Sends `call.message` to every one of `call.recipients`.
    ///
    /// Answers one attempt per recipient, in the same order. It takes any number of recipients, and reaches its best
    /// speed with calls of at most [`ChannelLimits::recipients_per_call`]. Dropping the future leaves the outcome of the
    /// recipients under way unknown.
    async fn send(&self, call: Call<'_>) -> Vec<Attempt>;
}

/// How a channel wants to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelLimits {
    /// Most recipients of one call to the vendor.
    pub recipients_per_call: NonZeroUsize,
    /// Calls that one worker keeps in flight at a time.
    pub calls_in_flight: NonZeroUsize,
    /// The vendor recognises the repeat of a message and shows it once. Where it does not, two copies of a batch must
    /// not be sent at the same time.
    pub recognises_repeats: bool,
}

/// What a channel is asked to do.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// What is sent.
    pub message: &'a Message,
    /// To whom.
    pub recipients: &'a [&'a Recipient],
    /// In whose name.
    pub credentials: &'a Credentials,
    /// When the caller stops waiting. A channel that makes several calls to a vendor that recognises no repeats ends each of
    /// them by then, so that one that hangs costs nobody else's answer.
    pub until: Instant,
}

/// In whose name a channel acts. One variant per kind of account, not per channel.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A WeChat official account.
    Wechat(WechatAccount),
    /// An app's certificate with a phone vendor.
    Phone(PhoneCredentials),
    /// An app on our own channel.
    Own(OwnSender),
}

/// Where the upstreams are. Read once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Base URL of WeChat's API, with or without a slash at its end. Default `https://api.weixin.qq.com`.
    pub wechat_base_url: String,
    /// Who asks for upstream tokens. Default: whoever needs one.
    pub fetching: Fetching,
    /// Where the phone vendors are. Default: their own hosts.
    pub phones: PhoneSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wechat_base_url: wechat_template::settings::BASE_URL.to_owned(),
            fetching: Fetching::default(),
            phones: PhoneSettings::default(),
        }
    }
}

/// All channels of this process, and the token holder that they share.
pub struct Registry {
    tokens: Arc<TokenHolder>,
    wechat: WechatClient,
    wechat_template: WechatTemplate,
    wechat_custom: WechatCustom,
    wechat_subscribe: WechatSubscribe,
    phones: Phones,
    wechat_mass: WechatMass,
    own: Own,
}

impl Registry {
    /// Wires every channel. It opens no connection and reads no token.
    pub fn new(
        settings: &Settings,
        http: HttpClient,
        vault: Arc<dyn TokenVault>,
        lines: Arc<dyn Lines>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let own = Own::new(lines, Arc::clone(&clock));
        let tokens = Arc::new(TokenHolder::that(vault, Arc::clone(&clock), settings.fetching));
        let phones = Phones::new(&settings.phones, &http, &tokens, &clock);
        let wechat = WechatClient::new(&settings.wechat_base_url, http, Arc::clone(&tokens), clock);
        Self {
            own,
            phones,
            wechat_template: WechatTemplate::new(wechat.clone()),
            wechat_custom: WechatCustom::new(wechat.clone()),
            wechat_subscribe: WechatSubscribe::new(wechat.clone()),
            wechat_mass: WechatMass::new(wechat.clone()),
            tokens,
            wechat,
        }
    }

    /// The channel of this kind.
    pub fn channel(&self, kind: ChannelKind) -> &dyn Channel {
        match kind {
            ChannelKind::WechatTemplate => &self.wechat_template,
            ChannelKind::WechatCustom => &self.wechat_custom,
            ChannelKind::WechatSubscribe => &self.wechat_subscribe,
            ChannelKind::Own => &self.own,
            ChannelKind::Apns => self.phones.apns(),
            ChannelKind::Fcm => self.phones.fcm(),
            ChannelKind::Huawei => self.phones.huawei(),
            ChannelKind::Xiaomi => self.phones.xiaomi(),
            ChannelKind::Oppo => self.phones.oppo(),
            ChannelKind::Vivo => self.phones.vivo(),
            ChannelKind::Meizu => self.phones.meizu(),
            ChannelKind::WechatMass => &self.wechat_mass,
        }
    }

    /// The client that all WeChat channels share: for calls that are no messages.
    pub const fn wechat(&self) -> &WechatClient {
        &self.wechat
    }

    /// What the vendor of `certificate` says arrived of what it calls `tasks`: devices by task. Nothing of a vendor that is
    /// not asked, or that it does not know.
    pub async fn arrivals(&self, certificate: &Certificate, tasks: &[u64]) -> Result<Vec<(u64, u64)>, StatisticsError> {
        self.phones.arrivals(certificate, tasks).await
    }

    /// Renews the upstream token of an account when its end is near: what the schedule calls for each account. The tokens
    /// of phone vendors are renewed by whoever sends: nobody waits for that while the one before is valid, and an app that
    /// sends nothing costs no call.
    pub async fn refresh_token(&self, account: &WechatAccount) -> Result<Refresh, TokenError> {
        let fetch = StableToken::new(self.wechat.clone(), account);
        self.tokens.refresh_due(&token_key(&account.id), &fetch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpSettings;
    use crate::testing::{ManualClock, MemoryLines, MemoryVault};
    use model::clock::Timestamp;

    #[test]
    fn every_kind_has_its_channel_and_costs_nothing_to_build() {
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        let http = HttpClient::new(HttpSettings::default());
        let registry = Registry::new(
            &Settings::default(),
            http,
            Arc::<MemoryVault>::default(),
            Arc::<MemoryLines>::default(),
            clock,
        );
        for kind in ChannelKind::ALL {
            assert_eq!(registry.channel(*kind).kind(), *kind);
        }
    }

    #[test]
    fn upstreams_are_called_over_tls_unless_a_setting_says_otherwise() {
        let Settings { wechat_base_url, .. } = Settings::default();
        assert!(wechat_base_url.starts_with("https://"));
    }
}
