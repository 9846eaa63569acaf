//! Limits of the channel, with where they were learned.

use std::num::NonZeroUsize;

/// WeChat's API (developers.weixin.qq.com, "Interface field description", read 2026-08). `api2.weixin.qq.com` is its
/// disaster recovery.
pub const BASE_URL: &str = "https://api.weixin.qq.com";

/// The path of the call.
pub const PATH: &str = "/cgi-bin/message/template/send";

/// One call has one `touser`.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::MIN;

/// Calls that one worker keeps in flight.
///
/// WeChat answers a send in some 100 ms, so this is about 300 messages a second and worker: a batch of 1,000 in three
/// to four seconds. Each call has a connection of its own (HTTP/1.1), and 32 of them cost a worker of 256 MB nothing that
/// can be measured; more would only bring the account nearer to its limit per minute (45011).
pub const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Most scalar values of a key without a typed prefix (`first`, `keyword1`, `remark`). WeChat documents no limit; the
/// card shows about 20, the page behind it all of them.
pub const UNTYPED_CHARS: usize = 200;
/// Most scalar values of a text after WeChat found one too long (47003): what the narrowest text type takes.
pub const TIGHT_CHARS: usize = 20;
