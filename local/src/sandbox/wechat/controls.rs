//! What tests do to a WeChat account.

use super::Account;
use super::people::Opening;
use super::user::ServerConfiguration;
use crate::sandbox::Sandbox;

/// How often tokens were handed out to one account, refused calls not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenFetches {
    /// Calls of `stable_token`.
    pub stable: u64,
    /// How many of those replaced the token by force.
    pub forced: u64,
    /// Calls of `token`.
    pub plain: u64,
}

/// The controls of one account; see [`Sandbox::wechat`].
#[derive(Clone, Copy)]
pub struct WechatControls<'a> {
    sandbox: &'a Sandbox,
    account: &'a Account,
}

impl Sandbox {
    /// The controls of the account with this appid, if the world has it.
    #[must_use]
    pub fn wechat(&self, appid: &str) -> Option<WechatControls<'_>> {
        self.wechat.account(appid).map(|account| WechatControls { sandbox: self, account })
    }
}

impl WechatControls<'_> {
    /// The account's tokens are past their life: sends with them are answered 42001, the next fetch gets a new one.
    pub fn expire_tokens(&self) {
        let now_ms = self.sandbox.clock.now_ms();
        self.account.state().tokens.expire(now_ms);
    }

    /// The account's tokens are withdrawn: sends with them are answered 40001, the next fetch gets a new one.
    pub fn revoke_tokens(&self) {
        self.account.state().tokens.revoke();
    }

    /// Sends refuse the account's shared token with 40001, yet `stable_token` hands it out until a forced refresh.
    pub fn spoil_token(&self) {
        self.account.state().tokens.spoil();
    }

    /// How often the account's tokens were fetched.
    #[must_use]
    pub fn token_fetches(&self) -> TokenFetches {
        self.account.state().tokens.fetches()
    }

    /// The openid follows the account from now on, also if nobody had it before.
    pub fn follow(&self, openid: &str) {
        self.move_to(openid, true);
    }

    /// The openid no longer follows the account: sends to it are answered 43004.
    pub fn unfollow(&self, openid: &str) {
        self.move_to(openid, false);
    }

    /// From now on this many template messages per Beijing day, those sent today included.
    pub fn set_daily_quota(&self, messages: u64) {
        self.account.state().quota.limit = messages;
    }

    /// From now on this many customer-service messages per Beijing day, those sent today included.
    pub fn set_daily_custom_quota(&self, messages: u64) {
        self.account.state().custom_quota.limit = messages;
    }

    /// How many uploads, permanent materials and drafts were made for the account.
    #[must_use]
    pub fn media_made(&self) -> (u64, u64, u64) {
        let state = self.account.state();
        let (uploads, materials) = state.library.made();
        (uploads, materials, state.drafts.made)
    }

    /// Everything that was uploaded is unknown from now on: messages with it are answered 40007.
    pub fn forget_media(&self) {
        self.account.state().library.forget();
    }

    /// Every draft is unknown from now on.
    pub fn forget_drafts(&self) {
        self.account.state().drafts.by_id.clear();
    }

    /// Whether the openid follows.
    fn move_to(&self, openid: &str, follows: bool) {
        self.account.state().people.of(openid).follows = Some(follows);
    }

    /// The person does something now that lets the account write to them. It tells the gateway nothing.
    pub fn opens(&self, openid: &str, opening: Opening) {
        let now_ms = self.sandbox.clock.now_ms();
        self.account.state().people.of(openid).openings.insert(opening, now_ms);
    }

    /// When the person last did `opening`, epoch ms.
    #[must_use]
    pub fn last_inbound(&self, openid: &str, opening: Opening) -> Option<i64> {
        self.account.state().people.last(openid, opening)
    }

    /// What WeChat's console knows of the gateway: where and how this account tells it what people do.
    pub fn configure(&self, configuration: ServerConfiguration) {
        self.account.state().conversation.configuration = Some(configuration);
    }

    /// How many QR codes were made for the account.
    #[must_use]
    pub fn codes_created(&self) -> u64 {
        self.account.state().scenes.created()
    }

    /// The person allows `count` more one-time messages of a template.
    pub fn grant(&self, openid: &str, template: &str, count: u32) {
        let given = self.account.given.grants;
        *self.account.state().people.of(openid).grants.entry(Box::from(template)).or_insert(given) += count;
    }
}
