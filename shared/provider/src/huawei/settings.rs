//! Limits and addresses of the channel, with where they were learned.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where Huawei is. Read once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HuaweiSettings {
    /// Base URL of the send call.
    pub base_url: String,
    /// Path of the send call; `{app_id}` stands for the app. Version 2 is called under `/v2/{project_id}/`, for which the
    /// certificate holds the project id in place of the app id.
    pub send_path: String,
    /// URL of the token call.
    pub token_url: String,
}

impl Default for HuaweiSettings {
    /// Huawei's own hosts (Push Kit, REST API version 1, read 2026-08).
    fn default() -> Self {
        Self {
            base_url: "https://push-api.cloud.huawei.com".to_owned(),
            send_path: "/v1/{app_id}/messages:send".to_owned(),
            token_url: "https://oauth-login.cloud.huawei.com/oauth2/v3/token".to_owned(),
        }
    }
}

/// What stands for the app in [`HuaweiSettings::send_path`].
pub const APP_ID: &str = "{app_id}";

/// A thousand tokens a call. An app may send some 3,000 tokens a second, so few calls at a time are enough.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: NonZeroUsize::new(1000).unwrap(),
    calls_in_flight: NonZeroUsize::new(4).unwrap(),
    recognises_repeats: false,
};

/// Most bytes of a body without its tokens.
pub const MAX_BODY_BYTES: usize = 4096;
/// Longest `ttl`: 15 days.
pub const MAX_TTL: Duration = Duration::from_secs(15 * 86_400);
/// Largest number of a badge.
pub const MAX_BADGE: u32 = 99;
/// "All tokens are invalid" (80300007) for more than these is a wrong app id.
pub const BELIEVABLE_DEATHS: usize = 20;
/// The wait after HTTP 503, by which Huawei slows its callers down.
pub const FLOW_CONTROL_WAIT: Duration = Duration::from_secs(30);

/// How far the time of a signed receipt may be off. An older one may be a copy.
pub const RECEIPT_WINDOW: Duration = Duration::from_secs(5 * 60);
/// Most reports in one receipt. Huawei's pages say 100 and 1,000.
pub const MAX_REPORTS: usize = 1000;
