//! S3: s3s over a folder, behind a front that counts and shows faults.
//!
//! Requests must be signed with [`SECRET_ACCESS_KEY`](super::SECRET_ACCESS_KEY), under any key id, and name the
//! bucket in the path (the SDK does so by itself because the host is an address). An object is written beside its
//! place and renamed, so a stop in the middle leaves the old one.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use super::calls::{Call, Calls, bytes};
use super::faults::{FaultKind, Faults};
use super::front::{Dropped, Engine};
use super::{AwsError, SECRET_ACCESS_KEY};

/// The service's name in counters and faults.
const SERVICE: &str = "s3";

/// The buckets.
pub(super) struct S3 {
    service: S3Service,
    calls: Arc<Calls>,
    faults: Arc<Faults>,
}

/// Everybody has the same secret: the signature is checked because clients send one, not to keep anybody out.
struct OneSecret;

impl S3Auth for OneSecret {
    fn get_secret_key<'a, 'b, 'c>(
        &'a self,
        _key_id: &'b str,
    ) -> std::pin::Pin<Box<dyn Future<Output = s3s::S3Result<SecretKey>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async { Ok(SecretKey::from(SECRET_ACCESS_KEY)) })
    }
}

impl S3 {
    /// The buckets in `folder`, which exists.
    pub(super) fn new(folder: &Path, calls: Arc<Calls>, faults: Arc<Faults>) -> Result<Self, AwsError> {
        let files = FileSystem::new(folder).map_err(|error| AwsError::Objects(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(OneSecret);
        Ok(Self { service: builder.build(), calls, faults })
    }

    /// Let the engine execute a request; one it cannot answer is the service's own internal error.
    async fn execute(&self, request: Request<Bytes>) -> Response<Bytes> {
        let answered = match self.service.call(request.map(s3s::Body::from)).await {
            Ok(answered) => answered,
            Err(error) => {
                tracing::error!(?error, "the local S3 service failed");
                return refusal(500, "InternalError", "the local object store failed");
            }
        };
        let (parts, body) = answered.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(parts, body.to_bytes()),
            Err(error) => {
                tracing::error!(?error, "an object could not be read from the local object store");
                refusal(500, "InternalError", "the object could not be read")
            }
        }
    }
}

impl Engine for S3 {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        let operation = operation(request.method(), request.uri(), request.headers());
        let bucket = bucket_and_key(request.uri()).0.to_owned();
        let fault = self.faults.take(SERVICE, operation, std::slice::from_ref(&bucket));
        let request_bytes = bytes(request.body().len());
        if let Some(FaultKind::Delay(wait)) = &fault {
            tokio::time::sleep(*wait).await;
        }
        let response = match &fault {
            Some(FaultKind::Error { status, code, message }) => refusal(*status, code, message),
            _ => self.execute(request).await,
        };
        self.calls.record(Call {
            service: SERVICE,
            operation,
            resource: &bucket,
            request_bytes,
            response_bytes: bytes(response.body().len()),
            billed_requests: u64::from(!operation.starts_with("Delete")),
            ..Call::default()
        });
        if fault == Some(FaultKind::LoseResponse) { Err(Dropped) } else { Ok(response) }
    }
}

/// Bucket and key of a path-style address; `""` for what is not there.
fn bucket_and_key(uri: &Uri) -> (&str, &str) {
    let path = uri.path().trim_start_matches('/');
    path.split_once('/').unwrap_or((path, ""))
}

/// The operation's name, by the rules of the S3 API for the calls a gateway makes; others go by their method.
fn operation(method: &Method, uri: &Uri, headers: &HeaderMap) -> &'static str {
    let (bucket, key) = bucket_and_key(uri);
    let asks = |name: &str| {
        let mut parameters = uri.query().unwrap_or("").split('&');
        parameters.any(|parameter| parameter.split('=').next() == Some(name))
    };
    match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("PUT", false, true) => "CreateBucket",
        ("DELETE", false, true) => "DeleteBucket",
        ("HEAD", false, true) => "HeadBucket",
        ("GET", false, true) if asks("list-type") => "ListObjectsV2",
        ("GET", false, true) => "GetBucket",
        ("POST", false, true) if asks("delete") => "DeleteObjects",
        ("PUT", false, false) if asks("partNumber") => "UploadPart",
        ("PUT", false, false) if headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("PUT", false, false) => "PutObject",
        ("GET", false, false) => "GetObject",
        ("HEAD", false, false) => "HeadObject",
        ("DELETE", false, false) if asks("uploadId") => "AbortMultipartUpload",
        ("DELETE", false, false) => "DeleteObject",
        ("POST", false, false) if asks("uploads") => "CreateMultipartUpload",
        ("POST", false, false) if asks("uploadId") => "CompleteMultipartUpload",
        _ => "Other",
    }
}

/// An error in S3's format.
fn refusal(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
        text(code),
        text(message)
    );
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
