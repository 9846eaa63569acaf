//! Addresses and limits of the channel, with where they were learned: vivo, "server API" 2.9.2 and its copies in public
//! SDKs, read 2026-11.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

/// vivo's server.
pub const BASE_URL: &str = "https://api-push.vivo.com.cn";

/// The path of the token call.
pub const AUTH_PATH: &str = "/message/auth";
/// The path of the call for one phone.
pub const SEND_PATH: &str = "/message/send";
/// The path of the call that leaves the notification for a list.
pub const SAVE_PATH: &str = "/message/saveListPayload";
/// The path of the call for a list of two phones or more.
pub const LIST_PATH: &str = "/message/pushToList";

/// The path of the call that says what became of tasks.
pub const STATISTICS_PATH: &str = "/report/getStatistics";

/// Tasks of one question. vivo's page names no limit; ours, so that an address stays below 2 KB.
pub const TASKS_PER_QUESTION: usize = 100;

/// Most regIds of one list.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// Calls that one worker keeps in flight.
pub const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// How the worker has to cut and pace its calls.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: RECIPIENTS_PER_CALL,
    calls_in_flight: CALLS_IN_FLIGHT,
    recognises_repeats: false,
};

/// How long we use a token. It is valid for 24 h, and vivo asks for a new one every hour or two: 90 minutes, and the time
/// before its end in which the holder fetches the next.
pub const TOKEN_USE: Duration = Duration::from_secs(90 * 60 + crate::token::FRESH.as_secs());

/// Most scalar values of `title`.
pub const TITLE_CHARS: usize = 40;
/// Most scalar values of `content`.
pub const CONTENT_CHARS: usize = 100;
/// Most scalar values of `skipContent`.
pub const SKIP_CONTENT_CHARS: usize = 1024;
/// Most pairs of the caller's own data.
pub const CUSTOM_PAIRS: usize = 10;
/// Most scalar values of their keys and values together.
pub const CUSTOM_CHARS: usize = 1024;
/// Seconds that vivo keeps a notification for a phone that is off.
pub const TTL_SECONDS: RangeInclusive<u64> = 60..=86_400;
/// The same for a list, which an older text of vivo's holds to a quarter of an hour at least.
pub const LIST_TTL_SECONDS: RangeInclusive<u64> = 900..=86_400;
