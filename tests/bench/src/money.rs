//! Money: what AWS would charge for a message of each family, counted by the local AWS.
//!
//! A case sends messages over HTTP as a client would, then works every queue as Lambda does (up to `BatchSize` messages an
//! invocation) until all are empty. Nothing depends on time: the functions' clock stands still, and receives that find
//! nothing are not counted. What was called is multiplied by the list prices of `tests/bench/prices.yaml`.
//!
//! **Lambda's time** cannot be counted on another machine, so it is put together, as if nothing ever overlapped:
//! - CPU: what the bench measured of a process that is nothing but the function ([`Cpu`]). Lambda gives a whole processor at
//!   1,769 MB and the share below it, so a CPU second costs 1,769 MB-seconds, whatever memory the function has.
//! - Waiting for AWS: [`AWS_TRIP`] for every call of DynamoDB, S3 and SQS, at the function's memory.
//! - Waiting for the vendor: [`vendor_trip`] for every round of `calls_in_flight` calls, and one for every invocation.
//!
//! Not part of a message's cost: what a deployment costs when nobody sends (`docs/data.md`, `docs/operations.md`),
//! storage of seven days, logs, and what vendors report later.

use crate::Failure;
use crate::calls::{Call, Caller};
use crate::cloud::{remove_demo_phones, settle_phones};
use crate::prices::Used;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use functions::routes;
use gateway::Invocation;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use local::sandbox::Opening;
use local::template::{TEXT, Template};
use local::{Options, seed};
use model::channel::ChannelKind;
use model::clock::Clock;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::Town;

/// How long a call of DynamoDB, S3 or SQS takes from a function in the same region. Ours, on the high side.
pub const AWS_TRIP: Duration = Duration::from_millis(5);
/// Memory at which a function has one processor (Lambda, "Configure Lambda function memory", read 2026-11), in MB.
const MB_OF_A_PROCESSOR: f64 = 1_769.0;

/// How long a vendor takes to answer. Apple and Google answer in some 50 ms; the others are further away.
pub const fn vendor_trip(channel: ChannelKind) -> Duration {
    match channel {
        ChannelKind::Apns | ChannelKind::Fcm => Duration::from_millis(50),
        _ => Duration::from_millis(100),
    }
}

/// CPU that functions need, s, as measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// Of a call of the API.
    pub accept: f64,
    /// Of fan-out, per recipient.
    pub fanout: f64,
    /// Of `deliver`, per recipient.
    pub deliver: f64,
}

/// What `count` deliveries of one kind use.
pub async fn count(call: Call, count: u64, cpu: Cpu) -> Result<Used, Failure> {
    let crowd = if call.channel().is_phone() { 0 } else { count };
    let settings = [("TUISONG_CALLS_PER_10S".to_owned(), "0".to_owned())].into();
    let town = Town::with_crowd(Options { pollers: false, settings, ..Options::for_tests() }, crowd).await;
    town.stack.clock().stand_still();
    // What vendors report comes in its own time and is another call of the API: it is not part of sending.
    town.stack.sandbox().report_after(None);
    if call.channel().is_phone() {
        remove_demo_phones(town.stack.store()).await?;
        let now = town.stack.clock().now();
        settle_phones(town.stack.aws(), town.stack.store(), call.channel(), count, now).await?;
    }
    // The first message fetches tokens, leases ids and reads what is remembered afterwards.
    let caller = Caller::new(town.api.clone(), count).await?;
    let mut queues = Queues::new()?;
    open_windows(&town, call)?;
    caller.send(call, 1).await?;
    queues.work(&town).await?;
    open_windows(&town, call)?;
    let (before, calls) = (town.stack.sandbox().message_count(), &town.stack.aws().calls);
    queues = Queues::new()?;
    calls.reset();
    let accepted = if call.is_one_call() { 1 } else { count };
    for n in 1..=accepted {
        caller.send(call, n).await?;
    }
    let accepting = Used::of(&calls.snapshot(), 0).aws_calls;
    queues.work(&town).await?;
    let mut used = Used::of(&calls.snapshot(), queues.empty);
    used.deliveries = town.stack.sandbox().message_count() - before;
    used.accepted = accepted;
    used.invocations = queues.invocations;
    used.invocations.insert(call.endpoint().to_owned(), accepted);
    let limits = town.stack.context().channels().channel(call.channel()).limits();
    let at_once = (limits.recipients_per_call.get() * limits.calls_in_flight.get()) as f64;
    let rounds = (used.deliveries as f64 / at_once).max(used.invocations.get("deliver").copied().unwrap_or(0) as f64);
    let worker = memory_gb("deliver").max(memory_gb("fanout"));
    let waited = accepting as f64 * AWS_TRIP.as_secs_f64() * memory_gb(call.endpoint())
        + (used.aws_calls - accepting) as f64 * AWS_TRIP.as_secs_f64() * worker
        + rounds * vendor_trip(call.channel()).as_secs_f64() * memory_gb("deliver");
    let worked = accepted as f64 * cpu.accept + used.deliveries as f64 * (cpu.fanout + cpu.deliver);
    used.lambda_gb_seconds = waited + worked * MB_OF_A_PROCESSOR / 1024.0;
    town.close().await;
    Ok(used)
}

/// Whoever has written to the account may be answered: with at most five messages, within 48 hours.
fn open_windows(town: &Town, call: Call) -> Result<(), Failure> {
    if call == Call::ServiceSend {
        let account = town.stack.sandbox().wechat(seed::ACCOUNT).ok_or("no demo account")?;
        for n in 1..=seed::FOLLOWERS {
            account.opens(seed::openid(n).as_str(), Opening::Message);
        }
    }
    Ok(())
}

/// Memory of a function in `template.yaml`, GB.
pub fn memory_gb(function: &str) -> f64 {
    let root: serde_norway::Value = serde_norway::from_str(TEXT).unwrap_or_default();
    let default = &root["Globals"]["Function"]["MemorySize"];
    let resources = root["Resources"].as_mapping().into_iter().flat_map(|all| all.iter());
    let ours = resources
        .map(|(_, resource)| resource)
        .find(|resource| resource["Metadata"]["BuildProperties"]["Binary"].as_str() == Some(function));
    let own = ours.map(|resource| &resource["Properties"]["MemorySize"]).and_then(serde_norway::Value::as_f64);
    own.or(default.as_f64()).unwrap_or(f64::NAN) / 1024.0
}

/// The queues, worked as Lambda's pollers do.
struct Queues {
    template: Template,
    invocations: BTreeMap<String, u64>,
    empty: u64,
}

impl Queues {
    fn new() -> Result<Self, Failure> {
        Ok(Self { template: Template::read()?, invocations: BTreeMap::new(), empty: 0 })
    }

    /// Works every queue until all are empty.
    async fn work(&mut self, town: &Town) -> Result<(), Failure> {
        let mapped = self.template.functions.iter().flat_map(|(name, spec)| {
            spec.queues.iter().map(|source| (name.clone(), source.queue.clone(), source.batch_size))
        });
        let mapped: Vec<_> = mapped.collect();
        loop {
            let mut idle = true;
            for (name, queue, most) in &mapped {
                while self.invoke(town, name, queue, *most).await? {
                    idle = false;
                }
            }
            if idle {
                return Ok(());
            }
        }
    }

    /// One receive, one invocation, one delete; whether there was anything.
    async fn invoke(&mut self, town: &Town, name: &str, queue: &str, most: u32) -> Result<bool, Failure> {
        let deployment = town.stack.deployment();
        let url = deployment.queue_urls.get(queue).ok_or("a queue without an address")?;
        let most = i32::try_from(most)?.min(10);
        let received = deployment.sqs.receive_message().queue_url(url).max_number_of_messages(most).send().await?;
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            self.empty += 1;
            return Ok(false);
        }
        let function = routes::by_name(name).ok_or("a function that does not exist")?;
        let records = messages.iter().zip(0..).map(|(message, n)| QueueRecord {
            message_id: format!("{n}"),
            body: message.body.clone().unwrap_or_default(),
        });
        let event = QueueEvent { records: records.collect() };
        let deadline = Instant::now() + Duration::from_secs(60);
        let invocation = Invocation { request_id: "bench".to_owned(), deadline };
        let reply = serve_queue(function, town.stack.context().clone(), invocation, event).await;
        if !reply.batch_item_failures.is_empty() {
            return Err(format!("{name} failed").into());
        }
        *self.invocations.entry(name.to_owned()).or_default() += 1;
        let entries: Result<Vec<_>, _> = (messages.iter().zip(0..))
            .map(|(message, n)| {
                let handle = message.receipt_handle.clone().unwrap_or_default();
                DeleteMessageBatchRequestEntry::builder().id(format!("{n}")).receipt_handle(handle).build()
            })
            .collect();
        deployment.sqs.delete_message_batch().queue_url(url).set_entries(Some(entries?)).send().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
