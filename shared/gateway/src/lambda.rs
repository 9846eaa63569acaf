//! Serving a [`Function`]: on Lambda through the Runtime API, and, with the same steps, for whoever calls
//! [`serve_http`], [`serve_queue`], [`serve_schedule`] and [`serve_socket`] directly.
//!
//! A panic is caught, reported and counted; the instance goes on with the next event. For a queue it fails the one
//! message it happened in.

use crate::config::Config;
use crate::context::Context;
use crate::envelope;
use crate::error::{ApiError, causes};
use crate::event::{FailedItem, QueueEvent, QueueReply};
use crate::function::{Function, Invocation, Kind, WorkerError};
use crate::metrics::Metric;
use crate::request::{Reply, Request};
use crate::socket::{SocketReply, SocketRequest, SocketRoute};
use crate::telemetry;
use futures::FutureExt;
use futures::future::join_all;
use lambda_http::RequestExt;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, debug, error, info, info_span, warn};

/// The whole life of a Lambda instance: start telemetry, build the context once, serve.
pub fn run(function: Function) -> Result<(), Error> {
    let config = Config::from_env()?;
    telemetry::start(&config.log);
    let context = Arc::new(Context::new(config));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(function, context))
}

async fn serve(function: Function, context: Arc<Context>) -> Result<(), Error> {
    match function.kind {
        Kind::Http { .. } => {
            lambda_http::run(lambda_http::service_fn(move |request: lambda_http::Request| {
                let context = context.clone();
                async move {
                    let invocation = http_invocation(&request);
                    let reply = serve_http(function, context, invocation, from_lambda(request)).await;
                    to_lambda(reply)
                }
            }))
            .await
        }
        Kind::Queue { .. } => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<QueueEvent>| {
                let context = context.clone();
                async move {
                    let invocation = invocation(&event.context);
                    Ok::<QueueReply, Error>(serve_queue(function, context, invocation, event.payload).await)
                }
            }))
            .await
        }
        Kind::Socket { .. } => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<SocketRequest>| {
                let context = context.clone();
                async move {
                    let invocation = invocation(&event.context);
                    Ok::<SocketReply, Error>(serve_socket(function, context, invocation, event.payload).await)
                }
            }))
            .await
        }
        Kind::Schedule { .. } => {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<serde_json::Value>| {
                let context = context.clone();
                async move {
                    let invocation = invocation(&event.context);
                    serve_schedule(function, context, invocation, event.payload).await.map_err(Error::from)
                }
            }))
            .await
        }
    }
}

fn invocation(context: &lambda_runtime::Context) -> Invocation {
    Invocation { request_id: context.request_id.clone(), deadline: deadline(context.deadline) }
}

fn http_invocation(request: &lambda_http::Request) -> Invocation {
    match request.lambda_context_ref() {
        Some(context) => invocation(context),
        None => Invocation { request_id: String::new(), deadline: Instant::now() + Duration::from_secs(10) },
    }
}

/// Lambda tells the deadline as wall-clock milliseconds.
fn deadline(epoch_ms: u64) -> Instant {
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    Instant::now() + Duration::from_millis(epoch_ms.saturating_sub(now_ms))
}

/// A request as the HTTP API hands it over.
pub fn from_lambda(request: lambda_http::Request) -> Request {
    let path = request.raw_http_path().to_owned();
    let path = if path.is_empty() { request.uri().path().to_owned() } else { path };
    let parameters = request.path_parameters();
    let path_parameters: HashMap<String, String> =
        parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, body) = request.into_parts();
    Request {
        method: parts.method,
        path,
        path_parameters,
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_vec().into(),
    }
}

fn to_lambda(reply: Reply) -> Result<lambda_http::Response<lambda_http::Body>, lambda_http::Error> {
    let text = reply
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|value| value.starts_with("text/") || value.starts_with("application/json"));
    let body = match String::from_utf8(reply.body.to_vec()) {
        Ok(body) if text => lambda_http::Body::Text(body),
        _ => lambda_http::Body::Binary(reply.body.to_vec()),
    };
    let mut response = lambda_http::Response::builder().status(reply.status).body(body)?;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

/// Serves one request: handler, error envelope, one log line.
pub async fn serve_http(function: Function, context: Arc<Context>, invocation: Invocation, request: Request) -> Reply {
    let Kind::Http { family, handler, .. } = function.kind else {
        return envelope::error_reply(
            crate::function::Family::Page,
            &request.path,
            &ApiError::NoSuchPath,
            &invocation.request_id,
        );
    };
    let span = info_span!("invocation", function = function.name, request_id = %invocation.request_id);
    async move {
        let started = Instant::now();
        let path = request.path.clone();
        match caught(function, &context, started, handler(context.clone(), request)).await {
            Ok(reply) => {
                info!(duration_ms = elapsed_ms(started), status = reply.status.as_u16(), "request answered");
                reply
            }
            Err(error) => envelope::error_reply(family, &path, &error, &invocation.request_id),
        }
    }
    .instrument(span)
    .await
}

/// What a handler came to; a panic is an error. An error is logged and counted.
async fn caught<T>(
    function: Function,
    context: &Context,
    started: Instant,
    handling: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let outcome = AssertUnwindSafe(handling).catch_unwind().await.unwrap_or_else(|panic| {
        count(context, Metric::Panicked, &[("function", function.name)]);
        Err(ApiError::Internal { code: "panicked", source: panic_text(panic.as_ref()).into() })
    });
    if let Err(error) = &outcome {
        let (duration_ms, dimensions) = (elapsed_ms(started), [("function", function.name), ("code", error.code())]);
        if let ApiError::Internal { .. } = error {
            error!(duration_ms, error.code = error.code(), cause = error.log_text(), "request failed");
            count(context, Metric::Failed, &dimensions);
        } else {
            info!(duration_ms, error.code = error.code(), "request refused");
            count(context, Metric::Refused, &dimensions);
        }
    }
    outcome
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Serves what happens on a connection of the WebSocket API.
pub async fn serve_socket(
    function: Function,
    context: Arc<Context>,
    invocation: Invocation,
    request: SocketRequest,
) -> SocketReply {
    let Kind::Socket { route, handler } = function.kind else {
        return SocketReply::refusing(SocketRoute::Connect, &ApiError::NoSuchPath);
    };
    let span = info_span!(
        "invocation",
        function = function.name,
        request_id = %invocation.request_id,
        connection = %request.on.id,
    );
    async move {
        let started = Instant::now();
        match caught(function, &context, started, handler(context.clone(), request)).await {
            Ok(reply) => {
                // Heartbeats are most of it.
                debug!(duration_ms = elapsed_ms(started), "connection served");
                reply
            }
            Err(error) => SocketReply::refusing(route, &error),
        }
    }
    .instrument(span)
    .await
}

/// Serves a batch of queue messages side by side, each acknowledged on its own.
pub async fn serve_queue(
    function: Function,
    context: Arc<Context>,
    invocation: Invocation,
    event: QueueEvent,
) -> QueueReply {
    let Kind::Queue { handler } = function.kind else {
        // Nothing was done, so everything comes again.
        let failed = event.records.into_iter().map(|record| FailedItem { item_identifier: record.message_id });
        return QueueReply { batch_item_failures: failed.collect() };
    };
    let handled = event.records.into_iter().map(|record| {
        let span = info_span!(
            "invocation",
            function = function.name,
            request_id = %invocation.request_id,
            message_id = %record.message_id,
        );
        let context = context.clone();
        let invocation = invocation.clone();
        async move {
            let work = AssertUnwindSafe(handler(context.clone(), invocation, record.body)).catch_unwind().await;
            let done = work.unwrap_or_else(|panic| {
                count(&context, Metric::Panicked, &[("function", function.name)]);
                Err(WorkerError::Unreadable(format!("the handler panicked: {}", panic_text(panic.as_ref()))))
            });
            match done {
                Ok(()) => {
                    debug!("message done");
                    None
                }
                Err(error) => {
                    let code = error.code();
                    match error {
                        WorkerError::NotYet(_) => info!(error.code = code, cause = %error, "message comes again"),
                        WorkerError::Unreadable(_) | WorkerError::Store(_) | WorkerError::Incomplete(_) => {
                            warn!(error.code = code, cause = causes(&error), "message failed");
                        }
                    }
                    count(&context, Metric::MessageFailed, &[("function", function.name), ("code", code)]);
                    Some(FailedItem { item_identifier: record.message_id })
                }
            }
        }
        .instrument(span)
    });
    QueueReply { batch_item_failures: join_all(handled).await.into_iter().flatten().collect() }
}

/// Serves a scheduled run. An error is reported to Lambda, which counts it.
pub async fn serve_schedule(
    function: Function,
    context: Arc<Context>,
    invocation: Invocation,
    input: serde_json::Value,
) -> Result<(), WorkerError> {
    let Kind::Schedule { handler } = function.kind else {
        return Err(WorkerError::Unreadable("this function has no schedule".to_owned()));
    };
    let span = info_span!("invocation", function = function.name, request_id = %invocation.request_id);
    async move {
        let started = Instant::now();
        let work = AssertUnwindSafe(handler(context.clone(), invocation, input)).catch_unwind().await;
        let done = work.unwrap_or_else(|panic| {
            count(&context, Metric::Panicked, &[("function", function.name)]);
            Err(WorkerError::Unreadable(format!("the handler panicked: {}", panic_text(panic.as_ref()))))
        });
        let duration_ms = elapsed_ms(started);
        match &done {
            Ok(()) => info!(duration_ms, "scheduled run done"),
            Err(error) => error!(duration_ms, error.code = error.code(), cause = causes(error), "scheduled run failed"),
        }
        done
    }
    .instrument(span)
    .await
}

fn count(context: &Context, metric: Metric, dimensions: &[(&str, &str)]) {
    context.metrics.count(metric, dimensions, 1, context.clock.now());
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests;
