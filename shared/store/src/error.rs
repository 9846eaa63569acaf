//! What can go wrong with the store.

use aws_smithy_runtime_api::client::result::SdkError;
use std::error::Error;

/// A failed call to the store. The text is for the log; callers of the product are told only that the service is
/// unavailable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// AWS could not be reached or did not do it.
    #[error("{operation} failed")]
    Unavailable {
        /// The SDK call, for example `PutItem`.
        operation: &'static str,
        /// What the SDK said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A batch call kept leaving entries undone.
    #[error("{operation} left {entries} entries undone after {attempts} attempts")]
    Undone {
        /// The SDK call.
        operation: &'static str,
        /// How many entries are still undone.
        entries: usize,
        /// How often it was tried.
        attempts: u32,
    },
    /// An item or object does not hold what it should.
    #[error("{what} is unreadable: {why}")]
    Corrupt {
        /// Which kind of item, for example `task`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The id of a new task is taken by another one: the allocator's counter was turned back (a restored table).
    #[error("id {id} is taken; the id counter has been turned back")]
    IdTaken {
        /// The id.
        id: u64,
    },
    /// A secret could not be sealed or opened.
    #[error("a secret could not be {0}")]
    Seal(&'static str),
}

impl StoreError {
    pub(crate) fn corrupt(what: &'static str, why: impl ToString) -> Self {
        Self::Corrupt { what, why: why.to_string() }
    }

    /// The stable code for logs and metrics (`docs/errors.md`).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "store_unavailable",
            Self::Undone { .. } => "store_undone",
            Self::Corrupt { .. } => "store_corrupt",
            Self::IdTaken { .. } => "store_id_taken",
            Self::Seal(_) => "store_seal",
        }
    }
}

/// Turns an SDK error into ours, naming the operation.
pub(crate) fn failed<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> StoreError
where
    E: Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| StoreError::Unavailable { operation, source: Box::new(error) }
}
