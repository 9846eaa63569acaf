//! Limits of the channel, with where they were learned.

use std::num::NonZeroUsize;

/// The path of the call.
pub const PATH: &str = "/cgi-bin/message/mass/sendall";

/// One call reaches everybody.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::MIN;

/// Calls that one worker keeps in flight. An account may make 60 a minute and 100 a day (WeChat's page "mass message", read
/// 2026-11), so there is nothing to hurry for.
pub const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
