//! OPPO (HeyTap): notifications by `unicast_batch`, up to 1,000 phones a call, under a token of 24 hours.
//!
//! OPPO delivers one `app_message_id` to one phone once. Ours is the task's number, so a call whose answer was lost can be
//! tried again and nothing is shown twice. Phones outside of mainland China have a server of their own, told apart by
//! their registration ids.
//!
//! Not carried: messages without a notification (`cmd`), pictures (for broadcasts only) and sounds, which OPPO chooses.

mod auth;
mod client;
pub mod error;
mod receipt;
mod render;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Oppo;
pub use receipt::read as read_receipt;
