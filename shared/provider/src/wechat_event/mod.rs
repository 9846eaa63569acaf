//! What WeChat tells us: the check of our address, signatures, encryption, events, and the replies that a call may
//! carry back.
//!
//! Bytes in, values out: no I/O, so every rule is tested in microseconds. [`read`] turns a call into what happened,
//! [`Call::reply`] says something back in the form the call came in.
//!
//! Facts are from WeChat's pages "Access Guide", "Receiving event pushes", "Passive user reply" and "Message encryption
//! and decryption" (developers.weixin.qq.com, read 2026-08).

mod body;
mod call;
mod crypto;
mod happening;
pub mod peer;
mod reply;
mod signature;

#[cfg(test)]
mod tests;

pub use body::BodyError;
pub use call::{Call, Keys, Query, Refused, read};
pub use crypto::{AesKey, MalformedKey};
pub use reply::PassiveReply;
pub use signature::{is_address_check, sign};

/// The largest body that is read, in bytes. WeChat's own are below 10 KB; the limit is ours.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
