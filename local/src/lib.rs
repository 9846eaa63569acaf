//! One process that is the whole cloud: every function, the event sources between them, the storage on the wire, and
//! stand-ins for the vendors.
//!
//! [`Stack`] is that process as a value; `cargo run` and the integration tests start the same one. What is deployed is
//! read from `template.yaml` itself ([`template`]): tables, queues with their visibility and retry counts, event sources
//! with their batch sizes and concurrency, schedules, environment variables. So what runs here is what the template
//! says, and nothing can drift.
//!
//! ```text
//! HTTP ─▶ api ─▶ function ─┐                    ┌─▶ sandbox (WeChat, phone vendors, …) ─▶ inbox
//!                          ├─ AWS SDK ─▶ aws    │
//! sources (SQS, schedules) ─▶ function ─────────┘
//! ```

pub mod api;
pub mod aws;
pub mod clock;
pub mod deployment;
pub mod sandbox;
pub mod seed;
pub mod socket;
pub mod sources;
pub mod stack;
pub mod template;
pub mod tls;
pub mod upstreams;

pub use stack::{Options, Seed, Stack, StackError, Upstream};
