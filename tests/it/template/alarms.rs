//! Alarms: whatever goes wrong for good tells somebody, and says where to read what to do.

use super::project::{Project, attribute, logical_id, reference};
use super::queues::{QUEUE, all_dead_letters, dead_letters};
use gateway::Kind;
use gateway::metrics::{Metric, NAMESPACE};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The type of alarms.
const ALARM: &str = "AWS::CloudWatch::Alarm";
/// The page for operators, as descriptions name it.
const PAGE: &str = "docs/operations.md#";

/// The alarm that looks at a metric of a queue.
pub(crate) fn alarm_on<'a>(project: &'a Project, queue: &str, metric: &str) -> Option<(&'a str, &'a Value)> {
    let dimensions = json!([{ "Name": "QueueName", "Value": attribute(queue, "QueueName") }]);
    project.resources(ALARM).find(|(_, alarm)| {
        alarm["Namespace"] == "AWS/SQS" && alarm["MetricName"] == metric && alarm["Dimensions"] == dimensions
    })
}

/// One message in a dead-letter queue, and a queue that falls behind, raise an alarm.
pub(crate) fn on_queues(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    for queue in all_dead_letters(project) {
        match alarm_on(project, &queue, "ApproximateNumberOfMessagesVisible") {
            None => wrong.push(format!("no alarm on {queue}")),
            Some((id, alarm)) => {
                let at_one = alarm["Threshold"] == 1 && alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold";
                if !at_one || alarm["EvaluationPeriods"] != 1 {
                    wrong.push(format!("{id} does not rise at the first message"));
                }
            }
        }
    }
    for (queue, _) in project.resources(QUEUE).filter(|(queue, _)| dead_letters(project, queue).is_some()) {
        if alarm_on(project, queue, "ApproximateAgeOfOldestMessage").is_none() {
            wrong.push(format!("no alarm on the age of {queue}"));
        }
    }
    wrong
}

/// Every alarm tells the topic, looks at a metric that exists, and names a heading of the page for operators.
pub(crate) fn each(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let anchors = anchors(&project.operations);
    for (id, alarm) in project.resources(ALARM) {
        let mut say = |what: String| wrong.push(format!("{id}: {what}"));
        if alarm["AlarmActions"] != json!([reference("AlarmTopic")]) {
            say("tells nobody".to_owned());
        }
        if alarm["TreatMissingData"] != "notBreaching" {
            say("a quiet hour would raise it".to_owned());
        }
        let description = alarm["AlarmDescription"].as_str().unwrap_or_default();
        match description.split_once(PAGE).map(|(_, anchor)| anchor.trim_end_matches('.')) {
            None => say(format!("does not name {PAGE}…")),
            Some(anchor) if !anchors.contains(anchor) => say(format!("{PAGE}{anchor} does not exist")),
            Some(_) => {}
        }
        let ours = json!({ "Fn::Sub": format!("{NAMESPACE}/${{AWS::StackName}}") });
        if alarm["Namespace"].to_string().contains(NAMESPACE) {
            if alarm["Namespace"] != ours {
                say("looks at another stack's counts".to_owned());
            }
            let metric = alarm["MetricName"].as_str().unwrap_or_default();
            if Metric::ALL.iter().all(|known| known.name() != metric) {
                say(format!("we have no metric {metric}"));
            }
            // Each count is also written without dimensions; that sum is the only series an alarm can name.
            if !alarm["Dimensions"].is_null() {
                say("looks at a part of the counts".to_owned());
            }
        }
    }
    wrong
}

/// What means that somebody has to act has an alarm, whatever function or queue it comes from.
pub(crate) fn on_trouble(project: &Project) -> Vec<String> {
    let needed = [
        ("Failed", "requests that fail"),
        ("Panicked", "panics"),
        ("BreakerOpened", "breakers"),
        ("TokenRefreshFailed", "tokens that cannot be renewed"),
        ("HintLost", "hints that are lost"),
        ("Throttles", "throttled functions"),
        ("5xx", "an API that fails"),
    ];
    let has = |metric: &str| project.resources(ALARM).any(|(_, alarm)| alarm["MetricName"] == metric);
    let mut wrong: Vec<String> = needed
        .iter()
        .filter(|(metric, _)| !has(metric))
        .map(|(metric, what)| format!("no alarm on {what} ({metric})"))
        .collect();
    for function in project.functions.iter().filter(|function| matches!(function.kind, Kind::Schedule { .. })) {
        let dimensions = json!([{ "Name": "FunctionName", "Value": reference(&logical_id(function)) }]);
        let watched = project.resources(ALARM).any(|(_, alarm)| {
            alarm["Namespace"] == "AWS/Lambda" && alarm["MetricName"] == "Errors" && alarm["Dimensions"] == dimensions
        });
        if !watched {
            wrong.push(format!("no alarm on the errors of {}", function.name));
        }
    }
    wrong
}

/// The dashboard is JSON, and its own metrics are ours, of this stack, and exist.
pub(crate) fn dashboard(project: &Project) -> Vec<String> {
    let body = &project.properties("AWS::CloudWatch::Dashboard", "Dashboard")["DashboardBody"]["Fn::Sub"];
    let Some(text) = body.as_str() else { return vec!["there is no dashboard".to_owned()] };
    let body: Value = match serde_json::from_str(text) {
        Ok(body) => body,
        Err(error) => return vec![format!("the dashboard is no JSON: {error}")],
    };
    let mut wrong = Vec::new();
    let namespace = format!("{NAMESPACE}/${{AWS::StackName}}");
    let mut check = |metric: &str| {
        if Metric::ALL.iter().all(|known| known.name() != metric) {
            wrong.push(format!("the dashboard shows {metric}, which we do not have"));
        }
    };
    for line in body["widgets"].as_array().into_iter().flatten().flat_map(|one| one["properties"]["metrics"].as_array())
    {
        for series in line {
            if series[0] == namespace.as_str() {
                check(series[1].as_str().unwrap_or_default());
            }
            let search = series[0]["expression"].as_str().unwrap_or_default();
            if let Some((_, name)) = search.split_once(NAMESPACE).and_then(|(_, rest)| rest.split_once("MetricName=\""))
            {
                check(name.split('"').next().unwrap_or_default());
            }
        }
    }
    if text.matches(NAMESPACE).count() != text.matches(&namespace).count() {
        wrong.push("the dashboard shows another stack's counts".to_owned());
    }
    wrong
}

/// The anchors of a Markdown page, as GitHub makes them of its headings.
pub(crate) fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let kept = line.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(slug).collect()
}

#[test]
fn an_anchor_is_a_heading_in_lower_case_with_hyphens() {
    let anchors = anchors("# Operations\ntext # no\n## Failed requests\n### The `sweep`\n");
    assert_eq!(anchors, ["operations", "failed-requests", "the-sweep"].map(str::to_owned).into());
}
