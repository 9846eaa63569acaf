//! Limits of the channel, with where they were learned.

use std::num::NonZeroUsize;

/// The path of the call.
pub const PATH: &str = "/cgi-bin/message/custom/send";

/// One call has one `touser`.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::MIN;

/// Calls that one worker keeps in flight, as for `wechat-template`: the same API, and about as fast.
pub const CALLS_IN_FLIGHT: NonZeroUsize = crate::wechat_template::settings::CALLS_IN_FLIGHT;

/// Bytes of a text. WeChat's page "customer service messages" names no figure; 2,048 is what developers have found.
pub const TEXT_BYTES: usize = 2_048;
