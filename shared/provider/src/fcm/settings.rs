//! Limits and addresses of the channel, with where they were learned.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where Google is. Read once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FcmSettings {
    /// Base URL of the send call. Over `https` it is spoken to by HTTP/2 only.
    pub base_url: String,
    /// URL of the token call, and the audience of what is signed for it. Never taken from a service account's file, which a
    /// stranger may have written.
    pub token_url: String,
    /// PEM of the only roots that are believed; `None` believes the system's.
    pub roots: Option<String>,
}

impl Default for FcmSettings {
    /// Google's own hosts ("Authorize send requests", read 2026-08).
    fn default() -> Self {
        Self {
            base_url: "https://fcm.googleapis.com".to_owned(),
            token_url: "https://oauth2.googleapis.com/token".to_owned(),
            roots: None,
        }
    }
}

/// What a token is asked for.
pub const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// How long what we sign may be used: Google takes an hour at most.
pub const ASSERTION_LIFE: Duration = Duration::from_secs(3595);

/// Most bytes of a message, here without its token ("FCM HTTP v1", read 2026-08).
pub const MAX_PAYLOAD_BYTES: usize = 4096;
/// Longest `ttl`: four weeks.
pub const MAX_TTL: Duration = Duration::from_secs(28 * 86_400);

/// A request names one device, so a call is that many requests at once: what they have in common is made once. All share one
/// HTTP/2 connection, on which Google takes 100 streams; at some 60 ms each, 10 calls of 10 requests are more than 1,500
/// messages a second. A project may send 600,000 a minute.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: NonZeroUsize::new(10).unwrap(),
    calls_in_flight: NonZeroUsize::new(10).unwrap(),
    recognises_repeats: false,
};
/// The requests of one call that are under way at a time.
pub const REQUESTS: NonZeroUsize = NonZeroUsize::new(100).unwrap();

/// The wait after 429 without `Retry-After` ("Best practices when sending FCM messages at scale", read 2026-08).
pub const QUOTA_WAIT: Duration = Duration::from_secs(60);
/// The least wait after a call that got no answer (the same page).
pub const TIMEOUT_WAIT: Duration = Duration::from_secs(10);
