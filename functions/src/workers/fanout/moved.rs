//! Which batch a device goes with, also when its tokens are others by now than those by which its page was planned.
//!
//! A batch's record knows whom it has served, and nothing of other batches. So a device that changes over from one vendor to
//! another stays with its batch, by the tokens that it has now: `deliver` passes it on to their channel, and whatever copies
//! of the batch there are, one record tells them what was done. Its batch is the one whose record names it. Before that, of a
//! message for later, it is the one that it was planned for, which the page says.
//!
//! Of a message for now the page does not say: that would be a list of everybody with every message, for who changes over
//! within the minutes in which a batch is under way. Such a device goes with the batch that its tokens of now lead to. Where
//! the page has none, it waits until only one of the batches in which it may be is open: then that one takes it along.

use super::Run;
use super::devices::{Reached, Ready};
use model::limits::{BATCH_BYTES, BATCH_RECIPIENTS};
use model::record::BatchRecord;
use std::collections::{BTreeMap, HashMap};
use store::plan::{PlanPage, PlannedRoute};
use tracing::warn;

/// The devices of a page, sorted.
pub(super) struct Settled<'c> {
    /// By the number of their batch, each batch's in the order of their ids.
    pub(super) batches: BTreeMap<u32, Vec<Reached<'c>>>,
    /// Those for whom the page has no batch.
    pub(super) strays: Vec<Reached<'c>>,
}

/// The batches of a page by route: the last slot of each, and its number.
struct Spans(BTreeMap<PlannedRoute, Vec<(u64, u32)>>);

impl Spans {
    fn of(page: &PlanPage) -> Self {
        let mut spans: BTreeMap<PlannedRoute, Vec<(u64, u32)>> = BTreeMap::new();
        for (number, batch) in page.numbered() {
            if let Some(route) = batch.route {
                spans.entry(route).or_default().push((batch.upto, number));
            }
        }
        Self(spans)
    }

    /// The batch of a route to whose span a slot belongs.
    fn batch(&self, route: PlannedRoute, slot: u64) -> Option<u32> {
        Self::holding(self.0.get(&route)?, slot)
    }

    /// The batches of all routes to whose span it belongs.
    fn batches(&self, slot: u64) -> impl Iterator<Item = u32> + '_ {
        self.0.values().filter_map(move |batches| Self::holding(batches, slot))
    }

    fn holding(batches: &[(u64, u32)], slot: u64) -> Option<u32> {
        batches.get(batches.partition_point(|(upto, _)| *upto < slot)).map(|(_, number)| *number)
    }
}

impl Run<'_> {
    /// Sorts the devices of a page into its batches. Who was served by one is in none.
    pub(super) fn settle<'c>(&self, page: &PlanPage, devices: impl Iterator<Item = Reached<'c>>) -> Settled<'c> {
        let (spans, planned) = (Spans::of(page), planned(page));
        let routes: HashMap<u32, PlannedRoute> =
            page.numbered().filter_map(|(number, batch)| Some((number, batch.route?))).collect();
        let mut settled = Settled { batches: BTreeMap::new(), strays: Vec::new() };
        for device in devices {
            let (slot, route) = (device.card.device.get(), device.planned());
            let records = || spans.batches(slot).filter_map(|number| Some((number, &self.done.get(&number)?.record)));
            if records().any(|(_, record)| record.is_final(slot)) {
                continue;
            }
            // A batch speaks for one environment: tokens of another are nothing to it.
            let speaks = |number: &u32| routes.get(number).is_some_and(|of| of.environment == route.environment);
            let goes_on = |record: &BatchRecord| {
                let mut legs = self.task.legs.iter().skip(usize::from(record.leg(slot)));
                record.entry(slot).is_some() && legs.any(|leg| device.route.ways.iter().any(|way| way.channel == *leg))
            };
            let begun = records().find(|(number, record)| speaks(number) && goes_on(record));
            let number = begun.map(|(number, _)| number);
            let number = number.or_else(|| planned.get(&slot).copied().filter(speaks));
            match number.or_else(|| spans.batch(route, slot)) {
                Some(number) => settled.batches.entry(number).or_default().push(device),
                None => settled.strays.push(device),
            }
        }
        settled
    }

    /// A device for which its page has no batch goes along with the only one that is open of those in which it may be: of a
    /// closed one no copy does anything any more, so nobody else can reach it, and in the one that is open it is once.
    pub(super) fn take_along<'c>(&self, page: &PlanPage, strays: Vec<Reached<'c>>, ready: &mut [Ready<'c>]) {
        let (spans, room) = (Spans::of(page), BATCH_BYTES.saturating_sub(self.message_bytes()));
        let is_open = |number: &u32| self.done.get(number).is_none_or(|kept| !kept.record.is_closed());
        let mut left = 0;
        for stray in strays {
            let mut open = spans.batches(stray.card.device.get()).filter(is_open);
            let only = open.next().filter(|_| open.next().is_none());
            let batch = ready
                .iter_mut()
                .find(|(_, number, route, _)| Some(*number) == only && route.environment == stray.route.environment);
            let takes = |devices: &[Reached<'_>]| {
                let bytes: usize = devices.iter().map(Reached::bytes).sum();
                devices.len() < BATCH_RECIPIENTS && bytes + stray.bytes() <= room
            };
            match batch {
                Some((devices, ..)) if takes(devices) => devices.push(stray),
                _ => left += 1,
            }
        }
        if left > 0 {
            warn!(task.id = %self.task.id, devices = left, "devices left out for now: they have other tokens than were planned for, and not one batch alone may hold them");
        }
    }
}

/// Who was planned for which batch, where the page says so.
fn planned(page: &PlanPage) -> HashMap<u64, u32> {
    let members = (page.first_batch..).zip(&page.members);
    members.flat_map(|(number, devices)| devices.iter().map(move |device| (device.get(), number))).collect()
}
