//! Deliver: a batch goes out through its channel, and what became of each recipient is recorded.
//!
//! At least once, and nearly once. The batch's record is read first, and whoever is final in it is not sent to again;
//! so a repeated queue message, also one that was built from a changed audience, sends to nobody twice. Recipients
//! whose attempt was under way when the process died are tried again, with the same repeat key, by which a vendor that
//! can will recognise them. Order is not kept.
//!
//! What failed for a while goes back to the queue, alone, with the vendor's delay or jittered backoff; what must wait
//! longer than a queue can hold it goes on the due list. An error that only an operator can mend, and a spent quota,
//! open the breaker of (account, channel): batches that meet it wait, they do not fail.

mod recorder;
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
use sending::Sent;
use std::time::Duration;
use store::accounts::Accounts;
use store::breakers::{Breakers, Gate};
use store::capabilities;
use store::due::DueWriter;
use store::follows::{Mark, Marker};
use store::queue::{BatchMessage, Batches};
use store::quotas::Quotas;
use store::records::{RecordReader, RecordWriter};
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
            return self.requeue(self.batch.recipients.clone(), self.batch.attempt, self.now()).await;
        };
        // Read only now: whoever had the turn before may have served the same batch.
        let kept = self.store.records.batch(self.batch.id).await?;
        if kept.record.is_closed() {
            return Ok(());
        }
        let now = self.now();
        if self.batch.redriven && kept.hold_until > now {
            return Ok(());
        }
        let unserved = |recipient: &&Recipient| !kept.record.is_final(recipient.slot);
        let pending: Vec<Recipient> = self.batch.recipients.iter().filter(unserved).cloned().collect();
        let mut recorder = Recorder::new(self.store.recording.clone(), self.batch.id, self.expires());
        if pending.is_empty() {
            // Everybody was served, but whoever did it died before saying so.
            return Ok(recorder.close(now).await?);
        }
        if now.since(self.batch.accepted_ms) > MESSAGE_LIFE {
            return self.expire(recorder, &pending).await;
        }
        match self.gate().await? {
            Gate::Open { until } => self.hold(pending, until).await,
            gate @ (Gate::Closed | Gate::Probe) => {
                let probing = gate == Gate::Probe;
                let sent = match self.credentials().await? {
                    Some(credentials) => {
                        let permits = self.context.in_flight(self.batch.channel);
                        sending::send(self, invocation, &credentials, permits, &mut recorder, &pending, probing).await?
                    }
                    None => {
                        warn!(account = %self.batch.account, "the account does not exist; its messages fail");
                        sending::unknown_account(self, &pending)
                    }
                };
                self.finish(recorder, sent, probing).await
            }
        }
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

    /// Writes down what is final, sends back what is not, and acts on what was learned.
    async fn finish(&self, mut recorder: Recorder, sent: Sent, probing: bool) -> Result<(), WorkerError> {
        let now = self.now();
        self.act_on_breaker(&sent, probing, now).await?;
        if sent.again.is_empty() && sent.untried.is_empty() {
            recorder.close(now).await?;
        } else {
            let at = sent.again.iter().map(|(_, at, _)| *at).max().unwrap_or(now);
            for (recipient, _, vendor_code) in &sent.again {
                recorder
                    .note(recipient.slot, Entry { state: State::Retrying, vendor_code: *vendor_code, vendor_id: None });
            }
            recorder.flush((!sent.again.is_empty()).then_some(at), now).await?;
            let retry: Vec<Recipient> = sent.again.into_iter().map(|(recipient, _, _)| recipient).collect();
            self.requeue(retry, self.batch.attempt + 1, at).await?;
            let until = sent.breaker.as_ref().map_or(now, |breaker| breaker.until);
            self.requeue(sent.untried, self.batch.attempt, until).await?;
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
            None if probing => {
                self.store.breakers.close(account, channel).await?;
                info!(%account, %channel, "breaker closed: the probe went through");
            }
            None => {}
        }
        Ok(())
    }

    /// The channel is closed: everything waits, nothing is an attempt.
    async fn hold(&self, pending: Vec<Recipient>, until: Timestamp) -> Result<(), WorkerError> {
        self.requeue(pending, self.batch.attempt, until).await
    }

    /// Puts recipients back, not before `at`. What a queue cannot hold back so long is looked at by the due list: the
    /// batch is built again then.
    async fn requeue(&self, recipients: Vec<Recipient>, attempt: u32, at: Timestamp) -> Result<(), WorkerError> {
        if recipients.is_empty() {
            return Ok(());
        }
        let delay = at.since(self.now());
        if delay > QUEUE_DELAY {
            return Ok(self.store.due.add(self.batch.id.task, at.plus(Duration::from_secs(1))).await?);
        }
        let batch = Batch { recipients, attempt, redriven: false, ..self.batch.clone() };
        self.store.batches.send(vec![(batch, delay)]).await?;
        if delay > STUCK_AFTER {
            // The sweep may already have passed this task; should the queue lose the message, the list will not.
            self.store.due.add(self.batch.id.task, at.plus(STUCK_AFTER)).await?;
        }
        Ok(())
    }

    /// Addresses that the vendor calls dead are marked, so that the next message is not sent to them.
    async fn forget_the_dead(&self, dead: &[OpenId], now: Timestamp) {
        let marks = dead
            .iter()
            .map(|openid| self.store.marker.mark_openid(&self.batch.account, openid, Mark::Unreachable(now)));
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
            if spent { self.store.marker.mark(uid, Mark::OverQuota(day)).await } else { Ok(()) }
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
