//! One call: connections looked up, frames sent.

use super::error::{again, failed, offline};
use super::frame::MessageFrame;
use super::settings::FRAMES_IN_FLIGHT;
use super::{Lines, OwnSender, Posted};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use model::audience::Recipient;
use model::channel::{Address, ChannelKind};
use model::clock::Timestamp;
use model::ids::DeviceId;
use model::message::PushMessage;
use model::outcome::{Attempt, Outcome};
use model::own::{Offer, OwnAddress};
use std::collections::HashMap;

/// Everything that the deliveries of one call share.
pub(super) struct Sender<'a> {
    lines: &'a dyn Lines,
    from: &'a OwnSender,
    push: &'a PushMessage,
    /// When the message is over.
    until: Timestamp,
    now: Timestamp,
}

impl<'a> Sender<'a> {
    pub(super) fn new(lines: &'a dyn Lines, from: &'a OwnSender, push: &'a PushMessage, now: Timestamp) -> Self {
        Self { lines, from, push, until: push.notification.end(now), now }
    }

    /// Sends to everybody; one attempt each, in their order.
    pub(super) async fn send(&self, recipients: &[&Recipient]) -> Vec<Attempt> {
        if self.until <= self.now {
            return vec![Attempt::failed(Outcome::Suppressed, None); recipients.len()];
        }
        let addresses: Vec<OwnAddress> = recipients.iter().copied().filter_map(address).collect();
        let open = match self.lines.open(&self.from.app, &addresses).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(app.id = %self.from.app, cause = %chain(&error), "connections could not be looked up");
                return vec![again(); recipients.len()];
            }
        };
        let open = &open;
        let sent: Vec<_> = recipients.iter().map(|recipient| self.deliver(recipient, open)).collect();
        let mut attempts: Vec<Attempt> = stream::iter(sent).buffered(FRAMES_IN_FLIGHT).collect().await;
        self.catch_up(recipients, open, &mut attempts).await;
        attempts
    }

    /// Sends to connections that devices have opened since they were looked up. Whoever opens one after this finds the
    /// message written down, and is offered it.
    async fn catch_up(
        &self,
        recipients: &[&Recipient],
        before: &HashMap<DeviceId, Vec<String>>,
        attempts: &mut [Attempt],
    ) {
        let sent = |attempt: &Attempt| matches!(attempt.outcome, Outcome::Ok { .. });
        let reached: Vec<(usize, OwnAddress)> = (recipients.iter().enumerate().zip(attempts.iter()))
            .filter(|(_, attempt)| sent(attempt))
            .filter_map(|((at, recipient), _)| Some((at, address(recipient)?)))
            .collect();
        if reached.is_empty() {
            return;
        }
        let addresses: Vec<OwnAddress> = reached.iter().map(|(_, address)| *address).collect();
        let now = match self.lines.open(&self.from.app, &addresses).await {
            Ok(open) => open,
            Err(error) => {
                // Sent once more rather than not at all: clients recognise a repeat.
                tracing::warn!(app.id = %self.from.app, cause = %chain(&error), "connections could not be looked up again");
                for (at, _) in reached {
                    attempts[at] = again();
                }
                return;
            }
        };
        let late = reached.into_iter().flat_map(|(at, address)| {
            let known = before.get(&address.device).map_or(&[][..], Vec::as_slice);
            let open = now.get(&address.device).map_or(&[][..], Vec::as_slice);
            open.iter()
                .filter(|connection| !known.contains(connection))
                .map(move |connection| (at, address, connection))
        });
        let late: Vec<_> = late
            .filter_map(|(at, address, connection)| Some((at, address, connection, self.frame(recipients[at])?)))
            .collect();
        let posts = late
            .iter()
            .map(|(at, address, connection, frame)| async move { (*at, self.post(connection, *address, frame).await) });
        let posted: Vec<(usize, Posted)> =
            stream::iter(posts.collect::<Vec<_>>()).buffered(FRAMES_IN_FLIGHT).collect().await;
        for (at, posted) in posted {
            // A connection that is gone again leaves the message to the next welcome.
            if matches!(posted, Posted::Failed(_)) {
                attempts[at] = again();
            }
        }
    }

    /// What a recipient is sent; `None` for what cannot be written, which only a bug could make.
    fn frame(&self, recipient: &Recipient) -> Option<String> {
        let Address::Device(device) = &recipient.address else { return None };
        let frame = MessageFrame::new(self.push.task, &self.push.notification, device.silent, device.hidden);
        serde_json::to_string(&frame).ok()
    }

    async fn deliver(&self, recipient: &Recipient, open: &HashMap<DeviceId, Vec<String>>) -> Attempt {
        let (Some(address), Address::Device(device)) = (address(recipient), &recipient.address) else {
            return offline(false);
        };
        let connections = open.get(&address.device).map_or(&[][..], Vec::as_slice);
        if connections.is_empty() {
            return self.not_reached(address, false).await;
        }
        let Some(frame) = self.frame(recipient) else {
            return Attempt::failed(Outcome::Content, None).or_elsewhere(true);
        };
        let posts: Vec<_> = connections.iter().map(|connection| self.post(connection, address, &frame)).collect();
        let posted = join_all(posts).await;
        if !posted.iter().any(|posted| matches!(posted, Posted::Taken)) {
            return match failed(&posted) {
                Some(attempt) => attempt,
                None => self.not_reached(address, true).await,
            };
        }
        let offer = Offer {
            task: self.push.task,
            batch: self.from.batch,
            until: self.until,
            expires: self.from.expires,
            silent: device.silent,
            hidden: device.hidden,
        };
        match self.lines.sent(&self.from.app, address, &offer).await {
            Ok(()) => Attempt::ok(None),
            Err(error) => {
                // Sent once more rather than lost on a connection that breaks: clients recognise a repeat.
                tracing::warn!(app.id = %self.from.app, cause = %chain(&error), "a message that was sent could not be written down");
                again()
            }
        }
    }

    /// The device has no connection (any more). Another way may reach it, unless an earlier delivery of the same batch has
    /// sent it the message: nobody gets it over its connection and from a vendor. Who has no other way is looked up, too: it
    /// has the message then, and counts as sent, although what followed failed or the process died.
    async fn not_reached(&self, address: OwnAddress, had_some: bool) -> Attempt {
        match self.lines.was_sent(&self.from.app, address, self.push.task).await {
            Ok(true) => Attempt::ok(None),
            Ok(false) => offline(had_some),
            Err(error) => {
                tracing::warn!(app.id = %self.from.app, cause = %chain(&error), "whether a message was sent could not be looked up");
                again()
            }
        }
    }

    /// One frame to one connection. One that is gone is struck off.
    async fn post(&self, connection: &str, address: OwnAddress, frame: &str) -> Posted {
        let posted = self.lines.post(connection, frame).await;
        match &posted {
            Posted::Gone => {
                if let Err(error) = self.lines.gone(connection, &self.from.app, address).await {
                    // Tolerated: the next message finds out again, and it goes by itself.
                    tracing::warn!(cause = %chain(&error), "a connection that is gone could not be struck off");
                }
            }
            Posted::Failed(error) => {
                tracing::warn!(app.id = %self.from.app, cause = %chain(error.as_ref()), "a connection could not be sent to");
            }
            Posted::Taken | Posted::TooLarge | Posted::Forbidden => {}
        }
        posted
    }
}

/// Where a recipient is found on this channel.
fn address(recipient: &Recipient) -> Option<OwnAddress> {
    recipient.address.way(ChannelKind::Own).and_then(|way| OwnAddress::parse(&way.token))
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
