//! The devices of a push become batches.
//!
//! A page of the audience is cut by *route*: over which channel, and in which environment, a device is reached first. So a
//! batch goes to one queue, and a vendor that takes a thousand devices a call gets hundreds. Where the vendor cannot be
//! told to wait, the batches of a message for later stay here until shortly before its time.
//!
//! A scheduled message goes to who was there when it was accepted, at the tokens of the moment it is shown (`moved`).

use super::moved::Settled;
use super::{FanoutStore, Run};
use futures::stream::{self, StreamExt, TryStreamExt};
use gateway::{Invocation, WorkerError};
use model::audience::Recipient;
use model::batch::{Batch, BatchId};
use model::certificate::Scope;
use model::channel::{Address, ChannelKind};
use model::clock::Timestamp;
use model::device::{Card, Route};
use model::ids::MobileAppId;
use model::limits::{BATCH_BYTES, BATCH_RECIPIENTS, PAGE_BATCHES, QUEUE_DELAY};
use model::notification::Kind;
use model::own::{DeviceSet, OwnAddress};
use model::push::{Audience, PushContent, RELEASE_AHEAD, Strategy};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use store::devices::{CardPage, List};
use store::plan::{PlanPage, PlannedBatch, PlannedRoute};
use store::queue::TaskMessage;

/// Devices read for one page of the plan.
const PAGE_DEVICES: usize = BATCH_RECIPIENTS * PAGE_BATCHES;
/// Bytes of a device in a queue message, besides its tokens; of a way, besides its token.
const DEVICE_BYTES: usize = 40;
const WAY_BYTES: usize = 60;
/// Badge counters that are written side by side.
const COUNTERS: usize = 16;

/// A push and the part of its audience that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Push<'a> {
    pub(super) app: &'a MobileAppId,
    pub(super) content: &'a PushContent,
    pub(super) shard: u16,
}

/// A device of a page, and how it is reached.
pub(super) struct Reached<'a> {
    pub(super) card: &'a Card,
    pub(super) route: Route,
}

impl Reached<'_> {
    pub(super) const fn planned(&self) -> PlannedRoute {
        PlannedRoute { leg: self.route.leg, environment: self.route.environment }
    }

    pub(super) fn bytes(&self) -> usize {
        DEVICE_BYTES + self.route.ways.iter().map(|way| WAY_BYTES + way.token.as_str().len()).sum::<usize>()
    }
}

/// A batch whose time has come: its devices, its number, its route, and how long the queue is to hold it.
pub(super) type Ready<'a> = (Vec<Reached<'a>>, u32, PlannedRoute, Duration);

impl Run<'_> {
    /// Goes through the devices of a push, page by page.
    pub(super) async fn devices(
        &self,
        invocation: &Invocation,
        push: Push<'_>,
        first_page: u32,
    ) -> Result<(), WorkerError> {
        let mut before = match first_page.checked_sub(1) {
            None => None,
            Some(number) => {
                let page = self.store.plans.page(self.task.id, self.part, number).await?;
                Some(page.ok_or(WorkerError::NotYet("the page before is not planned"))?)
            }
        };
        let listed = self.store.devices.listed(push.app, &push.content.audience).await?;
        let mut kept_back = None;
        for number in first_page.. {
            if invocation.left(super::MARGIN).is_zero() {
                let next =
                    TaskMessage::PartV1 { task: self.task.id, part: self.part, page: number, redrive: self.redrive };
                self.store.hints.send(&self.task.owner, &next).await?;
                break;
            }
            let page = self.page_of_devices(push, &listed, number, before.as_ref(), &mut kept_back).await?;
            if page.last {
                break;
            }
            before = Some(page);
        }
        match kept_back {
            // The same entry that a look at the task makes: two would bring the batches twice.
            Some(at) => Ok(self.store.due.add(self.task.id, at.plus(Duration::from_secs(1))).await?),
            None => Ok(()),
        }
    }

    async fn page_of_devices(
        &self,
        push: Push<'_>,
        listed: &[Card],
        number: u32,
        before: Option<&PlanPage>,
        kept_back: &mut Option<Timestamp>,
    ) -> Result<PlanPage, WorkerError> {
        let after = before.and_then(|page| page.seen);
        if let Some(page) = self.store.plans.page(self.task.id, self.part, number).await? {
            if page.seen.is_some() && page.batches.iter().zip(page.first_batch..).any(|(_, batch)| self.wants(batch)) {
                let found = cards(self.store, push, listed, after, page.seen, usize::MAX >> 1).await?;
                self.send_devices(push, &page, &found.cards, kept_back).await?;
            }
            return Ok(page);
        }
        let found = cards(self.store, push, listed, after, None, PAGE_DEVICES).await?;
        let online = self.online(push, &found.cards).await?;
        let ours = self.plan_devices(push, before.map_or(0, PlanPage::next_batch), &found, online);
        let page = self.store.planner.plan(self.task.id, self.part, number, ours.clone(), self.task.expires()).await?;
        if page.batches == ours.batches && page.online == ours.online {
            self.send_devices(push, &page, &found.cards, kept_back).await?;
        } else {
            // Somebody else planned it from another state of the audience: theirs stands.
            let found = cards(self.store, push, listed, after, page.seen, usize::MAX >> 1).await?;
            self.send_devices(push, &page, &found.cards, kept_back).await?;
        }
        Ok(page)
    }

    /// Cuts a page into batches, route by route.
    fn plan_devices(&self, push: Push<'_>, first_batch: u32, found: &CardPage, online: DeviceSet) -> PlanPage {
        let own_only = push.content.strategy == Strategy::OwnOnly;
        let is_offline = |card: &&Card| own_only && !card.muted && !online.contains(card.device);
        let offline = found.cards.iter().filter(is_offline).count();
        let (mut batches, mut members): (Vec<PlannedBatch>, Vec<DeviceSet>) = (Vec::new(), Vec::new());
        let room = BATCH_BYTES.saturating_sub(self.message_bytes());
        for (route, devices) in by_route(self.reached(&found.cards, &online)) {
            let (mut first, mut bytes) = (0, 0);
            for (at, device) in devices.iter().enumerate() {
                let recipients = at + 1 - first;
                bytes += device.bytes();
                let next = devices.get(at + 1).map(Reached::bytes);
                let is_full = recipients == BATCH_RECIPIENTS || next.is_some_and(|next| bytes + next > room);
                if is_full || next.is_none() {
                    // The last one of a route reaches to the end of the page: who changes over is still met.
                    let upto = if next.is_none() { found.seen.unwrap_or_default() } else { device.card.device.get() };
                    let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
                    batches.push(PlannedBatch { upto, recipients, route: Some(route) });
                    members.push(devices[first..=at].iter().map(|device| device.card.device).collect());
                    (first, bytes) = (at + 1, 0);
                }
            }
        }
        let now = self.context.clock.now();
        let mut channels = batches.iter().filter_map(|batch| self.channel(batch.route?));
        if !channels.any(|channel| push.content.notification.held_until(channel, now).is_some()) {
            // They go out at once, at the tokens by which they were planned.
            members.clear();
        }
        PlanPage {
            first_batch,
            batches,
            seen: found.seen,
            last: found.last,
            offline: offline as u64,
            online,
            members,
            at: now,
        }
    }

    /// Who of a page is online, where that matters. Asked once per page and kept with its plan: whoever goes or comes between
    /// two fan-outs would otherwise change batches, and get the message twice or not at all.
    async fn online(&self, push: Push<'_>, cards: &[Card]) -> Result<DeviceSet, WorkerError> {
        if !self.task.legs.contains(&ChannelKind::Own) {
            return Ok(DeviceSet::default());
        }
        let asked = cards.iter().filter(|card| !card.muted);
        let asked: Vec<OwnAddress> = asked.map(|card| OwnAddress { shard: card.shard, device: card.device }).collect();
        let online = self.store.presence.online(push.app, &asked, self.context.clock.now()).await?;
        Ok(online.into_iter().collect())
    }

    fn reached<'c>(&self, cards: &'c [Card], online: &DeviceSet) -> impl Iterator<Item = Reached<'c>> {
        let routes = cards.iter().map(|card| (card, card.route(&self.task.legs, online.contains(card.device))));
        routes.filter_map(|(card, route)| route.map(|route| Reached { card, route }))
    }

    /// About how much the message takes of a queue message.
    pub(super) fn message_bytes(&self) -> usize {
        serde_json::to_vec(&self.message).map_or(0, |bytes| bytes.len() * 11 / 10 + 1_000)
    }

    /// Sorts devices into the plan's batches and sends those whose time has come. `kept_back` becomes the moment at which the
    /// earliest of the others is to be sent.
    async fn send_devices(
        &self,
        push: Push<'_>,
        page: &PlanPage,
        cards: &[Card],
        kept_back: &mut Option<Timestamp>,
    ) -> Result<(), WorkerError> {
        let now = self.context.clock.now();
        let Settled { mut batches, strays } = self.settle(page, self.reached(cards, &page.online));
        let mut ready: Vec<Ready<'_>> = Vec::new();
        for (number, planned) in page.numbered() {
            let Some(route) = planned.route else { continue };
            let Some(channel) = self.channel(route) else { continue };
            if !self.wants(number) {
                continue;
            }
            let begins = push.content.notification.held_until(channel, now);
            let delay = begins.map_or(Duration::ZERO, |begin| begin.since(now));
            if delay > QUEUE_DELAY {
                let release = now.plus(delay).minus(RELEASE_AHEAD);
                *kept_back = Some(kept_back.map_or(release, |known| known.min(release)));
                continue;
            }
            ready.push((batches.remove(&number).unwrap_or_default(), number, route, delay));
        }
        if self.redrive {
            self.take_along(page, strays, &mut ready);
        }
        let badges = self.count_badges(push, ready.iter().flat_map(|(devices, ..)| devices)).await?;
        let mut built = Vec::with_capacity(ready.len());
        for (devices, number, route, delay) in ready {
            let recipients =
                devices.into_iter().map(|device| recipient(push.content, device, &badges, now.plus(delay)));
            let recipients: Vec<Recipient> = recipients.collect();
            built.push((self.device_batch(push.app, number, route, recipients), delay));
        }
        self.send_delayed(built).await
    }

    fn channel(&self, route: PlannedRoute) -> Option<ChannelKind> {
        self.task.legs.get(usize::from(route.leg)).copied()
    }

    /// The badge counters after this message, of those whose vendors must be told the number.
    async fn count_badges<'c>(
        &self,
        push: Push<'_>,
        devices: impl Iterator<Item = &'c Reached<'c>>,
    ) -> Result<HashMap<u64, u32>, WorkerError> {
        let notification = &push.content.notification;
        if notification.kind == Kind::Cmd {
            return Ok(HashMap::new());
        }
        let badge = notification.badge;
        let told: Vec<&Card> =
            devices.filter(|device| device.route.needs_counter(badge)).map(|device| device.card).collect();
        if let Some(ledger) = push.content.ledger {
            return Ok(told.iter().map(|card| (card.device.get(), ledger.number(card.badge))).collect());
        }
        if told.is_empty() {
            return Ok(HashMap::new());
        }
        let ledger = self.store.badges.ledger(push.app).await?;
        let counted = told.into_iter().map(|card| {
            let place = (card.shard, card.device);
            async move {
                let number = self.store.badges.count(push.app, place, ledger, badge, self.task.id).await?;
                Ok::<_, WorkerError>((card.device.get(), number))
            }
        });
        stream::iter(counted.collect::<Vec<_>>()).buffer_unordered(COUNTERS).try_collect().await
    }

    fn device_batch(&self, app: &MobileAppId, number: u32, route: PlannedRoute, recipients: Vec<Recipient>) -> Batch {
        let task = self.task;
        Batch {
            id: BatchId { task: task.id, part: self.part, number },
            owner: task.owner.clone(),
            channel: self.channel(route).unwrap_or_else(|| task.first_channel()),
            legs: task.legs.clone(),
            account: Scope::new(app.clone(), route.environment).account(),
            accepted_ms: task.begins(),
            message: self.message.clone(),
            recipients,
            attempt: 1,
            topic: None,
            redriven: self.redrive,
        }
    }
}

/// Devices by route, each route's in the order of their ids.
fn by_route<'c>(devices: impl Iterator<Item = Reached<'c>>) -> BTreeMap<PlannedRoute, Vec<Reached<'c>>> {
    let mut routes: BTreeMap<PlannedRoute, Vec<Reached<'c>>> = BTreeMap::new();
    for device in devices {
        routes.entry(device.planned()).or_default().push(device);
    }
    routes
}

/// A device as a recipient, for a message that is shown at `at`.
fn recipient(content: &PushContent, device: Reached<'_>, badges: &HashMap<u64, u32>, at: Timestamp) -> Recipient {
    let Reached { card, route } = device;
    let slot = card.device.get();
    let silent = card.quiet.is_some_and(|quiet| quiet.holds(at, content.utc_offset_min));
    let address = route.address(badges.get(&slot).copied(), silent, card.hidden);
    Recipient { slot, address: Address::Device(address), quota_uid: None }
}

/// The cards after `after`, up to and with `upto`: a page of about `limit`.
async fn cards(
    store: &FanoutStore,
    push: Push<'_>,
    listed: &[Card],
    after: Option<u64>,
    upto: Option<u64>,
    limit: usize,
) -> Result<CardPage, WorkerError> {
    let list = match &push.content.audience {
        Audience::All => List::Shard(push.shard),
        Audience::Tag(tags) => List::Tags(tags),
        Audience::Alias(_) | Audience::UserId(_) | Audience::PushToken(_) => {
            return Ok(page_of(listed, after, upto, limit));
        }
    };
    Ok(store.devices.page(push.app, list, after, upto, limit).await?)
}

/// The same of cards at hand.
fn page_of(listed: &[Card], after: Option<u64>, upto: Option<u64>, limit: usize) -> CardPage {
    let id = |card: &Card| card.device.get();
    let span = listed
        .iter()
        .filter(|card| after.is_none_or(|after| id(card) > after) && upto.is_none_or(|upto| id(card) <= upto));
    let cards: Vec<Card> = span.clone().take(limit).cloned().collect();
    let last = cards.len() == span.count();
    CardPage { seen: cards.last().map(id).or(after), cards, last }
}
