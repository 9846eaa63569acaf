//! Addresses and limits of the channel, with where they were learned: OPPO, "addresses, common parameters and return
//! codes", "single push" and their copies in public SDKs, read 2026-11.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where OPPO's servers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OppoSettings {
    /// Base URL for phones in mainland China.
    pub mainland: String,
    /// Base URL for phones elsewhere.
    pub overseas: String,
}

impl Default for OppoSettings {
    fn default() -> Self {
        Self {
            mainland: "https://api.push.oppomobile.com".to_owned(),
            overseas: "https://api-intl.push.oppomobile.com".to_owned(),
        }
    }
}

/// The path of the token call.
pub const AUTH_PATH: &str = "/server/v1/auth";
/// The path of the call. It takes one notification as well as many.
pub const PATH: &str = "/server/v1/message/notification/unicast_batch";

/// Most notifications of one call.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// Most bytes of a call: every notification of a batch repeats the whole message, so a large one goes to fewer phones at a
/// time. OPPO documents no limit; this is ours.
pub const CALL_BYTES: usize = 2 << 20;
/// Calls that one worker keeps in flight.
pub const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// How the worker has to cut and pace its calls.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: RECIPIENTS_PER_CALL,
    calls_in_flight: CALLS_IN_FLIGHT,
    recognises_repeats: true,
};

/// How long a token is valid.
pub const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long we use it: half of its life, so that a clock that goes wrong does no harm.
pub const TOKEN_USE: Duration = Duration::from_secs(12 * 3600);

/// Most scalar values of the title.
pub const TITLE_CHARS: usize = 50;
/// Most scalar values of the text in style 1. Another copy of the page says 200; this is the safe reading.
pub const CONTENT_CHARS: usize = 50;
/// Most scalar values of the text in style 2, long text.
pub const LONG_CONTENT_CHARS: usize = 128;
/// Most scalar values of an intent URI.
pub const CLICK_URL_CHARS: usize = 2000;
/// Most scalar values of the caller's own data.
pub const ACTION_PARAMETERS_CHARS: usize = 4000;
/// The largest number on an icon.
pub const MAX_BADGE: u32 = 99;
/// Longest time that OPPO keeps a notification for a phone that is off.
pub const LONGEST_TTL: Duration = Duration::from_secs(10 * 86_400);
