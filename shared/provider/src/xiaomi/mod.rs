//! Xiaomi MiPush: a notification by `POST /v3/message/regid`, up to 1,000 phones a call, under a static key.
//!
//! There is no token to get. Xiaomi does not recognise repeats, and its answer is for the whole call: which of the
//! registration ids are dead is said later, by a receipt.
//!
//! Not carried: messages without a notification (`cmd`, ended by Xiaomi in 2022), pictures (ended in 2023) and badges,
//! which Xiaomi's launcher counts by itself.

mod client;
pub mod error;
mod receipt;
mod render;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Xiaomi;
pub use receipt::read as read_receipt;
