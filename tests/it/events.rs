//! The events in `tests/events`, for `sam local invoke` and for us: each goes through the parser that Lambda's goes
//! through, into the function of its name, and does there what it should.
//!
//! A file is named after its function, `<function>.json` or `<function>.<variant>.json`. Its times and ids are of one
//! day; where a function would take them for outdated, the test puts in its own.

use crate::template::environment;
use crate::template::project::{Project, logical_id, root, text};
use functions::routes;
use gateway::event::{QueueEvent, QueueReply};
use gateway::lambda::{from_lambda, serve_http, serve_queue, serve_schedule};
use gateway::{Function, Invocation, Kind, Method, Reply, Request};
use http::StatusCode;
use local::{Options, Stack, seed};
use model::clock::Clock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};
use store::queue::{BatchMessage, TaskMessage};

const FOLDER: &str = "tests/events";

/// An event file as JSON.
fn event(file: &str) -> Value {
    serde_json::from_str(&text(&format!("{FOLDER}/{file}.json"))).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Names of the event files, without `.json`, and what stands before the first dot: the function.
fn files() -> BTreeMap<String, String> {
    let entries = fs::read_dir(root().join(FOLDER)).expect("the folder of events");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| name != "env.json");
    names
        .map(|name| {
            let name = name.strip_suffix(".json").unwrap_or_else(|| panic!("{name} is no event")).to_owned();
            let function = name.split('.').next().unwrap_or_default().to_owned();
            (name, function)
        })
        .collect()
}

fn function(name: &str) -> Function {
    routes::by_name(name).unwrap_or_else(|| panic!("there is no function `{name}`"))
}

fn invocation() -> Invocation {
    Invocation { request_id: "event".to_owned(), deadline: Instant::now() + Duration::from_secs(60) }
}

/// A stack whose queues nobody works but the test.
async fn stack() -> Stack {
    Stack::start(Options { pollers: false, ..Options::for_tests() }).await.expect("a stack")
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

#[test]
fn every_function_has_an_event_of_its_kind() {
    let files = files();
    for function in routes::ALL {
        assert!(files.contains_key(function.name), "{FOLDER}/{}.json is missing", function.name);
    }
    for (file, name) in files {
        let event = event(&file);
        match function(&name).kind {
            Kind::Http { routes, .. } => {
                let route = |route: &gateway::Route| match route.method {
                    Method::Any => route.path.to_owned(),
                    method => format!("{} {}", method.as_str(), route.path),
                };
                let known: Vec<String> = routes.iter().map(route).collect();
                let key = event["routeKey"].as_str().expect("a route key");
                assert!(known.iter().any(|known| known == key), "{file}: {key} is none of {known:?}");
                assert_eq!(event["requestContext"]["routeKey"], key, "{file}");
                assert_eq!(event["requestContext"]["http"]["path"], event["rawPath"], "{file}");
                let mut path = key.split_once(' ').map_or(key, |(_, path)| path).to_owned();
                for (name, value) in event["pathParameters"].as_object().into_iter().flatten() {
                    path = path.replace(&format!("{{{name}}}"), value.as_str().expect("text"));
                }
                assert!(key == "$default" || event["rawPath"] == path, "{file}: the path is not {path}");
            }
            Kind::Queue { .. } => {
                let record = &event["Records"][0];
                assert_eq!(record["eventSource"], "aws:sqs", "{file}");
                assert!(record["attributes"]["MessageGroupId"].is_string(), "{file}: whose turn is it?");
            }
            Kind::Schedule { .. } => {
                // EventBridge hands over the constant of the rule, and nothing else.
                let events = Project::read().events(&logical_id(&function(&name)), "Schedule");
                let input: Value =
                    serde_json::from_str(events[0].1["Input"].as_str().expect("an input")).expect("JSON");
                assert_eq!(event, input, "{file}");
            }
        }
    }
}

#[test]
fn the_environment_file_sets_what_the_template_sets() {
    let file = event("env");
    let parameters = file["Parameters"].as_object().expect("Parameters").clone();
    assert_eq!(file.as_object().map(serde_json::Map::len), Some(1), "values for all functions and nothing else");
    let project = Project::read();
    // `sam local` passes on only what the template names.
    let set: BTreeSet<String> =
        routes::ALL.iter().flat_map(|function| project.environment(&logical_id(function)).into_keys()).collect();
    assert_eq!(parameters.keys().cloned().collect::<BTreeSet<_>>(), set);
    let values = parameters.into_iter().map(|(name, value)| (name, value.as_str().expect("text").to_owned()));
    let config = environment::read_through(&values.collect()).0.expect("a configuration");
    assert_eq!(config.aws.dynamodb_url, config.aws.sqs_url, "one endpoint for everything");
    assert!(config.names.channel_queues.iter().all(|(_, url)| url.starts_with("http")));
}

#[tokio::test]
async fn a_send_is_accepted() {
    let stack = stack().await;
    let reply = http(&stack, "wxpusher-send", &event("wxpusher-send")).await;
    let answer = body(&reply);
    assert_eq!((reply.status, &answer["code"]), (StatusCode::OK, &json!(1000)), "{answer}");
    assert_eq!(answer["data"][0]["uid"], "UID_demo000000000000000000000001");
    assert_eq!(answer["data"][0]["code"], 1000);
    let hint = take(&stack, "TasksQueue").await;
    assert_eq!(hint["task"], answer["data"][0]["messageContentId"]);
    assert_eq!(shape(&hint), shape(&record(&event("fanout"))), "the hint in fanout.json is out of date");
    stack.stop().await;
}

#[tokio::test]
async fn a_body_in_base64_is_decoded() {
    let stack = stack().await;
    let event = event("wxpusher-send.base64");
    assert_eq!(event["isBase64Encoded"], true);
    let answer = body(&http(&stack, "wxpusher-send", &event).await);
    assert_eq!((&answer["code"], &answer["data"][0]["code"]), (&json!(1000), &json!(1000)), "{answer}");
    assert_eq!(answer["data"][0]["uid"], "UID_demo000000000000000000000002");
    stack.stop().await;
}

#[tokio::test]
async fn a_send_by_get_reads_the_query() {
    let stack = stack().await;
    let event = event("wxpusher-send-get");
    let answer = body(&http(&stack, "wxpusher-send-get", &event).await);
    assert_eq!((&answer["code"], &answer["data"][0]["code"]), (&json!(1000), &json!(1000)), "{answer}");
    assert_eq!(answer["data"][0]["uid"], event["queryStringParameters"]["uid"]);
    stack.stop().await;
}

#[tokio::test]
async fn the_status_of_an_unknown_message_is_0() {
    let stack = stack().await;
    let answer = body(&http(&stack, "wxpusher-status", &event("wxpusher-status")).await);
    assert_eq!((&answer["code"], &answer["data"]), (&json!(1000), &json!(0)), "{answer}");
    stack.stop().await;
}

#[tokio::test]
async fn a_page_that_does_not_exist_says_so() {
    let stack = stack().await;
    let reply = http(&stack, "page", &event("page")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
    stack.stop().await;
}

#[tokio::test]
async fn an_unknown_path_has_the_familys_shape() {
    let stack = stack().await;
    let reply = http(&stack, "fallback", &event("fallback")).await;
    let answer = body(&reply);
    assert_eq!((reply.status, &answer["code"]), (StatusCode::NOT_FOUND, &json!(1004)), "{answer}");
    assert!(answer["msg"].as_str().is_some_and(|msg| msg.contains("/api/nowhere")), "{answer}");
    stack.stop().await;
}

#[tokio::test]
async fn the_fallback_knows_every_path_of_the_others() {
    let stack = stack().await;
    for other in routes::ALL {
        let Kind::Http { routes, .. } = other.kind else { continue };
        for route in routes.iter().filter(|route| route.method != Method::Any) {
            let mut event = event("fallback");
            let path: Vec<&str> =
                route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
            event["rawPath"] = path.join("/").into();
            event["requestContext"]["http"]["method"] = "PATCH".into();
            let reply = http(&stack, "fallback", &event).await;
            assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "PATCH {}", route.path);
        }
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_message_goes_from_event_to_event_into_the_inbox() {
    let stack = stack().await;
    let answer = body(&http(&stack, "wxpusher-send", &event("wxpusher-send")).await);
    let mut hint = record(&event("fanout"));
    hint["task"] = answer["data"][0]["messageContentId"].clone();
    hint["sent_ms"] = json!(stack.clock().now());
    let fanned_out = queue(&stack, "fanout", with_record(event("fanout"), &hint)).await;
    assert_eq!(fanned_out, QueueReply::default());

    let batch = take(&stack, "DeliverWechatTemplateQueue").await;
    assert_eq!(shape(&batch), shape(&record(&event("deliver"))), "the batch in deliver.json is out of date");
    let delivered = queue(&stack, "deliver", with_record(event("deliver"), &batch)).await;
    assert_eq!(delivered, QueueReply::default());
    let inbox = stack.sandbox().messages_since(0).expect("an inbox");
    assert_eq!(inbox.len(), 1);
    assert_eq!((inbox[0].channel.as_str(), inbox[0].recipient.as_str()), ("wechat-template", seed::openid(1).as_str()));

    let url = batch["message"]["url"].as_str().expect("a link");
    let key = url.rsplit('/').next().expect("a key");
    let mut page = event("page");
    page["rawPath"] = format!("/m/{key}").into();
    page["pathParameters"]["key"] = key.into();
    let reply = http(&stack, "page", &page).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&reply.body).contains("磁盘 /var 已用 91%"));

    let mut status = event("wxpusher-status");
    let id = answer["data"][0]["messageId"].to_string();
    status["rawPath"] = format!("/api/send/query/{id}").into();
    status["pathParameters"]["messageId"] = id.into();
    assert_eq!(body(&http(&stack, "wxpusher-status", &status).await)["data"], 3);
    stack.stop().await;
}

#[tokio::test]
async fn a_hint_whose_task_is_gone_is_dropped_and_one_that_came_early_comes_again() {
    let stack = stack().await;
    assert_eq!(queue(&stack, "fanout", event("fanout")).await, QueueReply::default());
    let mut hint = record(&event("fanout"));
    hint["sent_ms"] = json!(stack.clock().now());
    let event = with_record(event("fanout"), &hint);
    let reply = queue(&stack, "fanout", event.clone()).await;
    assert_eq!(json!(reply), json!({ "batchItemFailures": [{ "itemIdentifier": event["Records"][0]["messageId"] }] }));
    stack.stop().await;
}

#[tokio::test]
async fn a_batch_is_delivered_while_it_is_fresh_and_expires_when_it_is_old() {
    let stack = stack().await;
    let count = |state: &str| {
        stack.context().metrics.counted_under(&format!("Delivered{{channel=wechat-template,state={state}}}"))
    };
    assert_eq!(queue(&stack, "deliver", event("deliver")).await, QueueReply::default());
    assert_eq!((stack.sandbox().message_count(), count("expired")), (0, 1), "accepted longer than a day ago");

    let mut batch = record(&event("deliver"));
    batch["accepted_ms"] = json!(stack.clock().now());
    batch["id"]["number"] = json!(1);
    assert_eq!(queue(&stack, "deliver", with_record(event("deliver"), &batch)).await, QueueReply::default());
    let inbox = stack.sandbox().messages_since(0).expect("an inbox");
    assert_eq!((inbox.len(), count("sent")), (1, 1));
    assert!(inbox[0].body.contains("磁盘告警"), "{}", inbox[0].body);
    stack.stop().await;
}

#[tokio::test]
async fn one_unreadable_record_fails_alone() {
    let stack = stack().await;
    let mut event = event("fanout");
    let mut bad = event["Records"][0].clone();
    bad["messageId"] = "bad".into();
    bad["body"] = "{\"kind\":\"task_v9\"}".into();
    event["Records"].as_array_mut().expect("records").push(bad);
    let reply = queue(&stack, "fanout", event).await;
    assert_eq!(json!(reply), json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] }));
    stack.stop().await;
}

#[tokio::test]
async fn the_schedules_run() {
    let stack = stack().await;
    let run = async |name: &str| {
        serve_schedule(function(name), stack.context().clone(), invocation(), event(name)).await.expect("a run");
    };
    run("refresh-tokens").await;
    let account = stack.sandbox().wechat(seed::ACCOUNT).expect("the demo account");
    assert_eq!(account.token_fetches().stable, 1, "the token was fetched before anybody waited for it");

    let accepted = http(&stack, "wxpusher-send", &event("wxpusher-send")).await;
    assert_eq!(body(&accepted)["code"], 1000);
    let redriven = || stack.context().metrics.counted_under("Redriven");
    run("release-due").await;
    assert_eq!(redriven(), 0, "the task is young");
    // Nobody worked the hint: once its block is settled the task counts as stuck.
    stack.advance(Duration::from_secs(300));
    run("release-due").await;
    assert_eq!(redriven(), 1);
    stack.stop().await;
}

#[test]
fn queue_payloads_are_read_as_they_are_written() {
    let hint = record(&event("fanout"));
    let read: TaskMessage = serde_json::from_value(hint.clone()).expect("a hint");
    assert_eq!(json!(read), hint);
    let batch = record(&event("deliver"));
    let read: BatchMessage = serde_json::from_value(batch.clone()).expect("a batch");
    assert_eq!(json!(read), batch);
}
