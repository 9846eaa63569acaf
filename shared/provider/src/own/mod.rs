//! Our own channel: devices that are connected get their message at once, over the connection that they hold.
//!
//! The message goes to every connection of a device and counts once. Where none is left, the device is reached in another
//! way, in the same run: a connection that is gone is struck off, and the attempt ends as one that may succeed elsewhere.
//! A message that was sent is written down until the device acknowledges it; it is offered again over this channel when
//! the device comes back, and never sent in another way.
//!
//! A device may come back on another connection while its message goes to the one that is breaking. Its welcome may have
//! been too early for what was written down after it; so once that is written down, connections are looked up once more, and
//! one that was not there before gets the message, too.
//!
//! Clients recognise repeats by the task's id.

mod client;
mod error;
pub mod frame;
pub mod settings;
#[cfg(test)]
mod tests;

use crate::channel::{Call, Channel, ChannelLimits, Credentials};
use async_trait::async_trait;
use client::Sender;
use model::batch::BatchId;
use model::channel::ChannelKind;
use model::clock::{Clock, Timestamp};
use model::ids::{DeviceId, MobileAppId, TaskId};
use model::message::Message;
use model::outcome::{Attempt, Outcome};
use model::own::{Offer, OwnAddress};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

pub use error::LinesError;

/// The connections, as the channel needs them. The store is behind it.
#[async_trait]
pub trait Lines: Send + Sync {
    /// The connections of `devices` that are taken for open; who has none is left out.
    async fn open(
        &self,
        app: &MobileAppId,
        devices: &[OwnAddress],
    ) -> Result<HashMap<DeviceId, Vec<String>>, LinesError>;

    /// Sends a frame to a connection.
    async fn post(&self, connection: &str, frame: &str) -> Posted;

    /// A connection turned out to be gone.
    async fn gone(&self, connection: &str, app: &MobileAppId, address: OwnAddress) -> Result<(), LinesError>;

    /// Whether it is written down that a device was sent the message of `task`.
    async fn was_sent(&self, app: &MobileAppId, address: OwnAddress, task: TaskId) -> Result<bool, LinesError>;

    /// Writes down that a device was sent a message, and counts its acknowledgement if that came first.
    async fn sent(&self, app: &MobileAppId, address: OwnAddress, offer: &Offer) -> Result<(), LinesError>;
}

/// What became of a frame.
#[derive(Debug)]
pub enum Posted {
    /// It is on its way.
    Taken,
    /// There is no such connection (any more).
    Gone,
    /// Too large.
    TooLarge,
    /// We may not.
    Forbidden,
    /// Not now; whether it arrived is not known.
    Failed(Box<dyn Error + Send + Sync>),
}

/// For whom the channel sends, and where acknowledgements are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSender {
    /// The app.
    pub app: MobileAppId,
    /// The batch that is sent.
    pub batch: BatchId,
    /// When what is counted there is forgotten.
    pub expires: Timestamp,
}

/// The channel.
pub struct Own {
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
}

impl Own {
    /// The channel over these connections.
    pub const fn new(lines: Arc<dyn Lines>, clock: Arc<dyn Clock>) -> Self {
        Self { lines, clock }
    }
}

#[async_trait]
impl Channel for Own {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Own
    }

    fn limits(&self) -> ChannelLimits {
        settings::LIMITS
    }

    async fn send(&self, call: Call<'_>) -> Vec<Attempt> {
        let (Message::Push(push), Credentials::Own(sender)) = (call.message, call.credentials) else {
            // A batch of another family can only be a bug; nobody of it is reached here.
            return vec![Attempt::failed(Outcome::Content, None).or_elsewhere(true); call.recipients.len()];
        };
        Sender::new(self.lines.as_ref(), sender, push, self.clock.now()).send(call.recipients).await
    }
}
