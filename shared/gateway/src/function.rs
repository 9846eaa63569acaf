//! What a function is: one Lambda binary, one row of the route table.

use crate::context::Context;
use crate::error::ApiError;
use crate::request::{Reply, Request};
use crate::socket::{SocketReply, SocketRequest, SocketRoute};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Grant, StoreError};

/// An HTTP method that we serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// Whatever no other route takes.
    Any,
}

impl Method {
    /// As it stands in a request line; `ANY` for [`Method::Any`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Any => "ANY",
        }
    }
}

/// A way to a function over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path in API Gateway's notation, for example `/api/send/query/{messageId}`; `$default` takes the rest.
    pub path: &'static str,
}

impl Route {
    /// A route.
    pub const fn new(method: Method, path: &'static str) -> Self {
        Self { method, path }
    }
}

/// Whose error shape a function speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `{"code","msg","data","success"}` at HTTP 200.
    Wxpusher,
    /// WeChat's own: `{"errcode","errmsg"}` at HTTP 200.
    Cgi,
    /// A status, and `{"code","message"}` when it is an error.
    Push,
    /// `{"code","data","message"}` at HTTP 200.
    Mobile,
    /// The service account's API: `{"msg","code","data","timestamp"}` at HTTP 200.
    Service,
    /// A page for people.
    Page,
    /// What WeChat and phone vendors call: a status, and nothing that a stranger could read.
    WechatEvent,
    /// The operator's API: `{"error":{"code","message","field"}}` with HTTP statuses.
    Admin,
}

/// When an invocation ends, and under which id it is logged.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's request id, or one of the local runner's.
    pub request_id: String,
    /// The moment after which the process may be stopped.
    pub deadline: Instant,
}

impl Invocation {
    /// How long is left, with `margin` kept back for writing down what was done.
    pub fn left(&self, margin: Duration) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(margin)
    }

    /// When nothing but `margin` is left.
    pub fn until(&self, margin: Duration) -> Instant {
        self.deadline.checked_sub(margin).unwrap_or(self.deadline)
    }
}

/// Why a queue message or a scheduled run was not done.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The message cannot be read, now or ever: the dead-letter queue keeps it.
    #[error("a queue message is unreadable: {0}")]
    Unreadable(String),
    /// Not yet: the queue brings it again.
    #[error("not yet: {0}")]
    NotYet(&'static str),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A run went through to its end, but some of what it came by could not be done; each was logged where it happened.
    #[error("{0} things could not be done; see the log lines before")]
    Incomplete(u32),
}

impl WorkerError {
    /// The stable code (`docs/errors.md`).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable_message",
            Self::NotYet(_) => "not_yet",
            Self::Store(error) => error.code(),
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// Handles a request.
pub type HttpHandler = fn(Arc<Context>, Request) -> BoxFuture<'static, Result<Reply, ApiError>>;
/// Handles one queue message, given its body.
pub type QueueHandler = fn(Arc<Context>, Invocation, String) -> BoxFuture<'static, Result<(), WorkerError>>;
/// Handles what happens on a connection of the WebSocket API.
pub type SocketHandler = fn(Arc<Context>, SocketRequest) -> BoxFuture<'static, Result<SocketReply, ApiError>>;
/// Handles a scheduled run, given the schedule's input.
pub type ScheduleHandler =
    fn(Arc<Context>, Invocation, serde_json::Value) -> BoxFuture<'static, Result<(), WorkerError>>;

/// What calls a function.
#[derive(Clone, Copy)]
pub enum Kind {
    /// HTTP requests.
    Http {
        /// Whose error shape it speaks.
        family: Family,
        /// Where it is found.
        routes: &'static [Route],
        /// What it does.
        handler: HttpHandler,
    },
    /// Messages of a queue, in batches, each acknowledged on its own.
    Queue {
        /// What it does.
        handler: QueueHandler,
    },
    /// A schedule.
    Schedule {
        /// What it does.
        handler: ScheduleHandler,
    },
    /// Connections of the WebSocket API.
    Socket {
        /// What happens on a connection that it is called for.
        route: SocketRoute,
        /// What it does.
        handler: SocketHandler,
    },
}

/// One function.
#[derive(Clone, Copy)]
pub struct Function {
    /// Name of the binary, of the `function` field in logs, and (in camel case) of the resource in `template.yaml`.
    pub name: &'static str,
    /// What calls it.
    pub kind: Kind,
    /// The AWS actions that its capabilities need.
    pub grants: fn() -> Vec<Grant>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

/// Declares an HTTP function: `http_function!("name", Family::Page, ROUTES, StoreType, handle)`, where
/// `async fn handle(&Context, &StoreType, Request) -> Result<Reply, ApiError>`.
#[macro_export]
macro_rules! http_function {
    ($name:literal, $family:expr, $routes:expr, $store:ty, $handle:path) => {
        $crate::Function {
            name: $name,
            kind: $crate::Kind::Http {
                family: $family,
                routes: $routes,
                handler: |context, request| {
                    ::std::boxed::Box::pin(async move {
                        let store = <$store as ::store::Capability>::open(&context.store);
                        $handle(&context, &store, request).await
                    })
                },
            },
            grants: <$store as ::store::Capability>::grants,
        }
    };
}

/// Declares a function that works a queue: `queue_function!("name", StoreType, handle)`, where
/// `async fn handle(&Context, &StoreType, &Invocation, body: String) -> Result<(), WorkerError>`.
#[macro_export]
macro_rules! queue_function {
    ($name:literal, $store:ty, $handle:path) => {
        $crate::Function {
            name: $name,
            kind: $crate::Kind::Queue {
                handler: |context, invocation, body| {
                    ::std::boxed::Box::pin(async move {
                        let store = <$store as ::store::Capability>::open(&context.store);
                        $handle(&context, &store, &invocation, body).await
                    })
                },
            },
            grants: <$store as ::store::Capability>::grants,
        }
    };
}

/// Declares a scheduled function: `schedule_function!("name", StoreType, handle)`, where
/// `async fn handle(&Context, &StoreType, &Invocation, input: serde_json::Value) -> Result<(), WorkerError>`.
#[macro_export]
macro_rules! schedule_function {
    ($name:literal, $store:ty, $handle:path) => {
        $crate::Function {
            name: $name,
            kind: $crate::Kind::Schedule {
                handler: |context, invocation, input| {
                    ::std::boxed::Box::pin(async move {
                        let store = <$store as ::store::Capability>::open(&context.store);
                        $handle(&context, &store, &invocation, input).await
                    })
                },
            },
            grants: <$store as ::store::Capability>::grants,
        }
    };
}

/// Declares a function of the WebSocket API: `socket_function!("name", SocketRoute::Message, StoreType, handle)`, where
/// `async fn handle(&Context, &StoreType, SocketRequest) -> Result<SocketReply, ApiError>`.
#[macro_export]
macro_rules! socket_function {
    ($name:literal, $route:expr, $store:ty, $handle:path) => {
        $crate::Function {
            name: $name,
            kind: $crate::Kind::Socket {
                route: $route,
                handler: |context, request| {
                    ::std::boxed::Box::pin(async move {
                        let store = <$store as ::store::Capability>::open(&context.store);
                        $handle(&context, &store, request).await
                    })
                },
            },
            grants: <$store as ::store::Capability>::grants,
        }
    };
}
