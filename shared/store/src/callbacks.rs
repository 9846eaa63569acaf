//! Callbacks (Tasks table and the queue of callbacks): what an app's developer is told, how often that was tried, and
//! how each attempt ended.
//!
//! The record is the truth and the queue message a hint. Before a record is written, the minute it belongs to is put on
//! the due list, once for all callbacks of the app in that minute: so `release-due` looks at every callback at least
//! once, however many hints got lost and wherever a process died. A worker *claims* a callback before it calls, by a
//! conditional write, so two copies of a hint make one call.

use crate::db::{Ask, Put, Range, just_below, refused, sort_key};
use crate::due::{Due, put_due};
use crate::error::failed;
use crate::item::{Attributes, Item, Reader, json, n, s};
use crate::keys::{self, DueThing, Key};
use crate::queue::send_callback;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use model::callback::{
    ATTEMPTS_SHOWN, CLAIM, CallbackAttempt, CallbackEvent, CallbackId, CallbackState, RETENTION, STUCK_AFTER,
};
use model::clock::Timestamp;
use model::ids::AppId;
use rand::distr::{Alphanumeric, SampleString};
use ring::digest::{SHA256, digest};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

capability! {
    /// Records what an app's developer is to be told, and hints at it.
    CallbackWriter: [("dynamodb:PutItem", Tasks), ("sqs:SendMessage", CallbacksQueue)]
}

capability! {
    /// Tries callbacks: claims them, and records how it went.
    CallbackRuns: [
        ("dynamodb:UpdateItem", Tasks),
        ("dynamodb:PutItem", Tasks),
        ("sqs:SendMessage", CallbacksQueue),
    ]
}

capability! {
    /// Looks through callbacks for those that got stuck, and hints at them.
    CallbackSweep: [("dynamodb:Query", Tasks), ("sqs:SendMessage", CallbacksQueue)]
}

capability! {
    /// Reads an app's callbacks and tries them anew.
    CallbackLog: [
        ("dynamodb:GetItem", Tasks),
        ("dynamodb:Query", Tasks),
        ("dynamodb:UpdateItem", Tasks),
        ("dynamodb:PutItem", Tasks),
        ("sqs:SendMessage", CallbacksQueue),
    ]
}

/// A callback as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRecord {
    /// Which. It says when what it tells of happened.
    pub id: CallbackId,
    /// The action, for example `app_subscribe`.
    pub action: String,
    /// The body that is sent, byte for byte the same in every attempt.
    pub body: String,
    /// How far it has come.
    pub state: CallbackState,
    /// Failed attempts since it was recorded or replayed.
    pub failed: u32,
    /// Before this it is not tried.
    pub not_before: Timestamp,
    /// The attempts, the oldest first.
    pub attempts: Vec<CallbackAttempt>,
}

/// What became of [`CallbackWriter::record`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is new: hint at it.
    New(CallbackId),
    /// The same event was recorded before. Nothing is to be done.
    Already(CallbackId),
}

/// A callback that a worker has to itself for [`CLAIM`].
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The callback.
    pub record: CallbackRecord,
    claim: String,
}

/// What became of [`CallbackRuns::claim`].
#[derive(Debug, Clone)]
pub enum Claim {
    /// The caller has it.
    Taken(Box<Claimed>),
    /// It rests until then, or another worker has it until then.
    NotBefore(Timestamp),
    /// Nothing is left to do: it has ended, or its retention has.
    Over,
}

/// Which minutes this instance has put on the due list lately.
#[derive(Default)]
pub(crate) struct Looks(Mutex<VecDeque<Due>>);

/// How many of them are remembered.
const MOST_LOOKS: usize = 256;

impl CallbackWriter {
    /// Records that `app`'s developer is to be told of `event`, which happened at `at`.
    ///
    /// `key` is what makes it this one event, for example `msg:<MsgId>` or `order:<trade number>`. Together with `at` it
    /// decides whether two calls are about the same event, so both must be taken from the event itself and not from the
    /// clock: then a repeat after a crash, or a second worker, records nothing new. 2 WU, 1 when the app had a callback
    /// from this instance in the same minute. Follow it with [`CallbackWriter::hint`].
    pub async fn record(
        &self,
        app: AppId,
        event: &CallbackEvent,
        at: Timestamp,
        key: &str,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let named = format!("{app}\n{}\n{key}", event.action());
        let id = CallbackId::new(at, digest(&SHA256, named.as_bytes()).as_ref());
        // First: a record that nobody would look at must not be.
        self.0.look_at(app, &id, now).await?;
        let at = keys::callback(app, &id);
        let item = Item::keyed(at.pk, at.sk)
            .with("action", s(event.action()))
            .with("body", s(json("callback", event)?))
            .with("state", s(CallbackState::Pending.as_str()))
            .with("not_before_ms", n(now.millis()))
            .expiring(now.plus(RETENTION))
            .build();
        match self.0.put_new(&self.0.names().tasks, item).await? {
            Put::Written => Ok(Recorded::New(id)),
            Put::Refused(_) => Ok(Recorded::Already(id)),
        }
    }

    /// Tells the worker that the callback is there. Should this fail, `release-due` makes up for it.
    pub async fn hint(&self, app: AppId, id: &CallbackId) -> Result<(), StoreError> {
        send_callback(&self.0, app, id, Duration::ZERO).await
    }
}

impl Store {
    /// Has the minute that `id` belongs to looked at some minutes from `now`, unless this instance has seen to that.
    async fn look_at(&self, app: AppId, id: &CallbackId, now: Timestamp) -> Result<(), StoreError> {
        let due = Due { at: first_look(now), thing: DueThing::Callbacks { app, minute: minute(id.at()) } };
        let seen = |looks: &VecDeque<Due>| looks.contains(&due);
        if seen(&self.looks().0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        put_due(self, due).await?;
        let mut looks = self.looks().0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.push_back(due);
        if looks.len() > MOST_LOOKS {
            looks.pop_front();
        }
        Ok(())
    }
}

/// The minute since the epoch.
fn minute(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

/// When what is recorded at `now` is looked at first: two to three minutes later, the same for all of one minute.
fn first_look(now: Timestamp) -> Timestamp {
    end_of_minute(now).plus(STUCK_AFTER)
}

/// The full minute after `at`: looks that fall into one minute share an entry.
pub fn end_of_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds((minute(at) + 1) * 60)
}

impl CallbackRuns {
    /// Takes a callback for one attempt. Of two workers that try at once, one gets it. 1 WU per KB, read included.
    pub async fn claim(&self, app: AppId, id: &CallbackId, now: Timestamp) -> Result<Claim, StoreError> {
        let claim = Alphanumeric.sample_string(&mut rand::rng(), 12);
        let Key { pk, sk } = keys::callback(app, id);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .update_expression("SET claim = :claim, not_before_ms = :until")
            .condition_expression("#state = :pending AND not_before_ms <= :now AND expires_at > :seconds")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claim", s(&claim))
            .expression_attribute_values(":until", n(now.plus(CLAIM).millis()))
            .expression_attribute_values(":pending", s(CallbackState::Pending.as_str()))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":seconds", n(now.seconds()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = match answer {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(standing)) => {
                    let Some(item) = standing.item.clone().filter(|item| !item.is_empty()) else {
                        return Ok(Claim::Over);
                    };
                    // A repeat after a lost answer finds its own claim.
                    if !matches!(item.get("claim"), Some(AttributeValue::S(held)) if *held == claim) {
                        let standing = read(&item)?;
                        return Ok(match standing.state {
                            CallbackState::Pending if standing.not_before > now => {
                                Claim::NotBefore(standing.not_before)
                            }
                            _ => Claim::Over,
                        });
                    }
                    item
                }
                _ => return Err(failed("UpdateItem")(error)),
            },
        };
        Ok(Claim::Taken(Box::new(Claimed { record: read(&item)?, claim })))
    }

    /// The receiver has acknowledged it. Also written when the claim is lost meanwhile: it is true all the same.
    pub async fn delivered(&self, app: AppId, taken: &Claimed, attempt: &CallbackAttempt) -> Result<(), StoreError> {
        let end = End { state: CallbackState::Delivered, failed: taken.record.failed, not_before: attempt.at_ms };
        self.end(app, taken, end, Some(attempt), false).await.map(|_| ())
    }

    /// The attempt failed; the next one is made at `next`. The minute goes on the due list first, so that a kill right
    /// after the record leaves a callback that will be looked at. `false`: the claim was lost, nothing changed.
    pub async fn again(
        &self,
        app: AppId,
        taken: &Claimed,
        attempt: &CallbackAttempt,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        let thing = DueThing::Callbacks { app, minute: minute(taken.record.id.at()) };
        put_due(&self.0, Due { at: end_of_minute(next), thing }).await?;
        let end = End { state: CallbackState::Pending, failed: taken.record.failed + 1, not_before: next };
        self.end(app, taken, end, Some(attempt), true).await
    }

    /// The last attempt failed. `false`: the claim was lost, nothing changed.
    pub async fn failed(&self, app: AppId, taken: &Claimed, attempt: &CallbackAttempt) -> Result<bool, StoreError> {
        let failed = taken.record.failed + 1;
        let end = End { state: CallbackState::Failed, failed, not_before: attempt.at_ms };
        self.end(app, taken, end, Some(attempt), true).await
    }

    /// There is no URL to call. `false`: the claim was lost, nothing changed.
    pub async fn dropped(&self, app: AppId, taken: &Claimed, now: Timestamp) -> Result<bool, StoreError> {
        let end = End { state: CallbackState::Dropped, failed: taken.record.failed, not_before: now };
        self.end(app, taken, end, None, true).await
    }

    /// Hints at a callback, to be looked at after `delay` (at most [`model::limits::QUEUE_DELAY`]).
    pub async fn hint(&self, app: AppId, id: &CallbackId, delay: Duration) -> Result<(), StoreError> {
        send_callback(&self.0, app, id, delay).await
    }

    async fn end(
        &self,
        app: AppId,
        taken: &Claimed,
        end: End,
        attempt: Option<&CallbackAttempt>,
        only_with_claim: bool,
    ) -> Result<bool, StoreError> {
        let Key { pk, sk } = keys::callback(app, &taken.record.id);
        let attempts = attempt.map(|attempt| json("attempt", attempt)).transpose()?.map(|text| vec![s(text)]);
        let mut call = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .update_expression(
                "SET #state = :state, failed = :failed, not_before_ms = :next, \
                 attempts = list_append(if_not_exists(attempts, :none), :attempts) REMOVE claim",
            )
            .condition_expression(if only_with_claim { "claim = :claim" } else { "attribute_exists(pk)" })
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", s(end.state.as_str()))
            .expression_attribute_values(":failed", n(end.failed))
            .expression_attribute_values(":next", n(end.not_before.millis()))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":attempts", AttributeValue::L(attempts.unwrap_or_default()));
        if only_with_claim {
            call = call.expression_attribute_values(":claim", s(&taken.claim));
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }
}

struct End {
    state: CallbackState,
    failed: u32,
    not_before: Timestamp,
}

impl CallbackSweep {
    /// Every callback of `app` for what happened in `minute`, each read on its own.
    pub async fn of_minute(
        &self,
        app: AppId,
        minute: i64,
    ) -> Result<Vec<Result<CallbackRecord, StoreError>>, StoreError> {
        let from = CallbackId::before(Timestamp::from_seconds(minute * 60));
        // `~` sorts behind every digit and letter of an id of the minute's last millisecond.
        let to = format!("{}~", CallbackId::before(Timestamp::from_millis(minute * 60_000 + 59_999)));
        let ask = Ask::new(&self.0.names().tasks, keys::callbacks(app), Range::Between(from, to));
        Ok(self.0.query_all(&ask).await?.iter().map(read).collect())
    }

    /// Hints at a callback.
    pub async fn hint(&self, app: AppId, id: &CallbackId) -> Result<(), StoreError> {
        send_callback(&self.0, app, id, Duration::ZERO).await
    }
}

/// What became of [`CallbackLog::replay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is tried anew.
    Yes,
    /// It still waits for an attempt.
    Pending,
    /// There is none of that id, or it is another app's.
    Unknown,
}

impl CallbackLog {
    /// One callback of `app`.
    pub async fn get(&self, app: AppId, id: &CallbackId, now: Timestamp) -> Result<Option<CallbackRecord>, StoreError> {
        let item = self.0.get(&self.0.names().tasks, keys::callback(app, id), true).await?;
        item.filter(|item| !is_expired(item, now)).map(|item| read(&item)).transpose()
    }

    /// At most `limit` callbacks of `app`, the newest first, from the one before `before` on.
    pub async fn page(
        &self,
        app: AppId,
        before: Option<&CallbackId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Vec<CallbackRecord>, StoreError> {
        // `~` sorts behind every digit of an id.
        let to = before.map_or_else(|| "cb_~".to_owned(), |id| just_below(id.as_str()));
        let range = Range::Between("cb_".to_owned(), to);
        let mut ask = Ask::new(&self.0.names().tasks, keys::callbacks(app), range);
        (ask.descending, ask.limit) = (true, Some(i32::from(limit)));
        let page = self.0.query_page(&ask, None).await?;
        page.items.iter().filter(|item| !is_expired(item, now)).map(read).collect()
    }

    /// Has a callback that has ended tried anew, with the whole ladder of waits before it. The body stays the same.
    pub async fn replay(&self, app: AppId, id: &CallbackId, now: Timestamp) -> Result<Replayed, StoreError> {
        let Some(standing) = self.get(app, id, now).await? else { return Ok(Replayed::Unknown) };
        if standing.state == CallbackState::Pending {
            return Ok(Replayed::Pending);
        }
        self.0.look_at(app, id, now).await?;
        // So that the record does not grow without end.
        let kept = standing.attempts.len().saturating_sub(ATTEMPTS_SHOWN / 2);
        let attempts: Vec<AttributeValue> = standing.attempts[kept..]
            .iter()
            .map(|attempt| json("attempt", attempt).map(s))
            .collect::<Result<_, _>>()?;
        let Key { pk, sk } = keys::callback(app, id);
        let answer = self
            .0
            .dynamodb()
            .update_item()
            .table_name(&self.0.names().tasks)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .update_expression("SET #state = :pending, failed = :zero, not_before_ms = :now, attempts = :attempts, expires_at = :expires")
            .condition_expression("#state = :seen")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", s(CallbackState::Pending.as_str()))
            .expression_attribute_values(":seen", s(standing.state.as_str()))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":attempts", AttributeValue::L(attempts))
            .expression_attribute_values(":expires", n(now.plus(RETENTION).seconds()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Replayed::Yes),
            Err(error) if refused(&error) => Ok(Replayed::Pending),
            Err(error) => Err(failed("UpdateItem")(error)),
        }
    }

    /// Hints at a callback that was replayed. Should this fail, `release-due` makes up for it.
    pub async fn hint(&self, app: AppId, id: &CallbackId) -> Result<(), StoreError> {
        send_callback(&self.0, app, id, Duration::ZERO).await
    }
}

/// DynamoDB's TTL is late by up to some days.
fn is_expired(item: &Attributes, now: Timestamp) -> bool {
    Reader::new("callback", item).number("expires_at").is_ok_and(|at: i64| at <= now.seconds())
}

fn read(item: &Attributes) -> Result<CallbackRecord, StoreError> {
    let reader = Reader::new("callback", item);
    let corrupt = |why: String| StoreError::corrupt("callback", why);
    let attempts = match item.get("attempts") {
        Some(AttributeValue::L(attempts)) => attempts.as_slice(),
        _ => &[],
    };
    let attempt = |value: &AttributeValue| -> Result<CallbackAttempt, StoreError> {
        let text = value.as_s().map_err(|_| corrupt("an attempt is no text".to_owned()))?;
        serde_json::from_str(text).map_err(|error| corrupt(error.to_string()))
    };
    let state = reader.string("state")?;
    Ok(CallbackRecord {
        id: CallbackId::parse(sort_key(item)).map_err(|error| corrupt(error.to_string()))?,
        action: reader.string("action")?.to_owned(),
        body: reader.string("body")?.to_owned(),
        state: CallbackState::parse(state).ok_or_else(|| corrupt(format!("`{state}` is no state")))?,
        failed: reader.number_or("failed", 0)?,
        not_before: Timestamp::from_millis(reader.number("not_before_ms")?),
        attempts: attempts.iter().map(attempt).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_just_before_the_last_one_shown() {
        let at = Timestamp::from_millis(1_795_449_600_123);
        let id = |byte: u8| CallbackId::new(at, &[byte; 12]);
        for (smaller, larger) in [(0x00, 0x01), (0x09, 0x0a), (0x9f, 0xa0), (0xaf, 0xb0), (0xfe, 0xff)] {
            let bound = just_below(id(larger).as_str());
            assert!(id(smaller).as_str() < bound.as_str() && bound.as_str() < id(larger).as_str(), "{bound}");
        }
    }

    #[test]
    fn looks_of_one_minute_are_one() {
        let at = |ms| Timestamp::from_millis(ms);
        assert_eq!(first_look(at(60_000)), first_look(at(119_999)));
        assert!(first_look(at(119_999)).since(at(119_999)) >= STUCK_AFTER);
        assert_eq!(end_of_minute(at(60_000)), at(120_000));
    }
}
