//! Channels: each has everything that keeps it apart from the others.

use super::alarms::alarm_on;
use super::project::{Project, attribute, camel_case};
use super::queues::{QUEUE, dead_letters};
use model::channel::ChannelKind;
use serde_json::json;

/// The logical id of a channel's queue.
pub(crate) fn queue(channel: ChannelKind) -> String {
    format!("Deliver{}Queue", camel_case(channel.as_str()))
}

/// The logical ids of all channels' queues.
pub(crate) fn queues() -> impl Iterator<Item = String> {
    ChannelKind::ALL.iter().copied().map(queue)
}

/// What the names of all channels' queues begin with.
pub(crate) const PREFIX: &str = "${AWS::StackName}-deliver-";

/// The variable by which functions know [`PREFIX`].
pub(crate) const VARIABLE: &str = "TUISONG_DELIVER_QUEUES";

/// Every channel has a queue, a dead-letter queue, alarms on both, a mapping to `deliver`, and a name that
/// functions can make up; no queue of
/// a channel is left over.
pub(crate) fn equipped(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let sources = project.events("DeliverFunction", "SQS");
    for &channel in ChannelKind::ALL {
        let queue = queue(channel);
        let dead = queue.trim_end_matches("Queue").to_owned() + "DeadLetters";
        if dead_letters(project, &queue).as_ref() != Some(&dead) {
            wrong.push(format!("{channel}: no {queue} with {dead} behind it"));
        }
        if sources.iter().filter(|(_, event)| event["Queue"] == attribute(&queue, "Arn")).count() != 1 {
            wrong.push(format!("{channel}: {queue} does not call DeliverFunction once"));
        }
        if alarm_on(project, &dead, "ApproximateNumberOfMessagesVisible").is_none() {
            wrong.push(format!("{channel}: no alarm on {dead}"));
        }
        if alarm_on(project, &queue, "ApproximateAgeOfOldestMessage").is_none() {
            wrong.push(format!("{channel}: no alarm on the age of {queue}"));
        }
        if project.properties(QUEUE, &queue)["QueueName"] != json!({ "Fn::Sub": format!("{PREFIX}{channel}") }) {
            wrong.push(format!("{channel}: {queue} is not called {PREFIX}{channel}"));
        }
    }
    for function in ["FanoutFunction", "DeliverFunction"] {
        if project.environment(function).get(VARIABLE) != Some(&json!({ "Fn::Sub": PREFIX })) {
            wrong.push(format!("{function} is not told {VARIABLE}"));
        }
    }
    let left_over =
        project.resources(QUEUE).map(|(id, _)| id).filter(|id| id.starts_with("Deliver") && id.ends_with("Queue"));
    wrong.extend(left_over.filter(|id| !queues().any(|known| known == *id)).map(|id| format!("{id} is no channel's")));
    wrong
}
