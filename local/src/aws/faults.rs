//! Failures on order: the next calls of an operation go wrong in a named way.
//!
//! ```
//! # use local::aws::{AwsFault, FaultKind, Faults};
//! let faults = Faults::default();
//! faults.inject(AwsFault::new("dynamodb", "TransactWriteItems", FaultKind::LoseResponse).on("Tasks").times(2));
//! assert_eq!(faults.pending(), 2);
//! faults.clear();
//! assert_eq!(faults.pending(), 0);
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a call goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Refused before it is executed, in the service's own error format.
    Error {
        /// HTTP status, for example 400 for throttling and 500 for an internal error. SDKs retry 5xx by themselves.
        status: u16,
        /// The error's short name, for example `ProvisionedThroughputExceededException`.
        code: String,
        /// The text beside it.
        message: String,
    },
    /// `TransactionCanceledException` before anything is executed. Fits `TransactWriteItems` and `TransactGetItems`.
    CancelTransaction {
        /// One reason code per item of the transaction, in its order: `None`, `ConditionalCheckFailed`,
        /// `TransactionConflict`, `ThrottlingError`, …
        reasons: Vec<String>,
    },
    /// Executed, then the connection closes without an answer: the caller cannot know what happened.
    LoseResponse,
    /// Executed after this wait.
    Delay(Duration),
    /// The last item of a batch is left out and reported as such; the others are executed. Fits `BatchWriteItem`
    /// (`UnprocessedItems`), `BatchGetItem` (`UnprocessedKeys`) and the SQS batch calls (`Failed`, code
    /// `InternalError`, not the sender's fault).
    Unprocessed,
}

impl FaultKind {
    /// Whether calls of `operation` can fail like this.
    fn fits(&self, service: &str, operation: &str) -> bool {
        match self {
            Self::Error { .. } | Self::LoseResponse | Self::Delay(_) => true,
            Self::CancelTransaction { .. } => {
                service == "dynamodb" && matches!(operation, "TransactWriteItems" | "TransactGetItems")
            }
            Self::Unprocessed => match service {
                "dynamodb" => matches!(operation, "BatchWriteItem" | "BatchGetItem"),
                "sqs" => {
                    matches!(operation, "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch")
                }
                _ => false,
            },
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsFault {
    /// `dynamodb`, `sqs` or `s3`.
    pub service: String,
    /// The operation as the service names it, or `*` for any that the kind fits.
    pub operation: String,
    /// Only calls on this table, queue or bucket; a call on several tables matches if one of them is it.
    pub resource: Option<String>,
    /// What happens.
    pub kind: FaultKind,
    /// How many calls it happens to.
    pub times: u32,
}

impl AwsFault {
    /// A fault for the next call of `operation` on any resource.
    #[must_use]
    pub fn new(service: &str, operation: &str, kind: FaultKind) -> Self {
        Self { service: service.to_owned(), operation: operation.to_owned(), resource: None, kind, times: 1 }
    }

    /// The same, for this table, queue or bucket only.
    #[must_use]
    pub fn on(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// The same, for that many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Whether a call of `operation` on `resources` meets this order.
    fn meets(&self, service: &str, operation: &str, resources: &[String]) -> bool {
        self.service == service
            && (self.operation == "*" || self.operation == operation)
            && self.resource.as_ref().is_none_or(|wanted| resources.contains(wanted))
            && self.kind.fits(service, operation)
    }
}

/// The orders still open, oldest first. A call meets at most one of them.
#[derive(Debug, Default)]
pub struct Faults {
    orders: Mutex<Vec<AwsFault>>,
    /// Length of `orders`, so that a call without faults takes no lock.
    open: AtomicUsize,
}

impl Faults {
    /// Order a fault. One with `times` zero is ignored; one whose kind does not fit its operation never happens and
    /// stays in [`Faults::pending`].
    pub fn inject(&self, fault: AwsFault) {
        if fault.times == 0 {
            return;
        }
        let mut orders = self.lock();
        orders.push(fault);
        self.open.store(orders.len(), Ordering::Release);
    }

    /// Forget every order.
    pub fn clear(&self) {
        let mut orders = self.lock();
        orders.clear();
        self.open.store(0, Ordering::Release);
    }

    /// How many calls are still to go wrong. A test that ends with more than zero did not test what it meant to.
    #[must_use]
    pub fn pending(&self) -> u32 {
        self.lock().iter().map(|fault| fault.times).sum()
    }

    /// What happens to this call, if anything; takes one from the order.
    pub(super) fn take(&self, service: &str, operation: &str, resources: &[String]) -> Option<FaultKind> {
        if self.open.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut orders = self.lock();
        let index = orders.iter().position(|fault| fault.meets(service, operation, resources))?;
        let fault = orders.get_mut(index)?;
        fault.times -= 1;
        let kind = fault.kind.clone();
        if fault.times == 0 {
            orders.remove(index);
            self.open.store(orders.len(), Ordering::Release);
        }
        Some(kind)
    }

    /// The orders; a panic elsewhere leaves them usable.
    fn lock(&self) -> MutexGuard<'_, Vec<AwsFault>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
