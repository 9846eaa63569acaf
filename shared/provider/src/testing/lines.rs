//! Connections of our own channel in memory.

use crate::own::{Lines, LinesError, Posted};
use async_trait::async_trait;
use model::ids::{DeviceId, MobileAppId, TaskId};
use model::own::{Offer, OwnAddress};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Connections that do what the test says. A device has the connections that were put here, and every one takes its frame
/// unless it is told otherwise.
#[derive(Debug, Default)]
pub struct MemoryLines(Mutex<World>);

/// What there is and what has happened.
#[derive(Debug, Default)]
pub struct World {
    /// Connections by device.
    pub open: BTreeMap<DeviceId, Vec<String>>,
    /// What a connection answers in place of taking a frame; an empty list is everything again.
    pub answers: BTreeMap<String, Vec<Posted>>,
    /// Frames that were taken: connection and text.
    pub taken: Vec<(String, String)>,
    /// Connections that were struck off.
    pub gone: Vec<String>,
    /// What was written down.
    pub sent: Vec<(DeviceId, Offer)>,
    /// Writing down, or looking up, fails.
    pub broken: bool,
    /// Looking up fails once something was written down.
    pub breaks_after: bool,
    /// A connection that a device opens once it is written down that it was sent a message.
    pub opens_after: Option<(DeviceId, String)>,
}

impl MemoryLines {
    /// What there is and what has happened.
    pub fn world<T>(&self, with: impl FnOnce(&mut World) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn broken() -> LinesError {
    LinesError::new(std::io::Error::other("broken by the test"))
}

#[async_trait]
impl Lines for MemoryLines {
    async fn open(
        &self,
        _: &MobileAppId,
        devices: &[OwnAddress],
    ) -> Result<HashMap<DeviceId, Vec<String>>, LinesError> {
        self.world(|world| {
            let found = |address: &OwnAddress| Some((address.device, world.open.get(&address.device)?.clone()));
            if world.broken { Err(broken()) } else { Ok(devices.iter().filter_map(found).collect()) }
        })
    }

    async fn post(&self, connection: &str, frame: &str) -> Posted {
        self.world(|world| {
            let answers = world.answers.get_mut(connection);
            if let Some(answer) = answers.and_then(Vec::pop) {
                return answer;
            }
            world.taken.push((connection.to_owned(), frame.to_owned()));
            Posted::Taken
        })
    }

    async fn gone(&self, connection: &str, _: &MobileAppId, _: OwnAddress) -> Result<(), LinesError> {
        self.world(|world| world.gone.push(connection.to_owned()));
        Ok(())
    }

    async fn was_sent(&self, _: &MobileAppId, address: OwnAddress, task: TaskId) -> Result<bool, LinesError> {
        self.world(|world| {
            let is_it = |(device, offer): &(DeviceId, Offer)| *device == address.device && offer.task == task;
            if world.broken { Err(broken()) } else { Ok(world.sent.iter().any(is_it)) }
        })
    }

    async fn sent(&self, _: &MobileAppId, address: OwnAddress, offer: &Offer) -> Result<(), LinesError> {
        self.world(|world| {
            if world.broken {
                return Err(broken());
            }
            world.sent.push((address.device, offer.clone()));
            world.broken = std::mem::take(&mut world.breaks_after);
            if let Some((device, connection)) = world.opens_after.take() {
                world.open.entry(device).or_default().push(connection);
            }
            Ok(())
        })
    }
}
