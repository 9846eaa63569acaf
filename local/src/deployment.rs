//! Deploying the template onto the local AWS: tables, queues, buckets, and the environment of the functions.

use crate::aws::{ACCESS_KEY_ID, Aws, REGION, SECRET_ACCESS_KEY};
use crate::template::{Setting, Template};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::time::Duration;

/// The template could not be deployed.
#[derive(Debug, thiserror::Error)]
#[error("{what} could not be created")]
pub struct DeployError {
    what: String,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

fn failed<E: Error + Send + Sync + 'static>(what: &str) -> impl FnOnce(E) -> DeployError {
    let what = what.to_owned();
    move |source| DeployError { what, source: Box::new(source) }
}

/// What was deployed.
#[derive(Clone)]
pub struct Deployment {
    /// URLs of the queues by logical id.
    pub queue_urls: BTreeMap<String, String>,
    /// The environment variables of the functions.
    pub environment: BTreeMap<String, String>,
    /// A client for the event sources.
    pub sqs: aws_sdk_sqs::Client,
}

/// What a queue's visibility timeout is instead of the template's, for tests that cannot wait six minutes.
pub type Visibility = Option<Duration>;

/// Creates what the template names. Tables and buckets that are there already stay as they are.
pub async fn deploy(template: &Template, aws: &Aws, visibility: Visibility) -> Result<Deployment, DeployError> {
    let clients = Clients::new(aws);
    let tables = futures::future::try_join_all(template.tables.iter().map(|table| clients.create_table(table)));
    let buckets = futures::future::try_join_all(template.buckets.iter().map(|bucket| clients.create_bucket(bucket)));
    let (_, _, queue_urls) = futures::try_join!(tables, buckets, clients.create_queues(template, visibility))?;
    let environment = template
        .environment
        .iter()
        .filter_map(|(name, setting)| {
            let value = match setting {
                Setting::Text(text) => text.clone(),
                Setting::Resource(id) if template.buckets.contains(id) => bucket_name(id),
                Setting::Resource(id) => queue_urls.get(id).unwrap_or(id).clone(),
                Setting::Nothing => return None,
            };
            Some((name.clone(), value))
        })
        .chain([
            ("AWS_REGION".to_owned(), REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), SECRET_ACCESS_KEY.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), aws.dynamodb_url.clone()),
            ("AWS_ENDPOINT_URL_SQS".to_owned(), aws.sqs_url.clone()),
            ("AWS_ENDPOINT_URL_S3".to_owned(), aws.s3_url.clone()),
            ("TUISONG_CONNECTIONS_URL".to_owned(), aws.connections_url.clone()),
        ])
        .collect();
    Ok(Deployment { queue_urls, environment, sqs: clients.sqs })
}

/// Bucket names have no capitals.
fn bucket_name(id: &str) -> String {
    format!("tuisong-{}", id.to_ascii_lowercase())
}

struct Clients {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
}

impl Clients {
    fn new(aws: &Aws) -> Self {
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "local");
        let http = aws_smithy_http_client::Builder::new().build_http();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(
                aws_sdk_dynamodb::Config::builder()
                    .behavior_version_latest()
                    .region(aws_sdk_dynamodb::config::Region::new(REGION))
                    .credentials_provider(credentials.clone())
                    .http_client(http.clone())
                    .endpoint_url(&aws.dynamodb_url)
                    .build(),
            ),
            sqs: aws_sdk_sqs::Client::from_conf(
                aws_sdk_sqs::Config::builder()
                    .behavior_version_latest()
                    .region(aws_sdk_sqs::config::Region::new(REGION))
                    .credentials_provider(credentials.clone())
                    .http_client(http.clone())
                    .endpoint_url(&aws.sqs_url)
                    .build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::Config::builder()
                    .behavior_version_latest()
                    .region(aws_sdk_s3::config::Region::new(REGION))
                    .credentials_provider(credentials)
                    .http_client(http)
                    .endpoint_url(&aws.s3_url)
                    .force_path_style(true)
                    .build(),
            ),
        }
    }

    async fn create_table(&self, name: &str) -> Result<(), DeployError> {
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let attribute = |name: &str| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
        };
        let created = self
            .dynamodb
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key("pk", KeyType::Hash).map_err(failed(name))?)
            .key_schema(key("sk", KeyType::Range).map_err(failed(name))?)
            .attribute_definitions(attribute("pk").map_err(failed(name))?)
            .attribute_definitions(attribute("sk").map_err(failed(name))?)
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => return Ok(()),
            Err(error) => return Err(failed(name)(error)),
        }
        let ttl = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true).build();
        self.dynamodb
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(ttl.map_err(failed(name))?)
            .send()
            .await
            .map(|_| ())
            .map_err(failed(name))
    }

    async fn create_bucket(&self, id: &str) -> Result<(), DeployError> {
        match self.s3.create_bucket().bucket(bucket_name(id)).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_bucket_already_exists() || e.is_bucket_already_owned_by_you()) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(id)(error)),
        }
    }

    /// Queues without a dead-letter queue first: they are the dead-letter queues of the others.
    async fn create_queues(
        &self,
        template: &Template,
        visibility: Visibility,
    ) -> Result<BTreeMap<String, String>, DeployError> {
        let mut urls = BTreeMap::new();
        let (targets, sources): (Vec<_>, Vec<_>) =
            template.queues.iter().partition(|(_, queue)| queue.dead_letters.is_none());
        for (id, queue) in targets.into_iter().chain(sources) {
            let hidden = visibility.unwrap_or(queue.visibility).as_secs();
            let mut attributes = HashMap::from([(QueueAttributeName::VisibilityTimeout, hidden.to_string())]);
            if let Some((target, count)) = &queue.dead_letters {
                let arn = format!("arn:aws:sqs:{REGION}:{}:{target}", crate::aws::ACCOUNT_ID);
                let policy = serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": count });
                attributes.insert(QueueAttributeName::RedrivePolicy, policy.to_string());
            }
            let created = self.sqs.create_queue().queue_name(&queue.name).set_attributes(Some(attributes)).send().await;
            let url = created.map_err(failed(id))?.queue_url.unwrap_or_default();
            urls.insert(id.clone(), url);
        }
        Ok(urls)
    }
}
