//! The store as the connections of our own channel.

use async_trait::async_trait;
use model::channel::ChannelKind;
use model::clock::Clock;
use model::ids::{DeviceId, MobileAppId, TaskId};
use model::own::{Offer, OwnAddress};
use provider::own::{Lines, LinesError, Posted};
use std::collections::HashMap;
use std::sync::Arc;
use store::own::{Kept, Line, Online, Outbox};
use store::statistics::Statistics;
use store::{Capability, Store};

/// The store's calls behind the trait that the channel knows.
pub(crate) struct StoredLines {
    line: Line,
    online: Online,
    outbox: Outbox,
    statistics: Statistics,
    clock: Arc<dyn Clock>,
}

impl StoredLines {
    pub(crate) fn open(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let (line, online) = (Line::open(store), Online::open(store));
        Self { line, online, outbox: Outbox::open(store), statistics: Statistics::open(store), clock }
    }
}

#[async_trait]
impl Lines for StoredLines {
    async fn open(
        &self,
        app: &MobileAppId,
        devices: &[OwnAddress],
    ) -> Result<HashMap<DeviceId, Vec<String>>, LinesError> {
        self.online.connections(app, devices, self.clock.now()).await.map_err(LinesError::new)
    }

    async fn post(&self, connection: &str, frame: &str) -> Posted {
        match self.line.post(connection, frame).await {
            store::own::Posted::Taken => Posted::Taken,
            store::own::Posted::Gone => Posted::Gone,
            store::own::Posted::TooLarge => Posted::TooLarge,
            store::own::Posted::Forbidden => Posted::Forbidden,
            store::own::Posted::Failed(error) => Posted::Failed(Box::new(error)),
        }
    }

    async fn gone(&self, connection: &str, app: &MobileAppId, address: OwnAddress) -> Result<(), LinesError> {
        self.online.gone(connection, app, address).await.map_err(LinesError::new)
    }

    async fn was_sent(&self, app: &MobileAppId, address: OwnAddress, task: TaskId) -> Result<bool, LinesError> {
        self.outbox.was_sent(app, address.device, task).await.map_err(LinesError::new)
    }

    async fn sent(&self, app: &MobileAppId, address: OwnAddress, offer: &Offer) -> Result<(), LinesError> {
        match self.outbox.keep(app, address.device, offer).await.map_err(LinesError::new)? {
            Kept::Waiting => Ok(()),
            Kept::Acknowledged => {
                let token = [address.token()];
                let counted = self.statistics.received(offer.batch, ChannelKind::Own, &token, offer.expires);
                counted.await.map_err(LinesError::new)
            }
        }
    }
}
