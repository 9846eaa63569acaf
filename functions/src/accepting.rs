//! Writing an accepted task: what every family that sends does last.

use gateway::error::causes;
use gateway::metrics::Metric;
use gateway::{ApiError, Context};
use model::clock::Timestamp;
use model::limits;
use model::task::Task;
use store::due::DueWriter;
use store::queue::{Hints, TaskMessage};
use store::tasks::TaskWriter;
use tracing::warn;

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
