//! AWS on the wire, in one process: DynamoDB, SQS, S3 and API Gateway's connections for the local runner and for tests.
//!
//! The product speaks to AWS through the SDK only. Here the same calls, over HTTP, reach four engines that live in this
//! process, so no code path knows whether it runs in the cloud:
//!
//! | service | engine | kept across restarts |
//! |---|---|---|
//! | DynamoDB | dynoxide (SQLite) | `dynamodb.sqlite`; every answered write survives `kill -9` |
//! | SQS | rustack | no, on purpose: queues hold hints, the tables hold the truth |
//! | S3 | s3s on a folder | `s3/` |
//! | API Gateway's `@connections` | the connections that this process holds | no |
//!
//! ```text
//! SDK ──HTTP──▶ front ── Faults? ──▶ engine
//!                 └── Calls: how often, how many bytes, which units
//! ```
//!
//! Each service listens on 127.0.0.1 on a port the system chooses, behind a front of ours. The front counts what AWS
//! would charge ([`Calls`]) and lets the next calls fail in a named way ([`Faults`]); otherwise it changes nothing a
//! caller relies on. [`Aws::start`] takes milliseconds, so every test can have a cloud of its own.
//!
//! What differs from AWS
//! - Nothing is authorised: any credentials do, S3 alone wants [`SECRET_ACCESS_KEY`].
//! - SQS takes 256 KiB per message (AWS: 1 MiB), and a message received from a standard queue does not show its
//!   `MessageGroupId`: the engine takes groups on FIFO queues only, so the front removes it.
//! - Expired items stay until [`Aws::sweep_expired`]; AWS deletes them within a few days. Readers check `expires_at`.
//! - Units of a write that its condition refused are counted at their minimum, because answers do not tell them.

mod calls;
mod connections;
mod dynamodb;
mod faults;
mod front;
mod s3;
mod sqs;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::calls::{Call, CallStats, Calls, Figures, SQS_BILLED_CHUNK_BYTES};
use self::connections::Management;
pub use self::connections::{Command, Connections, MAX_MESSAGE_BYTES};
use self::dynamodb::{DynamoDb, Dynoxide};
pub use self::faults::{AwsFault, FaultKind, Faults};
use self::front::{listen, serve};
use self::s3::S3;
use self::sqs::Sqs;

/// The region clients should sign for; any will do.
pub const REGION: &str = "us-east-1";

/// The account in queue URLs and ARNs.
pub const ACCOUNT_ID: &str = "000000000000";

/// An access key id for clients; any will do.
pub const ACCESS_KEY_ID: &str = "local";

/// The secret clients must sign S3 requests with. It is public: the listeners are on loopback and it guards nothing.
pub const SECRET_ACCESS_KEY: &str = "local-secret";

/// The database's file in the data folder.
const DATABASE_FILE: &str = "dynamodb.sqlite";

/// The buckets' folder in the data folder.
const OBJECTS_FOLDER: &str = "s3";

/// Where the engines keep their state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Nowhere: gone at the stop. Objects lie in a temporary folder meanwhile.
    Memory,
    /// In this folder, which is created when missing. One process at a time.
    Folder(PathBuf),
}

/// Why the local AWS could not start.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The data folder cannot be made or used.
    #[error("cannot use the data folder {}: {source}; choose another", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No port, or no thread.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Listen(#[source] std::io::Error),
    /// The database does not open, or refuses.
    #[error("the local database failed: {0}")]
    Database(String),
    /// The object store does not open.
    #[error("the local object store failed: {0}")]
    Objects(String),
}

/// The running services. Dropping it stops them too, without waiting for the end.
pub struct Aws {
    /// `http://127.0.0.1:<port>` of DynamoDB.
    pub dynamodb_url: String,
    /// `http://127.0.0.1:<port>` of SQS; queue URLs begin with it.
    pub sqs_url: String,
    /// `http://127.0.0.1:<port>` of S3.
    pub s3_url: String,
    /// `http://127.0.0.1:<port>` of the API to speak to connections.
    pub connections_url: String,
    /// The open connections of the WebSocket API.
    pub connections: Arc<Connections>,
    /// Failures to order.
    pub faults: Arc<Faults>,
    /// What was called.
    pub calls: Arc<Calls>,
    database: Dynoxide,
    queues: Arc<Sqs>,
    stop: watch::Sender<bool>,
    fronts: Vec<JoinHandle<()>>,
    /// Where objects lie in memory mode; removed when dropped.
    temporary: Option<TempDir>,
}

impl Aws {
    /// Start all services. When this returns they answer.
    pub async fn start(storage: Storage) -> Result<Self, AwsError> {
        let (file, objects, temporary) = places(storage)?;
        let calls = Arc::new(Calls::new());
        let faults = Arc::new(Faults::default());
        let (stop, stopping) = watch::channel(false);

        let database = Dynoxide::start(file).await?;
        let (dynamodb_listener, dynamodb_address) = listen().await.map_err(AwsError::Listen)?;
        let (sqs_listener, sqs_address) = listen().await.map_err(AwsError::Listen)?;
        let (s3_listener, s3_address) = listen().await.map_err(AwsError::Listen)?;
        let (connections_listener, connections_address) = listen().await.map_err(AwsError::Listen)?;

        let dynamodb = Arc::new(DynamoDb::new(database.address, Arc::clone(&calls), Arc::clone(&faults)));
        let queues = Arc::new(Sqs::new(sqs_address, Arc::clone(&calls), Arc::clone(&faults)));
        let buckets = Arc::new(S3::new(&objects, Arc::clone(&calls), Arc::clone(&faults))?);
        let connections = Arc::<Connections>::default();
        let management = Management::new(Arc::clone(&connections), Arc::clone(&calls), Arc::clone(&faults));
        let fronts = vec![
            serve(connections_listener, Arc::new(management), stopping.clone()),
            serve(dynamodb_listener, dynamodb, stopping.clone()),
            serve(sqs_listener, Arc::clone(&queues), stopping.clone()),
            serve(s3_listener, buckets, stopping),
        ];
        Ok(Self {
            dynamodb_url: format!("http://{dynamodb_address}"),
            sqs_url: format!("http://{sqs_address}"),
            s3_url: format!("http://{s3_address}"),
            connections_url: format!("http://{connections_address}"),
            connections,
            faults,
            calls,
            database,
            queues,
            stop,
            fronts,
            temporary,
        })
    }

    /// Delete the items whose TTL attribute lies in the past and return how many there were.
    pub async fn sweep_expired(&self) -> Result<usize, AwsError> {
        self.database.sweep_expired().await
    }

    /// Put items into a table, all or none, past the front: nothing is counted and no fault strikes. For more items than anybody
    /// would wait for call by call.
    pub async fn fill(&self, table: &str, items: Vec<HashMap<String, AttributeValue>>) -> Result<(), AwsError> {
        self.database.fill(table, items).await
    }

    /// Stop: requests under way get a moment to finish, then the files are closed. Takes well under a second.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.queues.stop().await;
        for front in self.fronts {
            if let Err(error) = front.await {
                tracing::warn!(%error, "a local AWS service ended badly");
            }
        }
        self.database.stop().await;
        drop(self.temporary);
    }
}

/// Database file, folder for objects, and the guard of the latter when it is temporary.
fn places(storage: Storage) -> Result<(Option<PathBuf>, PathBuf, Option<TempDir>), AwsError> {
    match storage {
        Storage::Memory => {
            let temporary = tempfile::Builder::new()
                .prefix("tuisong-s3-")
                .tempdir()
                .map_err(|source| AwsError::Folder { path: std::env::temp_dir(), source })?;
            Ok((None, temporary.path().to_owned(), Some(temporary)))
        }
        Storage::Folder(folder) => {
            let objects = folder.join(OBJECTS_FOLDER);
            std::fs::create_dir_all(&objects).map_err(|source| AwsError::Folder { path: objects.clone(), source })?;
            Ok((Some(folder.join(DATABASE_FILE)), objects, None))
        }
    }
}
