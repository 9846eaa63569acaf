//! Ending connections of our own channel on which nobody has signed in in time: no event tells of those.
//!
//! First in a run, since it has a share of the time and takes no more: however much else is due, nobody stays whom API
//! Gateway would let stay for ten minutes. A minute is looked through once, by the first run after it; what a run could not
//! do (it did not take place, its share was over, a call failed) the next ones do, for five minutes.

use super::{MARGIN, Run, SIDE_BY_SIDE};
use futures::stream::{self, StreamExt};
use gateway::WorkerError;
use gateway::error::causes;
use std::sync::atomic::Ordering;
use store::own::{Stranger, Strangers};
use tracing::{error, warn};

/// Connections that are ended in a run: some seconds of calls. Whoever opens more than that a minute fills API Gateway's
/// own limits, and meets those.
const MOST_ENDED: usize = 1_000;
/// The part of a run's time that may go by with it: one in so many.
const SHARE: u32 = 5;
/// Connections that are looked up at a time.
const AT_A_TIME: usize = 500;

impl Run<'_> {
    /// Ends whom it can; answers the last minute that needs no further look, where it came to one.
    pub(super) async fn end_strangers(&self) -> Result<Option<i64>, WorkerError> {
        // Cut off anywhere: whoever was ended is struck off, or is ended once more, which is harmless.
        match tokio::time::timeout(self.invocation.left(MARGIN) / SHARE, self.look_for_strangers()).await {
            Ok(looked) => looked,
            Err(_) => {
                warn!("connections without a sign-in are left to the next run: time was up");
                Ok(None)
            }
        }
    }

    async fn look_for_strangers(&self) -> Result<Option<i64>, WorkerError> {
        let mut looked = self.store.sweeper.state().await?.looked;
        let (mut may_end, mut all) = (MOST_ENDED, true);
        for minute in Strangers::minutes(looked, self.now()) {
            let noted = self.store.strangers.noted(minute).await?;
            for some in noted.chunks(AT_A_TIME) {
                let mut overdue = self.store.strangers.overdue(some).await?;
                if overdue.len() > may_end {
                    warn!(minute, most = MOST_ENDED, "connections without a sign-in are left to the next run");
                    all = false;
                    overdue.truncate(may_end);
                }
                may_end -= overdue.len();
                let ended = stream::iter(overdue).map(|stranger| self.end(stranger)).buffer_unordered(SIDE_BY_SIDE);
                all &= ended.fold(true, |all, ended| std::future::ready(all && ended)).await;
                if may_end == 0 && !all {
                    return Ok(looked);
                }
            }
            if all {
                looked = Some(minute);
            }
        }
        Ok(looked)
    }

    /// Ends one and strikes it off. Whether it did.
    async fn end(&self, stranger: Stranger) -> bool {
        let ended = async {
            self.store.hangup.close(stranger.connection()).await?;
            self.store.strangers.strike_off(&stranger).await
        };
        let Err(cause) = ended.await else { return true };
        error!(error.code = cause.code(), cause = causes(&cause), "connection could not be ended");
        self.failed.fetch_add(1, Ordering::Relaxed);
        false
    }
}
