//! SQS: message groups, counting and faults.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, QueueAttributeName, SendMessageBatchRequestEntry};

use super::{AwsFault, Cloud, FaultKind};

impl Cloud {
    /// A standard queue's URL.
    async fn queue(&self, name: &str) -> String {
        self.sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
    }

    /// Everything that can be received now.
    async fn receive(&self, url: &str) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }
}

/// An entry of a batch, of message group `app`.
fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
    entry.message_group_id("app").build().unwrap()
}

/// Standard queues take message groups, alone and in batches, as AWS does for fair queues.
#[tokio::test]
async fn standard_queues_take_message_groups() {
    let cloud = Cloud::new().await;
    let url = cloud.queue("tasks").await;
    assert!(url.starts_with(&cloud.aws.sqs_url) && url.ends_with("/tasks"), "{url}");
    cloud.sqs.send_message().queue_url(&url).message_body("one").message_group_id("app").send().await.unwrap();
    let batch = cloud.sqs.send_message_batch().queue_url(&url);
    let sent = batch.entries(entry("a", "two")).entries(entry("b", "three")).send().await.unwrap();
    assert_eq!((sent.successful().len(), sent.failed().len()), (2, 0));
    let mut bodies: Vec<_> = cloud.receive(&url).await.into_iter().filter_map(|message| message.body).collect();
    bodies.sort();
    assert_eq!(bodies, ["one", "three", "two"]);
}

/// FIFO queues keep theirs.
#[tokio::test]
async fn fifo_queues_show_their_message_groups() {
    let cloud = Cloud::new().await;
    let create = cloud.sqs.create_queue().queue_name("tasks.fifo").attributes(QueueAttributeName::FifoQueue, "true");
    let url = create.send().await.unwrap().queue_url.unwrap();
    let send = cloud.sqs.send_message().queue_url(&url).message_body("one").message_group_id("app");
    send.message_deduplication_id("1").send().await.unwrap();
    assert_eq!(cloud.receive(&url).await.len(), 1);
}

/// Messages are counted in each direction, and payload in billed requests.
#[tokio::test]
async fn queue_calls_are_counted_with_their_messages() {
    let cloud = Cloud::new().await;
    let url = cloud.queue("tasks").await;
    let large = "x".repeat(100_000);
    let batch = cloud.sqs.send_message_batch().queue_url(&url);
    batch.entries(entry("a", &large)).entries(entry("b", &large)).send().await.unwrap();
    let received = cloud.receive(&url).await;
    for message in &received {
        let delete = cloud.sqs.delete_message().queue_url(&url);
        delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }
    cloud.receive(&url).await;
    let of = |operation| {
        let figures = cloud.aws.calls.of("sqs", operation, "tasks");
        (figures.count, figures.messages, figures.billed_requests)
    };
    assert_eq!(of("SendMessageBatch"), (1, 2, 4), "200,000 bytes are four chunks of 64 KiB");
    assert_eq!(of("ReceiveMessage"), (2, 2, 5), "the full one is four requests, the empty one is one");
    assert_eq!(of("DeleteMessage"), (2, 2, 2));
    assert_eq!(cloud.aws.calls.totals()["sqs"].count, 6);
}

/// An ordered error has the code and fault a client sees from AWS.
#[tokio::test]
async fn an_ordered_error_reaches_the_client_and_no_message_the_queue() {
    let cloud = Cloud::new().await;
    let url = cloud.queue("tasks").await;
    let kind = FaultKind::Error { status: 403, code: "RequestThrottled".to_owned(), message: "slow down".to_owned() };
    cloud.aws.faults.inject(AwsFault::new("sqs", "SendMessage", kind).on("tasks"));
    let send = || cloud.sqs.send_message().queue_url(&url).message_body("one").send();
    let error = send().await.unwrap_err().into_service_error();
    assert!(error.is_request_throttled(), "{error:?}");
    assert_eq!(error.message(), Some("slow down"));
    assert!(cloud.receive(&url).await.is_empty());
    send().await.unwrap();
    assert_eq!(cloud.receive(&url).await.len(), 1);
}

/// A lost response left its message in the queue.
#[tokio::test]
async fn a_lost_response_left_its_message() {
    let cloud = Cloud::new().await;
    let url = cloud.queue("tasks").await;
    cloud.aws.faults.inject(AwsFault::new("sqs", "SendMessage", FaultKind::LoseResponse));
    let error = cloud.sqs.send_message().queue_url(&url).message_body("one").send().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert_eq!(cloud.receive(&url).await.len(), 1);
}

/// A delayed call succeeds later.
#[tokio::test]
async fn a_delayed_send_takes_its_time() {
    let cloud = Cloud::new().await;
    let url = cloud.queue("tasks").await;
    let wait = Duration::from_millis(150);
    cloud.aws.faults.inject(AwsFault::new("sqs", "SendMessage", FaultKind::Delay(wait)));
    let begin = Instant::now();
    cloud.sqs.send_message().queue_url(&url).message_body("one").send().await.unwrap();
    assert!(begin.elapsed() >= wait);
}

/// The last entry of a batch is reported as failed through no fault of the sender, and is not in the queue.
#[tokio::test]
async fn the_last_entry_of_a_batch_fails() {
    let cloud = Cloud::new().await;
    let url = cloud.queue("tasks").await;
    cloud.aws.faults.inject(AwsFault::new("sqs", "SendMessageBatch", FaultKind::Unprocessed).times(2));
    let batch = cloud.sqs.send_message_batch().queue_url(&url);
    let sent = batch.entries(entry("a", "one")).entries(entry("b", "two")).send().await.unwrap();
    assert_eq!(sent.successful()[0].id(), "a");
    let [failed] = sent.failed() else { panic!("{sent:?}") };
    assert_eq!((failed.id(), failed.code(), failed.sender_fault()), ("b", "InternalError", false));
    let bodies: Vec<_> = cloud.receive(&url).await.into_iter().filter_map(|message| message.body).collect();
    assert_eq!(bodies, ["one"]);
    let alone = cloud.sqs.send_message_batch().queue_url(&url).entries(entry("c", "three")).send().await.unwrap();
    assert_eq!((alone.successful().len(), alone.failed()[0].id()), (0, "c"));
    assert!(cloud.receive(&url).await.is_empty());
}
