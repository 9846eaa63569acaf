//! Deliver: a batch goes out through its channel, and what became of each recipient is recorded.
//!
//! At least once, and nearly once. The batch's record is read first, and whoever is final in it is not sent to again;
//! so a repeated queue message, also one that was built from a changed audience, sends to nobody twice. Recipients
//! whose attempt was under way when the process died are tried again, with the same repeat key, by which a vendor that
//! can will recognise them. Order is not kept.
//!
//! Who failed for a while is noted with the moment before which there is no further attempt: the vendor's, or a jittered
//! backoff. The batch itself goes back to the queue until the first of these moments, whole: each copy of it knows
//! everybody, so the one that finds nobody left may close it, whatever other copies there are. What must wait longer than
//! a queue can hold it goes on the due list. An error that only an operator can mend, and a spent quota, open the breaker
//! of (account, channel): batches that meet it wait, they do not fail.
//!
//! A recipient whose leg is closed for good (see [`Batch`]) is recorded as passed, and a copy of the batch goes to the
//! queue of the next leg's channel: a channel that is slow or closed holds up nobody who can be reached on another. So
//! a batch may be in several queues at once. Each copy serves those whose turn on its channel it is; the last one to
//! find everybody served closes the batch. Where the vendor does not recognise repeats, a copy is sent under a claim:
//! of two at the same moment one waits.
//!
//! A vendor that names no devices to which a message came is asked for its sums some time later (`arrivals`).

mod arrivals;
mod legs;
mod media;
mod phone;
mod recorder;
mod rest;
mod sending;

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{Context, Function, Invocation, WorkerError, queue_function};
use legs::{Away, Legs, Turn};
use media::Showing;
use model::audience::Recipient;
use model::batch::Batch;
use model::certificate::Scope;
use model::channel::ChannelKind;
use model::clock::{Day, Timestamp};
use model::ids::{OpenId, Owner};
use model::limits::{QUEUE_DELAY, STUCK_AFTER, TASK_RETENTION};
use model::message::Message;
use model::push::RELEASE_AHEAD;
use model::quota;
use model::record::{Entry, State};
use model::retry::MESSAGE_LIFE;
use model::statistics::{first_question, is_asked};
pub(crate) use phone::account as phone_account;
use provider::channel::Credentials;
use provider::own::OwnSender;
use rand::distr::{Alphanumeric, SampleString};
use recorder::Recorder;
use rest::rests;
use sending::{Dead, Sent};
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;
use store::accounts::Accounts;
use store::breakers::{Breakers, Gate};
use store::capabilities;
use store::certificates::Certificates;
use store::claims::{Claimed, Claims};
use store::devices::DeadTokens;
use store::due::{Due, DueWriter};
use store::follows::Marker;
use store::keys::DueThing;
use store::media::{MediaBytes, MediaReader};
use store::own::{Line, Online, Outbox};
use store::plan::PlanReader;
use store::queue::{BatchMessage, Batches};
use store::quotas::Quotas;
use store::records::{Kept, RecordReader, RecordWriter};
use store::statistics::{Statistics, StatisticsReader};
use store::tasks::TaskReader;
use store::tokens::UpstreamTokens;
use store::wechat_media::WechatMedia;
use store::windows::Windows;
use tokio::sync::OwnedMutexGuard;
use tracing::{info, warn};

capabilities! {
    /// What delivering needs.
    pub struct DeliverStore {
        accounts: Accounts,
        certificates: Certificates,
        /// What the channels' token holder uses.
        tokens: UpstreamTokens,
        /// What our own channel uses, beside `statistics`.
        line: Line,
        online: Online,
        outbox: Outbox,
        statistics: Statistics,
        received: StatisticsReader,
        breakers: Breakers,
        records: RecordReader,
        recording: RecordWriter,
        claims: Claims,
        windows: Windows,
        batches: Batches,
        due: DueWriter,
        marker: Marker,
        dead: DeadTokens,
        quotas: Quotas,
        /// What messages of enterprises show, and WeChat's ids of it.
        media: MediaReader,
        media_bytes: MediaBytes,
        wechat_media: WechatMedia,
        /// What a vendor is asked about.
        tasks: TaskReader,
        plans: PlanReader,
    }
}

/// The function.
pub const FUNCTION: Function = queue_function!("deliver", DeliverStore, handle);

/// Dead addresses that are marked side by side.
const MARKS: usize = 16;

async fn handle(
    context: &Context,
    store: &DeliverStore,
    invocation: &Invocation,
    body: String,
) -> Result<(), WorkerError> {
    let message = serde_json::from_str(&body).map_err(|error| WorkerError::Unreadable(error.to_string()))?;
    match message {
        BatchMessage::DeliverV1(batch) => Delivery { context, store, batch: *batch }.run(invocation).await,
        BatchMessage::ArrivalsV1 { task, environment } => {
            arrivals::ask(context, store, invocation, task, environment).await
        }
    }
}

/// The delivery of one batch.
struct Delivery<'a> {
    context: &'a Context,
    store: &'a DeliverStore,
    batch: Batch,
}

impl Delivery<'_> {
    async fn run(&self, invocation: &Invocation) -> Result<(), WorkerError> {
        let Some(_turn) = self.turn(invocation).await else {
            // Time is up before anything was tried; the next invocation has more of it.
            return self.wait(self.now()).await;
        };
        // Read only now: whoever had the turn before may have served the same batch.
        let kept = self.store.records.batch(self.batch.id).await?;
        if kept.record.is_closed() {
            return Ok(());
        }
        let now = self.now();
        let legs = Legs::new(&self.batch, &kept.record);
        let mut recorder = Recorder::new(self.store.recording.clone(), self.batch.id, self.expires());
        recorder.leave_out(self.left_out(&kept));
        if legs.everybody_is_served() {
            // Everybody was served, but whoever did it died before saying so.
            return Ok(recorder.close(now).await?);
        }
        if now > self.end_of_life() {
            return self.expire(recorder, &legs).await;
        }
        if let Some(begin) = self.kept_back(now) {
            return self.keep_back(begin).await;
        }
        let (resting, pending): (Vec<_>, Vec<_>) =
            legs.here.iter().copied().partition(|turn| kept.rests_until(turn.recipient.slot) > now);
        let rest = resting.iter().map(|turn| kept.rests_until(turn.recipient.slot)).min();
        if pending.is_empty() {
            return match rest {
                Some(at) => self.wait(at).await,
                // Whoever passed them on may have died before this copy's like was sent.
                None => self.pass_on(&legs.elsewhere).await,
            };
        }
        if self.batch.redriven {
            self.pass_on(&legs.elsewhere).await?;
        }
        match self.gate().await? {
            Gate::Open { until, whole_account } => {
                let skipped = if whole_account { Vec::new() } else { recorder.skip(&pending, None) };
                self.hold(recorder, &legs, skipped, pending, until).await
            }
            gate @ (Gate::Closed | Gate::Probe) => {
                let Some(claim) = self.claim(invocation).await? else { return Ok(()) };
                self.note_question().await?;
                let probing = gate == Gate::Probe;
                let (pending, hopeless) = self.hopeless(pending).await;
                let skipped = recorder.skip(&hopeless, None);
                let mut sent = match self.credentials().await? {
                    Some(credentials) => {
                        let permits = self.context.in_flight(self.batch.channel);
                        let showing = Showing::new(self, &credentials);
                        sending::send(self, invocation, &showing, permits, &mut recorder, &pending, probing).await?
                    }
                    None => {
                        warn!(account = %self.batch.account, "the account does not exist; its messages wait");
                        sending::unknown_account(self, &pending)
                    }
                };
                sent.passed.extend(skipped);
                self.finish(recorder, sent, &legs, rest, probing, claim).await
            }
        }
    }

    /// Who is recorded as retrying but is not in this copy: it was built again after they had left the audience, been
    /// blocked, or had their share of the day. When the batch is closed they get nothing any more.
    fn left_out(&self, kept: &Kept) -> Vec<(u64, u8)> {
        let here: HashSet<u64> = self.batch.recipients.iter().map(|recipient| recipient.slot).collect();
        let open = kept.record.entries().filter(|(_, entry)| !entry.state.is_final());
        open.filter(|(slot, _)| !here.contains(slot)).map(|(slot, entry)| (slot, entry.leg)).collect()
    }

    /// Until when a message for later must be kept from this channel, whose vendor cannot be told to wait.
    fn kept_back(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.batch.message {
            Message::Push(push) => push.notification.held_until(self.batch.channel, now),
            Message::Notice(_) | Message::Wechat(_) | Message::Mass(_) => None,
        }
    }

    /// Notes when the vendor is to be asked what arrived, where it is. Before anything is sent: a failure costs nothing then,
    /// and a kill loses no number. All batches of a task and environment make the same entry.
    async fn note_question(&self) -> Result<(), WorkerError> {
        let Some(Scope { environment, .. }) = Scope::of(&self.batch.account) else { return Ok(()) };
        if !is_asked(self.batch.channel) {
            return Ok(());
        }
        let at = first_question(self.batch.accepted_ms, self.now());
        let thing = DueThing::Arrivals { task: self.batch.id.task, environment };
        Ok(self.store.due.put(Due { at, thing }).await?)
    }

    /// Puts the batch back until the message's time, to the second. What a queue cannot hold so long is brought back shortly
    /// before.
    async fn keep_back(&self, begin: Timestamp) -> Result<(), WorkerError> {
        if begin.since(self.now()) > QUEUE_DELAY {
            return Ok(self.store.due.add(self.batch.id.task, begin.minus(RELEASE_AHEAD)).await?);
        }
        self.put_back(self.batch.attempt, begin).await
    }

    /// Large batches of one instance are sent one after another: each is finished, and recorded in full segments, as
    /// early as can be. Small ones wait for nobody, so a direct message does not stand behind a mass message. `None`
    /// when the invocation's time ran out meanwhile.
    async fn turn(&self, invocation: &Invocation) -> Option<Option<OwnedMutexGuard<()>>> {
        let limits = self.context.channels().channel(self.batch.channel).limits();
        if self.batch.recipients.len() <= limits.calls_in_flight.get() * limits.recipients_per_call.get() {
            return Some(None);
        }
        let turn = self.context.turn(self.batch.channel).lock_owned();
        tokio::time::timeout(invocation.left(sending::MARGIN), turn).await.ok().map(Some)
    }

    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    fn expires(&self) -> Timestamp {
        self.batch.accepted_ms.plus(TASK_RETENTION)
    }

    async fn expire(&self, mut recorder: Recorder, legs: &Legs<'_>) -> Result<(), WorkerError> {
        let unserved = legs.here.iter().map(|turn| (turn.recipient.slot, turn.leg));
        let elsewhere = legs.elsewhere.iter().map(|away| (away.slot, away.leg));
        let mut count = 0;
        for (slot, leg) in unserved.chain(elsewhere) {
            recorder.note(slot, Entry::new(State::Expired).on_leg(leg));
            count += 1;
        }
        self.count(State::Expired, count);
        Ok(recorder.close(self.now()).await?)
    }

    /// Whether the channel is open for this account. A breaker that was closed a moment ago is believed.
    async fn gate(&self) -> Result<Gate, WorkerError> {
        let key = (self.batch.account.clone(), self.batch.channel);
        if self.context.closed_breakers.get(&key, self.now()).is_some() {
            return Ok(Gate::Closed);
        }
        let gate = self.store.breakers.gate(&self.batch.account, self.batch.channel, self.now()).await?;
        if gate == Gate::Closed {
            self.context.closed_breakers.put(key, (), self.now());
        }
        Ok(gate)
    }

    async fn credentials(&self) -> Result<Option<Credentials>, WorkerError> {
        if let (ChannelKind::Own, Owner::Mobile(app)) = (self.batch.channel, &self.batch.owner) {
            let sender = OwnSender { app: app.clone(), batch: self.batch.id, expires: self.expires() };
            return Ok(Some(Credentials::Own(sender)));
        }
        if self.batch.channel.is_phone() {
            return phone::credentials(self).await;
        }
        let id = &self.batch.account;
        if let Some(account) = self.context.accounts.get(id, self.now()) {
            return Ok(Some(Credentials::Wechat(account)));
        }
        let account = self.store.accounts.get(id).await?;
        if let Some(account) = &account {
            self.context.accounts.put(id.clone(), account.clone(), self.now());
        }
        Ok(account.map(Credentials::Wechat))
    }

    /// Writes down what is final, acts on what was learned, and puts the batch back for who is not served yet: those who
    /// are to be tried `again`, those there was no time for, and those of others' attempts, who rest until `rest`.
    async fn finish(
        &self,
        mut recorder: Recorder,
        mut sent: Sent<'_>,
        legs: &Legs<'_>,
        rest: Option<Timestamp>,
        probing: bool,
        claim: Claim,
    ) -> Result<(), WorkerError> {
        let now = self.now();
        if let Some(breaker) = sent.breaker.as_ref().filter(|breaker| !breaker.whole_account) {
            // The others need not wait for the operator where they have another leg.
            let skipped = recorder.skip(&sent.untried, breaker.vendor_code);
            sent.untried.retain(|turn| !turn.has_further());
            sent.passed.extend(skipped);
        }
        let again = rests(&sent.again, now);
        let untried = (!sent.untried.is_empty()).then_some(now);
        let next = again.keys().copied().chain(untried).chain(rest).min();
        // First of all: whatever fails below must not cost anybody a second message.
        for (at, retrying) in again {
            for turn in retrying {
                recorder.note(turn.slot, turn.entry());
            }
            recorder.flush(Some(at), now).await?;
        }
        let elsewhere = !sent.passed.is_empty() || !legs.elsewhere.is_empty();
        match next {
            None if !elsewhere => recorder.close(now).await?,
            _ => recorder.flush(None, now).await?,
        }
        if next.is_none() && sent.passed.is_empty() && elsewhere {
            self.close_if_served(&mut recorder).await?;
        }
        self.act_on_breaker(&sent, probing, now).await?;
        self.pass_on(&sent.passed).await?;
        if next.is_some() {
            self.free(claim).await?;
        }
        match (next, &sent.breaker) {
            (None, _) => {}
            (Some(next), Some(breaker)) => self.wait(next.max(breaker.until)).await?,
            (Some(next), None) => {
                let tried = u32::from(!sent.again.is_empty());
                self.put_back(self.batch.attempt + tried, next).await?;
            }
        }
        self.forget_the_dead(&sent.invalid, now).await;
        self.carry_over_quotas(&sent.counted).await;
        Ok(())
    }

    /// Those who may be reached, and those for whom this leg is known to be closed while another one can follow.
    async fn hopeless<'b>(&self, pending: Vec<Turn<'b>>) -> (Vec<Turn<'b>>, Vec<Turn<'b>>) {
        if self.batch.channel != ChannelKind::WechatCustom || !pending.iter().any(Turn::has_further) {
            return (pending, Vec::new());
        }
        let openids: Vec<OpenId> = (pending.iter().filter(|turn| turn.has_further()))
            .filter_map(|turn| turn.recipient.address.openid().cloned())
            .collect();
        let openids: Vec<&OpenId> = openids.iter().collect();
        match self.store.windows.closed(&self.batch.account, &openids, self.now()).await {
            Ok(closed) => pending.into_iter().partition(|turn| {
                !turn.has_further() || !turn.recipient.address.openid().is_some_and(|openid| closed.contains(openid))
            }),
            Err(error) => {
                // Tolerated: it only saves calls.
                warn!(cause = causes(&error), "windows could not be read");
                (pending, Vec::new())
            }
        }
    }

    /// The breaker is open: whoever has another leg goes on to it, the others wait.
    async fn hold(
        &self,
        mut recorder: Recorder,
        legs: &Legs<'_>,
        skipped: Vec<Away>,
        pending: Vec<Turn<'_>>,
        until: Timestamp,
    ) -> Result<(), WorkerError> {
        let waiting = legs.here.len() > skipped.len();
        if !skipped.is_empty() {
            info!(batch.id = %self.batch.id, skipped = skipped.len(), of = pending.len(), "leg skipped: its breaker is open");
            recorder.flush(None, self.now()).await?;
            self.pass_on(&skipped).await?;
        }
        if waiting { self.wait(until).await } else { Ok(()) }
    }

    /// Sends a copy of the batch to the channel of everybody in `elsewhere`, once per channel.
    async fn pass_on(&self, elsewhere: &[Away]) -> Result<(), WorkerError> {
        let channels: BTreeSet<ChannelKind> = elsewhere.iter().map(|away| away.channel).collect();
        let copy = |channel| (Batch { channel, attempt: 1, ..self.batch.clone() }, Duration::ZERO);
        Ok(self.store.batches.send(channels.into_iter().map(copy).collect()).await?)
    }

    /// Nobody of this copy is left, but others were elsewhere when it began. Whoever of two copies looks last sees what
    /// both have written.
    async fn close_if_served(&self, recorder: &mut Recorder) -> Result<(), WorkerError> {
        let kept = self.store.records.batch(self.batch.id).await?;
        if !kept.record.is_closed() && Legs::new(&self.batch, &kept.record).everybody_is_served() {
            recorder.close(self.now()).await?;
        }
        Ok(())
    }

    /// Keeps other copies from sending to the same people at the same time, where the vendor would show both. `None`
    /// when one is at it: this copy waits for it to end.
    async fn claim(&self, invocation: &Invocation) -> Result<Option<Claim>, WorkerError> {
        if self.context.channels().channel(self.batch.channel).limits().recognises_repeats {
            return Ok(Some(Claim(None)));
        }
        let (now, holder) = (self.now(), Alphanumeric.sample_string(&mut rand::rng(), 12));
        let until = now.plus(invocation.left(Duration::ZERO));
        match self.store.claims.take(self.batch.id, self.batch.channel, &holder, now, until, self.expires()).await? {
            Claimed::Taken => Ok(Some(Claim(Some(holder)))),
            Claimed::Held { until } => {
                self.wait(until.max(now.plus(Duration::from_secs(1)))).await?;
                Ok(None)
            }
        }
    }

    /// Lets the next copy begin. A claim that is not freed runs out with the invocation.
    async fn free(&self, Claim(holder): Claim) -> Result<(), WorkerError> {
        let Some(holder) = holder else { return Ok(()) };
        Ok(self.store.claims.free(self.batch.id, self.batch.channel, &holder).await?)
    }

    async fn act_on_breaker(&self, sent: &Sent<'_>, probing: bool, now: Timestamp) -> Result<(), WorkerError> {
        let (account, channel) = (&self.batch.account, self.batch.channel);
        match &sent.breaker {
            Some(breaker) => {
                self.context.closed_breakers.forget(&(account.clone(), channel));
                self.store.breakers.trip(account, channel, breaker).await?;
                self.context.metrics.count(Metric::BreakerOpened, &[("channel", channel.as_str())], 1, now);
                warn!(%account, %channel, reason = %breaker.reason, until = %breaker.until.beijing_text(), "breaker opened");
            }
            // A call that did not come through shows nothing: then the next probe may, when this one's time is over.
            None if probing && sent.account_works => {
                self.store.breakers.close(account, channel).await?;
                info!(%account, %channel, "breaker closed: the probe went through");
            }
            None => {}
        }
        Ok(())
    }

    /// Nothing may be tried before `until`, and none of it was an attempt. A batch that the sweep built waits on the due
    /// list only: the first copy may well be in the queue, and an outage must not add one with every sweep.
    async fn wait(&self, until: Timestamp) -> Result<(), WorkerError> {
        if self.batch.redriven {
            self.put_on_due_list(until).await
        } else {
            self.put_back(self.batch.attempt, until).await
        }
    }

    /// When the message's life is over. Whoever waits, waits no longer than that: then it is recorded as expired.
    fn end_of_life(&self) -> Timestamp {
        let life = self.batch.accepted_ms.plus(MESSAGE_LIFE);
        match &self.batch.message {
            Message::Push(push) => push.notification.show_end.map_or(life, |end| end.min(life)),
            Message::Notice(_) | Message::Wechat(_) | Message::Mass(_) => life,
        }
    }

    /// The batch is built again, not before `at`.
    async fn put_on_due_list(&self, at: Timestamp) -> Result<(), WorkerError> {
        let at = at.min(self.end_of_life());
        Ok(self.store.due.add(self.batch.id.task, at.plus(Duration::from_secs(1))).await?)
    }

    /// Puts the batch back, not before `at`: what a queue cannot hold back so long, the due list does.
    async fn put_back(&self, attempt: u32, at: Timestamp) -> Result<(), WorkerError> {
        let at = at.min(self.end_of_life().plus(Duration::from_secs(1)));
        let delay = at.since(self.now());
        if delay > QUEUE_DELAY {
            return self.put_on_due_list(at).await;
        }
        let batch = Batch { attempt, redriven: false, ..self.batch.clone() };
        self.store.batches.send(vec![(batch, delay)]).await?;
        if delay > STUCK_AFTER {
            // The sweep may already have passed this task; should the queue lose the message, the list will not.
            self.store.due.add(self.batch.id.task, at.plus(STUCK_AFTER)).await?;
        }
        Ok(())
    }

    /// Addresses that the vendor calls dead are marked or forgotten, so that the next message is not sent to them. A token
    /// that was bound after its death is another one's life.
    async fn forget_the_dead(&self, dead: &[Dead], now: Timestamp) {
        let marks = dead.iter().map(|dead| async move {
            match (dead, &self.batch.owner) {
                (Dead::Follower(openid), _) => {
                    self.store.marker.mark_unreachable(&self.batch.account, openid, now).await
                }
                (Dead::Token { token, since }, Owner::Mobile(app)) => {
                    let before = since.unwrap_or(now);
                    self.store.dead.forget(app, self.batch.channel, token, Some(before)).await
                }
                (Dead::Token { .. }, _) => Ok(false),
            }
        });
        let marked: Vec<_> = stream::iter(marks.collect::<Vec<_>>()).buffer_unordered(MARKS).collect().await;
        for error in marked.into_iter().filter_map(Result::err) {
            // Tolerated: the next message finds out again.
            warn!(cause = causes(&error), "a dead address could not be marked");
        }
    }

    /// Topic messages are carried over to the daily counters of the followers whose turn it is.
    async fn carry_over_quotas(&self, counted: &[&Recipient]) {
        let Some(topic) = self.batch.topic else { return };
        let limit = self.context.config.daily_limit;
        let day: Day = self.batch.accepted_ms.beijing_day();
        let carried = counted.iter().filter_map(|recipient| recipient.quota_uid.as_ref()).map(|uid| async move {
            let Some(step) = quota::step(uid, topic.sequence, quota::stride(limit)) else { return Ok(()) };
            let spent = self.store.quotas.carry_over(uid, day, topic.topic_id, topic.sequence, step, limit).await?;
            if spent { self.store.marker.mark_over_quota(uid, day).await } else { Ok(()) }
        });
        for error in join_all(carried).await.into_iter().filter_map(Result::err) {
            // Tolerated: the counter lags by one stride more.
            warn!(cause = causes(&error), "a daily counter could not be written");
        }
    }

    fn count(&self, state: State, count: usize) {
        let dimensions = [("channel", self.batch.channel.as_str()), ("state", state.label())];
        self.context.metrics.count(Metric::Delivered, &dimensions, count as u64, self.now());
    }
}

/// The right to send a batch on a channel: held by this copy, or not needed.
struct Claim(Option<String>);
