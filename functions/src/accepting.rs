//! Accepting a call that sends: what every family does last.
//!
//! A call that may be repeated writes first what it will make (see [`store::repeats`]). Whoever repeats it writes the very
//! same task, if the first one died before it could.

use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{ApiError, Context};
use model::audience::Recipient;
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::{AccountId, Owner};
use model::limits;
use model::task::{Content, Task};
use rand::distr::{Alphanumeric, SampleString};
use std::time::Duration;
use store::capabilities;
use store::due::DueWriter;
use store::ids::Ids;
use store::objects::ObjectWriter;
use store::queue::{Hints, TaskMessage};
use store::repeats::{Made, RepeatReader, Repeats};
use store::tasks::{TaskReader, TaskWriter};
use tracing::{info, warn};

/// What writing a task takes.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) tasks: &'a TaskWriter,
    pub(crate) hints: &'a Hints,
    pub(crate) due: &'a DueWriter,
}

impl Desk<'_> {
    /// Writes `task` and sends its hint, side by side. Its id was drawn from a lease that was taken at `leased_at`.
    pub(crate) async fn write(&self, context: &Context, task: &Task, leased_at: Timestamp) -> Result<(), ApiError> {
        let message = TaskMessage::TaskV1 { task: task.id, sent_ms: context.clock.now(), redrive: false };
        let (written, hinted) = futures::join!(self.tasks.create(task), self.hints.send(&task.owner, &message));
        written?;
        let is_hinted = hinted.is_ok();
        if let Err(error) = hinted {
            // Tolerated: the sweep finds the task without it.
            warn!(task.id = %task.id, cause = causes(&error), "hint lost; the sweep will find the task");
            context.metrics.count(Metric::HintLost, &[], 1, context.clock.now());
        }
        // A request that took longer than the sweep waits (a laptop that slept) might have been swept past.
        if context.clock.now().since(leased_at) > limits::LEASE_LIFE + limits::LEASE_SETTLE / 2 {
            match self.due.add(task.id, context.clock.now()).await {
                Ok(()) => {}
                // Tolerated: the hint is on its way. An error now would have the caller send a second time.
                Err(error) if is_hinted => {
                    warn!(task.id = %task.id, cause = causes(&error), "late task is not on the due list");
                }
                // Nothing may ever come by this task: it is not accepted.
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

capabilities! {
    /// What accepting takes, where all recipients share one message id.
    pub struct AcceptStore {
        ids: Ids,
        repeats: Repeats,
        objects: ObjectWriter,
        written: TaskReader,
        tasks: TaskWriter,
        hints: Hints,
        due: DueWriter,
    }
}

/// A call that is being accepted: what it will make is fixed.
pub(crate) struct Begun {
    made: Made,
    leased_at: Timestamp,
    /// The task, when the call repeats one that made it.
    pub(crate) standing: Option<Task>,
}

/// What is to be accepted.
pub(crate) struct Acceptance {
    pub(crate) family: &'static str,
    pub(crate) owner: Owner,
    pub(crate) account: AccountId,
    pub(crate) legs: Vec<ChannelKind>,
    pub(crate) content: Content,
    /// Slot = position.
    pub(crate) recipients: Vec<Recipient>,
}

impl AcceptStore {
    /// The task of an earlier call of `owner`, when `repeat` is the same call once more. To be asked before anything is
    /// checked that may have changed since.
    pub(crate) async fn standing(
        &self,
        context: &Context,
        noted: &RepeatReader,
        owner: &Owner,
        repeat: Option<&(String, Duration)>,
    ) -> Result<Option<Task>, ApiError> {
        let (Some((what, _)), now) = (repeat, context.clock.now()) else { return Ok(None) };
        let Some(made) = noted.get(owner, what, now).await? else { return Ok(None) };
        let standing = self.written.get(made.task, now).await?;
        if let Some(task) = &standing {
            info!(app.id = %owner, task.id = %task.id, "repeated call recognised");
        }
        Ok(standing)
    }

    /// Fixes what a call of `owner` makes, now: a call that may still be refused must not, or whoever mends it and repeats
    /// it gets a message as old as the first one. `repeat`: by what a repeat of the call is recognised, and for how long.
    pub(crate) async fn begin(
        &self,
        context: &Context,
        owner: &Owner,
        repeat: Option<(String, Duration)>,
    ) -> Result<Begun, ApiError> {
        let now = context.clock.now();
        // One for the content, one for the message.
        let draw = self.ids.draw(2, &*context.clock).await?;
        let ours = Made { task: draw.task, nonce: Alphanumeric.sample_string(&mut rand::rng(), 22), at: now };
        let Some((what, life)) = repeat else {
            return Ok(Begun { made: ours, leased_at: draw.leased_at, standing: None });
        };
        let made = self.repeats.note(owner, &what, ours.clone(), life, now).await?;
        if made == ours {
            return Ok(Begun { made, leased_at: draw.leased_at, standing: None });
        }
        let standing = self.written.get(made.task, now).await?;
        if let Some(task) = &standing {
            info!(app.id = %owner, task.id = %task.id, "repeated call recognised");
        }
        // Whoever noted it is slow, or dead. Its block may have been swept already.
        Ok(Begun { made, leased_at: Timestamp::default(), standing })
    }

    /// Keeps a text of the task: in the task itself, or apart.
    pub(crate) async fn keep_body(&self, begun: &Begun, body: String) -> Result<model::task::Stored<String>, ApiError> {
        Ok(self.objects.keep_body(&begun.made.nonce, body).await?)
    }

    /// Writes the task.
    pub(crate) async fn finish(
        &self,
        context: &Context,
        begun: Begun,
        acceptance: Acceptance,
    ) -> Result<Task, ApiError> {
        let Acceptance { family, owner, account, legs, content, recipients } = acceptance;
        let (made, count) = (begun.made, recipients.len());
        let task = Task {
            id: made.task,
            accepted_ms: made.at,
            owner,
            legs,
            account,
            direct: self.objects.keep_recipients(&made.nonce, recipients).await?,
            nonce: made.nonce,
            content,
            direct_count: u32::try_from(count).unwrap_or(u32::MAX),
            topics: Vec::new(),
        };
        let desk = Desk { tasks: &self.tasks, hints: &self.hints, due: &self.due };
        desk.write(context, &task, begun.leased_at).await?;
        info!(app.id = %task.owner, task.id = %task.id, recipients = count, "message accepted");
        context.metrics.count(Metric::Accepted, &[("family", family)], 1, context.clock.now());
        Ok(task)
    }
}
