//! Every minute: tasks and callbacks whose time has come, and those that got stuck.
//!
//! The table is the truth and queues are only hints; this is where that is made good. Two walks:
//!
//! - The *due list*: tasks, and minutes of an app's callbacks, that somebody wanted looked at, at a time; and what a vendor
//!   is to be asked about.
//! - The *sweep*: every block of message ids, once, two minutes after the last task can have been written to it. The id
//!   counter says which blocks exist, so every task is found without an index and without a write per task. What is
//!   not finished then goes on the due list, or, if it has not moved for two minutes, is driven again first.
//!
//! And before them one thing that no event tells: connections of our own channel on which nobody has signed in in time are
//! ended (`strangers`).
//!
//! Running twice is harmless: driving a task again sends only what its records do not show as done. The schedule's
//! input `{"recover": true}` takes every queue for empty: everything unfinished is driven at once. The local runner
//! starts with it, and an operator can after a purge.

mod strangers;

use super::callback::is_stuck;
use super::progress::part;
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{Context, Function, Invocation, WorkerError, schedule_function};
use model::batch::Part;
use model::callback::CallbackState;
use model::certificate::Environment;
use model::clock::Timestamp;
use model::ids::{AppId, BlockId, TaskId};
use model::limits::{BATCH_RECIPIENTS, LEASE_LIFE, LEASE_SETTLE, STUCK_AFTER, TASK_RETENTION};
use model::retry::MESSAGE_LIFE;
use model::statistics::{is_asked, next_question};
use model::task::Task;
use serde::Deserialize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use store::callbacks::{CallbackSweep, end_of_minute};
use store::capabilities;
use store::due::{Due, DueReader, DueWriter};
use store::ids::IdHead;
use store::keys::{DUE_SHARDS, DueThing};
use store::own::{Hangup, Strangers};
use store::plan::PlanReader;
use store::queue::{Hints, Questions, TaskMessage};
use store::records::{RecordReader, RecordWriter};
use store::sweep::{Sweeper, SweptTask};
use store::tasks::TaskReader;
use tracing::{error, info};

capabilities! {
    /// What driving tasks needs.
    pub struct ReleaseStore {
        tasks: TaskReader,
        plans: PlanReader,
        records: RecordReader,
        summaries: RecordWriter,
        hints: Hints,
        questions: Questions,
        due_list: DueReader,
        due: DueWriter,
        sweeper: Sweeper,
        head: IdHead,
        callbacks: CallbackSweep,
        strangers: Strangers,
        hangup: Hangup,
    }
}

/// The function.
pub const FUNCTION: Function = schedule_function!("release-due", ReleaseStore, handle);

/// Blocks and tasks looked at side by side.
const SIDE_BY_SIDE: usize = 16;
/// Blocks swept before how far it came is written down.
const STRIDE: u64 = 512;
/// Entries of a due shard taken at a time.
const DUE_PAGE: i32 = 200;
/// Time kept back at the end of an invocation.
const MARGIN: Duration = Duration::from_secs(5);
/// The longest a task that was driven again is left alone: [`STUCK_AFTER`] doubled four times.
const LONGEST_REST: Duration = Duration::from_secs(STUCK_AFTER.as_secs() << 4);
/// A task this old that is still not finished is given up: its records go with it a day later. A message's life ends long
/// before, and whoever is unserved then is recorded as expired.
const GIVE_UP: Duration = Duration::from_secs(TASK_RETENTION.as_secs() - 86_400);
/// Marks kept: the counter's position a minute at a time.
const MOST_MARKS: usize = 60;

/// The schedule's input.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Input {
    /// Take every queue for empty.
    #[serde(default)]
    recover: bool,
}

async fn handle(
    context: &Context,
    store: &ReleaseStore,
    invocation: &Invocation,
    input: serde_json::Value,
) -> Result<(), WorkerError> {
    let input = if input.is_null() { Ok(Input::default()) } else { serde_json::from_value(input) };
    let Input { recover } = input.map_err(|error| WorkerError::Unreadable(error.to_string()))?;
    let run = Run { context, store, invocation, recover, started: context.clock.now(), failed: AtomicU32::new(0) };
    // None waits for the other: what cannot be read on the one must not keep the other from being done.
    let ended = run.end_strangers().await;
    let walked = run.walk_due_list().await;
    let swept = run.sweep(ended.as_ref().ok().copied().flatten()).await;
    walked.and(swept).and(ended)?;
    match run.failed.into_inner() {
        0 => Ok(()),
        failed => Err(WorkerError::Incomplete(failed)),
    }
}

struct Run<'a> {
    context: &'a Context,
    store: &'a ReleaseStore,
    invocation: &'a Invocation,
    recover: bool,
    started: Timestamp,
    /// What could not be looked at or done.
    failed: AtomicU32,
}

impl Run<'_> {
    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    fn has_time(&self) -> bool {
        !self.invocation.left(MARGIN).is_zero()
    }

    /// One task that cannot be read or driven holds up no other: it is logged, counted, and looked at again.
    fn failed(&self, task: TaskId, cause: &WorkerError) {
        error!(task.id = %task, error.code = cause.code(), cause = causes(cause), "task could not be looked at");
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Walks the due list, for at most half of the time, and with another shard first every minute: a long list (an
    /// account's quota that is back at midnight) must not keep the sweep from being done, nor one shard the others.
    async fn walk_due_list(&self) -> Result<(), WorkerError> {
        let until_left = self.invocation.left(MARGIN) / 2;
        // Recovering, everything on the list is looked at. What is added meanwhile is due later than what it is added
        // for, so it may be met again further down.
        let by = if self.recover { self.now().plus(MESSAGE_LIFE * 2) } else { self.now() };
        let first = self.started.seconds().unsigned_abs() / 60;
        for shard in (first..first + DUE_SHARDS).map(|shard| shard % DUE_SHARDS) {
            let mut after = None;
            loop {
                let entries = self.store.due_list.due(shard, after, by, DUE_PAGE).await?;
                let full = entries.len() >= usize::try_from(DUE_PAGE).unwrap_or(usize::MAX);
                after = entries.last().copied();
                stream::iter(entries).for_each_concurrent(SIDE_BY_SIDE, |due| self.due(due)).await;
                if self.invocation.left(MARGIN) <= until_left {
                    return Ok(());
                }
                if !full {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sees to a task that is due. Its entry goes last, and stays when it failed: until then a kill leaves it to the
    /// next run.
    async fn due(&self, due: Due) {
        if let Err(cause) = self.see_to(due).await {
            match due.thing {
                DueThing::Task(task) | DueThing::Arrivals { task, .. } => self.failed(task, &cause),
                DueThing::Callbacks { app, minute } => {
                    error!(app.id = %app, minute, error.code = cause.code(), cause = causes(&cause), "callbacks could not be looked at");
                    self.failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    async fn see_to(&self, due: Due) -> Result<(), WorkerError> {
        let next = match due.thing {
            DueThing::Task(task) => match self.store.tasks.get(task, self.now()).await? {
                Some(task) => self.look_at(&task, Some(due.at)).await?,
                None => None,
            },
            DueThing::Callbacks { app, minute } => self.look_at_callbacks(app, minute).await?,
            // A recovering run comes early, and nobody knows yet.
            DueThing::Arrivals { .. } if due.at > self.now() => return Ok(()),
            DueThing::Arrivals { task, environment } => {
                self.have_asked(task, environment, due.at).await?;
                None
            }
        };
        // A task that rests until the very second it was due at (a recovering run comes early) has only this one entry.
        if next.is_some_and(|next| next.seconds() == due.at.seconds()) {
            return Ok(());
        }
        Ok(self.store.due_list.done(due).await?)
    }

    /// Hints at the callbacks of a minute that should have been tried by now; the minute stays on the due list until all of
    /// them have ended. Answers when it is looked at again.
    async fn look_at_callbacks(&self, app: AppId, minute: i64) -> Result<Option<Timestamp>, WorkerError> {
        let now = self.now();
        let mut next: Option<Timestamp> = None;
        let mut look = |at: Timestamp| next = Some(next.map_or(at, |earliest| earliest.min(at)));
        for callback in self.store.callbacks.of_minute(app, minute).await? {
            // One that cannot be read keeps no other from being tried; the entry stays and the run says `incomplete`.
            let callback = match callback {
                Ok(callback) => callback,
                Err(unreadable) => {
                    error!(app.id = %app, minute, cause = causes(&unreadable), "callback could not be read");
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            };
            if callback.state != CallbackState::Pending {
                continue;
            }
            if now.since(callback.not_before) > GIVE_UP {
                error!(app.id = %app, callback.id = %callback.id, "callback given up: it was not tried within its retention");
                continue;
            }
            if is_stuck(&callback, self.recover, now) {
                self.store.callbacks.hint(app, &callback.id).await?;
                info!(app.id = %app, callback.id = %callback.id, "callback driven again");
                self.context.metrics.count(Metric::Redriven, &[], 1, now);
                // It may only stand in a long queue: the older it is, the longer it is left alone.
                let age = now.since(callback.not_before).max(STUCK_AFTER);
                look(now.plus(age.min(LONGEST_REST)));
            } else {
                look(callback.not_before.max(now).plus(STUCK_AFTER));
            }
        }
        let Some(next) = next.map(end_of_minute) else { return Ok(None) };
        self.store.due.put(Due { at: next, thing: DueThing::Callbacks { app, minute } }).await?;
        Ok(Some(next))
    }

    /// Has the vendors asked what arrived of a task, and notes when to ask again. A question that gets lost costs a counter
    /// its last hour or day, no message.
    async fn have_asked(&self, id: TaskId, environment: Environment, asked: Timestamp) -> Result<(), WorkerError> {
        let Some(task) = self.store.tasks.get(id, self.now()).await? else { return Ok(()) };
        for channel in task.legs.iter().filter(|channel| is_asked(**channel)) {
            self.store.questions.send(*channel, &task.owner, id, environment).await?;
        }
        // A run that comes late asks once for all that it has missed.
        if let Some(at) = next_question(task.begins(), asked.max(self.now())) {
            self.store.due.put(Due { at, thing: DueThing::Arrivals { task: id, environment } }).await?;
        }
        Ok(())
    }

    /// Keeps how far it comes, and with that the minute up to which strangers were `looked` for.
    async fn sweep(&self, looked: Option<i64>) -> Result<(), WorkerError> {
        let head = self.store.head.next_block().await?;
        let mut state = self.store.sweeper.state().await?;
        state.looked = looked.or(state.looked);
        let settled = self.started.minus(LEASE_LIFE + LEASE_SETTLE);
        let closed = state.marks.iter().filter(|(at, _)| *at <= settled).map(|(_, block)| *block).max();
        state.marks.retain(|(at, _)| *at > settled);
        if state.marks.len() >= MOST_MARKS {
            // Only a clock that jumped can do this; the newest mark is the safe one.
            state.marks.drain(..=state.marks.len() - MOST_MARKS);
        }
        state.marks.push((self.started, head));
        let closed = closed.unwrap_or(state.swept);
        // What could not be swept in this run keeps its mark.
        state.marks.insert(0, (settled, closed));

        // Recovering, the blocks that may still grow are looked at too, and swept again in their time.
        let end = if self.recover { head } else { closed };
        let mut at = state.swept;
        while at < end && self.has_time() {
            let next = BlockId::new(end.get().min(at.get() + STRIDE));
            self.sweep_blocks(at, next).await?;
            at = next;
            state.swept = state.swept.max(at.min(closed));
            self.store.sweeper.keep(&state).await?;
        }
        Ok(self.store.sweeper.keep(&state).await?)
    }

    async fn sweep_blocks(&self, from: BlockId, to: BlockId) -> Result<(), WorkerError> {
        stream::iter((from.get()..to.get()).map(BlockId::new))
            .map(|block| self.sweep_block(block))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await
    }

    /// Looks at what is unfinished in a block. A block that cannot be read at all ends the sweep here, to go on from
    /// here; a task in it that cannot be looked at goes on the due list.
    async fn sweep_block(&self, block: BlockId) -> Result<(), WorkerError> {
        for (id, swept) in self.store.sweeper.block(block).await? {
            let looked = match swept {
                Ok(swept) if is_finished_direct(&swept) => Ok(None),
                Ok(swept) => self.look_at(&swept.task, None).await,
                Err(unreadable) => Err(unreadable.into()),
            };
            if let Err(cause) = looked {
                self.failed(id, &cause);
                self.look_again(id, self.now().plus(STUCK_AFTER)).await?;
            }
        }
        Ok(())
    }

    /// Draws up summaries of finished parts; a task that is not finished is driven again if it is stuck, and stays on
    /// the due list until it is finished. Answers when it is looked at again.
    async fn look_at(&self, task: &Task, was_due: Option<Timestamp>) -> Result<Option<Timestamp>, WorkerError> {
        let now = self.now();
        let (mut finished, mut moved_at, mut hold_until) = (true, task.accepted_ms, None::<Timestamp>);
        for of in task.parts() {
            let state = part(&self.store.plans, &self.store.records, task, of, u32::MAX).await?;
            if state.finished && !state.summarised {
                let (id, expires) = (task.id, task.expires());
                match of {
                    Part::Direct => {}
                    Part::Topic { .. } => self.store.summaries.summarise(id, of, &state.tally, expires).await?,
                    Part::Devices { .. } => self.store.summaries.summarise_legs(id, of, &state.legs, expires).await?,
                }
            }
            moved_at = moved_at.max(state.moved_at);
            if !state.finished {
                finished = false;
                hold_until = Some(hold_until.map_or(state.hold_until, |earliest| earliest.min(state.hold_until)));
            }
        }
        if finished {
            return Ok(None);
        }
        let age = now.since(task.begins());
        if age > GIVE_UP {
            error!(task.id = %task.id, "task given up: it was not finished within its retention");
            return Ok(None);
        }
        // Nobody rests beyond the message's life: then it is recorded as expired.
        let end_of_life = task.begins().plus(MESSAGE_LIFE);
        let next = match hold_until.map(|until| until.min(end_of_life)).filter(|until| *until > now) {
            Some(until) => until.plus(Duration::from_secs(1)),
            None => {
                let stuck =
                    self.recover || was_due.is_some_and(|at| at > moved_at) || now.since(moved_at) >= STUCK_AFTER;
                if stuck {
                    self.drive(task, age, now).await?;
                }
                next_look(task.id, if stuck { age } else { STUCK_AFTER }, now)
            }
        };
        self.look_again(task.id, next).await?;
        Ok(Some(next))
    }

    async fn drive(&self, task: &Task, age: Duration, now: Timestamp) -> Result<(), WorkerError> {
        let message = TaskMessage::TaskV1 { task: task.id, sent_ms: now, redrive: true };
        self.store.hints.send(&task.owner, &message).await?;
        info!(task.id = %task.id, age_s = age.as_secs(), "task driven again");
        self.context.metrics.count(Metric::Redriven, &[], 1, now);
        Ok(())
    }

    async fn look_again(&self, task: TaskId, at: Timestamp) -> Result<(), WorkerError> {
        Ok(self.store.due.add(task, at).await?)
    }
}

/// When to look again at a task of this age.
///
/// The rest doubles with the age: a task that only waits in a long queue is not multiplied there. And it ends on a grid
/// of the task's own, so that looks which came about in different ways meet in one entry of the due list, and the tasks
/// of an outage do not all wake at once.
fn next_look(task: TaskId, age: Duration, now: Timestamp) -> Timestamp {
    let doublings = (age.as_secs() / STUCK_AFTER.as_secs()).max(1).ilog2();
    let rest = STUCK_AFTER.saturating_mul(1 << doublings.min(16)).min(LONGEST_REST);
    let earliest = now.plus(rest).seconds() + 1;
    let until_grid = (task.get().cast_signed() - earliest).rem_euclid(rest.as_secs().cast_signed());
    Timestamp::from_seconds(earliest + until_grid)
}

/// Whether a task has only direct recipients and every batch of them is closed: most tasks, decided without a read.
fn is_finished_direct(swept: &SweptTask) -> bool {
    let batches = swept.task.direct_count.div_ceil(BATCH_RECIPIENTS as u32) as usize;
    let closed = swept.direct.values().filter(|kept| kept.record.is_closed()).count();
    swept.task.parts().iter().all(|part| *part == Part::Direct) && closed >= batches
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_449_600);

    fn rest(task: u64, age_s: u64) -> Duration {
        next_look(TaskId::new(task), Duration::from_secs(age_s), NOW).since(NOW)
    }

    #[test]
    fn a_task_is_left_alone_the_longer_the_older_it_is() {
        for (age_s, least) in [(0, 120), (239, 120), (240, 240), (1_000, 960), (4_000, 1_920), (80_000, 1_920)] {
            for task in [1, 77, 4_000_001] {
                let rest = rest(task, age_s).as_secs();
                assert!((least..=2 * least).contains(&rest), "{rest} s at an age of {age_s} s");
            }
        }
    }

    #[test]
    fn looks_that_came_about_in_different_ways_meet() {
        let at = |age_s, now_s| next_look(TaskId::new(33), Duration::from_secs(age_s), Timestamp::from_seconds(now_s));
        let first = at(5_000, 1_795_449_600);
        let looks = (0..1_900u64).map(|later| at(5_000 + later, 1_795_449_600 + later.cast_signed()));
        let different: std::collections::BTreeSet<Timestamp> = looks.collect();
        assert!(different.contains(&first) && different.len() <= 2, "{different:?}");
    }

    #[test]
    fn the_tasks_of_an_outage_do_not_wake_at_once() {
        let moments: std::collections::BTreeSet<Duration> = (0..1_000).map(|task| rest(task, 10_000)).collect();
        assert!(moments.len() > 500, "{} moments", moments.len());
    }
}
