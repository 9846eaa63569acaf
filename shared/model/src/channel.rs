//! Channels: the ways to reach a person, and what an address on each of them is.

use crate::clock::Timestamp;
use crate::ids::{DeviceToken, OpenId};
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
    /// A WeChat official account's mass message: one call reaches everybody who follows.
    WechatMass,
    /// Our own: connections of apps and browsers that are open.
    Own,
    /// Apple's push service.
    Apns,
    /// Google's, Firebase Cloud Messaging.
    Fcm,
    /// Huawei Push Kit.
    Huawei,
    /// Xiaomi MiPush.
    Xiaomi,
    /// OPPO (HeyTap).
    Oppo,
    /// vivo.
    Vivo,
    /// Meizu (Flyme).
    Meizu,
}

impl ChannelKind {
    /// Every channel: tests walk it for settings, docs, golden requests and a sandbox run.
    pub const ALL: &'static [Self] = &[
        Self::WechatTemplate,
        Self::WechatCustom,
        Self::WechatSubscribe,
        Self::WechatMass,
        Self::Own,
        Self::Apns,
        Self::Fcm,
        Self::Huawei,
        Self::Xiaomi,
        Self::Oppo,
        Self::Vivo,
        Self::Meizu,
    ];
    /// The channels to phones through their vendors.
    pub const PHONES: &'static [Self] =
        &[Self::Apns, Self::Fcm, Self::Huawei, Self::Xiaomi, Self::Oppo, Self::Vivo, Self::Meizu];

    /// The text form, for example `wechat-template`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WechatTemplate => "wechat-template",
            Self::WechatCustom => "wechat-custom",
            Self::WechatSubscribe => "wechat-subscribe",
            Self::WechatMass => "wechat-mass",
            Self::Own => "own",
            Self::Apns => "apns",
            Self::Fcm => "fcm",
            Self::Huawei => "huawei",
            Self::Xiaomi => "xiaomi",
            Self::Oppo => "oppo",
            Self::Vivo => "vivo",
            Self::Meizu => "meizu",
        }
    }

    /// The channel of this name, for example in the path of a receipt; `None` when there is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// Whether it leads to a phone, under an app's certificate.
    pub fn is_phone(self) -> bool {
        Self::PHONES.contains(&self)
    }
}

impl std::fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a recipient is reached on a channel. It is personal data and prints shortened. It is read as part of a
/// [`Recipient`](crate::audience::Recipient).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// An openid of the task's WeChat account.
    #[serde(rename = "o")]
    Wechat(OpenId),
    /// A device of the task's mobile app.
    #[serde(rename = "d")]
    Device(DeviceAddress),
    /// Followers of the task's WeChat account, whom one call reaches together.
    #[serde(rename = "f")]
    Followers(Which),
}

/// Which followers a mass message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// All of them.
    All,
}

/// A device, and everything that decides how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAddress {
    /// Its ways, in the order in which they are tried; at least one.
    #[serde(rename = "w")]
    pub ways: Vec<Way>,
    /// Its user's quiet hours: it is shown without a sound.
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// Its user wants no text on the screen: a general one is shown in place of title and body.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// One way to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Through which channel.
    #[serde(rename = "c")]
    pub channel: ChannelKind,
    /// What the vendor calls the app on the device.
    #[serde(rename = "t")]
    pub token: DeviceToken,
    /// When the device bound the token. A death that the vendor dates earlier is not this binding's.
    #[serde(rename = "b")]
    pub bound: Timestamp,
    /// The device's badge counter after this message; `None` when none is kept.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<u32>,
}

impl Address {
    /// The openid, for the channels of WeChat; `None` for who is reached otherwise.
    pub const fn openid(&self) -> Option<&OpenId> {
        match self {
            Self::Wechat(openid) => Some(openid),
            Self::Device(_) | Self::Followers(_) => None,
        }
    }

    /// The way to a device through `channel`; `None` for who has none.
    pub fn way(&self, channel: ChannelKind) -> Option<&Way> {
        match self {
            Self::Wechat(_) | Self::Followers(_) => None,
            Self::Device(device) => device.ways.iter().find(|way| way.channel == channel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire_form_agree() {
        for kind in ChannelKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
            assert_eq!(ChannelKind::parse(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn a_device_is_short_on_the_wire() {
        let bound = Timestamp::from_seconds(7);
        let way = Way { channel: ChannelKind::Huawei, token: DeviceToken::new("T"), bound, badge: Some(3) };
        let device = Address::Device(DeviceAddress { ways: vec![way], silent: false, hidden: true });
        let wire = serde_json::to_string(&device).unwrap();
        assert_eq!(wire, r#"{"d":{"w":[{"c":"huawei","t":"T","b":7000,"n":3}],"h":true}}"#);
        assert_eq!(device.way(ChannelKind::Huawei).map(|way| way.badge), Some(Some(3)));
        assert_eq!(device.way(ChannelKind::Fcm), None);
        assert_eq!(device.openid(), None);
    }
}
