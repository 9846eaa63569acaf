//! What every WeChat channel shares: the meaning of its codes, the token call and the client that repeats a call once
//! with a fresh token.
//!
//! Facts are from the WeChat contract (official pages of developers.weixin.qq.com, read 2026-08).

mod answer;
mod batch;
mod client;
pub mod draft;
pub mod error;
pub mod media;
mod qrcode;
mod report;
mod token;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub(crate) use batch::to_each;
pub use client::WechatClient;
pub use error::{Action, CallError, Wait, action_of, outcome_of};
pub use qrcode::create_qrcode;
pub(crate) use report::log;
pub use token::{StableToken, token_key};
