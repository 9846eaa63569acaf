//! What the workers do when something fails: the vendor, a queue, a table, or the worker itself.
//!
//! Every test ends by looking at the world: who has how many messages, what the status says, what the records hold,
//! what is left in the queues and behind them. Clocks are moved. Only the delays of a queue pass in real time.

mod breaker;
mod large;
mod queue;
mod recover;
mod storage;
mod sweep;
mod tokens;
mod upstream;

use functions::routes;
use gateway::event::{QueueEvent, QueueRecord, QueueReply};
use gateway::lambda::serve_queue;
use gateway::{Context, Invocation};
use local::aws::AwsFault;
use local::sandbox::{Fault, WechatControls};
use local::{Options, seed};
use model::audience::Follower;
use model::batch::{BatchId, Part};
use model::channel::ChannelKind;
use model::clock::Timestamp;
use model::ids::{AccountId, AppId, TaskId, TopicId};
use model::record::{State, Tally};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Capability;
use store::breakers::{Breakers, Gate};
use store::due::{Due, DueReader};
use store::follows::FollowWriter;
use store::keys::DUE_SHARDS;
use store::plan::{PlanPage, PlanReader};
use store::records::{Kept, RecordReader};
use support::{Town, until};

/// The channel, as faults and the inbox name it.
const CHANNEL: &str = "wechat-template";
/// The queue of tasks, and what is behind it.
const TASKS: &str = "TasksQueue";
const DEAD_TASKS: &str = "TasksDeadLetters";
/// The channel's queue, and what is behind it.
const BATCHES: &str = "DeliverWechatTemplateQueue";
const DEAD_BATCHES: &str = "DeliverWechatTemplateDeadLetters";

/// What a call was accepted as.
struct Accepted {
    task: TaskId,
    messages: Vec<u64>,
}

impl Accepted {
    fn of(targets: &[Value]) -> Self {
        let task = targets[0]["messageContentId"].as_u64().expect("a content id");
        let messages = targets.iter().map(|target| target["messageId"].as_u64().expect("a message id")).collect();
        Self { task: TaskId::new(task), messages }
    }

    /// The first batch of the recipients named in the call.
    fn direct(&self) -> BatchId {
        BatchId { task: self.task, part: Part::Direct, number: 0 }
    }
}

/// Queues are worked by hand, and what is received comes again after a second.
fn by_hand() -> Options {
    Options { pollers: false, ..impatient() }
}

/// What a worker fails at comes again after a second.
fn impatient() -> Options {
    Options { visibility: Some(Duration::from_secs(1)), ..Options::for_tests() }
}

fn uid(n: u64) -> String {
    seed::uid(n).expect("a UID").as_str().to_owned()
}

fn openid(n: u64) -> String {
    seed::openid(n).as_str().to_owned()
}

fn account() -> AccountId {
    AccountId::new(seed::ACCOUNT)
}

/// Sends to these demo followers as app 1.
async fn direct(town: &Town, content: &str, people: &[u64]) -> Accepted {
    let uids: Vec<String> = people.iter().map(|&n| uid(n)).collect();
    Accepted::of(&town.send(json!({ "content": content, "uids": uids })).await.targets())
}

/// Sends to a topic of app 1.
async fn to_topic(town: &Town, content: &str, topic: u64) -> Accepted {
    Accepted::of(&town.send(json!({ "content": content, "topicIds": [topic] })).await.targets())
}

/// Who has messages whose content is `content`, in order, each as often as it arrived.
fn receivers(town: &Town, content: &str) -> Vec<String> {
    let inbox = town.inbox();
    let mut receivers: Vec<String> =
        inbox.into_iter().filter(|message| message.title == content).map(|message| message.recipient).collect();
    receivers.sort();
    receivers
}

fn everybody() -> Vec<String> {
    (1..=seed::FOLLOWERS).map(openid).collect()
}

fn order(town: &Town, fault: Fault) {
    town.stack.sandbox().faults().add(fault);
}

fn inject(town: &Town, fault: AwsFault) {
    town.stack.aws().faults.inject(fault);
}

fn wechat(town: &Town) -> WechatControls<'_> {
    town.stack.sandbox().wechat(seed::ACCOUNT).expect("the demo account")
}

/// How often WeChat was asked to take a template message.
fn sends(town: &Town) -> u64 {
    town.stack.aws().calls.of("wechat", "message/template/send", "").count
}

/// How often WeChat was asked for a token, refused calls included.
fn token_calls(town: &Town) -> u64 {
    town.stack.aws().calls.of("wechat", "stable_token", "").count
}

fn counted(town: &Town, metric: &str) -> u64 {
    town.stack.context().metrics.counted_under(metric)
}

async fn record(town: &Town, batch: BatchId) -> Kept {
    RecordReader::open(town.stack.store()).batch(batch).await.expect("a record")
}

/// The state of every recipient of a batch, in slot order.
async fn states(town: &Town, batch: BatchId) -> Vec<State> {
    record(town, batch).await.record.entries().map(|(_, entry)| entry.state).collect()
}

/// What the records of a part add up to.
async fn tally(town: &Town, task: TaskId, part: Part) -> Tally {
    let mut tally = Tally::default();
    for kept in RecordReader::open(town.stack.store()).part(task, part).await.expect("records").values() {
        tally.add_all(&kept.record.tally());
    }
    tally
}

/// Whether the demo account is open. Do not ask when a probe is due: that would take it.
async fn gate(town: &Town, account: &AccountId) -> Gate {
    let breakers = Breakers::open(town.stack.store());
    breakers.gate(account, ChannelKind::WechatTemplate, town.now()).await.expect("a breaker")
}

/// The due list, up to a day ahead.
async fn due_list(town: &Town) -> Vec<Due> {
    let reader = DueReader::open(town.stack.store());
    let by = town.now().plus(Duration::from_secs(2 * 86_400));
    let mut due = Vec::new();
    for shard in 0..DUE_SHARDS {
        due.extend(reader.due(shard, None, by, 1000).await.expect("a due list"));
    }
    due
}

fn queue_url<'a>(town: &'a Town, queue: &str) -> &'a str {
    &town.stack.deployment().queue_urls[queue]
}

/// How many messages a queue holds: visible, being worked on, and delayed.
async fn depth(town: &Town, queue: &str) -> u64 {
    let ask = town.stack.deployment().sqs.get_queue_attributes().queue_url(queue_url(town, queue));
    let answer = ask.attribute_names("All".into()).send().await.expect("attributes");
    let counted = answer.attributes.unwrap_or_default();
    counted
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOfMessages"))
        .map(|(_, count)| count.parse::<u64>().expect("a number"))
        .sum()
}

/// Waits until neither queue holds anything.
async fn quiet(town: &Town) {
    until("empty queues", || async { depth(town, TASKS).await + depth(town, BATCHES).await == 0 }).await;
}

/// Puts a message on a queue.
async fn put(town: &Town, queue: &str, body: &str) {
    let send = town.stack.deployment().sqs.send_message().queue_url(queue_url(town, queue));
    send.message_body(body).message_group_id("1").send().await.expect("a queue");
}

/// Receives what is visible, at most ten messages: receipt and body.
async fn receive(town: &Town, queue: &str) -> Vec<(String, String)> {
    let ask = town.stack.deployment().sqs.receive_message().queue_url(queue_url(town, queue));
    let answer = ask.max_number_of_messages(10).send().await.expect("a queue");
    let messages = answer.messages.unwrap_or_default().into_iter();
    messages.map(|message| (message.receipt_handle.unwrap_or_default(), message.body.unwrap_or_default())).collect()
}

async fn delete(town: &Town, queue: &str, receipt: &str) {
    let call = town.stack.deployment().sqs.delete_message().queue_url(queue_url(town, queue));
    call.receipt_handle(receipt).send().await.expect("a deletion");
}

/// Takes everything visible off a queue and returns the bodies.
async fn take(town: &Town, queue: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let messages = receive(town, queue).await;
        if messages.is_empty() {
            return bodies;
        }
        for (receipt, body) in messages {
            delete(town, queue, &receipt).await;
            bodies.push(body);
        }
    }
}

fn invocation(time: Duration) -> Invocation {
    Invocation { request_id: "by-hand".to_owned(), deadline: Instant::now() + time }
}

/// Hands messages to a worker in one event; the indices of those that are to come again.
async fn serve_in(context: &Arc<Context>, function: &str, time: Duration, bodies: &[String]) -> Vec<usize> {
    let function = routes::by_name(function).expect("a function");
    let record = |(index, body): (usize, &String)| QueueRecord { message_id: index.to_string(), body: body.clone() };
    let event = QueueEvent { records: bodies.iter().enumerate().map(record).collect() };
    let QueueReply { batch_item_failures } = serve_queue(function, context.clone(), invocation(time), event).await;
    batch_item_failures.iter().map(|failed| failed.item_identifier.parse().expect("an index")).collect()
}

async fn serve(town: &Town, function: &str, bodies: &[String]) -> Vec<usize> {
    serve_in(town.stack.context(), function, Duration::from_secs(60), bodies).await
}

/// Works both queues by hand until nothing is visible. Fails on a message that fails.
async fn work(town: &Town) {
    loop {
        let tasks = take(town, TASKS).await;
        let failed = serve(town, "fanout", &tasks).await;
        assert!(failed.is_empty(), "fan-out failed on {failed:?} of {tasks:?}");
        let batches = take(town, BATCHES).await;
        let failed = serve(town, "deliver", &batches).await;
        assert!(failed.is_empty(), "deliver failed on {failed:?}");
        if tasks.is_empty() && batches.is_empty() {
            return;
        }
    }
}

async fn release_due(town: &Town) {
    town.stack.run_schedule("release-due", Value::Null).await.expect("a run of release-due");
}

/// Lets minutes pass, with release-due once in each.
async fn minutes(town: &Town, count: u32) {
    for _ in 0..count {
        town.stack.advance(Duration::from_secs(60));
        release_due(town).await;
    }
}

/// Moves the clocks to the next noon in Beijing, so that no test runs into a midnight.
fn at_noon(town: &Town) -> Timestamp {
    let (now, half_a_day) = (town.now(), Duration::from_secs(12 * 3600));
    let noon = now.beijing_day().end().minus(half_a_day);
    let noon = if noon > now { noon } else { now.beijing_day().end().plus(half_a_day) };
    town.stack.advance(noon.since(now));
    town.now()
}

/// One shard of the first topic of a task.
const fn shard(shard: u16) -> Part {
    Part::Topic { index: 0, shard }
}

async fn pages(town: &Town, task: TaskId, part: Part) -> Vec<PlanPage> {
    PlanReader::open(town.stack.store()).pages(task, part).await.expect("a plan")
}

/// Writes followers of a topic of app 1 into one shard of its audience.
async fn put_followers(town: &Town, topic: u64, shard: u16, followers: &[Follower]) {
    let writer = FollowWriter::open(town.stack.store());
    writer.put_topic_follows(AppId::new(1), TopicId::new(topic), shard, followers).await.expect("follows");
}

/// Fans out by hand, and the queue loses what came of it: the batches as they stood there.
async fn plan_and_lose(town: &Town) -> Vec<String> {
    let hints = take(town, TASKS).await;
    assert!(serve(town, "fanout", &hints).await.is_empty());
    take(town, BATCHES).await
}
