//! WxPusher's API. Tests that stand for an edge case of the contract carry its number.

mod calls;
mod codes;
mod content;
mod errors;
mod followers;
mod records;
mod rows;
mod send;
mod send_get;
mod simple;
mod status;

use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use gateway::{Context, Invocation};
use http::Method;
use local::sandbox::Message;
use local::{Options, seed};
use model::audience::Follower;
use model::clock::Day;
use model::ids::{AccountId, AppId, OpenId, TopicId, Uid};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::follows::{FollowWriter, Person};
use store::{Capability, keys};
use support::{Answer, Client, Town};

/// The followers of the demo app.
pub(crate) const FIRST: &str = "UID_demo000000000000000000000001";
pub(crate) const SECOND: &str = "UID_demo000000000000000000000002";
pub(crate) const THIRD: &str = "UID_demo000000000000000000000003";
/// Well-formed, and nobody's.
pub(crate) const NOBODY: &str = "UID_nobody0000000000000000000001";
/// `status` of a target that was accepted.
pub(crate) const ACCEPTED: &str = "创建发送任务成功";
/// The only AWS call that a refused call may cost: who is asking.
pub(crate) const TOKEN_READ: [&str; 1] = ["dynamodb GetItem AppsTable"];
/// How long the inbox is watched for what must not come.
const GRACE: Duration = Duration::from_millis(120);

/// A stack with the demo seed that has called nobody yet.
pub(crate) async fn fresh() -> Town {
    fresh_with(Options::for_tests()).await
}

/// The same, with these options.
pub(crate) async fn fresh_with(options: Options) -> Town {
    let town = Town::with(options).await;
    town.stack.aws().calls.reset();
    town
}

/// Options under which queues are worked only by [`work`].
pub(crate) fn by_hand() -> Options {
    Options { pollers: false, ..Options::for_tests() }
}

/// Options with a daily limit of `messages`.
pub(crate) fn daily_limit(messages: u32) -> Options {
    let mut options = Options::for_tests();
    options.settings.insert("TUISONG_DAILY_LIMIT".to_owned(), messages.to_string());
    options
}

/// The AWS calls since the last reset, each once per kind, without the pollers' questions.
pub(crate) fn aws_calls(town: &Town) -> Vec<String> {
    let rows = town.stack.aws().calls.snapshot().into_iter();
    rows.filter(|row| ["dynamodb", "sqs", "s3"].contains(&row.service.as_str()))
        .filter(|row| !["ReceiveMessage", "DeleteMessageBatch"].contains(&row.operation.as_str()))
        .map(|row| format!("{} {} {}", row.service, row.operation, row.resource))
        .collect()
}

/// The AWS calls since the last reset that make a message: a task, its parts, its hints.
pub(crate) fn sending_calls(town: &Town) -> Vec<String> {
    let sending = |call: &String| {
        // The id counter is updated by calls whose every target is refused, too.
        let writes_task = call.ends_with(" TasksTable") && !call.contains(" UpdateItem ") && !is_read(call);
        call.starts_with("sqs SendMessage") || call.starts_with("s3 Put") || writes_task
    };
    aws_calls(town).into_iter().filter(sending).collect()
}

/// Nothing was written that could become a message, no queue was told, and nobody receives anything.
pub(crate) async fn assert_nothing_sent(town: &Town) {
    assert_eq!(sending_calls(town), [""; 0], "something was sent");
    tokio::time::sleep(GRACE).await;
    assert_eq!(town.arrived(), 0, "somebody received something");
}

fn is_read(call: &str) -> bool {
    ["GetItem", "BatchGetItem", "Query"].iter().any(|read| call.starts_with(&format!("dynamodb {read} ")))
}

/// One more message than `before` in the inbox, or as many as `count` says, and what they are.
pub(crate) async fn arrivals(town: &Town, before: usize, count: usize) -> Vec<Message> {
    town.inbox_of(before + count).await.split_off(before)
}

/// Recipients of messages by the last character of their openid, in order: "1", "2", "3" for the demo followers.
pub(crate) fn recipients(messages: &[Message]) -> Vec<String> {
    let mut last: Vec<String> =
        messages.iter().map(|message| message.recipient.chars().next_back().into_iter().collect()).collect();
    last.sort();
    last
}

/// Code and status of every target of an answer.
pub(crate) fn outcomes(answer: &Answer) -> Vec<(i64, String)> {
    let outcome = |target: Value| {
        (target["code"].as_i64().expect("a code"), target["status"].as_str().expect("a status").to_owned())
    };
    answer.targets().into_iter().map(outcome).collect()
}

/// What an accepted target has for its code and status.
pub(crate) fn accepted() -> (i64, String) {
    (1000, ACCEPTED.to_owned())
}

/// What a refused target has for its code and status.
pub(crate) fn refused(status: &str) -> (i64, String) {
    (1001, status.to_owned())
}

/// The path of the page that a message opens.
pub(crate) fn page_path(town: &Town, message: &Message) -> String {
    let url = message.raw["url"].as_str().expect("a link");
    url.strip_prefix(town.stack.url()).unwrap_or_else(|| panic!("{url} is not on our address")).to_owned()
}

/// The page of the only message in the inbox.
pub(crate) async fn only_page(town: &Town) -> Answer {
    let inbox = town.inbox_of(1).await;
    town.api.get(&page_path(town, &inbox[0])).await
}

/// The demo follower `n`, as following app 1 or topic 1.
fn demo_follower(town: &Town, n: u64, follow_id: u64) -> Follower {
    seed::follower(seed::uid(n).expect("a UID"), seed::openid(n), follow_id, town.now())
}

/// Writes the app follow of demo follower `n` anew, changed by `change`.
pub(crate) async fn change_follow(town: &Town, n: u64, change: impl FnOnce(&mut Follower)) {
    let mut follower = demo_follower(town, n, n);
    change(&mut follower);
    let follows = FollowWriter::open(town.stack.store());
    follows.put_app_follows(AppId::new(1), &[follower]).await.expect("a follow");
}

/// Writes the follow of topic 1 by demo follower `n` anew, changed by `change`.
pub(crate) async fn change_topic_follow(town: &Town, n: u64, change: impl FnOnce(&mut Follower)) {
    let mut follower = demo_follower(town, n, seed::FOLLOWERS + n);
    change(&mut follower);
    let follows = FollowWriter::open(town.stack.store());
    follows.put_topic_follows(AppId::new(1), TopicId::new(1), 0, &[follower]).await.expect("a follow");
}

/// Writes a person who follows nothing yet.
pub(crate) async fn put_person(town: &Town, uid: &Uid, openid: &OpenId) {
    let person = Person { account: AccountId::new(seed::ACCOUNT), openid: openid.clone(), uid: uid.clone() };
    FollowWriter::open(town.stack.store()).put_people(&[person]).await.expect("a person");
}

/// Moves the clocks to noon in Beijing, so that the day does not turn while a test runs.
pub(crate) fn to_noon(town: &Town) -> Day {
    let midnight = town.now().beijing_day().end();
    town.stack.advance(midnight.since(town.now()) + Duration::from_secs(12 * 3600));
    town.now().beijing_day()
}

/// The local DynamoDB wants to see a signature and does not look at it.
const UNCHECKED_SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20261123/us-east-1/dynamodb/aws4_request, \
                                   SignedHeaders=host;x-amz-date, Signature=00";

/// A DynamoDB call as it goes over the wire, for what no capability of the product does.
pub(crate) async fn dynamodb(town: &Town, operation: &str, body: &Value) -> Value {
    let target = format!("DynamoDB_20120810.{operation}");
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", target.as_str()),
        ("x-amz-date", "20261123T000000Z"),
        ("authorization", UNCHECKED_SIGNATURE),
    ];
    let client = Client::new(&town.stack.aws().dynamodb_url);
    let answer = client.send(Method::POST, "/", &headers, body.to_string()).await;
    assert!(answer.status.is_success(), "{operation}: {}", answer.text);
    answer.json()
}

/// How many messages the user's counter of the day holds.
pub(crate) async fn received(town: &Town, uid: &str, day: Day) -> u32 {
    let key = keys::quota(&Uid::parse(uid).expect("a UID"), day);
    let table = &town.stack.context().config.names.users;
    let body = json!({ "TableName": table, "Key": { "pk": { "S": key.pk }, "sk": { "S": key.sk } } });
    let item = dynamodb(town, "GetItem", &body).await;
    item["Item"]["received"]["N"].as_str().map_or(0, |number| number.parse().expect("a number"))
}

/// Lets the function `name` work everything that is in `queue` now.
pub(crate) async fn work(town: &Town, name: &str, queue: &str) {
    let function = functions::routes::by_name(name).expect("a function");
    let context: Arc<Context> = town.stack.context().clone();
    let deployment = town.stack.deployment();
    let url = &deployment.queue_urls[queue];
    let taken = deployment.sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await;
    for message in taken.expect("an answer").messages.unwrap_or_default() {
        let record =
            QueueRecord { message_id: message.message_id.unwrap_or_default(), body: message.body.expect("a body") };
        let invocation =
            Invocation { request_id: "by-hand".to_owned(), deadline: Instant::now() + Duration::from_secs(60) };
        let event = QueueEvent { records: vec![record] };
        let reply = serve_queue(function, context.clone(), invocation, event).await;
        assert!(reply.batch_item_failures.is_empty(), "{name} failed");
        let receipt = message.receipt_handle.expect("a receipt");
        deployment.sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await.expect("deleted");
    }
}

/// Works the queue of tasks, then that of batches.
pub(crate) async fn work_all(town: &Town) {
    work(town, "fanout", "TasksQueue").await;
    work(town, "deliver", "DeliverWechatTemplateQueue").await;
}
