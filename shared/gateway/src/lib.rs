//! What every function is handed at its edge: configuration, context, requests, replies, errors, telemetry, and the
//! loop that serves Lambda.
//!
//! A function is a [`Function`]: a name, a trigger, a handler and the grants it needs. The same value is served by
//! [`lambda::run`] in the cloud and by the local runner, so no handler knows where it runs.

pub mod access_token;
pub mod config;
pub mod context;
pub mod envelope;
pub mod error;
pub mod event;
pub mod function;
pub mod in_flight;
pub mod lambda;
pub mod limiter;
mod lines;
pub mod metrics;
pub mod minutes;
pub mod remembered;
pub mod request;
pub mod socket;
pub mod telemetry;
mod vault;

pub use config::{Config, ConfigError};
pub use context::Context;
pub use error::{ApiError, ProblemKind};
pub use function::{Function, Invocation, Kind, Method, Route, WorkerError};
pub use request::{Fields, Query, Reply, Request};
pub use socket::{SocketReply, SocketRequest, SocketRoute};
