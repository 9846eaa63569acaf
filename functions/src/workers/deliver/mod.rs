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

mod recorder;
mod rest;
mod sending;

use futures::future::join_all;
use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{Context, Function, Invocation, WorkerError, queue_function};
use model::audience::Recipient;
use model::batch::Batch;
use model::channel::Address;
use model::clock::{Day, Timestamp};
use model::ids::OpenId;
use model::limits::{QUEUE_DELAY, STUCK_AFTER, TASK_RETENTION};
use model::quota;
use model::record::{Entry, State};
use model::retry::MESSAGE_LIFE;
use provider::channel::Credentials;
use recorder::Recorder;
use rest::rests;
use sending::Sent;
use std::collections::HashSet;
use std::time::Duration;
use store::accounts::Accounts;
use store::breakers::{Breakers, Gate};
use store::capabilities;
use store::due::DueWriter;
use store::follows::Marker;
use store::queue::{BatchMessage, Batches};
use store::quotas::Quotas;
use store::records::{Kept, RecordReader, RecordWriter};
use store::tokens::UpstreamTokens;
use tokio::sync::OwnedMutexGuard;
use tracing::{info, warn};

capabilities! {
    /// What delivering needs.
    pub struct DeliverStore {
        accounts: Accounts,
        /// What the channels' token holder uses.
        tokens: UpstreamTokens,
        breakers: Breakers,
        records: RecordReader,
        recording: RecordWriter,
        batches: Batches,
        due: DueWriter,
        marker: Marker,
        quotas: Quotas,
    }
}

/// The function.
pub const FUNCTION: Function = queue_function!("deliver", DeliverStore, handle);

async fn handle(
    context: &Context,
    store: &DeliverStore,
    invocation: &Invocation,
    body: String,
) -> Result<(), WorkerError> {
    let BatchMessage::DeliverV1(batch) =
        serde_json::from_str(&body).map_err(|error| WorkerError::Unreadable(error.to_string()))?;
    Delivery { context, store, batch }.run(invocation).await
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
        let unserved = |recipient: &&Recipient| !kept.record.is_final(recipient.slot);
        let unserved: Vec<Recipient> = self.batch.recipients.iter().filter(unserved).cloned().collect();
        let mut recorder = Recorder::new(self.store.recording.clone(), self.batch.id, self.expires());
        recorder.leave_out(self.left_out(&kept));
        if unserved.is_empty() {
            // Everybody was served, but whoever did it died before saying so.
            return Ok(recorder.close(now).await?);
        }
        if now.since(self.batch.accepted_ms) > MESSAGE_LIFE {
            return self.expire(recorder, &unserved).await;
        }
        let (resting, pending): (Vec<_>, Vec<_>) =
            unserved.into_iter().partition(|recipient| kept.rests_until(recipient.slot) > now);
        let rest = resting.iter().map(|recipient| kept.rests_until(recipient.slot)).min();
        if let (true, Some(at)) = (pending.is_empty(), rest) {
            return self.wait(at).await;
        }
        match self.gate().await? {
            Gate::Open { until } => self.wait(until).await,
            gate @ (Gate::Closed | Gate::Probe) => {
                let probing = gate == Gate::Probe;
                let sent = match self.credentials().await? {
                    Some(credentials) => {
                        let permits = self.context.in_flight(self.batch.channel);
                        sending::send(self, invocation, &credentials, permits, &mut recorder, &pending, probing).await?
                    }
                    None => {
                        warn!(account = %self.batch.account, "the account does not exist; its messages wait");
                        sending::unknown_account(self, &pending)
                    }
                };
                self.finish(recorder, sent, rest, probing).await
            }
        }
    }

    /// Who is recorded as retrying but is not in this copy: it was built again after they had left the audience, been
    /// blocked, or had their share of the day. When the batch is closed they get nothing any more.
    fn left_out(&self, kept: &Kept) -> Vec<u64> {
        let here: HashSet<u64> = self.batch.recipients.iter().map(|recipient| recipient.slot).collect();
        let open = kept.record.entries().filter(|(_, entry)| !entry.state.is_final());
        open.map(|(slot, _)| slot).filter(|slot| !here.contains(slot)).collect()
    }

    /// Large batches of one instance are sent one after another: each is finished, and recorded in full segments, as
    /// early as can be. Small ones wait for nobody, so a direct message does not stand behind a mass message. `None`
    /// when the invocation's time ran out meanwhile.
    async fn turn(&self, invocation: &Invocation) -> Option<Option<OwnedMutexGuard<()>>> {
        let channel = self.context.channels().channel(self.batch.channel);
        if self.batch.recipients.len() <= channel.limits().calls_in_flight.get() {
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

    async fn expire(&self, mut recorder: Recorder, pending: &[Recipient]) -> Result<(), WorkerError> {
        for recipient in pending {
            recorder.note(recipient.slot, Entry::new(State::Expired));
        }
        self.count(State::Expired, pending.len());
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
        sent: Sent,
        rest: Option<Timestamp>,
        probing: bool,
    ) -> Result<(), WorkerError> {
        let now = self.now();
        let again = rests(&sent.again, now);
        let untried = (!sent.untried.is_empty()).then_some(now);
        let next = again.keys().copied().chain(untried).chain(rest).min();
        // First of all: whatever fails below must not cost anybody a second message.
        for (at, retrying) in again {
            for (slot, vendor_code) in retrying {
                recorder.note(slot, Entry { state: State::Retrying, vendor_code, vendor_id: None });
            }
            recorder.flush(Some(at), now).await?;
        }
        match next {
            None => recorder.close(now).await?,
            Some(_) => recorder.flush(None, now).await?,
        }
        self.act_on_breaker(&sent, probing, now).await?;
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

    async fn act_on_breaker(&self, sent: &Sent, probing: bool, now: Timestamp) -> Result<(), WorkerError> {
        let (account, channel) = (&self.batch.account, self.batch.channel);
        match &sent.breaker {
            Some(breaker) => {
                self.context.closed_breakers.forget(&(account.clone(), channel));
                self.store.breakers.trip(account, channel, breaker.until, &breaker.reason).await?;
                self.context.metrics.count(Metric::BreakerOpened, &[("channel", channel.as_str())], 1, now);
                warn!(%account, %channel, reason = breaker.reason, until = %breaker.until.beijing_text(), "breaker opened");
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
        self.batch.accepted_ms.plus(MESSAGE_LIFE)
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

    /// Addresses that the vendor calls dead are marked, so that the next message is not sent to them.
    async fn forget_the_dead(&self, dead: &[OpenId], now: Timestamp) {
        let marks = dead.iter().map(|openid| self.store.marker.mark_unreachable(&self.batch.account, openid, now));
        for error in join_all(marks).await.into_iter().filter_map(Result::err) {
            // Tolerated: the next message finds out again.
            warn!(cause = causes(&error), "a dead address could not be marked");
        }
    }

    /// Topic messages are carried over to the daily counters of the followers whose turn it is.
    async fn carry_over_quotas(&self, counted: &[Recipient]) {
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

/// The openid behind an address.
fn openid(address: &Address) -> OpenId {
    match address {
        Address::Wechat(openid) => openid.clone(),
    }
}
