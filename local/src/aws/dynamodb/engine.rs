//! The database itself: dynoxide's server on a thread of its own.
//!
//! Its handlers call SQLite on the thread that serves the request and a file store waits for the disk there, so it gets
//! its own small runtime: the product's tasks never wait behind it.
//!
//! Durability of a folder store: dynoxide opens the file in write-ahead mode and leaves `synchronous` at SQLite's
//! default, FULL: a call is answered after its commit reached the disk. `kill -9` and a power cut lose nothing that
//! was answered.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::{AttributeValue as Value, Database, ImportOptions};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

use crate::aws::AwsError;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The running server.
pub(in crate::aws) struct Dynoxide {
    /// Where it listens.
    pub(in crate::aws) address: SocketAddr,
    /// The same database, for what has no call on the wire.
    database: Database,
    /// Dropping it stops the server.
    stop: oneshot::Sender<()>,
    /// Resolves when the thread has let go of the file.
    ended: oneshot::Receiver<()>,
}

impl Dynoxide {
    /// Open the database, in memory without a file, and listen on a loopback port the system chooses.
    pub(in crate::aws) async fn start(file: Option<PathBuf>) -> Result<Self, AwsError> {
        let (started, starting) = oneshot::channel();
        let (stop, stopping) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || {
                run(file, started, stopping);
                // Nobody waits for it when the server was dropped instead of stopped.
                let _dropped = ending.send(());
            })
            .map_err(AwsError::Listen)?;
        match starting.await {
            Ok(Ok((address, database))) => Ok(Self { address, database, stop, ended }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(AwsError::Database("its thread ended before it listened".to_owned())),
        }
    }

    /// Delete the items whose TTL attribute lies in the past and say how many. AWS does this within a few days.
    pub(in crate::aws) async fn sweep_expired(&self) -> Result<usize, AwsError> {
        self.ask(Database::sweep_ttl).await
    }

    /// Put items into `table`, all or none.
    pub(in crate::aws) async fn fill(
        &self,
        table: &str,
        items: Vec<HashMap<String, AttributeValue>>,
    ) -> Result<(), AwsError> {
        let table = table.to_owned();
        self.ask(move |database| {
            let items = items.into_iter().map(map).collect();
            database.import_items(&table, items, ImportOptions::default()).map(drop)
        })
        .await
    }

    /// Ask the database itself, on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Database) -> dynoxide::Result<T> + Send + 'static,
    ) -> Result<T, AwsError> {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || question(&database))
            .await
            .map_err(|error| AwsError::Database(error.to_string()))?
            .map_err(|error| AwsError::Database(error.to_string()))
    }

    /// Stop serving and close the file.
    pub(in crate::aws) async fn stop(self) {
        let Self { database, stop, ended, .. } = self;
        drop(database);
        drop(stop);
        // An error means that the thread is gone already.
        let _ended = ended.await;
    }
}

/// An item, or a map in one, as the database has it.
fn map(item: HashMap<String, AttributeValue>) -> HashMap<String, Value> {
    item.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

/// A value as the database has it. What the SDK does not know yet is nothing.
fn plain(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(number) => Value::N(number),
        AttributeValue::B(bytes) => Value::B(bytes.into_inner()),
        AttributeValue::Bool(bool) => Value::BOOL(bool),
        AttributeValue::Ss(texts) => Value::SS(texts),
        AttributeValue::Ns(numbers) => Value::NS(numbers),
        AttributeValue::Bs(all) => Value::BS(all.into_iter().map(|bytes| bytes.into_inner()).collect()),
        AttributeValue::L(values) => Value::L(values.into_iter().map(plain).collect()),
        AttributeValue::M(item) => Value::M(map(item)),
        _ => Value::NULL(true),
    }
}

/// What the thread reports once it listens, or why it cannot.
type Started = Result<(SocketAddr, Database), AwsError>;

/// The thread: a runtime that serves until `stopping` resolves.
fn run(file: Option<PathBuf>, started: oneshot::Sender<Started>, stopping: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(started, Err(AwsError::Listen(error))),
    };
    runtime.block_on(async move {
        let (listener, address, database) = match open(file) {
            Ok(opened) => opened,
            Err(error) => return report(started, Err(error)),
        };
        report(started, Ok((address, database.clone())));
        let stop = async move {
            // Also when the sender was dropped: that is how a stop is told.
            let _dropped = stopping.await;
        };
        if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stop).await {
            tracing::error!(%error, "the local DynamoDB server failed");
        }
    });
}

/// Tell the one who starts us; it may have given up waiting.
fn report(started: oneshot::Sender<Started>, outcome: Started) {
    let _given_up = started.send(outcome);
}

/// Open the database and the listener.
fn open(file: Option<PathBuf>) -> Result<(TcpListener, SocketAddr, Database), AwsError> {
    let database = match file {
        None => Database::memory(),
        Some(file) => Database::new(file.to_str().ok_or_else(|| {
            AwsError::Database(format!("the path {} is not UTF-8; choose another data folder", file.display()))
        })?),
    }
    .map_err(|error| AwsError::Database(error.to_string()))?;
    let socket = TcpSocket::new_v4().map_err(AwsError::Listen)?;
    // Accepted connections inherit it, and dynoxide does not set it: without it a long answer waits for an ACK.
    socket.set_nodelay(true).map_err(AwsError::Listen)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).map_err(AwsError::Listen)?;
    let listener = socket.listen(BACKLOG).map_err(AwsError::Listen)?;
    let address = listener.local_addr().map_err(AwsError::Listen)?;
    Ok((listener, address, database))
}
