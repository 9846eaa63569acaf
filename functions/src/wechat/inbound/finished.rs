//! What became of messages that WeChat had accepted.

use super::Doing;
use model::inbound::{Finished, FinishedAs};
use store::StoreError;
use tracing::info;

impl Doing<'_> {
    /// Keeps bad news of messages, and how many people a mass message reached; who has blocked the account is not sent
    /// to again until they are seen.
    pub(super) async fn finished(&self, finished: &[Finished]) -> Result<(), StoreError> {
        for finished in finished.iter().filter(|finished| is_news(finished)) {
            let Finished { msgid, end, .. } = finished;
            if *end != FinishedAs::Delivered {
                info!(account = %self.account, msgid, end = end.label(), "WeChat could not deliver what it had accepted");
            }
            self.store.receipts.keep(self.account, finished, self.context.clock.now()).await?;
            if *end == FinishedAs::UserBlocked {
                self.store.marker.mark_unreachable(self.account, &self.inbound.from, self.inbound.at).await?;
            }
        }
        Ok(())
    }
}

/// Whether it says more than the record: bad news, and the counts of a mass message.
pub(super) fn is_news(finished: &Finished) -> bool {
    finished.end != FinishedAs::Delivered || finished.counts.is_some()
}
