//! Huawei Push Kit, REST API version 1: a thousand devices a call.
//!
//! An access token of an hour is shared by all instances. A partial success names the dead tokens; the others have been
//! served and are never sent again. Huawei does not recognise repeats, so a call whose answer was lost may be shown twice
//! when it is tried again. What became of a message comes back in receipts that are set up in Huawei's console; they name
//! the task.
//!
//! Not carried: `ios.*`, pictures that are not `https`, and badges of apps whose icon class nobody named.

mod client;
pub mod error;
mod oauth;
mod receipt;
mod render;
pub mod settings;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Huawei;
pub use receipt::{REPLY as RECEIPT_REPLY, SIGNATURE_HEADER, read as read_receipt};
