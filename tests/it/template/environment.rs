//! Environment variables: the template sets what the configuration reads, and nothing else.

use super::project::{Project, logical_id};
use gateway::Config;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What Lambda sets by itself.
const BY_LAMBDA: &[(&str, &str)] =
    &[("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "a secret key")];

/// Read, but not set by the template, each for a reason.
const NOT_OURS: &[(&str, &str)] = &[
    ("TUISONG_KEY_FILE", "one machine only: in AWS the key is KMS's"),
    ("TUISONG_CALLBACK_EXCEPTIONS", "one machine only: in AWS it is refused"),
    ("TUISONG_UPSTREAM_TIMEOUT_MS", "the default fits the timeouts of the template"),
];

/// Reads the configuration and notes which variables it asked for.
pub(crate) fn read_through(values: &BTreeMap<String, String>) -> (Result<Config, String>, BTreeSet<String>) {
    let asked = RefCell::new(BTreeSet::new());
    let config = Config::read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        let by_lambda = BY_LAMBDA.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        values.get(name).cloned().or(by_lambda)
    });
    (config.map_err(|error| error.to_string()), asked.into_inner())
}

/// Every variable that the configuration reads.
pub(crate) fn known() -> BTreeSet<String> {
    read_through(&BTreeMap::new()).1
}

/// The configuration can be read from what each function is given, and asks for nothing that nobody sets.
pub(crate) fn variables(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut set_somewhere = BTreeSet::new();
    let known = known();
    for function in &project.functions {
        let id = logical_id(function);
        let environment = project.environment(&id);
        let unknown = environment.keys().filter(|name| !known.contains(*name));
        wrong.extend(unknown.map(|name| format!("{id}: {name} is read by nobody")));
        let values = environment.iter().map(|(name, value)| (name.clone(), resolve(project, value))).collect();
        if let (Err(error), _) = read_through(&values) {
            wrong.push(format!("{id}: {error}"));
        }
        set_somewhere.extend(environment.into_keys());
    }
    let ours = known.iter().filter(|name| name.starts_with("TUISONG_") && !set_somewhere.contains(*name));
    let forgotten = ours.filter(|name| NOT_OURS.iter().all(|(known, _)| known != name));
    wrong.extend(forgotten.map(|name| format!("{name} is read, but set nowhere")));
    // Fan-out writes the link to a message's page into every batch; deliver tells vendors where to report.
    for function in ["FanoutFunction", "DeliverFunction"] {
        if !project.environment(function).contains_key("TUISONG_PUBLIC_URL") {
            wrong.push(format!("{function} does not know TUISONG_PUBLIC_URL"));
        }
    }
    wrong
}

/// What a value comes to in a deployment with default parameters; something that is no number where AWS decides.
fn resolve(project: &Project, value: &Value) -> String {
    let value = Project::by_default(value);
    let default = value["Ref"].as_str().map(|parameter| &project.template["Parameters"][parameter]["Default"]);
    match (default, value) {
        (Some(Value::String(text)), _) | (_, Value::String(text)) => text.clone(),
        (Some(Value::Number(number)), _) | (_, Value::Number(number)) => number.to_string(),
        _ => "decided-by-aws".to_owned(),
    }
}
