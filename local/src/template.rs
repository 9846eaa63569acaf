//! What `template.yaml` deploys, as far as a single machine can.

use serde_norway::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

/// What a stack is called on one machine, where there is only one.
pub const STACK: &str = "tuisong";

/// The template, as it is in the repository.
pub const TEXT: &str = include_str!("../../template.yaml");

/// A template that does not say what the runner needs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("template.yaml: {0}")]
pub struct TemplateError(String);

/// What is deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Logical ids of the tables. Each has the keys `pk` and `sk`; the test suite sees to that.
    pub tables: Vec<String>,
    /// Queues by logical id.
    pub queues: BTreeMap<String, Queue>,
    /// Logical ids of the buckets.
    pub buckets: Vec<String>,
    /// Functions by binary name.
    pub functions: BTreeMap<String, FunctionSpec>,
    /// Environment variables of all functions.
    pub environment: BTreeMap<String, Setting>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name: the one that the template gives it, else its logical id.
    pub name: String,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// Where a message goes after so many receives.
    pub dead_letters: Option<(String, u32)>,
}

/// A function.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSpec {
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The queues it works.
    pub queues: Vec<QueueSource>,
    /// The schedules it runs on.
    pub schedules: Vec<Schedule>,
}

/// An SQS event source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// Logical id of the queue.
    pub queue: String,
    /// Messages of one invocation at most.
    pub batch_size: u32,
    /// Invocations at a time.
    pub concurrency: u32,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// How often.
    pub every: Duration,
    /// What the function is given.
    pub input: serde_json::Value,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Text, or a parameter's default.
    Text(String),
    /// The address of a resource, by logical id: a table's name, a queue's URL, a bucket's name.
    Resource(String),
    /// Not set on one machine.
    Nothing,
}

impl Template {
    /// Reads the repository's template: once in a process, for tests start hundreds of stacks in theirs.
    pub fn read() -> Result<Self, TemplateError> {
        static READ: LazyLock<Result<Template, TemplateError>> = LazyLock::new(|| Template::parse(TEXT));
        READ.clone()
    }

    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let root: Value = serde_norway::from_str(text).map_err(|error| TemplateError(error.to_string()))?;
        let resources = root["Resources"].as_mapping().ok_or_else(|| wrong("Resources", "is missing"))?;
        let defaults = &root["Globals"]["Function"];
        let mut template = Self {
            tables: Vec::new(),
            queues: BTreeMap::new(),
            buckets: Vec::new(),
            functions: BTreeMap::new(),
            environment: environment(&root)?,
        };
        for (id, resource) in resources {
            let id = id.as_str().unwrap_or_default();
            let properties = &resource["Properties"];
            match resource["Type"].as_str().unwrap_or_default() {
                "AWS::DynamoDB::Table" => template.tables.push(id.to_owned()),
                "AWS::S3::Bucket" => template.buckets.push(id.to_owned()),
                "AWS::SQS::Queue" => {
                    template.queues.insert(id.to_owned(), queue(id, properties)?);
                }
                "AWS::Serverless::Function" => {
                    let binary = &resource["Metadata"]["BuildProperties"]["Binary"];
                    let binary = binary.as_str().ok_or_else(|| wrong(id, "has no Binary"))?;
                    template.functions.insert(binary.to_owned(), function(id, properties, defaults)?);
                }
                _ => {}
            }
        }
        Ok(template)
    }
}

fn wrong(what: &str, why: &str) -> TemplateError {
    TemplateError(format!("{what} {why}"))
}

fn seconds(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_secs)
}

fn queue(id: &str, properties: &Value) -> Result<Queue, TemplateError> {
    let redrive = &properties["RedrivePolicy"];
    let dead_letters = match redrive {
        Value::Null => None,
        redrive => {
            let target = reference(&redrive["deadLetterTargetArn"]);
            let count = redrive["maxReceiveCount"].as_u64().and_then(|count| u32::try_from(count).ok());
            Some(target.zip(count).ok_or_else(|| wrong(id, "has a RedrivePolicy that cannot be read"))?)
        }
    };
    // AWS's own default is 30 seconds.
    let visibility = seconds(&properties["VisibilityTimeout"]).unwrap_or(Duration::from_secs(30));
    Ok(Queue { name: substituted(&properties["QueueName"]).unwrap_or_else(|| id.to_owned()), visibility, dead_letters })
}

fn function(id: &str, properties: &Value, defaults: &Value) -> Result<FunctionSpec, TemplateError> {
    let timeout = seconds(&properties["Timeout"]).or_else(|| seconds(&defaults["Timeout"]));
    let mut spec = FunctionSpec {
        timeout: timeout.ok_or_else(|| wrong(id, "has no Timeout"))?,
        queues: Vec::new(),
        schedules: Vec::new(),
    };
    for (_, event) in properties["Events"].as_mapping().into_iter().flatten() {
        let properties = &event["Properties"];
        match event["Type"].as_str().unwrap_or_default() {
            "SQS" => {
                let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
                let source = QueueSource {
                    queue: reference(&properties["Queue"])
                        .ok_or_else(|| wrong(id, "has an SQS event without Queue"))?,
                    batch_size: number(&properties["BatchSize"]).ok_or_else(|| wrong(id, "has no BatchSize"))?,
                    concurrency: number(&properties["ScalingConfig"]["MaximumConcurrency"])
                        .ok_or_else(|| wrong(id, "has no MaximumConcurrency"))?,
                };
                spec.queues.push(source);
            }
            "Schedule" => {
                let every = by_default(&properties["Schedule"]).as_str().and_then(rate);
                let input = properties["Input"].as_str().unwrap_or("{}");
                spec.schedules.push(Schedule {
                    every: every.ok_or_else(|| wrong(id, "has a Schedule that is no rate"))?,
                    input: serde_json::from_str(input)
                        .map_err(|error| wrong(id, &format!("has a bad Input: {error}")))?,
                });
            }
            _ => {}
        }
    }
    Ok(spec)
}

/// `rate(5 minutes)`.
fn rate(text: &str) -> Option<Duration> {
    let (count, unit) = text.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let unit = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.parse::<u64>().ok()? * unit))
}

/// The logical id in `!Ref X` or `!GetAtt X.Arn`. What AWS alone knows, such as `!Ref AWS::StackName`, has none.
fn reference(value: &Value) -> Option<String> {
    let Value::Tagged(tagged) = value else { return None };
    let text = tagged.value.as_str()?;
    Some(text.split('.').next().unwrap_or(text).to_owned()).filter(|id| !id.starts_with("AWS::"))
}

/// The text of `!Sub` in which nothing but the stack's name is asked for; [`STACK`] on one machine.
fn substituted(value: &Value) -> Option<String> {
    let Value::Tagged(tagged) = value else { return None };
    let text = tagged.value.as_str().filter(|_| tagged.tag == "Sub")?.replace("${AWS::StackName}", STACK);
    (!text.contains("${")).then_some(text)
}

/// The last branch of `!If [condition, there, here]`: what holds when every parameter has its default, as on one machine.
fn by_default(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) if tagged.tag == "If" => {
            tagged.value.as_sequence().and_then(|all| all.last()).unwrap_or(value)
        }
        other => other,
    }
}

fn environment(root: &Value) -> Result<BTreeMap<String, Setting>, TemplateError> {
    let variables = &root["Globals"]["Function"]["Environment"]["Variables"];
    let variables = variables.as_mapping().ok_or_else(|| wrong("Globals", "has no environment"))?;
    let setting = |value: &Value| -> Setting {
        let value = by_default(value);
        if let Some(text) = substituted(value) {
            return Setting::Text(text);
        }
        if let Some(id) = reference(value) {
            let default = &root["Parameters"][id.as_str()]["Default"];
            return match default {
                Value::Null => Setting::Resource(id),
                Value::String(text) => Setting::Text(text.clone()),
                Value::Number(number) => Setting::Text(number.to_string()),
                _ => Setting::Nothing,
            };
        }
        match value {
            Value::String(text) => Setting::Text(text.clone()),
            _ => Setting::Nothing,
        }
    };
    Ok(variables.iter().map(|(name, value)| (name.as_str().unwrap_or_default().to_owned(), setting(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositorys_template_is_understood() {
        let template = Template::read().unwrap();
        assert_eq!(template.tables, ["AppsTable", "TokensTable", "UsersTable", "TasksTable"]);
        let deliver = &template.functions["deliver"];
        assert_eq!(deliver.timeout, Duration::from_secs(60));
        let queue = &template.queues[&deliver.queues[0].queue];
        assert!(queue.visibility >= deliver.timeout * 6);
        assert!(template.queues.contains_key(&queue.dead_letters.as_ref().unwrap().0));
        assert_eq!(template.functions["release-due"].schedules[0].every, Duration::from_secs(60));
        assert_eq!(template.environment["TUISONG_APPS_TABLE"], Setting::Resource("AppsTable".to_owned()));
        assert_eq!(template.environment["TUISONG_DAILY_LIMIT"], Setting::Text("500".to_owned()));
        assert_eq!(template.environment["AWS_ENDPOINT_URL"], Setting::Nothing);
        assert_eq!(template.environment["TUISONG_STACK"], Setting::Nothing);
        assert_eq!(template.environment["TUISONG_TOKEN_FETCH"], Setting::Text("here".to_owned()));
        assert_eq!(template.functions["refresh-tokens"].schedules[0].every, Duration::from_secs(300));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = Template::parse(&TEXT.replace("MaximumConcurrency: 20", "MaximumConcurrency: many")).unwrap_err();
        assert_eq!(error.to_string(), "template.yaml: DeliverFunction has no MaximumConcurrency");
    }
}
