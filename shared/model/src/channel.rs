//! Channels: the ways to reach a person, and what an address on each of them is.

use crate::ids::OpenId;
use serde::{Deserialize, Serialize};

/// A way to reach a person. The text form is used in queue names, metrics, the sandbox inbox and the docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// A WeChat official account's template message.
    WechatTemplate,
    /// A WeChat account's customer-service message.
    WechatCustom,
    /// A WeChat mini program's subscription message.
    WechatSubscribe,
}

impl ChannelKind {
    /// Every channel: tests walk it for settings, docs, golden requests and a sandbox run.
    pub const ALL: &'static [Self] = &[Self::WechatTemplate, Self::WechatCustom, Self::WechatSubscribe];

    /// The text form, for example `wechat-template`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WechatTemplate => "wechat-template",
            Self::WechatCustom => "wechat-custom",
            Self::WechatSubscribe => "wechat-subscribe",
        }
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a recipient is reached on a channel. It is personal data and prints shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// An openid of the task's WeChat account.
    #[serde(rename = "o")]
    Wechat(OpenId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire_form_agree() {
        for kind in ChannelKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
