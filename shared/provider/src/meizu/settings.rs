//! Limits of the channel, with where they were learned: MEIZUPUSH/PushAPI, README of 2025-04, read 2026-11.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;

/// Meizu's server. Phones outside of China have `https://server-api-push.in.meizu.com`.
pub const BASE_URL: &str = "https://server-api-push.meizu.com";

/// The path of the call.
pub const PATH: &str = "/garcia/api/server/push/varnished/pushByPushId";

/// Most push ids of one call. It was 1,000 before August 2023.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::new(100).unwrap();
/// Calls that one worker keeps in flight: a batch of 1,000 is ten calls.
pub const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// How the worker has to cut and pace its calls.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: RECIPIENTS_PER_CALL,
    calls_in_flight: CALLS_IN_FLIGHT,
    recognises_repeats: false,
};

/// Most scalar values of the title.
pub const TITLE_CHARS: usize = 32;
/// Most scalar values of the text.
pub const CONTENT_CHARS: usize = 100;
/// Most scalar values of the long text. Meizu documents no limit; this is ours.
pub const EXPANDED_CHARS: usize = 1000;
/// Fewest and most hours that Meizu keeps a notification for a phone that is off.
pub const VALID_HOURS: std::ops::RangeInclusive<u64> = 1..=72;
