//! Many targets in calls of a limited size.

use super::{Ended, Target, fault};
use crate::channel::ChannelLimits;
use crate::text;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use model::outcome::Outcome;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
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
    let chunks = sound.chunks(limits.recipients_per_call.get());
    let calls: Vec<_> = chunks.clone().map(|chunk| unless_shut(&shut, chunk.len(), send(chunk))).collect();
    let answered = run(calls.into_iter(), limits.calls_in_flight, until).await;
    let mut answered = chunks.zip(answered).flat_map(|(chunk, answer)| match answer {
        Ok(ended) => ended,
        Err(without) => without.times(chunk.len()),
    });
    if sound.len() == targets.len() {
        return answered.collect();
    }
    let mut of = |target: &Target| if is_sound(target.token.as_str()) { answered.next() } else { None };
    targets.into_iter().map(|target| of(target).unwrap_or(MALFORMED)).collect()
}

/// As [`in_chunks`], for vendors whose calls name one target: `in_flight` of them at a time.
pub(crate) async fn one_by_one<'a>(
    targets: &'a [Target],
    in_flight: NonZeroUsize,
    until: Instant,
    send: impl Fn(&'a Target) -> BoxFuture<'a, Ended>,
) -> Vec<Ended> {
    let shut = &OnceLock::new();
    let calls = targets.iter().map(|target| {
        let call = send(target);
        async move {
            if !is_sound(target.token.as_str()) {
                return MALFORMED;
            }
            if let Some(ended) = shut.get() {
                return Ended::clone(ended);
            }
            let ended = call.await;
            if shuts(&ended) {
                let _ = shut.set(ended.clone());
            }
            ended
        }
    });
    run(calls, in_flight, until).await.into_iter().map(|(Ok(ended) | Err(ended))| ended).collect()
}

/// Runs `calls`, so many at a time, until time is up. What each answered, in order; or how it ended without an answer: it
/// was cut off, or did not begin.
async fn run<F: Future>(
    calls: impl ExactSizeIterator<Item = F>,
    in_flight: NonZeroUsize,
    until: Instant,
) -> Vec<Result<F::Output, Ended>> {
    let mut answers: Vec<Option<F::Output>> = std::iter::repeat_with(|| None).take(calls.len()).collect();
    let mut calls = calls.enumerate();
    let (mut under_way, mut begun) = (FuturesUnordered::new(), 0);
    // One alarm for all of them: one for each would cost more than all that is done here.
    let mut alarm = pin!(tokio::time::sleep_until(until.into()));
    loop {
        while under_way.len() < in_flight.get()
            && Instant::now() < until
            && let Some((place, call)) = calls.next()
        {
            under_way.push(async move { (place, call.await) });
            begun += 1;
        }
        tokio::select! {
            biased;
            answer = under_way.next() => match answer {
                Some((place, answer)) => answers[place] = Some(answer),
                None => break,
            },
            () = &mut alarm => break,
        }
    }
    let without = |place| if place < begun { fault::cut_off() } else { fault::not_begun() };
    answers.into_iter().zip(0..).map(|(answer, place)| answer.ok_or_else(|| without(place))).collect()
}

/// One call, unless the account is shut by now. A future does nothing before it is polled, so `call` is not sent then.
async fn unless_shut(shut: &OnceLock<Ended>, targets: usize, call: BoxFuture<'_, Vec<Ended>>) -> Vec<Ended> {
    if let Some(ended) = shut.get() {
        return ended.clone().times(targets);
    }
    let ended = call.await;
    debug_assert_eq!(ended.len(), targets, "one end per target");
    if let Some(first) = ended.first()
        && shuts(first)
        && ended.iter().all(|one| one == first)
    {
        let _ = shut.set(first.clone());
    }
    ended
}

/// Whether a call that ended like this shows that the account is shut.
const fn shuts(ended: &Ended) -> bool {
    matches!(ended.attempt.outcome, Outcome::Quota { .. } | Outcome::Config) && !ended.doubtful
}

/// Of a token that cannot be one.
const MALFORMED: Ended = Ended::with(Outcome::Invalid, None, "malformed_token");

/// Whether `token` can be a vendor's name for a device at all.
///
/// Tokens come from devices. One with a comma, a blank or a control character would read as several in the comma lists
/// that vendors take, and one with a quote or a backslash would need care in every JSON text.
pub(crate) fn is_sound(token: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\');
    (1..=MAX_TOKEN_BYTES).contains(&token.len()) && text::all(token, is_plain)
}
