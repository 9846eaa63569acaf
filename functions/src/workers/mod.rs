//! The workers behind the endpoints. Each may run twice on the same message, and may be killed at any point: the first
//! paragraph of each says what absorbs that.
//!
//! | function | works on | does |
//! | --- | --- | --- |
//! | `fanout` | queue of tasks | turns an audience into batches |
//! | `deliver` | queue of a channel | sends a batch, records what became of each recipient |
//! | `inbound` | queue of inbound events | does what WeChat told us and `wechat-event` could not do in time |
//! | `callback` | queue of callbacks | calls a developer's URL, records how it went |
//! | `release-due` | every minute | finds tasks that are stuck, drives what is due |
//! | `refresh-tokens` | every five minutes | renews upstream tokens before they run out |

pub mod callback;
pub mod deliver;
pub mod fanout;
pub mod inbound;
pub mod progress;
pub mod refresh_tokens;
pub mod release_due;
