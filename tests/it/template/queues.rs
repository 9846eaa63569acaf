//! Queues and the functions that work them: nothing is lost in one, and nothing holds up another.

use super::project::{FUNCTION, Project};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The type of queues.
pub(crate) const QUEUE: &str = "AWS::SQS::Queue";

/// How often a message's visibility must outlast the function's timeout (AWS, "Using Lambda with Amazon SQS").
const TIMEOUTS: u64 = 6;

/// Every SQS event source reports single failures, has its own share of concurrency, and a queue that outlasts it.
pub(crate) fn sources(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    for (function, _) in project.resources(FUNCTION) {
        for (name, event) in project.events(function, "SQS") {
            let mut say = |what: &str| wrong.push(format!("{function}, event {name}: {what}"));
            if event["FunctionResponseTypes"] != json!(["ReportBatchItemFailures"]) {
                say("one failed message fails its whole batch");
            }
            // AWS takes 2 to 1,000.
            if !event["ScalingConfig"]["MaximumConcurrency"].as_u64().is_some_and(|most| (2..=1000).contains(&most)) {
                say("no concurrency limit of its own");
            }
            if !event["BatchSize"].as_u64().is_some_and(|size| (1..=10).contains(&size)) {
                say("no batch size from 1 to 10");
            }
            if event["Enabled"] == false {
                say("is switched off");
            }
            let queue = event["Queue"]["Fn::GetAtt"][0].as_str().unwrap_or_default();
            let visibility = project.properties(QUEUE, queue)["VisibilityTimeout"].as_u64().unwrap_or_default();
            let timeout = project.setting(function, "Timeout").as_u64().unwrap_or(u64::MAX);
            if visibility < timeout.saturating_mul(TIMEOUTS) {
                say(&format!("{queue} shows a message again after {visibility} s, the function has {timeout} s"));
            }
            if dead_letters(project, queue).is_none() {
                say(&format!("{queue} has no dead-letter queue"));
            }
        }
    }
    wrong
}

/// Every queue is encrypted; what fails goes to a queue of its own that keeps it longer.
pub(crate) fn queues(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut taken = BTreeSet::new();
    for (queue, properties) in project.resources(QUEUE) {
        if properties["SqsManagedSseEnabled"] != true && properties["KmsMasterKeyId"].is_null() {
            wrong.push(format!("{queue} is not encrypted"));
        }
        let redrive = &properties["RedrivePolicy"];
        if redrive.is_null() {
            continue;
        }
        let Some(dead) = dead_letters(project, queue) else {
            wrong.push(format!("{queue}: the dead-letter queue does not exist"));
            continue;
        };
        if redrive["maxReceiveCount"].as_u64().is_none_or(|count| count < 2) {
            wrong.push(format!("{queue} gives up a message after one failure"));
        }
        if !taken.insert(dead.clone()) {
            wrong.push(format!("{dead} is the dead-letter queue of two queues"));
        }
        // A message keeps its first date when it moves, so an equal retention might drop it on arrival.
        let kept = |properties: &Value| properties["MessageRetentionPeriod"].as_u64().unwrap_or(345_600);
        if kept(project.properties(QUEUE, &dead)) <= kept(properties) {
            wrong.push(format!("{dead} keeps messages no longer than {queue}"));
        }
    }
    wrong
}

/// The dead-letter queue of a queue, if there is one and it exists.
pub(crate) fn dead_letters(project: &Project, queue: &str) -> Option<String> {
    let target = &project.properties(QUEUE, queue)["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"];
    let id = target[0].as_str().filter(|_| target[1] == "Arn")?;
    (!project.properties(QUEUE, id).is_null() && id != queue).then(|| id.to_owned())
}

/// All dead-letter queues.
pub(crate) fn all_dead_letters(project: &Project) -> BTreeSet<String> {
    project.resources(QUEUE).filter_map(|(queue, _)| dead_letters(project, queue)).collect()
}
