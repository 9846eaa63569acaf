//! Figures of the channel.

use crate::channel::ChannelLimits;
use std::num::NonZeroUsize;

/// Devices whose connections are looked up at a time.
const DEVICES_PER_CALL: NonZeroUsize = NonZeroUsize::new(100).unwrap();
/// Such calls in flight per instance.
const CALLS_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// Frames of one call in flight: 64 per instance with the figure above. API Gateway allows an account 10,000 requests a
/// second in a region, sending to connections included
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>, read 2026-11-25).
pub const FRAMES_IN_FLIGHT: usize = 16;

/// How the worker calls it. Clients recognise repeats.
pub const LIMITS: ChannelLimits =
    ChannelLimits { recipients_per_call: DEVICES_PER_CALL, calls_in_flight: CALLS_IN_FLIGHT, recognises_repeats: true };
