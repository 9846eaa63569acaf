//! Doubles for tests: a token vault and connections in memory, a clock that is set by hand, and a scripted HTTP server.

mod clock;
mod lines;
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
pub use lines::MemoryLines;
pub use vault::MemoryVault;

/// A moment that no test lives to see.
#[cfg(test)]
pub(crate) fn in_time() -> std::time::Instant {
    std::time::Instant::now() + std::time::Duration::from_secs(600)
}
