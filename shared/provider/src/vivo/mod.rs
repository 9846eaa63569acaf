//! vivo: one phone by `send`; many by `saveListPayload` once and `pushToList` with up to 1,000 phones a call. Under a token
//! of 24 hours.
//!
//! A list has two phones at least, so a remainder of one is a `send`. When the quota of lists is gone, or one malformed id
//! spoils a list, phones are served one by one. Every call has a `requestId` that is the same for the same phones in every
//! attempt.
//!
//! Of a single send vivo reports to an address; of a list it tells sums when it is asked by its own id, which is noted
//! ([`Lists`](crate::vendor::Lists)) before the list goes out.
//!
//! Not carried: messages without a notification (`cmd`), pictures, long texts, notification channels, sound files, and
//! badges except for "one more" where vivo has granted it.

mod auth;
mod client;
pub mod error;
mod receipt;
mod render;
pub mod settings;
mod statistics;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Vivo;
pub use receipt::read as read_receipt;
pub use statistics::StatisticsError;
