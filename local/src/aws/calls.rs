//! What was called how often, and what AWS would have charged for it.
//!
//! [`Calls`] counts per service, operation and resource (table, queue, bucket, or `""`). The cost benchmark reads it
//! before and after a run; whoever speaks to an upstream may record that too, under the upstream's name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// SQS charges one request for every 64 KiB of payload begun.
/// Source: <https://aws.amazon.com/sqs/pricing/>, read 2026-11-23.
pub const SQS_BILLED_CHUNK_BYTES: u64 = 64 * 1024;

/// One call, as [`Calls::record`] takes it. Fields that do not apply stay at their default of zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// `dynamodb`, `sqs`, `s3`, or an upstream's name such as `wechat`.
    pub service: &'a str,
    /// The operation as the service names it: `PutItem`, `SendMessageBatch`, `PutObject`.
    pub operation: &'a str,
    /// Table, queue or bucket; `""` where there is none.
    pub resource: &'a str,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// DynamoDB read units, indexes included. Halves occur: an eventually consistent read of 4 KB is 0.5.
    pub read_units: f64,
    /// DynamoDB write units, indexes included.
    pub write_units: f64,
    /// SQS messages the call carried, in either direction.
    pub messages: u64,
    /// Requests AWS bills for this call: SQS by 64 KiB of payload, S3 one except for deletes, which are free.
    /// Zero for DynamoDB, which is billed by units.
    pub billed_requests: u64,
}

/// One table's part of a call that touches several.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// The table.
    pub(super) resource: String,
    /// Read units that belong to it.
    pub(super) read_units: f64,
    /// Write units that belong to it.
    pub(super) write_units: f64,
}

/// The figures of one service, operation and resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallStats {
    /// See [`Call::service`].
    pub service: String,
    /// See [`Call::operation`].
    pub operation: String,
    /// See [`Call::resource`].
    pub resource: String,
    /// The sums.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// How many calls.
    pub count: u64,
    /// See [`Call::request_bytes`].
    pub request_bytes: u64,
    /// See [`Call::response_bytes`].
    pub response_bytes: u64,
    /// See [`Call::read_units`].
    pub read_units: f64,
    /// See [`Call::write_units`].
    pub write_units: f64,
    /// See [`Call::messages`].
    pub messages: u64,
    /// See [`Call::billed_requests`].
    pub billed_requests: u64,
}

impl Figures {
    /// Add one call.
    fn add(&mut self, call: &Call<'_>) {
        self.count += 1;
        self.request_bytes += call.request_bytes;
        self.response_bytes += call.response_bytes;
        self.read_units += call.read_units;
        self.write_units += call.write_units;
        self.messages += call.messages;
        self.billed_requests += call.billed_requests;
    }
}

/// Everything counted since the start or the last [`Calls::reset`].
#[derive(Debug, Default)]
struct Counted {
    /// Per (service, operation, resource), in the order the answer lists them.
    rows: BTreeMap<(String, String, String), Figures>,
    /// Per service. Kept apart from the rows because one transaction may stand in the rows of several tables.
    totals: BTreeMap<String, Figures>,
}

/// The counters. Shared by reference; recording takes one short lock.
#[derive(Debug, Default)]
pub struct Calls {
    counted: Mutex<Counted>,
}

impl Calls {
    /// Counters at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Count one call on one resource.
    pub fn record(&self, call: Call<'_>) {
        let mut counted = self.lock();
        counted.row(&call, call.resource).add(&call);
        counted.total(call.service).add(&call);
    }

    /// Count one call on several tables: it stands in the row of each with the units that belong there, its bytes in
    /// the first row only, and once in the totals. The call's own resource and units are not used.
    pub(super) fn record_shares(&self, call: Call<'_>, shares: &[Share]) {
        let mut counted = self.lock();
        let mut total = Call { read_units: 0.0, write_units: 0.0, ..call };
        for (index, share) in shares.iter().enumerate() {
            let mut part = Call { read_units: share.read_units, write_units: share.write_units, ..call };
            if index > 0 {
                (part.request_bytes, part.response_bytes) = (0, 0);
            }
            counted.row(&part, &share.resource).add(&part);
            total.read_units += share.read_units;
            total.write_units += share.write_units;
        }
        counted.total(call.service).add(&total);
    }

    /// The rows, ordered by service, operation and resource.
    #[must_use]
    pub fn snapshot(&self) -> Vec<CallStats> {
        let counted = self.lock();
        counted
            .rows
            .iter()
            .map(|((service, operation, resource), figures)| CallStats {
                service: service.clone(),
                operation: operation.clone(),
                resource: resource.clone(),
                figures: *figures,
            })
            .collect()
    }

    /// The sums per service. A call that touched several tables counts once.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<String, Figures> {
        self.lock().totals.clone()
    }

    /// The sums of one operation on one resource; zeros when it was never called.
    #[must_use]
    pub fn of(&self, service: &str, operation: &str, resource: &str) -> Figures {
        let key = (service.to_owned(), operation.to_owned(), resource.to_owned());
        self.lock().rows.get(&key).copied().unwrap_or_default()
    }

    /// Back to zero.
    pub fn reset(&self) {
        *self.lock() = Counted::default();
    }

    /// `{"calls": [row, …], "totals": {service: sums, …}}`, rows as in [`CallStats`], sums as in [`Figures`].
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "calls": self.snapshot(), "totals": self.totals() })
    }

    /// The counters; a panic elsewhere while counting leaves them usable.
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// The row for this call on `resource`.
    fn row(&mut self, call: &Call<'_>, resource: &str) -> &mut Figures {
        let key = (call.service.to_owned(), call.operation.to_owned(), resource.to_owned());
        self.rows.entry(key).or_default()
    }

    /// The sums of `service`.
    fn total(&mut self, service: &str) -> &mut Figures {
        self.totals.entry(service.to_owned()).or_default()
    }
}

/// A byte count as the counters keep it.
pub(super) fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
