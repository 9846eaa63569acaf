//! Sending a batch: calls in flight, outcomes sorted.

use super::Delivery;
use super::legs::{Away, Turn};
use super::media::Showing;
use super::recorder::Recorder;
use futures::stream::{FuturesUnordered, StreamExt};
use gateway::metrics::Metric;
use gateway::{Invocation, WorkerError};
use model::audience::Recipient;
use model::batch::BatchId;
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::{DeviceToken, OpenId};
use model::outcome::{Attempt, BREAKER_OPEN, Decision, Outcome, decide};
use model::record::{Entry, State};
use provider::vendor::guard::{self, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::breakers::Trip;
use tokio::sync::Semaphore;
use tracing::{info, warn};

/// Time kept back for calls under way and for writing down what was done: no call starts later.
pub(super) const MARGIN: Duration = Duration::from_secs(15);
/// Time kept back for what comes after the last answer: a channel ends each of its calls by then. One that is cut off may
/// have gone through; what others answered is not lost with it.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// Time kept back for writing down what was done: what a channel has not answered by then counts as not answered.
const LAST_MARGIN: Duration = Duration::from_secs(4);

/// What came of sending.
#[derive(Default)]
pub(super) struct Sent<'a> {
    /// To be tried again.
    pub(super) again: Vec<Again>,
    /// Not tried: time was up, or the breaker opened.
    pub(super) untried: Vec<Turn<'a>>,
    /// Over on this leg, and where they are now.
    pub(super) passed: Vec<Away>,
    /// Whose address is dead beyond doubt.
    pub(super) invalid: Vec<Dead>,
    /// Accepted by the vendor and due for a step of their daily counter.
    pub(super) counted: Vec<&'a Recipient>,
    /// The breaker is to be opened.
    pub(super) breaker: Option<Trip>,
    /// Some answer showed that the vendor acts for the account.
    pub(super) account_works: bool,
    /// How many ended how. Counted once for all of them: a metric is a line of the log, and a line for each recipient would
    /// cost more than the push.
    ended: BTreeMap<State, usize>,
}

impl Sent<'_> {
    /// Counts those that ended since the last time.
    fn count(&mut self, delivery: &Delivery<'_>) {
        for (state, count) in std::mem::take(&mut self.ended) {
            delivery.count(state, count);
        }
    }
}

/// An address that the vendor calls dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dead {
    /// Of a follower.
    Follower(OpenId),
    /// Of a device.
    Token {
        /// What the vendor calls it.
        token: DeviceToken,
        /// Since when it is dead, where the vendor says so.
        since: Option<Timestamp>,
    },
}

/// A recipient whose attempt failed for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// What the record calls the recipient.
    pub(super) slot: u64,
    /// On which leg.
    pub(super) leg: u8,
    /// The earliest moment of the next attempt.
    pub(super) at: Timestamp,
    /// The vendor's code, where there was one.
    pub(super) vendor_code: Option<i32>,
}

impl Again {
    /// What the record says of it.
    pub(super) fn entry(&self) -> Entry {
        Entry { vendor_code: self.vendor_code, ..Entry::new(State::Retrying).on_leg(self.leg) }
    }
}

/// Sends to `pending`, noting what is final in `recorder` as it comes in.
///
/// A probe makes one call first, and the others only when that went through.
pub(super) async fn send<'a>(
    delivery: &Delivery<'_>,
    invocation: &Invocation,
    showing: &Showing<'_>,
    permits: Arc<Semaphore>,
    recorder: &mut Recorder,
    pending: &[Turn<'a>],
    probing: bool,
) -> Result<Sent<'a>, WorkerError> {
    let batch = &delivery.batch;
    let channel = delivery.context.channels().channel(batch.channel);
    let limits = channel.limits();
    let mut probing = probing;
    // One for all: recipients that failed alike are to be tried again together.
    let jitter = rand::random();

    let mut sent = Sent::default();
    let mut tally: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut verdicts, mut doubted) = (guard::Tally::default(), Vec::new());
    let mut waiting = pending.chunks(limits.recipients_per_call.get());
    let mut in_flight = FuturesUnordered::new();
    loop {
        let most_in_flight = if probing { 1 } else { limits.calls_in_flight.get() };
        while in_flight.len() < most_in_flight && sent.breaker.is_none() && !invocation.left(MARGIN).is_zero() {
            let Some(turns) = waiting.next() else { break };
            let permits = permits.clone();
            in_flight.push(async move {
                let recipients: Vec<&Recipient> = turns.iter().map(|turn| turn.recipient).collect();
                let wait = tokio::time::timeout(invocation.left(MARGIN), permits.acquire_owned());
                // The semaphore is never closed; were it, the call would go out all the same.
                let Ok(_permit) = wait.await else { return (turns, None) };
                let sending = showing.send(channel, &recipients, invocation.until(ANSWER_MARGIN));
                let attempts = tokio::time::timeout(invocation.left(LAST_MARGIN), sending).await;
                (turns, Some(attempts.unwrap_or_default()))
            });
        }
        let Some((turns, attempts)) = in_flight.next().await else { break };
        let Some(attempts) = attempts else {
            sent.untried.extend_from_slice(turns);
            continue;
        };
        let mut attempts = attempts.into_iter();
        for turn in turns {
            // A channel that answers too few has not said what became of the rest.
            let silent = || Attempt::failed(Outcome::Retry { after: None, at_most: None }, None);
            let attempt = attempts.next().unwrap_or_else(silent);
            *tally.entry(attempt.outcome.label()).or_default() += 1;
            verdicts.note(&attempt.outcome, attempt.doubtful);
            if is_doubted(&attempt) {
                doubted.push((*turn, attempt));
            } else {
                sort(delivery, recorder, &mut sent, *turn, &attempt, jitter);
            }
        }
        recorder.write_when_due(delivery.now()).await;
        if probing && !sent.account_works {
            break;
        }
        probing = false;
    }
    drop(in_flight);
    // Before anything that may fail: what is recorded by now is not counted again.
    sent.count(delivery);
    let verdict = judge(delivery, &mut verdicts, &doubted).await?;
    for (turn, mut attempt) in doubted {
        match verdict {
            _ if attempt.outcome == Outcome::Config => attempt.doubtful = verdicts.proves_the_certificate(),
            // Whoever may sign up could shut the app's channel otherwise, by tokens that are none.
            Verdict::Certificate => {
                (attempt.outcome, attempt.doubtful) = (Outcome::Config, verdicts.proves_the_certificate());
            }
            Verdict::Dead => attempt.doubtful = false,
            Verdict::Unknown => {}
        }
        sort(delivery, recorder, &mut sent, turn, &attempt, jitter);
    }
    sent.untried.extend(waiting.flatten());
    sent.count(delivery);
    for (outcome, count) in &tally {
        let dimensions = [("channel", batch.channel.as_str()), ("outcome", outcome)];
        delivery.context.metrics.count(Metric::Attempts, &dimensions, *count, delivery.now());
    }
    info!(
        app.id = %batch.owner,
        task.id = %batch.id.task,
        batch.id = %batch.id,
        channel = %batch.channel,
        attempt = batch.attempt,
        outcomes = ?tally,
        again = sent.again.len(),
        passed = sent.passed.len(),
        untried = sent.untried.len(),
        "batch sent",
    );
    Ok(sent)
}

/// Whether it takes the other attempts to say what an attempt means: a doubtful death, or one whose channel blames the
/// certificate by the part of the run that it saw.
fn is_doubted(attempt: &Attempt) -> bool {
    match attempt.outcome {
        Outcome::Invalid => attempt.doubtful,
        // Of a certificate that is refused as such no other vendor is said to know better.
        Outcome::Config => attempt.elsewhere && !attempt.doubtful,
        _ => false,
    }
}

/// Whether tokens that are called dead are so because of the certificate: by the verdicts of this run, or, when those are
/// too few to tell, by those of the whole part of the task, which are added to `verdicts`.
async fn judge(
    delivery: &Delivery<'_>,
    verdicts: &mut guard::Tally,
    doubted: &[(Turn<'_>, Attempt)],
) -> Result<Verdict, WorkerError> {
    if doubted.is_empty() {
        return Ok(Verdict::Unknown);
    }
    if verdicts.verdict() == Verdict::Unknown {
        let legs: BTreeSet<u8> = doubted.iter().map(|(turn, _)| turn.leg).collect();
        let BatchId { task, part, .. } = delivery.batch.id;
        for kept in delivery.store.records.part(task, part).await?.values() {
            for (_, entry) in kept.record.deliveries().filter(|(_, entry)| legs.contains(&entry.leg)) {
                match entry.state {
                    State::Sent => verdicts.note(&Outcome::Ok { vendor_id: None }, false),
                    State::Suppressed => verdicts.note(&Outcome::Suppressed, false),
                    State::Invalid => verdicts.note(&Outcome::Invalid, true),
                    _ => {}
                }
            }
        }
    }
    let verdict = verdicts.verdict();
    if verdict == Verdict::Certificate {
        let (account, channel) = (&delivery.batch.account, delivery.batch.channel);
        let proven = verdicts.proves_the_certificate();
        warn!(%account, %channel, doubted = doubted.len(), proven, "most tokens are called dead: the certificate is taken to be wrong, and none is forgotten");
    }
    Ok(verdict)
}

/// What a batch comes to whose account does not exist (any more).
pub(super) fn unknown_account<'a>(delivery: &Delivery<'_>, pending: &[Turn<'a>]) -> Sent<'a> {
    let until = delivery.now().plus(BREAKER_OPEN);
    let reason = "the account is not configured".to_owned();
    // Not an attempt: the messages wait for the operator for their whole life.
    let breaker = Trip { until, reason, vendor_code: None, whole_account: true };
    Sent { untried: pending.to_vec(), breaker: Some(breaker), ..Sent::default() }
}

/// Acts on one attempt.
fn sort<'a>(
    delivery: &Delivery<'_>,
    recorder: &mut Recorder,
    sent: &mut Sent<'a>,
    turn: Turn<'a>,
    attempt: &Attempt,
    jitter: f64,
) {
    let (batch, now) = (&delivery.batch, delivery.now());
    if sent.breaker.is_none() {
        sent.breaker = tripped(attempt, now);
    }
    sent.account_works |= shows_that_the_account_works(&attempt.outcome);
    let Turn { recipient, leg, .. } = turn;
    let further = turn.has_further() && !is_passing_trouble_of_a_phone(batch.channel, attempt, batch.attempt);
    match decide(attempt, batch.attempt, further, batch.accepted_ms, now, jitter) {
        Decision::Again { at } => {
            sent.again.push(Again { slot: recipient.slot, leg, at, vendor_code: attempt.vendor_code });
        }
        Decision::Pass => {
            let passed = Entry { vendor_code: attempt.vendor_code, ..Entry::new(State::Passed).on_leg(leg) };
            recorder.note(recipient.slot, passed);
            *sent.ended.entry(State::Passed).or_default() += 1;
            if batch.channel.is_phone() && attempt.outcome == Outcome::Invalid && !attempt.doubtful {
                sent.invalid.extend(dead(recipient, batch.channel, attempt));
            }
            sent.passed.extend(turn.onward());
        }
        Decision::Final(state) => {
            let vendor_id = match &attempt.outcome {
                Outcome::Ok { vendor_id } => *vendor_id,
                _ => None,
            };
            recorder.note(recipient.slot, Entry { leg, state, vendor_code: attempt.vendor_code, vendor_id });
            *sent.ended.entry(state).or_default() += 1;
            match state {
                State::Invalid if !attempt.doubtful => sent.invalid.extend(dead(recipient, batch.channel, attempt)),
                State::Sent if recipient.quota_uid.is_some() => sent.counted.push(recipient),
                State::Sent
                | State::Invalid
                | State::Suppressed
                | State::TooLarge
                | State::Config
                | State::Content
                | State::Expired
                | State::Retrying
                | State::Passed
                | State::Skipped => {}
            }
        }
    }
}

/// What is dead of a recipient whose address the vendor refused.
fn dead(recipient: &Recipient, channel: ChannelKind, attempt: &Attempt) -> Option<Dead> {
    match recipient.address.way(channel) {
        Some(way) => Some(Dead::Token { token: way.token.clone(), since: attempt.dead_since }),
        None => recipient.address.openid().cloned().map(Dead::Follower),
    }
}

/// A phone's vendor that is in trouble is waited for: the next one gets the message only when this one will not carry it.
/// It may have shown it already.
fn is_passing_trouble_of_a_phone(channel: ChannelKind, attempt: &Attempt, tried: u32) -> bool {
    let lasting = |at_most: Option<u32>| at_most.is_some_and(|most| tried >= most);
    channel.is_phone() && matches!(attempt.outcome, Outcome::Retry { at_most, .. } if !lasting(at_most))
}

/// Whether an attempt got as far as the recipient or the message: the account is in order then.
const fn shows_that_the_account_works(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ok { .. } | Outcome::Invalid | Outcome::Suppressed | Outcome::TooLarge | Outcome::Content => true,
        Outcome::Retry { .. } | Outcome::Auth | Outcome::Quota { .. } | Outcome::Config => false,
    }
}

/// Whether an attempt shows that the whole (account, channel) is closed.
fn tripped(attempt: &Attempt, now: Timestamp) -> Option<Trip> {
    let until = match &attempt.outcome {
        // It may be about this recipient alone.
        Outcome::Config if attempt.doubtful => return None,
        Outcome::Config | Outcome::Auth => now.plus(BREAKER_OPEN),
        Outcome::Quota { hold } => hold.end(now),
        Outcome::Ok { .. }
        | Outcome::Invalid
        | Outcome::Suppressed
        | Outcome::Retry { .. }
        | Outcome::TooLarge
        | Outcome::Content => return None,
    };
    let code = attempt.vendor_code.map_or_else(|| "without a code".to_owned(), |code| format!("with code {code}"));
    Some(Trip {
        until,
        reason: format!("the vendor refused {code}"),
        vendor_code: attempt.vendor_code,
        whole_account: attempt.outcome == Outcome::Auth,
    })
}
