//! Where the sandbox reports what was called.

use serde_json::Value;

/// A counter of calls, shared with the other services of the process so that one answer shows them all.
pub trait CallSink: Send + Sync {
    /// Count one call: the upstream (`wechat`), its operation (`message/template/send`), and the bytes of the request
    /// and response bodies. A connection that was dropped has a response of 0 bytes.
    fn record(&self, service: &str, operation: &str, request_bytes: usize, response_bytes: usize);

    /// Everything counted since the start or the last [`CallSink::reset`]: the answer of `GET /sandbox/calls`.
    fn to_json(&self) -> Value;

    /// Back to zero.
    fn reset(&self);
}
