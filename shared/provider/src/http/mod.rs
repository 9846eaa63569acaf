//! The one HTTP client. Every call to an upstream, and every call to a URL that a user gave us, goes through it.
//!
//! What it promises:
//! - It costs nothing to build: roots and TLS state are loaded by the first `https` request, not at a cold start.
//! - A failure says whether the request can have reached the other side ([`HttpError::Unsent`]) or may have
//!   ([`HttpError::Unknown`]), because that decides whether a repeat may show a message twice.
//! - It never follows a redirect, never reads more than [`HttpSettings::max_response_bytes`], and never takes longer
//!   than [`HttpSettings::total_timeout`].
//! - Nothing it prints holds a query string, a header value or a body: upstream tokens travel in all three.
//!
//! # Connections that died in their sleep
//! A frozen Lambda keeps its pooled connections, and the other side, or a NAT gateway between, forgets them meanwhile.
//! Three things keep the first request after a thaw from failing on one:
//! 1. A client that has been idle for [`HttpSettings::idle_timeout`] by the *wall clock* (which goes on while a process
//!    is frozen) throws its connections away and connects anew.
//! 2. Within that time, a connection whose end has been noticed is not picked, and a request that was picked up by such a
//!    connection but not written is repeated on a fresh one. Before one is picked, the runtime is given a look at its sockets,
//!    unless there was an answer within the last millisecond.
//! 3. HTTP/2 connections with requests under way are pinged when nothing is heard of them, at once by the first request after
//!    a silence, so that a dead one fails in seconds.
//!
//! A request that an HTTP/2 server turned away unprocessed (GOAWAY before its stream, REFUSED_STREAM) is made again at once
//! by a client that speaks nothing but HTTP/2, and counts as unsent for every client.

mod client;
mod connect;
mod connection;
mod error;
pub mod guard;
mod line;
mod pool;
mod request;
mod retry_after;
mod series;
mod trust;

#[cfg(test)]
mod tests;

pub use crate::http2::Fields;
pub use client::{HttpClient, HttpSettings};
pub use error::{HttpError, Refusal};
pub use request::{HttpRequest, HttpResponse, redacted};
pub use series::{Part, Series};
pub use trust::{Identity, Trust};
