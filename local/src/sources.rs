//! Event sources: what Lambda's SQS pollers and EventBridge's schedules are in the cloud.

use crate::deployment::Deployment;
use crate::template::{QueueSource, Schedule, Template};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use functions::routes;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::{serve_queue, serve_schedule};
use gateway::{Context, Function, Invocation};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::warn;

/// How long a poll waits for a message.
const POLL_SECONDS: i32 = 20;
/// How long to wait after a poll failed.
const PAUSE: Duration = Duration::from_millis(200);

/// The running event sources.
pub struct Sources {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

/// An invocation of `function` that may take as long as the template says.
fn invocation(timeout: Duration) -> Invocation {
    let number = INVOCATIONS.fetch_add(1, Ordering::Relaxed);
    Invocation { request_id: format!("local-event-{number}"), deadline: Instant::now() + timeout }
}

impl Sources {
    /// Starts a poller per queue mapping and a timer per schedule.
    pub fn start(template: &Template, deployment: &Deployment, context: &Arc<Context>, schedules: bool) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (name, spec) in &template.functions {
            let Some(function) = routes::by_name(name) else {
                warn!(function = name, "the template names a function that does not exist");
                continue;
            };
            for source in &spec.queues {
                let poller = Poller {
                    function,
                    context: context.clone(),
                    sqs: deployment.sqs.clone(),
                    url: deployment.queue_urls.get(&source.queue).cloned().unwrap_or_default(),
                    source: source.clone(),
                    timeout: spec.timeout,
                };
                tasks.spawn(poller.run(stopping.clone()));
            }
            for schedule in spec.schedules.iter().filter(|_| schedules) {
                tasks.spawn(tick(function, context.clone(), schedule.clone(), spec.timeout, stopping.clone()));
            }
        }
        Self { tasks, stop }
    }

    /// Stops taking events and gives those under way a moment; what is not done by then is done after the next start.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            self.tasks.abort_all();
        }
    }
}

/// Runs `function` once, as its schedule would with `input`.
pub async fn run_schedule(
    context: &Arc<Context>,
    name: &str,
    input: serde_json::Value,
) -> Result<(), gateway::WorkerError> {
    match routes::by_name(name) {
        Some(function) => serve_schedule(function, context.clone(), invocation(Duration::from_secs(60)), input).await,
        None => Err(gateway::WorkerError::Unreadable(format!("there is no function `{name}`"))),
    }
}

async fn tick(
    function: Function,
    context: Arc<Context>,
    schedule: Schedule,
    timeout: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let mut timer = tokio::time::interval_at(tokio::time::Instant::now() + schedule.every, schedule.every);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            _ = stopping.changed() => return,
        }
        // A failed run was logged where it happened; the next one follows anyway.
        let ran = serve_schedule(function, context.clone(), invocation(timeout), schedule.input.clone()).await;
        drop(ran);
    }
}

/// One queue mapping.
#[derive(Clone)]
struct Poller {
    function: Function,
    context: Arc<Context>,
    sqs: aws_sdk_sqs::Client,
    url: String,
    source: QueueSource,
    timeout: Duration,
}

impl Poller {
    async fn run(self, mut stopping: watch::Receiver<bool>) {
        let permits = Arc::new(Semaphore::new(self.source.concurrency as usize));
        let mut invocations = JoinSet::new();
        loop {
            while invocations.try_join_next().is_some() {}
            let Ok(permit) = permits.clone().acquire_owned().await else { break };
            let messages = tokio::select! {
                messages = self.receive() => messages,
                _ = stopping.changed() => break,
            };
            if !messages.is_empty() {
                invocations.spawn(self.clone().invoke(messages, permit));
            }
            if *stopping.borrow() {
                break;
            }
        }
        while invocations.join_next().await.is_some() {}
    }

    async fn receive(&self) -> Vec<Message> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(self.source.batch_size).unwrap_or(10))
            .wait_time_seconds(POLL_SECONDS)
            .send()
            .await;
        match received {
            Ok(answer) => answer.messages.unwrap_or_default(),
            Err(error) => {
                warn!(cause = gateway::error::causes(&error), queue = self.source.queue, "poll failed");
                tokio::time::sleep(PAUSE).await;
                Vec::new()
            }
        }
    }

    /// Invokes the function and deletes what it did not report as failed.
    async fn invoke(self, messages: Vec<Message>, permit: OwnedSemaphorePermit) {
        let records = messages.iter().map(|message| QueueRecord {
            message_id: message.message_id.clone().unwrap_or_default(),
            body: message.body.clone().unwrap_or_default(),
        });
        let event = QueueEvent { records: records.collect() };
        let invocation = invocation(self.timeout);
        let served = serve_queue(self.function, self.context.clone(), invocation, event);
        // A function that overruns its time is stopped, and everything of it comes again.
        let Ok(reply) = tokio::time::timeout(self.timeout, served).await else { return };
        let failed = |message: &Message| {
            let id = message.message_id.as_deref().unwrap_or_default();
            reply.batch_item_failures.iter().any(|failure| failure.item_identifier == id)
        };
        let entries =
            messages.iter().enumerate().filter(|(_, message)| !failed(message)).filter_map(|(index, message)| {
                let receipt = message.receipt_handle.clone().unwrap_or_default();
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt).build().ok()
            });
        let entries: Vec<_> = entries.collect();
        if !entries.is_empty() {
            let deleted = self.sqs.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
            if let Err(error) = deleted {
                // Tolerated: they come again and are recognised.
                warn!(cause = gateway::error::causes(&error), "messages could not be deleted");
            }
        }
        drop(permit);
    }
}
