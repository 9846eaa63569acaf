//! Meizu (Flyme): a notification by `pushByPushId`, 100 phones a call, every call signed with MD5.
//!
//! There is no token to get. Meizu does not recognise repeats, so a call whose answer was lost may be shown twice when it
//! is tried again. A success that lists recipients is a partial failure: those are the ones that failed.
//!
//! Not carried: messages without a notification (`cmd`), pictures, badges, notification channels and sound files.

mod client;
pub mod error;
mod intent;
mod receipt;
mod render;
pub mod settings;
mod sign;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Meizu;
pub use receipt::read as read_receipt;
