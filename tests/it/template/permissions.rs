//! Permissions: what the capabilities of a function need, and no action more.

use super::channels;
use super::functions::differ;
use super::project::{FUNCTION, Project, attribute, logical_id, reference};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{Resource, keys};

/// The policies of each function grant exactly the actions of its capabilities.
pub(crate) fn grants(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    for function in &project.functions {
        let id = logical_id(function);
        let needed = (function.grants)();
        let needed = needed
            .iter()
            .map(|grant| granted(grant.action, &arn(grant.resource), &condition(grant.resource)))
            .collect();
        let mut found = BTreeSet::new();
        for policy in listed(&project.properties(FUNCTION, &id)["Policies"]) {
            let statements = listed(&policy["Statement"]);
            if statements.is_empty() {
                wrong.push(format!("{id}: a policy that is no list of statements: {policy}"));
            }
            for statement in statements {
                read_statement(&id, statement, &mut found, &mut wrong);
            }
        }
        differ(&format!("permissions of {id}"), &needed, &found, &mut wrong);
        if !project.setting(&id, "Role").is_null() {
            wrong.push(format!("{id}: a role of its own escapes this comparison"));
        }
    }
    wrong
}

fn read_statement(id: &str, statement: &Value, found: &mut BTreeSet<String>, wrong: &mut Vec<String>) {
    let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
    let keys: Vec<&str> = statement.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    if statement["Effect"] != "Allow" || keys.iter().any(|key| !known.contains(key)) {
        wrong.push(format!("{id}: a statement that is more than Allow, Action, Resource, Condition: {statement}"));
    }
    for action in listed(&statement["Action"]) {
        let action = action.as_str().unwrap_or_default();
        if action.contains('*') {
            wrong.push(format!("{id}: the action {action} is a wildcard"));
        }
        for resource in listed(&statement["Resource"]) {
            // Objects of the bucket are the one thing that has no name of its own.
            if resource.as_str().is_some_and(|arn| arn.contains('*')) {
                wrong.push(format!("{id}: the resource {resource} is a wildcard"));
            }
            if !found.insert(granted(action, resource, &statement["Condition"])) {
                wrong.push(format!("{id}: {action} on {resource} is granted twice"));
            }
        }
    }
}

fn granted(action: &str, resource: &Value, condition: &Value) -> String {
    match condition {
        Value::Null => format!("{action} on {resource}"),
        condition => format!("{action} on {resource} if {condition}"),
    }
}

/// What narrows a grant to a part of a table: the partitions that may be named.
fn condition(resource: Resource) -> Value {
    match resource {
        Resource::DataKeys => json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [keys::DATA_KEYS] } }),
        _ => Value::Null,
    }
}

/// One value, or a list of them.
fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

/// How a policy names what is granted.
fn arn(resource: Resource) -> Value {
    match resource {
        Resource::Apps | Resource::DataKeys => attribute("AppsTable", "Arn"),
        Resource::Tokens => attribute("TokensTable", "Arn"),
        Resource::Users => attribute("UsersTable", "Arn"),
        Resource::Tasks => attribute("TasksTable", "Arn"),
        Resource::Bucket => json!({ "Fn::Sub": "${Bucket.Arn}/*" }),
        Resource::BucketNames => attribute("Bucket", "Arn"),
        Resource::TasksQueue => attribute("TasksQueue", "Arn"),
        Resource::InboundQueue => attribute("InboundQueue", "Arn"),
        Resource::CallbacksQueue => attribute("CallbacksQueue", "Arn"),
        Resource::ChannelQueue(channel) => attribute(&channels::queue(channel), "Arn"),
        Resource::Key => attribute("SealKey", "Arn"),
        Resource::Connections => json!({ "Fn::Sub": CONNECTIONS }),
        Resource::ConnectionEnds => json!({ "Fn::Sub": CONNECTIONS.replace("/POST/", "/DELETE/") }),
    }
}

/// Sending to connections of the WebSocket API.
const CONNECTIONS: &str = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${OwnApi}/${OwnStage}/POST/\
                           @connections/*";
/// Where they are spoken to.
const CONNECTIONS_URL: &str = "https://${OwnApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${OwnStage}";

/// The environment variable by which a function knows what it may use, and its value.
fn name(resource: Resource) -> (String, Value) {
    let variable = |name: &str, id: &str| (name.to_owned(), reference(id));
    match resource {
        Resource::Apps | Resource::DataKeys => variable("TUISONG_APPS_TABLE", "AppsTable"),
        Resource::Tokens => variable("TUISONG_TOKENS_TABLE", "TokensTable"),
        Resource::Users => variable("TUISONG_USERS_TABLE", "UsersTable"),
        Resource::Tasks => variable("TUISONG_TASKS_TABLE", "TasksTable"),
        Resource::Bucket | Resource::BucketNames => variable("TUISONG_BUCKET", "Bucket"),
        Resource::TasksQueue => variable("TUISONG_TASKS_QUEUE_URL", "TasksQueue"),
        Resource::InboundQueue => variable("TUISONG_INBOUND_QUEUE_URL", "InboundQueue"),
        Resource::CallbacksQueue => variable("TUISONG_CALLBACKS_QUEUE_URL", "CallbacksQueue"),
        Resource::ChannelQueue(_) => (channels::VARIABLE.to_owned(), json!({ "Fn::Sub": channels::PREFIX })),
        Resource::Key => ("TUISONG_KMS_KEY".to_owned(), attribute("SealKey", "Arn")),
        Resource::Connections | Resource::ConnectionEnds => {
            ("TUISONG_CONNECTIONS_URL".to_owned(), json!({ "Fn::Sub": CONNECTIONS_URL }))
        }
    }
}

/// A function that may use something is told what it is called.
pub(crate) fn names(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    for function in &project.functions {
        let id = logical_id(function);
        let environment = project.environment(&id);
        let resources: BTreeSet<Resource> = (function.grants)().iter().map(|grant| grant.resource).collect();
        for (variable, value) in resources.into_iter().map(name) {
            if environment.get(&variable) != Some(&value) {
                wrong.push(format!("{id}: {variable} is not {value}"));
            }
        }
    }
    wrong
}
