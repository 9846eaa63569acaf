//! WeChat: what it tells us.
//!
//! | function | route | does |
//! | --- | --- | --- |
//! | `wechat-event` | GET, POST /wechat/callback/{account} | hears what people do in the chat and what became of messages |
//!
//! `inbound` (see [`crate::workers::inbound`]) does from a queue what `wechat-event` could not do in time.

pub mod event;
pub(crate) mod inbound;
