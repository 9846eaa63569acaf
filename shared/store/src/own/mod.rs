//! Our own channel: who is online, and what was sent there and not acknowledged (Users table), and the API to speak to a
//! connection.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `line` | speaking to a connection: API Gateway's `@connections` |
//! | `presence` | connections of devices |
//! | `strangers` | connections on which nobody has signed in |
//! | `sent` | messages that were sent, until they are acknowledged |
//!
//! A connection is two items. One says whose it is, by its id: all that an event of API Gateway tells. The other is the
//! device's, with all of its connections: what fan-out and delivery read. The first is written first and removed last, so a
//! process that dies in between leaves a connection that nobody sends to, never one that nobody can take away. Both go by
//! themselves when they are not heard of. Delivery removes only the second: the connection may be about to open.

mod line;
mod presence;
mod sent;
mod strangers;

pub use line::{Hangup, Line, Posted};
pub use presence::{Connections, Online, Presence, Whose};
pub use sent::{Acked, Kept, Outbox, Waiting};
pub use strangers::{Arrivals, Stranger, Strangers};
