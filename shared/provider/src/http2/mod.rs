//! The client's side of an HTTP/2 connection (RFC 9113), for the one line to a vendor that takes a request per device.
//!
//! There are libraries for this, and everything else here uses them. This is for the path that a million pushes take. Apple
//! and Google get the same headers, and the same token of 200 bytes, with every request; a library that knows nothing of
//! that compresses them anew each time, and moves each request through a task, a channel and a store of streams. By
//! measurement (`docs/performance.md`) that was half of what a delivery cost. Here a request is written once, into the bytes
//! that go out next, and a token once for all requests that follow.
//!
//! It is only what such a line needs: requests whose body is at hand, answers that are read whole up to a limit. It never
//! allows a push, knows no priorities, and drops trailers. A [`Session`] does no input or output by itself: whoever drives it
//! brings what came in and takes away what is to go out. It knows of each request whether it can have been written, because
//! that decides whether a repeat may show a message twice.

mod fields;
mod frame;
mod hpack;
mod huffman;
mod session;
mod stream;

pub use fields::Fields;
pub(crate) use session::{Session, Violation};
pub(crate) use stream::{Answer, Failure, Outgoing};
