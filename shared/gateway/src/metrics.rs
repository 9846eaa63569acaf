//! Metrics, in CloudWatch's embedded metric format: one JSON line each, no call to AWS.
//!
//! Names, units and dimensions are one enum and the table in `docs/metrics.md`; a test compares them.

use model::clock::Timestamp;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Every metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Calls accepted, by family.
    Accepted,
    /// Calls refused, by function and code.
    Refused,
    /// Calls that failed for reasons of ours, by function and code.
    Failed,
    /// Hints that could not be sent; the sweep makes up for them.
    HintLost,
    /// Deliveries that ended, by channel and state.
    Delivered,
    /// Attempts, by channel and outcome.
    Attempts,
    /// Queue messages that failed, by function and code.
    MessageFailed,
    /// Tasks driven again because they had not moved.
    Redriven,
    /// Breakers opened, by channel.
    BreakerOpened,
    /// Attempts to call a developer's URL, by outcome.
    CallbackAttempts,
    /// Callbacks given up after their last attempt.
    CallbacksFailed,
    /// Upstream tokens that could not be refreshed.
    TokenRefreshFailed,
    /// What vendors and devices reported of single messages, by channel and event.
    Receipts,
    /// Handlers that panicked, by function.
    Panicked,
}

impl Metric {
    /// Every metric, for the docs test.
    pub const ALL: &'static [Self] = &[
        Self::Accepted,
        Self::Refused,
        Self::Failed,
        Self::HintLost,
        Self::Delivered,
        Self::Attempts,
        Self::MessageFailed,
        Self::Redriven,
        Self::BreakerOpened,
        Self::CallbackAttempts,
        Self::CallbacksFailed,
        Self::TokenRefreshFailed,
        Self::Receipts,
        Self::Panicked,
    ];

    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Refused => "Refused",
            Self::Failed => "Failed",
            Self::HintLost => "HintLost",
            Self::Delivered => "Delivered",
            Self::Attempts => "Attempts",
            Self::MessageFailed => "MessageFailed",
            Self::Redriven => "Redriven",
            Self::BreakerOpened => "BreakerOpened",
            Self::CallbackAttempts => "CallbackAttempts",
            Self::CallbacksFailed => "CallbacksFailed",
            Self::TokenRefreshFailed => "TokenRefreshFailed",
            Self::Receipts => "Receipts",
            Self::Panicked => "Panicked",
        }
    }
}

/// What the namespace of all metrics begins with. The stack's name follows, so that two stacks in one account have
/// alarms of their own: `Tuisong/<stack>`.
pub const NAMESPACE: &str = "Tuisong";

/// The key under which it is counted how often anything was: as many lines the log would have had.
pub const LINES: &str = "lines";

/// Where metrics go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Sink);

#[derive(Debug, Clone)]
enum Sink {
    /// Printed under this namespace.
    Stdout(Arc<str>),
    Counted(Arc<Mutex<HashMap<String, u64>>>),
}

impl Metrics {
    /// Printed on standard output, in the namespace of `stack`.
    pub fn printed(stack: &str) -> Self {
        let namespace = if stack.is_empty() { NAMESPACE.to_owned() } else { format!("{NAMESPACE}/{stack}") };
        Self(Sink::Stdout(namespace.into()))
    }

    /// Counted in memory instead of printed: the local runner and tests.
    pub fn counted() -> Self {
        Self(Sink::Counted(Arc::default()))
    }

    /// Counts `count` of `metric` under `dimensions` (name and value).
    #[allow(clippy::print_stdout, reason = "standard output is how the embedded metric format reaches CloudWatch")]
    pub fn count(&self, metric: Metric, dimensions: &[(&str, &str)], count: u64, now: Timestamp) {
        match &self.0 {
            Sink::Stdout(namespace) => println!("{}", embedded(namespace, metric, dimensions, count, now)),
            Sink::Counted(counts) => {
                let mut counts = counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let labels: Vec<String> = dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                for key in [metric.name().to_owned(), format!("{}{{{}}}", metric.name(), labels.join(","))] {
                    *counts.entry(key).or_default() += count;
                }
                *counts.entry(LINES.to_owned()).or_default() += 1;
            }
        }
    }

    /// What was counted under `key`: a metric's name, or `Name{dimension=value,…}`; under [`LINES`], how often anything was.
    /// Zero when printing.
    pub fn counted_under(&self, key: &str) -> u64 {
        match &self.0 {
            Sink::Stdout(_) => 0,
            Sink::Counted(counts) => {
                counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(key).copied().unwrap_or(0)
            }
        }
    }
}

fn embedded(
    namespace: &str,
    metric: Metric,
    dimensions: &[(&str, &str)],
    count: u64,
    now: Timestamp,
) -> serde_json::Value {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    // Each metric stands once with its dimensions and once without: alarms look at the sum.
    let sets = if names.is_empty() { json!([[]]) } else { json!([names, []]) };
    let mut line = json!({
        "_aws": {
            "Timestamp": now.millis(),
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": sets,
                "Metrics": [{ "Name": metric.name(), "Unit": "Count" }],
            }],
        },
        metric.name(): count,
    });
    if let Some(object) = line.as_object_mut() {
        for (name, value) in dimensions {
            object.insert((*name).to_owned(), json!(value));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stack_has_a_namespace() {
        for (stack, expected) in [("prod", "Tuisong/prod"), ("", "Tuisong")] {
            let Sink::Stdout(namespace) = Metrics::printed(stack).0 else { panic!("printed") };
            assert_eq!(&*namespace, expected);
        }
    }

    #[test]
    fn a_line_is_what_cloudwatch_expects() {
        let line = embedded(
            "Tuisong/here",
            Metric::Refused,
            &[("function", "wxpusher-send"), ("code", "token_wrong")],
            2,
            Timestamp::from_millis(7),
        );
        assert_eq!(line["Refused"], 2);
        assert_eq!(line["function"], "wxpusher-send");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Tuisong/here");
        assert_eq!(directive["Dimensions"], json!([["function", "code"], []]));
        assert_eq!(line["_aws"]["Timestamp"], 7);
        let bare = embedded("Tuisong", Metric::Redriven, &[], 1, Timestamp::from_millis(7));
        assert_eq!(bare["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[]]), "not twice");
    }
}
