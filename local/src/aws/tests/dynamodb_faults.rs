//! DynamoDB going wrong on order.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, PutRequest, TransactWriteItem, WriteRequest};

use super::{AwsFault, Cloud, FaultKind, text};

/// A put of key `a`/`sk` in a batch.
fn write(sk: &str) -> WriteRequest {
    let put = PutRequest::builder().item("pk", text("a")).item("sk", text(sk)).build().unwrap();
    WriteRequest::builder().put_request(put).build()
}

/// An ordered error is refused before it is executed, as often as ordered, on its table only.
#[tokio::test]
async fn an_ordered_error_is_answered_and_nothing_written() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.table("Tokens").await;
    let kind = FaultKind::Error {
        status: 400,
        code: "ProvisionedThroughputExceededException".to_owned(),
        message: "slow down".to_owned(),
    };
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "PutItem", kind).on("Tasks").times(2));
    cloud.put("Tokens", "a", "1", 1).await;
    for _ in 0..2 {
        let put = cloud.dynamodb.put_item().table_name("Tasks").item("pk", text("a")).item("sk", text("1"));
        let error = put.send().await.unwrap_err().into_service_error();
        assert!(error.is_provisioned_throughput_exceeded_exception(), "{error:?}");
        assert_eq!(error.message(), Some("slow down"));
    }
    assert!(!cloud.has("Tasks", "a", "1").await);
    assert_eq!(cloud.aws.faults.pending(), 0);
    cloud.put("Tasks", "a", "1", 1).await;
    assert!(cloud.has("Tasks", "a", "1").await);
    let counted = cloud.aws.calls.of("dynamodb", "PutItem", "Tasks");
    assert_eq!((counted.count, counted.write_units), (3, 1.0));
}

/// A cancelled transaction names a reason per action and writes nothing.
#[tokio::test]
async fn an_ordered_cancellation_carries_its_reasons() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    let reasons = vec!["None".to_owned(), "TransactionConflict".to_owned()];
    let kind = FaultKind::CancelTransaction { reasons };
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "*", kind));
    cloud.put("Tasks", "a", "other", 1).await;
    let put = |sk: &str| {
        let put = Put::builder().table_name("Tasks").item("pk", text("a")).item("sk", text(sk)).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let transaction = cloud.dynamodb.transact_write_items().transact_items(put("1")).transact_items(put("2"));
    let error = transaction.send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = error
    else {
        panic!("not a cancellation: {error:?}");
    };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "TransactionConflict"]);
    assert!(cancelled.message().unwrap_or_default().contains("[None, TransactionConflict]"));
    assert!(!cloud.has("Tasks", "a", "1").await);
}

/// A lost response was executed, and the caller learns nothing.
#[tokio::test]
async fn a_lost_response_was_executed_all_the_same() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "PutItem", FaultKind::LoseResponse));
    let put = cloud.dynamodb.put_item().table_name("Tasks").item("pk", text("a")).item("sk", text("1"));
    let error = put.send().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert!(cloud.has("Tasks", "a", "1").await);
    assert_eq!(cloud.aws.calls.of("dynamodb", "PutItem", "Tasks").write_units, 1.0);
}

/// A delayed call succeeds later.
#[tokio::test]
async fn a_delayed_call_takes_its_time() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    let wait = Duration::from_millis(150);
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "PutItem", FaultKind::Delay(wait)));
    let begin = Instant::now();
    cloud.put("Tasks", "a", "1", 1).await;
    assert!(begin.elapsed() >= wait);
    assert!(cloud.has("Tasks", "a", "1").await);
}

/// The last item of a batch comes back unprocessed and is not there; sent again, it is.
#[tokio::test]
async fn the_last_write_of_a_batch_stays_unprocessed() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "BatchWriteItem", FaultKind::Unprocessed).times(2));
    let send = |writes: Vec<WriteRequest>| cloud.dynamodb.batch_write_item().request_items("Tasks", writes).send();
    let left = send(vec![write("1"), write("2"), write("3")]).await.unwrap().unprocessed_items.unwrap();
    assert_eq!(left["Tasks"], [write("3")]);
    assert!(cloud.has("Tasks", "a", "2").await && !cloud.has("Tasks", "a", "3").await);
    assert_eq!(cloud.aws.calls.of("dynamodb", "BatchWriteItem", "Tasks").write_units, 2.0);
    let left = send(vec![write("3")]).await.unwrap().unprocessed_items.unwrap();
    assert_eq!(left["Tasks"], [write("3")], "a batch of one is unprocessed as a whole");
    assert!(!cloud.has("Tasks", "a", "3").await);
    let left = send(vec![write("3")]).await.unwrap().unprocessed_items.unwrap_or_default();
    assert!(left.is_empty());
    assert!(cloud.has("Tasks", "a", "3").await);
}

/// The last key of a batch read comes back unprocessed with the request's other settings.
#[tokio::test]
async fn the_last_read_of_a_batch_stays_unprocessed() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    for sk in ["1", "2"] {
        cloud.put("Tasks", "a", sk, 1).await;
    }
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "BatchGetItem", FaultKind::Unprocessed));
    let keys = ["1", "2"].map(|sk| [("pk".to_owned(), text("a")), ("sk".to_owned(), text(sk))].into());
    let keys = KeysAndAttributes::builder().set_keys(Some(keys.to_vec())).consistent_read(true).build().unwrap();
    let answer = cloud.dynamodb.batch_get_item().request_items("Tasks", keys).send().await.unwrap();
    assert_eq!(answer.responses.unwrap()["Tasks"].len(), 1);
    let left = &answer.unprocessed_keys.unwrap()["Tasks"];
    assert_eq!((left.keys().len(), left.consistent_read()), (1, Some(true)));
    let rest = cloud.dynamodb.batch_get_item().request_items("Tasks", left.clone()).send().await.unwrap();
    assert_eq!(rest.responses.unwrap()["Tasks"][0]["sk"], text("2"));
}

/// A fault that cannot happen to an operation stays open instead of doing something else, until it is cleared.
#[tokio::test]
async fn a_fault_that_does_not_fit_stays_pending() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.aws.faults.inject(AwsFault::new("dynamodb", "PutItem", FaultKind::Unprocessed));
    cloud.put("Tasks", "a", "1", 1).await;
    assert_eq!(cloud.aws.faults.pending(), 1);
    cloud.aws.faults.clear();
    assert_eq!(cloud.aws.faults.pending(), 0);
}
