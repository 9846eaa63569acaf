//! What arrived, by what a vendor says when it is asked: sums of what it calls a task, and no devices.
//!
//! The vendor's ids of what we sent stand in the batches' records; those of lists are noted before that, so one whose
//! answer never came is asked about as well. A list that was sent again has several, of which it counts once: its sums
//! only grow, and the largest is kept. So asking twice, or two workers at once, changes nothing either. Trouble of the
//! vendor's is no failure of ours: it is asked again some minutes later, and less often the older the task is, for as
//! long as anybody may look at the number.

use super::sending::MARGIN;
use super::{DeliverStore, phone};
use gateway::error::causes;
use gateway::{Context, Invocation, WorkerError};
use model::batch::BatchId;
use model::certificate::{Environment, Provider, Scope};
use model::channel::ChannelKind;
use model::ids::{Owner, TaskId};
use model::limits::TASK_RETENTION;
use model::record::State;
use model::statistics::is_asked;
use model::task::Task;
use provider::vivo::settings::TASKS_PER_QUESTION;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::StoreError;
use store::due::Due;
use store::keys::DueThing;
use tracing::{info, warn};

/// How soon a vendor is asked again that did not answer: at the earliest, and after half of the task's age.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// Until how long after its beginning a task is asked about: a day before it is forgotten.
const LAST: Duration = Duration::from_secs(TASK_RETENTION.as_secs() - 86_400);

/// Asks what arrived of a task that an app sent in `environment`.
pub(super) async fn ask(
    context: &Context,
    store: &DeliverStore,
    invocation: &Invocation,
    id: TaskId,
    environment: Environment,
) -> Result<(), WorkerError> {
    let Some(task) = store.tasks.get(id, context.clock.now()).await? else { return Ok(()) };
    let Owner::Mobile(app) = &task.owner else { return Ok(()) };
    let Some((&channel, leg)) = task.legs.iter().zip(0u8..).find(|(channel, _)| is_asked(**channel)) else {
        return Ok(());
    };
    let Some(provider) = Provider::of(channel) else { return Ok(()) };
    let scope = Scope::new(app.clone(), environment);
    // Without its certificate, nobody can ask any more.
    let Some(account) = phone::account(context, &store.certificates, &scope, provider).await? else { return Ok(()) };
    let names = vendor_tasks(store, &task, (channel, leg), environment).await?;
    let vendor_tasks: Vec<u64> = names.keys().copied().collect();
    let (mut arrived, mut unasked) = (0, vendor_tasks.len());
    for some in vendor_tasks.chunks(TASKS_PER_QUESTION) {
        if invocation.left(MARGIN).is_zero() {
            break;
        }
        match context.channels().arrivals(&account.certificate, some).await {
            Ok(sums) => {
                for (vendor_task, count) in sums.into_iter().filter(|(_, count)| *count > 0) {
                    let Some(name) = names.get(&vendor_task) else { continue };
                    store.statistics.received_at_least(id, channel, name, count, task.expires()).await?;
                    arrived += count;
                }
                unasked -= some.len();
            }
            Err(error) => {
                warn!(app.id = %app, task.id = %id, %channel, cause = causes(&error), "the vendor did not say what arrived; it is asked again");
                break;
            }
        }
    }
    info!(app.id = %app, task.id = %id, %channel, vendor_tasks = vendor_tasks.len(), unasked, arrived, "asked what arrived");
    let now = context.clock.now();
    let age = now.since(task.begins());
    if unasked > 0 && age < LAST {
        let at = now.plus(PAUSE.max(age / 2));
        store.due.put(Due { at, thing: DueThing::Arrivals { task: id, environment } }).await?;
    }
    Ok(())
}

/// What the vendor calls that which it accepted, or may have accepted, of `task` on a channel's leg, in the name of the app
/// in `environment`; and what its sums are kept under.
async fn vendor_tasks(
    store: &DeliverStore,
    task: &Task,
    (channel, leg): (ChannelKind, u8),
    environment: Environment,
) -> Result<BTreeMap<u64, String>, StoreError> {
    let (mut found, mut batches) = (BTreeMap::new(), BTreeSet::new());
    for part in task.parts() {
        let pages = store.plans.pages(task.id, part).await?;
        let planned = pages.iter().flat_map(|page| page.batches.iter().zip(page.first_batch..));
        let ours = planned.filter(|(batch, _)| batch.route.is_some_and(|route| route.environment == environment));
        let ours: BTreeSet<u32> = ours.map(|(_, number)| number).collect();
        for (_, kept) in
            store.records.part(task.id, part).await?.into_iter().filter(|(number, _)| ours.contains(number))
        {
            let sent = kept.record.deliveries().filter(|(_, entry)| (entry.leg, entry.state) == (leg, State::Sent));
            found.extend(sent.filter_map(|(_, entry)| entry.vendor_id).map(|id| (id, id.to_string())));
        }
        batches.extend(ours.into_iter().map(|number| BatchId { task: task.id, part, number }));
    }
    for list in store.received.lists(task.id, channel).await?.into_iter().filter(|list| batches.contains(&list.batch)) {
        found.extend(list.vendor_tasks.into_iter().map(|id| (id, list.name.clone())));
    }
    Ok(found)
}
