//! Limits, each with its unit and where it was learned.
//!
//! "Superset" means that nothing the original service accepts fails here: where its documents give two figures over
//! the years, the larger one holds.

use std::time::Duration;

/// `content`, in Unicode scalar values. WxPusher: 40,000 inclusive (superset of "<40000").
pub const WXPUSHER_CONTENT_CHARS: usize = 40_000;
/// `summary`, in Unicode scalar values. WxPusher: 100 inclusive.
pub const WXPUSHER_SUMMARY_CHARS: usize = 100;
/// `url`, in Unicode scalar values. WxPusher: 1,000 inclusive (400 until 2022).
pub const WXPUSHER_URL_CHARS: usize = 1_000;
/// Distinct `uids` per call. WxPusher: 2,000 inclusive.
pub const WXPUSHER_UIDS: usize = 2_000;
/// Distinct `topicIds` per call. WxPusher: 5 inclusive.
pub const WXPUSHER_TOPICS: usize = 5;
/// `extra` of a QR code, in Unicode scalar values. WxPusher: 64 inclusive.
pub const WXPUSHER_EXTRA_CHARS: usize = 64;
/// How long a QR code holds unless said otherwise. WxPusher: half an hour.
pub const WXPUSHER_QR_DEFAULT: Duration = Duration::from_secs(1_800);
/// The longest a QR code may hold. WxPusher: 30 days.
pub const WXPUSHER_QR_LONGEST: Duration = Duration::from_secs(30 * 86_400);
/// How long after a QR code expired the result of its scan can still be read. Ours.
pub const SCAN_RESULT_KEPT: Duration = Duration::from_secs(86_400);
/// Followers in one page of a list. WxPusher: 100 inclusive.
pub const WXPUSHER_PAGE_SIZE: usize = 100;
/// Simple push tokens per call. WxPusher: 10 inclusive.
pub const WXPUSHER_SPTS: usize = 10;
/// Request body, in bytes. 40,000 emoji escaped by Python are 480 KB on the wire; HTTP API takes 10 MB, Lambda 6 MB.
pub const REQUEST_BODY_BYTES: usize = 1024 * 1024;

/// How long a task, its body and its state are kept. WxPusher: seven days.
pub const TASK_RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// Recipients in one batch, that is in one queue message.
pub const BATCH_RECIPIENTS: usize = 500;
/// Bytes of one queue message. SQS took 256 KiB for years and 1 MiB since 2025; a ceiling of 200 KB holds on both and
/// leaves room for attributes.
pub const BATCH_BYTES: usize = 200 * 1000;
/// Entries of one SendMessageBatch (SQS quota).
pub const QUEUE_BATCH_ENTRIES: usize = 10;
/// Payload of one SendMessageBatch, all entries together, kept below the older SQS quota of 262,144 bytes.
pub const QUEUE_BATCH_BYTES: usize = 250 * 1000;
/// Batches planned in one page of fan-out: one SendMessageBatch, one page record.
pub const PAGE_BATCHES: usize = 10;
/// The longest delay SQS keeps a message back for.
pub const QUEUE_DELAY: Duration = Duration::from_secs(900);

/// How long an instance hands out message ids from a leased block. The sweep of a block starts only after this and
/// [`LEASE_SETTLE`] have passed, so no task can appear behind it.
pub const LEASE_LIFE: Duration = Duration::from_secs(60);
/// The longest a request may take between drawing an id and its task being written, with room to spare: the endpoint
/// functions time out after 10 s. A request that took longer puts its task on the due list itself.
pub const LEASE_SETTLE: Duration = Duration::from_secs(60);
/// A task that has not moved for this long is driven again.
pub const STUCK_AFTER: Duration = Duration::from_secs(120);

/// Compressed bytes above which a message body or an audience is an S3 object instead of part of the task's item.
///
/// us-east-1, 2026-11: a PUT costs $5.00 per million, a write unit (1 KB) $0.625 per million. So eight write units
/// cost one PUT; the task's own keys and fields take up to 1 KB.
pub const INLINE_BYTES: usize = 7 * 1024;
