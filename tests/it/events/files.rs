//! The files themselves: one for each function, of its kind, with the payloads of today.

use super::{FOLDER, event, function, record};
use crate::template::environment;
use crate::template::project::{Project, logical_id, root};
use functions::routes;
use gateway::{Kind, Method, SocketRequest};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use store::inbound::InboundMessage;
use store::queue::{BatchMessage, TaskMessage};

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
                    Method::Any if route.path == "$default" => route.path.to_owned(),
                    method => format!("{} {}", method.as_str(), route.path),
                };
                let known: Vec<String> = routes.iter().map(route).collect();
                let key = event["routeKey"].as_str().expect("a route key");
                assert!(known.iter().any(|known| known == key), "{file}: {key} is none of {known:?}");
                assert_eq!(event["requestContext"]["routeKey"], key, "{file}");
                assert_eq!(event["requestContext"]["http"]["path"], event["rawPath"], "{file}");
                let mut path = key.split_once(' ').map_or(key, |(_, path)| path).to_owned();
                for (name, value) in event["pathParameters"].as_object().into_iter().flatten() {
                    let value = value.as_str().expect("text");
                    path = path.replace(&format!("{{{name}}}"), value).replace(&format!("{{{name}+}}"), value);
                }
                assert!(key == "$default" || event["rawPath"] == path, "{file}: the path is not {path}");
            }
            Kind::Queue { .. } => {
                let record = &event["Records"][0];
                assert_eq!(record["eventSource"], "aws:sqs", "{file}");
                assert!(record["attributes"]["MessageGroupId"].is_string(), "{file}: whose turn is it?");
            }
            Kind::Socket { route, .. } => {
                assert_eq!(event["requestContext"]["routeKey"], route.key(), "{file}");
                let read: SocketRequest = serde_json::from_value(event).expect("an event of the WebSocket API");
                assert!(!read.on.id.is_empty(), "{file}: on which connection?");
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

#[test]
fn queue_payloads_are_read_as_they_are_written() {
    let hint = record(&event("fanout"));
    let read: TaskMessage = serde_json::from_value(hint.clone()).expect("a hint");
    assert_eq!(json!(read), hint);
    let inbound = record(&event("inbound"));
    let read: InboundMessage = serde_json::from_value(inbound.clone()).expect("an inbound event");
    assert_eq!(json!(read), inbound);
    let batch = record(&event("deliver"));
    let read: BatchMessage = serde_json::from_value(batch.clone()).expect("a batch");
    assert_eq!(json!(read), batch);
}
