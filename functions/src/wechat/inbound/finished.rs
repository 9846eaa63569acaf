//! What became of messages that WeChat had accepted.

use super::Doing;
use model::inbound::{Finished, FinishedAs};
use store::StoreError;
use tracing::info;

impl Doing<'_> {
    /// Keeps bad news of messages; who has blocked the account is not sent to again until they are seen.
    pub(super) async fn finished(&self, finished: &[Finished]) -> Result<(), StoreError> {
        for Finished { msgid, end } in finished.iter().filter(|finished| finished.end != FinishedAs::Delivered) {
            info!(account = %self.account, msgid, end = end.label(), "WeChat could not deliver what it had accepted");
            self.store.receipts.keep(self.account, *msgid, end, self.context.clock.now()).await?;
            if *end == FinishedAs::UserBlocked {
                self.store.marker.mark_unreachable(self.account, &self.inbound.from, self.inbound.at).await?;
            }
        }
        Ok(())
    }
}
