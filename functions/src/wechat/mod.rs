//! WeChat: what it tells us, its own API, and pushes by openid. Back ends that use a WeChat SDK move here by changing
//! its base URL.
//!
//! | function | route | does |
//! | --- | --- | --- |
//! | `wechat-event` | GET, POST /wechat/callback/{account} | hears what people do in the chat and what became of messages |
//! | `wechat-token` | GET /cgi-bin/token, POST /cgi-bin/stable_token | hands out access tokens of ours |
//! | `wechat-template-send` | POST /cgi-bin/message/template/send | a template message to one openid |
//! | `wechat-wxopen-template-send` | POST /cgi-bin/message/wxopen/template/send | the same for a mini program, as a subscription message |
//! | `wechat-push` | POST /api/v4/pushes/wechat, GET …/{id} | article or template to many openids, and what became of it |
//!
//! `inbound` (see [`crate::workers::inbound`]) does from a queue what `wechat-event` could not do in time.
//!
//! WeChat's token has one holder, which is us; whoever calls here has tokens of ours, of which there may be any number.
//! The calls under /cgi-bin take any method, because WeChat answers a wrong one with a code of its own, and answer HTTP 200
//! to everything; see [`gateway::envelope::cgi`].

mod accept;
mod caller;
pub mod event;
pub(crate) mod inbound;
pub mod push;
mod read;
pub mod template_send;
pub mod token;
pub mod wxopen_template_send;

use gateway::ApiError;
use model::cgi::Refusal;

/// The error of a refusal, in WeChat's words.
fn refused(refusal: Refusal) -> ApiError {
    ApiError::refused(refusal.code(), refusal.errmsg())
}

/// The error of a value that does not fit the type of its key.
fn value_refused(key: &str) -> ApiError {
    ApiError::refused(Refusal::Value.code(), format!("argument invalid! data.{key}.value invalid"))
}
