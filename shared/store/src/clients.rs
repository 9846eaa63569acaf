//! The AWS clients, built when first needed.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use model::channel::ChannelKind;
use model::secret::Secret;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Where AWS is and who we are there.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// Region, for example `us-east-1`.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: Secret<String>,
    /// Session token; Lambda always has one.
    pub session_token: Option<Secret<String>>,
    /// Endpoint of DynamoDB instead of AWS's own.
    pub dynamodb_url: Option<String>,
    /// Endpoint of SQS instead of AWS's own.
    pub sqs_url: Option<String>,
    /// Endpoint of S3 instead of AWS's own. Addressed path-style, as every S3 outside AWS is.
    pub s3_url: Option<String>,
    /// Endpoint of KMS instead of AWS's own.
    pub kms_url: Option<String>,
    /// Where the connections of the WebSocket API are spoken to. There is no endpoint of AWS's own: each API has one.
    pub connections_url: Option<String>,
}

/// What the tables, the bucket and the queues are called.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Apps table.
    pub apps: String,
    /// Tokens table.
    pub tokens: String,
    /// Users table.
    pub users: String,
    /// Tasks table.
    pub tasks: String,
    /// Bucket of bodies and audiences.
    pub bucket: String,
    /// URL of the queue of tasks.
    pub tasks_queue: String,
    /// URL of the queue of what WeChat told us.
    pub inbound_queue: String,
    /// URL of the queue of callbacks.
    pub callbacks_queue: String,
    /// URLs of the channels' queues.
    pub channel_queues: Vec<(ChannelKind, String)>,
}

impl Names {
    /// URL of the queue of `channel`; empty when the function was given none.
    pub fn channel_queue(&self, channel: ChannelKind) -> &str {
        self.channel_queues.iter().find(|(kind, _)| *kind == channel).map_or("", |(_, url)| url)
    }
}

/// What wraps the data keys that seal secrets.
#[derive(Debug, Clone)]
pub enum SealSettings {
    /// A KMS key, by id or ARN.
    Kms(String),
    /// 32 bytes from a file: one machine only.
    Key(Secret<[u8; 32]>),
}

/// The handle from which capabilities are taken. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    aws: AwsSettings,
    names: Names,
    seal: SealSettings,
    http: OnceLock<SharedHttpClient>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    connections: OnceLock<aws_sdk_apigatewaymanagement::Client>,
    seals: crate::seal::Seals,
    leases: crate::ids::Leases,
    looks: crate::callbacks::Looks,
}

impl Store {
    /// A handle; nothing is connected yet.
    pub fn new(aws: AwsSettings, names: Names, seal: SealSettings) -> Self {
        Self(Arc::new(Inner {
            aws,
            names,
            seal,
            http: OnceLock::new(),
            dynamodb: OnceLock::new(),
            sqs: OnceLock::new(),
            s3: OnceLock::new(),
            kms: OnceLock::new(),
            connections: OnceLock::new(),
            seals: crate::seal::Seals::default(),
            leases: crate::ids::Leases::default(),
            looks: crate::callbacks::Looks::default(),
        }))
    }

    /// What things are called.
    pub fn names(&self) -> &Names {
        &self.0.names
    }

    pub(crate) fn seal_settings(&self) -> &SealSettings {
        &self.0.seal
    }

    pub(crate) fn seals(&self) -> &crate::seal::Seals {
        &self.0.seals
    }

    pub(crate) fn leases(&self) -> &crate::ids::Leases {
        &self.0.leases
    }

    pub(crate) fn looks(&self) -> &crate::callbacks::Looks {
        &self.0.looks
    }

    fn http(&self) -> SharedHttpClient {
        self.0
            .http
            .get_or_init(|| {
                aws_smithy_http_client::Builder::new()
                    .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                    .build_https()
            })
            .clone()
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(
            &self.0.aws.access_key_id,
            self.0.aws.secret_access_key.expose(),
            self.0.aws.session_token.as_ref().map(|token| token.expose().clone()),
            None,
            "settings",
        )
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.0.dynamodb.get_or_init(|| {
            let mut config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(self.0.aws.region.clone()))
                .credentials_provider(self.credentials())
                .http_client(self.http())
                .retry_config(retries())
                .timeout_config(timeouts(Duration::from_secs(3)));
            config.set_endpoint_url(self.0.aws.dynamodb_url.clone());
            aws_sdk_dynamodb::Client::from_conf(config.build())
        })
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.0.sqs.get_or_init(|| {
            let mut config = aws_sdk_sqs::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(self.0.aws.region.clone()))
                .credentials_provider(self.credentials())
                .http_client(self.http())
                .retry_config(retries())
                .timeout_config(timeouts(Duration::from_secs(3)));
            config.set_endpoint_url(self.0.aws.sqs_url.clone());
            aws_sdk_sqs::Client::from_conf(config.build())
        })
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.0.s3.get_or_init(|| {
            let mut config = aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(self.0.aws.region.clone()))
                .credentials_provider(self.credentials())
                .http_client(self.http())
                .retry_config(retries())
                .timeout_config(timeouts(Duration::from_secs(5)))
                .force_path_style(self.0.aws.s3_url.is_some());
            config.set_endpoint_url(self.0.aws.s3_url.clone());
            aws_sdk_s3::Client::from_conf(config.build())
        })
    }

    pub(crate) fn kms(&self) -> &aws_sdk_kms::Client {
        self.0.kms.get_or_init(|| {
            let mut config = aws_sdk_kms::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(self.0.aws.region.clone()))
                .credentials_provider(self.credentials())
                .http_client(self.http())
                .retry_config(retries())
                .timeout_config(timeouts(Duration::from_secs(3)));
            config.set_endpoint_url(self.0.aws.kms_url.clone());
            aws_sdk_kms::Client::from_conf(config.build())
        })
    }

    pub(crate) fn connections(&self) -> &aws_sdk_apigatewaymanagement::Client {
        self.0.connections.get_or_init(|| {
            let mut config = aws_sdk_apigatewaymanagement::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(self.0.aws.region.clone()))
                .credentials_provider(self.credentials())
                .http_client(self.http())
                .retry_config(retries())
                .timeout_config(timeouts(Duration::from_secs(3)));
            config.set_endpoint_url(self.0.aws.connections_url.clone());
            aws_sdk_apigatewaymanagement::Client::from_conf(config.build())
        })
    }
}

/// Three tries inside an endpoint's ten seconds.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}

/// An attempt that hangs is given up early: the retry goes to another host.
fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(1)).operation_attempt_timeout(attempt).build()
}
