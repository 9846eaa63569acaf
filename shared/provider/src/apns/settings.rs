//! Limits and addresses of the channel, with where they were learned.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where Apple is. Read once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApnsSettings {
    /// Base URL for tokens of apps from the App Store and TestFlight.
    pub production_url: String,
    /// Base URL for tokens of apps that Xcode put on a device. A token of one is unknown to the other.
    pub development_url: String,
    /// PEM of the only roots that are believed; `None` believes the system's.
    pub roots: Option<String>,
}

impl Default for ApnsSettings {
    /// Apple's own hosts ("Sending notification requests to APNs", read 2026-08).
    fn default() -> Self {
        Self {
            production_url: "https://api.push.apple.com".to_owned(),
            development_url: "https://api.sandbox.push.apple.com".to_owned(),
            roots: None,
        }
    }
}

/// Most bytes of a payload (Apple, "Generating a remote notification", read 2026-08).
pub const MAX_PAYLOAD_BYTES: usize = 4096;

/// A request names one device, so a call is that many requests at once: what they have in common is made once. All of a
/// certificate share one HTTP/2 connection, on which Apple takes 1,000 streams; it answers in some 50 ms, so 10 calls of 10
/// requests are about 2,000 messages a second, and no more are lost from sight when it closes. More devices a call would save
/// little more, and let one that hangs hold up more of them.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: NonZeroUsize::new(10).unwrap(),
    calls_in_flight: NonZeroUsize::new(10).unwrap(),
    recognises_repeats: false,
};
/// The requests of one call that are under way at a time.
pub const REQUESTS: NonZeroUsize = NonZeroUsize::new(100).unwrap();

/// How old a token gets before it is replaced. Apple refuses one that is older than an hour and a key that signs more than
/// once in 20 minutes ("Establishing a token-based connection to APNs", read 2026-08).
pub const TOKEN_AGE: Duration = Duration::from_secs(45 * 60);
/// Spread around [`TOKEN_AGE`], so that keys of many apps are not renewed in one second.
pub const TOKEN_AGE_SPREAD: Duration = Duration::from_secs(2 * 60);
/// A token that Apple calls expired is not replaced while it is younger: then it is our clock that is wrong.
pub const LEAST_TOKEN_AGE: Duration = Duration::from_secs(20 * 60);

/// A connection that has been idle for longer is not used again. Apple asks to keep connections; NAT gateways forget them
/// after 350 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// Certificates whose connections an instance keeps.
pub const MAX_LINES: usize = 64;
