//! How to reach a person: the [`channel::Channel`] trait, the registry of channels, and one folder per channel.
//!
//! A channel gets a message, its recipients and its credentials, and answers with one outcome per recipient. It knows
//! nothing of our storage, our queues or our HTTP API; what to do about an outcome is decided in `model`.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`channel`] | the trait, the call, the registry and its settings |
//! | [`http`] | the one HTTP client, and its guarded form for URLs that strangers gave |
//! | [`apns`], [`fcm`], [`huawei`], [`meizu`], [`oppo`], [`vivo`], [`xiaomi`] | the vendors of phones |
//! | [`phone`] | the vendors behind the trait: the channels `apns`, `fcm`, … |
//! | [`own`] | the channel `own`: connections of apps and browsers that are open |
//! | [`token`] | the one holder of an upstream's access token |
//! | [`vendor`] | what the channels to phones share |
//! | [`wechat`] | what every WeChat channel shares: error table, token call, client |
//! | [`wechat_event`] | what WeChat tells us: signatures, encryption, events, replies |
//! | [`wechat_template`] | the channel `wechat-template` |
//! | [`wechat_custom`] | the channel `wechat-custom` |
//! | [`wechat_subscribe`] | the channel `wechat-subscribe` |
//! | [`wechat_mass`] | the channel `wechat-mass` |
//!
//! A new channel is one folder with the files `mod`, `client`, `wire`, `settings` and `error`, one
//! [`model::channel::ChannelKind`] variant and one arm in [`channel::Registry::channel`].

pub mod apns;
pub mod channel;
pub mod fcm;
pub mod http;
mod http2;
pub mod huawei;
pub mod meizu;
pub mod oppo;
pub mod own;
pub mod phone;
mod text;
pub mod token;
pub mod vendor;
pub mod vivo;
pub mod wechat;
pub mod wechat_custom;
pub mod wechat_event;
pub mod wechat_mass;
pub mod wechat_subscribe;
pub mod wechat_template;
pub mod xiaomi;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
