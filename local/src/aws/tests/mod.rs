//! The local AWS through the real SDK clients.

mod durability;
mod dynamodb_faults;
mod objects;
mod queues;
mod units;

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};

use super::{ACCESS_KEY_ID, Aws, AwsFault, Call, Calls, FaultKind, REGION, SECRET_ACCESS_KEY, Storage};

/// A cloud of its own and the clients of its services. Clients do not retry, so each test sees what was answered.
struct Cloud {
    aws: Aws,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
}

impl Cloud {
    /// In memory.
    async fn new() -> Self {
        Self::on(Storage::Memory).await
    }

    /// With this storage.
    async fn on(storage: Storage) -> Self {
        let aws = Aws::start(storage).await.unwrap();
        let keys = || Credentials::from_keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None);
        let http = aws_smithy_http_client::Builder::new().build_http();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_dynamodb::config::Region::new(REGION))
            .credentials_provider(keys())
            .http_client(http.clone())
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
            .endpoint_url(&aws.dynamodb_url)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sqs::config::Region::new(REGION))
            .credentials_provider(keys())
            .http_client(http.clone())
            .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
            .endpoint_url(&aws.sqs_url)
            .build();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_s3::config::Region::new(REGION))
            .credentials_provider(keys())
            .http_client(http)
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .endpoint_url(&aws.s3_url)
            .force_path_style(true)
            .build();
        Self {
            aws,
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            s3: aws_sdk_s3::Client::from_conf(s3),
        }
    }

    /// A table with string keys `pk` and `sk`, and an index `by_owner` over `owner` and `sk` that holds keys only.
    async fn table(&self, name: &str) {
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let text = |name: &str| {
            let definition = AttributeDefinition::builder().attribute_name(name);
            definition.attribute_type(ScalarAttributeType::S).build().unwrap()
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name("by_owner")
            .key_schema(key("owner", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .unwrap();
        self.dynamodb
            .create_table()
            .table_name(name)
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .attribute_definitions(text("pk"))
            .attribute_definitions(text("sk"))
            .attribute_definitions(text("owner"))
            .global_secondary_indexes(index)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
    }

    /// Put an item whose attribute `d` has `length` bytes. The item is 9 bytes larger with keys of one letter.
    async fn put(&self, table: &str, pk: &str, sk: &str, length: usize) {
        let put = self.dynamodb.put_item().table_name(table);
        put.item("pk", text(pk)).item("sk", text(sk)).item("d", text(&"x".repeat(length))).send().await.unwrap();
    }

    /// Whether the item is there.
    async fn has(&self, table: &str, pk: &str, sk: &str) -> bool {
        let get = self.dynamodb.get_item().table_name(table).consistent_read(true);
        get.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap().item.is_some()
    }
}

/// A string attribute.
fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Starting and stopping take a fraction of a second, and the temporary folder is gone afterwards.
#[tokio::test]
async fn a_cloud_starts_and_stops_at_once() {
    let begin = Instant::now();
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    let folder = cloud.aws.temporary.as_ref().map(|folder| folder.path().to_owned()).unwrap();
    assert!(folder.is_dir());
    let address = cloud.aws.dynamodb_url.trim_start_matches("http://").to_owned();
    cloud.aws.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(2), "took {:?}", begin.elapsed());
    assert!(!folder.exists());
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the port is closed");
}

/// A dropped cloud leaves no listener behind.
#[tokio::test]
async fn a_dropped_cloud_closes_its_ports() {
    let cloud = Cloud::new().await;
    let address = cloud.aws.sqs_url.trim_start_matches("http://").to_owned();
    drop(cloud);
    let mut closed = false;
    for _ in 0..50 {
        closed = tokio::net::TcpStream::connect(&address).await.is_err();
        if closed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(closed);
}

/// The document has a flat row per operation and resource, and sums per service.
#[test]
fn counters_read_as_documented() {
    let calls = Calls::new();
    let call = Call { service: "wechat", operation: "template/send", request_bytes: 10, ..Call::default() };
    calls.record(call);
    calls.record(Call { response_bytes: 5, ..call });
    let document = calls.to_json();
    let sums = serde_json::json!({
        "count": 2, "request_bytes": 20, "response_bytes": 5, "read_units": 0.0, "write_units": 0.0,
        "messages": 0, "billed_requests": 0,
    });
    let mut row = sums.clone();
    row["service"] = "wechat".into();
    row["operation"] = "template/send".into();
    row["resource"] = "".into();
    assert_eq!(document, serde_json::json!({ "calls": [row], "totals": { "wechat": sums } }));
    calls.reset();
    assert_eq!(calls.to_json(), serde_json::json!({ "calls": [], "totals": {} }));
}
