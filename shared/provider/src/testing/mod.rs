//! Doubles for tests: a token vault in memory, a clock that is set by hand, and a scripted HTTP server.

mod clock;
mod vault;

#[cfg(test)]
pub(crate) mod http2;
#[cfg(test)]
pub(crate) mod push;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
pub(crate) mod wechat;

pub use clock::ManualClock;
pub use vault::MemoryVault;
