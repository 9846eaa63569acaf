//! Many targets in calls of a limited size.

use super::{Ended, Target, fault};
use crate::channel::ChannelLimits;
use futures::StreamExt;
use futures::future::BoxFuture;
use model::outcome::Outcome;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longest token that is sent in a list. The longest documented one of any vendor that takes lists is 64 characters;
/// Huawei documents none, and its tokens have some 130.
const MAX_TOKEN_BYTES: usize = 512;

/// One target a call: for the targets of a call that one of them spoils.
pub(crate) const ONE_BY_ONE: ChannelLimits = ChannelLimits {
    recipients_per_call: NonZeroUsize::MIN,
    calls_in_flight: NonZeroUsize::new(16).unwrap(),
    recognises_repeats: false,
};

/// How much sooner the calls end that a call makes in its own place: what they answered must not be cut off with it.
const SOONER: Duration = Duration::from_millis(500);

/// Until when calls may last that are made in place of one that may last `until`.
pub(crate) fn within(until: Instant) -> Instant {
    until.checked_sub(SOONER).unwrap_or(until)
}

/// Calls `send` for `targets` in chunks as `limits` says, and answers one end per target, in order. `send` must answer one
/// end per target of its chunk.
///
/// At `until` each call that is under way is cut off by itself, and none begins any more: those are to be tried again, and
/// what the others answered stands.
///
/// A token that cannot be one is called dead and not sent. Once a chunk as a whole learns that the account is shut (its
/// quota is gone, its settings are wrong), the chunks that have not begun are not sent and end the same way. A doubtful end
/// may be about its target alone, so it shuts nothing.
pub(crate) async fn in_chunks<'a>(
    targets: impl IntoIterator<Item = &'a Target>,
    limits: ChannelLimits,
    until: Instant,
    send: impl for<'c> Fn(&'c [&'a Target]) -> BoxFuture<'c, Vec<Ended>>,
) -> Vec<Ended> {
    let targets: Vec<&Target> = targets.into_iter().collect();
    let sound: Vec<&Target> = targets.iter().copied().filter(|target| is_sound(target.token.as_str())).collect();
    let shut = OnceLock::new();
    let calls: Vec<_> = (sound.chunks(limits.recipients_per_call.get()))
        .map(|chunk| unless_shut(&shut, until, chunk.len(), send(chunk)))
        .collect();
    let answered: Vec<Vec<Ended>> = futures::stream::iter(calls).buffered(limits.calls_in_flight.get()).collect().await;
    let mut answered = answered.into_iter().flatten();
    if sound.len() == targets.len() {
        return answered.collect();
    }
    let malformed = Ended::with(Outcome::Invalid, None, "malformed_token");
    let mut of = |target: &Target| if is_sound(target.token.as_str()) { answered.next() } else { None };
    targets.into_iter().map(|target| of(target).unwrap_or_else(|| malformed.clone())).collect()
}

/// One call, unless the account is shut by now, or time is up. A future does nothing before it is polled, so `call` is not
/// sent then.
async fn unless_shut(
    shut: &OnceLock<Ended>,
    until: Instant,
    targets: usize,
    call: BoxFuture<'_, Vec<Ended>>,
) -> Vec<Ended> {
    if let Some(ended) = shut.get() {
        return ended.clone().times(targets);
    }
    if Instant::now() >= until {
        return fault::not_begun().times(targets);
    }
    let Ok(ended) = tokio::time::timeout_at(until.into(), call).await else {
        return fault::cut_off().times(targets);
    };
    debug_assert_eq!(ended.len(), targets, "one end per target");
    if let Some(first) = ended.first()
        && matches!(first.attempt.outcome, Outcome::Quota { .. } | Outcome::Config)
        && !first.doubtful
        && ended.iter().all(|one| one == first)
    {
        let _ = shut.set(first.clone());
    }
    ended
}

/// Whether `token` can be a vendor's name for a device at all.
///
/// Tokens come from devices. One with a comma, a blank or a control character would read as several in the comma lists
/// that vendors take, and one with a quote or a backslash would need care in every JSON text.
pub(crate) fn is_sound(token: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\');
    (1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.bytes().all(is_plain)
}
