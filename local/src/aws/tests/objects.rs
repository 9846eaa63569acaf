//! S3: objects there and back, counting and faults.

use std::time::{Duration, Instant};

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

use super::{AwsFault, Cloud, FaultKind};

impl Cloud {
    /// Put an object of these bytes into bucket `media`.
    async fn put_object(&self, key: &str, bytes: &[u8]) -> Result<(), aws_sdk_s3::Error> {
        let put = self.s3.put_object().bucket("media").key(key).content_type("image/jpeg");
        put.body(ByteStream::from(bytes.to_vec())).send().await?;
        Ok(())
    }

    /// Its bytes and type; nothing when it is not there.
    async fn object(&self, key: &str) -> Option<(Vec<u8>, String)> {
        let object = self.s3.get_object().bucket("media").key(key).send().await.ok()?;
        let kind = object.content_type().unwrap_or_default().to_owned();
        Some((object.body.collect().await.unwrap().to_vec(), kind))
    }
}

/// An object comes back as it was put, and goes when deleted; each call is counted under its bucket.
#[tokio::test]
async fn an_object_goes_there_and_back() {
    let cloud = Cloud::new().await;
    cloud.s3.create_bucket().bucket("media").send().await.unwrap();
    let picture: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    cloud.put_object("app/1.jpg", &picture).await.unwrap();
    assert_eq!(cloud.object("app/1.jpg").await, Some((picture, "image/jpeg".to_owned())));
    let head = cloud.s3.head_object().bucket("media").key("app/1.jpg").send().await.unwrap();
    assert_eq!(head.content_length(), Some(200_000));
    cloud.s3.delete_object().bucket("media").key("app/1.jpg").send().await.unwrap();
    assert_eq!(cloud.object("app/1.jpg").await, None);
    let of = |operation| cloud.aws.calls.of("s3", operation, "media");
    assert_eq!((of("CreateBucket").count, of("HeadObject").count), (1, 1));
    assert!(of("PutObject").request_bytes >= 200_000 && of("PutObject").billed_requests == 1);
    assert!(of("GetObject").count == 2 && of("GetObject").response_bytes >= 200_000);
    assert_eq!((of("DeleteObject").count, of("DeleteObject").billed_requests), (1, 0), "deletes are free");
}

/// Refused, lost and delayed puts.
#[tokio::test]
async fn ordered_faults_happen_to_objects() {
    let cloud = Cloud::new().await;
    cloud.s3.create_bucket().bucket("media").send().await.unwrap();
    let kind = FaultKind::Error { status: 503, code: "SlowDown".to_owned(), message: "a < b & c".to_owned() };
    cloud.aws.faults.inject(AwsFault::new("s3", "PutObject", kind).on("media"));
    let error = cloud.put_object("1", b"one").await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Some("SlowDown"), Some("a < b & c")));
    assert_eq!(cloud.object("1").await, None);

    cloud.aws.faults.inject(AwsFault::new("s3", "PutObject", FaultKind::LoseResponse));
    cloud.put_object("2", b"two").await.unwrap_err();
    assert!(cloud.object("2").await.is_some());

    let wait = Duration::from_millis(150);
    cloud.aws.faults.inject(AwsFault::new("s3", "PutObject", FaultKind::Delay(wait)));
    let begin = Instant::now();
    cloud.put_object("3", b"three").await.unwrap();
    assert!(begin.elapsed() >= wait);
}
