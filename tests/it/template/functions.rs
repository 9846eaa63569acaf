//! Functions: table, resources, binaries and manifest name the same ones, and what calls each is the same everywhere.

use super::channels;
use super::project::{FUNCTION, Project, attribute, camel_case, logical_id, reference};
use gateway::{Function, Kind, Method};
use model::limits::LEASE_SETTLE;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every function is a row of the table, a resource, a binary and an entry of the manifest, and nothing else is.
pub(crate) fn everywhere(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for function in &project.functions {
        if !names.insert(function.name.to_owned()) {
            wrong.push(format!("`{}` stands twice in the table", function.name));
        }
    }
    let expected: BTreeSet<String> = project.functions.iter().map(logical_id).collect();
    let resources: BTreeSet<String> = project.resources(FUNCTION).map(|(id, _)| id.to_owned()).collect();
    differ("resources of template.yaml", &expected, &resources, &mut wrong);
    differ("files in functions/src/bin", &names, &project.binaries.keys().cloned().collect(), &mut wrong);
    differ("[[bin]] of functions/Cargo.toml", &names, &project.manifest, &mut wrong);

    for function in &project.functions {
        let id = logical_id(function);
        let metadata = &project.template["Resources"][&id]["Metadata"];
        if metadata["BuildMethod"] != "rust-cargolambda" || metadata["BuildProperties"]["Binary"] != function.name {
            wrong.push(format!("{id} is not built from the binary `{}`", function.name));
        }
        if project.setting(&id, "CodeUri") != "." {
            wrong.push(format!("{id}: CodeUri is not the workspace"));
        }
        let Some(main) = project.binaries.get(function.name) else { continue };
        let constants: Vec<&str> =
            project.constants.keys().map(String::as_str).filter(|path| runs(main, path)).collect();
        match constants.as_slice() {
            [path] if project.constants[*path] == function.name => {}
            found => wrong.push(format!("the binary `{}` runs {found:?}", function.name)),
        }
    }
    wrong
}

/// Whether this main hands over to the function at `path`, and does nothing else.
fn runs(main: &str, path: &str) -> bool {
    let body: String = main.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    body == format!("fnmain()->Result<(),lambda_runtime::Error>{{gateway::lambda::run({path})}}")
}

/// HttpApi events are the routes, exactly.
pub(crate) fn routes(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut taken = BTreeSet::new();
    for function in &project.functions {
        let id = logical_id(function);
        let routes = match function.kind {
            Kind::Http { routes, .. } => routes,
            Kind::Queue { .. } | Kind::Schedule { .. } | Kind::Socket { .. } => &[],
        };
        let expected: BTreeSet<String> =
            routes.iter().map(|route| format!("{} {}", route.method.as_str(), route.path)).collect();
        let mut events = BTreeSet::new();
        for (name, event) in project.events(&id, "HttpApi") {
            if event["ApiId"] != reference("HttpApi") {
                wrong.push(format!("{id}, event {name}: not an event of our API"));
            }
            events.insert(match (event["Method"].as_str(), event["Path"].as_str()) {
                (None, None) => format!("{} $default", Method::Any.as_str()),
                (method, path) => format!("{} {}", method.unwrap_or("ANY"), path.unwrap_or("(no path)")),
            });
        }
        differ(&format!("HttpApi events of {id}"), &expected, &events, &mut wrong);
        for route in expected {
            if !taken.insert(route.clone()) {
                wrong.push(format!("{route} belongs to two functions"));
            }
        }
    }
    wrong
}

/// Queue functions are called by their queues, scheduled ones by one schedule, and nothing by anything more.
pub(crate) fn triggers(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    for function in &project.functions {
        let id = logical_id(function);
        let (queues, schedules) = (project.events(&id, "SQS"), project.events(&id, "Schedule"));
        let all = project.properties(FUNCTION, &id)["Events"].as_object().map_or(0, serde_json::Map::len);
        let known = queues.len() + schedules.len() + project.events(&id, "HttpApi").len();
        if all != known {
            wrong.push(format!("{id} has an event of a type that nothing serves"));
        }
        let expected: BTreeSet<String> = match (function.kind, function.name) {
            (Kind::Queue { .. }, "fanout") => BTreeSet::from([attribute("TasksQueue", "Arn").to_string()]),
            (Kind::Queue { .. }, "callback") => BTreeSet::from([attribute("CallbacksQueue", "Arn").to_string()]),
            (Kind::Queue { .. }, "deliver") => {
                channels::queues().map(|queue| attribute(&queue, "Arn").to_string()).collect()
            }
            (Kind::Queue { .. }, "inbound") => BTreeSet::from([attribute("InboundQueue", "Arn").to_string()]),
            (Kind::Queue { .. }, other) => {
                wrong.push(format!("nobody says which queue calls `{other}`; say it here"));
                continue;
            }
            (Kind::Http { .. } | Kind::Schedule { .. } | Kind::Socket { .. }, _) => BTreeSet::new(),
        };
        let found = queues.iter().map(|(_, event)| event["Queue"].to_string()).collect();
        differ(&format!("queues that call {id}"), &expected, &found, &mut wrong);

        if schedules.len() != usize::from(matches!(function.kind, Kind::Schedule { .. })) {
            wrong.push(format!("{id} has {} schedules", schedules.len()));
        }
        for (name, event) in schedules {
            let input = event["Input"].as_str().and_then(|input| serde_json::from_str::<Value>(input).ok());
            if !input.is_some_and(|input| input.is_object()) {
                wrong.push(format!("{id}, schedule {name}: the input is no JSON object"));
            }
            if event["Enabled"] == false
                || event["State"] == "DISABLED"
                || Project::by_default(&event["Schedule"]).as_str().is_none()
            {
                wrong.push(format!("{id}, schedule {name}: never runs"));
            }
        }
    }
    wrong
}

/// Timeouts keep what the code counts on: an endpoint answers before the API gives up on it, and before the sweep
/// takes its block of ids for settled.
pub(crate) fn timeouts(project: &Project) -> Vec<String> {
    /// Seconds after which an HTTP API gives up on an integration (API Gateway quotas).
    const API_GIVES_UP: u64 = 30;
    let answers = |function: &&Function| matches!(function.kind, Kind::Http { .. } | Kind::Socket { .. });
    let endpoints = project.functions.iter().filter(answers);
    let most = API_GIVES_UP.min(LEASE_SETTLE.as_secs());
    endpoints
        .map(logical_id)
        .filter(|id| project.setting(id, "Timeout").as_u64().is_none_or(|timeout| timeout >= most))
        .map(|id| format!("{id}: the timeout is not below {most} s"))
        .collect()
}

/// Says which of `expected` are missing in `found`, and which are too many.
pub(crate) fn differ(what: &str, expected: &BTreeSet<String>, found: &BTreeSet<String>, wrong: &mut Vec<String>) {
    wrong.extend(expected.difference(found).map(|missing| format!("{what}: {missing} is missing")));
    wrong.extend(found.difference(expected).map(|extra| format!("{what}: {extra} is too many")));
}

#[test]
fn a_logical_id_is_the_name_in_camel_case() {
    assert_eq!(camel_case("wxpusher-send-get"), "WxpusherSendGet");
    assert_eq!(camel_case("page"), "Page");
}
