//! The events in `tests/events`, for `sam local invoke` and for us: each goes through the parser that Lambda's goes
//! through, into the function of its name, and does there what it should.
//!
//! A file is named after its function, `<function>.json` or `<function>.<variant>.json`. Its times and ids are of one
//! day; where a function would take them for outdated, the test puts in its own.

mod files;
mod requests;
mod workers;

use crate::template::project::text;
use functions::routes;
use gateway::event::{QueueEvent, QueueReply};
use gateway::lambda::{from_lambda, serve_http, serve_queue};
use gateway::{Function, Invocation, Reply, Request};
use local::{Options, Stack};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const FOLDER: &str = "tests/events";

/// An event file as JSON.
fn event(file: &str) -> Value {
    serde_json::from_str(&text(&format!("{FOLDER}/{file}.json"))).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn function(name: &str) -> Function {
    routes::by_name(name).unwrap_or_else(|| panic!("there is no function `{name}`"))
}

fn invocation() -> Invocation {
    Invocation { request_id: "event".to_owned(), deadline: Instant::now() + Duration::from_secs(60) }
}

/// A stack whose queues nobody works but the test.
async fn stack() -> Stack {
    support::stack(Options { pollers: false, ..Options::for_tests() }).await
}

fn parsed(event: &Value) -> Request {
    from_lambda(lambda_http::request::from_str(&event.to_string()).expect("an HTTP API event"))
}

async fn http(stack: &Stack, name: &str, event: &Value) -> Reply {
    serve_http(function(name), stack.context().clone(), invocation(), parsed(event)).await
}

async fn queue(stack: &Stack, name: &str, event: Value) -> QueueReply {
    let event: QueueEvent = serde_json::from_value(event).expect("an SQS event");
    assert!(!event.records.is_empty());
    serve_queue(function(name), stack.context().clone(), invocation(), event).await
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

/// The body of the first record.
fn record(event: &Value) -> Value {
    serde_json::from_str(event["Records"][0]["body"].as_str().expect("a body")).expect("JSON in the body")
}

fn with_record(mut event: Value, body: &Value) -> Value {
    event["Records"][0]["body"] = body.to_string().into();
    event
}

/// Takes the only message out of a queue.
async fn take(stack: &Stack, queue: &str) -> Value {
    let deployment = stack.deployment();
    let received = deployment.sqs.receive_message().queue_url(&deployment.queue_urls[queue]).max_number_of_messages(10);
    let messages = received.send().await.expect("an answer").messages.unwrap_or_default();
    assert_eq!(messages.len(), 1, "{queue}");
    serde_json::from_str(messages[0].body.as_deref().expect("a body")).expect("JSON")
}

/// Names of fields at any depth, lists by their first element.
fn shape(value: &Value) -> BTreeSet<String> {
    fn walk(at: &str, value: &Value, shape: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(&format!("{at}.{name}"), value, shape))
            }
            Value::Array(values) => values.iter().take(1).for_each(|value| walk(&format!("{at}[]"), value, shape)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => drop(shape.insert(at.to_owned())),
        }
    }
    let mut names = BTreeSet::new();
    walk("", value, &mut names);
    names
}
