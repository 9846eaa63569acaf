//! Addresses and limits of the channel, with where they were learned: Xiaomi, "server API address and parameters" and
//! "message limits", read 2026-11.

use crate::channel::ChannelLimits;
use model::certificate::XiaomiRegion;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Where Xiaomi's services are: one base URL per region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XiaomiSettings {
    /// Mainland China.
    pub mainland: String,
    /// Singapore.
    pub singapore: String,
    /// The European Economic Area and the United Kingdom.
    pub europe: String,
    /// Russia.
    pub russia: String,
    /// India.
    pub india: String,
}

impl Default for XiaomiSettings {
    fn default() -> Self {
        let abroad = |host: &str| format!("https://{host}.xmpush.global.xiaomi.com");
        Self {
            mainland: "https://api.xmpush.xiaomi.com".to_owned(),
            singapore: abroad("sgp-api"),
            europe: abroad("fr-api"),
            russia: abroad("ru-api"),
            india: abroad("idmb-api"),
        }
    }
}

impl XiaomiSettings {
    /// The base URL of `region`.
    pub fn base_url(&self, region: XiaomiRegion) -> &str {
        match region {
            XiaomiRegion::Mainland => &self.mainland,
            XiaomiRegion::Singapore => &self.singapore,
            XiaomiRegion::Europe => &self.europe,
            XiaomiRegion::Russia => &self.russia,
            XiaomiRegion::India => &self.india,
        }
    }
}

/// The path of the call. There is no sandbox for Android, so test certificates call the same.
pub const PATH: &str = "/v3/message/regid";

/// Most registration ids of one call.
pub const RECIPIENTS_PER_CALL: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// Calls that one worker keeps in flight.
pub const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// How the worker has to cut and pace its calls.
pub const LIMITS: ChannelLimits = ChannelLimits {
    recipients_per_call: RECIPIENTS_PER_CALL,
    calls_in_flight: CALLS_IN_FLIGHT,
    recognises_repeats: false,
};

/// Most scalar values of `title`: fewer than 50.
pub const TITLE_CHARS: usize = 49;
/// Most scalar values of `description`: fewer than 128.
pub const DESCRIPTION_CHARS: usize = 127;
/// Most bytes of `payload`, encoded: less than 4 KB.
pub const PAYLOAD_BYTES: usize = 4095;
/// Most pairs of our own in `extra.*`.
pub const EXTRA_PAIRS: usize = 10;
/// Most scalar values of their keys and values together.
pub const EXTRA_CHARS: usize = 1024;
/// Longest time that Xiaomi keeps a notification: that of private messages. Public ones end after a day.
pub const LONGEST_TTL: Duration = Duration::from_secs(10 * 86_400);
/// How far ahead Xiaomi itself may be told to wait.
pub const LONGEST_DELAY: Duration = Duration::from_secs(7 * 86_400);
/// What is reported: 1 delivered, 16 dead token, 32 switched off, 128 over quota. Sums that hold other combinations are
/// known to silence receipts altogether.
pub const CALLBACK_TYPE: &str = "177";
