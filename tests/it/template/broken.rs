//! Mistakes made on purpose: each rule must say what is wrong.

use super::project::Project;
use super::{
    Rule, alarms, channels, egress, environment, functions, permissions, queues, references, sockets, storage, throttle,
};
use serde_json::{Value, json};

impl Project {
    /// Sets what lies at `path` of the template's resources, for example `TasksQueue/Properties/VisibilityTimeout`.
    fn set(&mut self, path: &str, value: Value) {
        let (parent, key) = self.parent(path);
        match parent {
            Value::Array(values) => values[key.parse::<usize>().expect("an index")] = value,
            Value::Object(fields) => drop(fields.insert(key, value)),
            other => panic!("{path} lies in {other}"),
        }
    }

    /// Removes what lies at `path` of the template's resources.
    fn remove(&mut self, path: &str) {
        let (parent, key) = self.parent(path);
        match parent {
            Value::Array(values) => drop(values.remove(key.parse::<usize>().expect("an index"))),
            Value::Object(fields) => drop(fields.remove(&key).unwrap_or_else(|| panic!("{path} is there"))),
            other => panic!("{path} lies in {other}"),
        }
    }

    fn parent(&mut self, path: &str) -> (&mut Value, String) {
        let path = if path.starts_with("../") { path.replacen("..", "", 1) } else { format!("/Resources/{path}") };
        let (parent, key) = path.rsplit_once('/').expect("a path");
        (self.template.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is there")), key.to_owned())
    }
}

/// `rule` must say `says` of a project with this mistake, and must not say it without.
#[track_caller]
fn noticed(rule: Rule, says: &str, mistake: impl FnOnce(&mut Project)) {
    let mut project = Project::read();
    let before = rule(&project);
    assert!(before.iter().all(|line| !line.contains(says)), "said without the mistake: {before:?}");
    mistake(&mut project);
    let wrong = rule(&project);
    assert!(wrong.iter().any(|line| line.contains(says)), "`{says}` not said: {wrong:?}");
}

/// A row that stands in the table already.
fn page() -> gateway::Function {
    ::functions::routes::by_name("page").expect("the function `page`")
}

#[test]
fn a_function_that_is_missing_or_too_many_somewhere() {
    let rule = functions::everywhere;
    noticed(rule, "PageFunction is missing", |p| p.remove("PageFunction"));
    noticed(rule, "OtherFunction is too many", |p| {
        let copy = p.template["Resources"]["PageFunction"].clone();
        p.set("OtherFunction", copy);
    });
    noticed(rule, "files in functions/src/bin: page is missing", |p| drop(p.binaries.remove("page")));
    noticed(rule, "files in functions/src/bin: other is too many", |p| {
        drop(p.binaries.insert("other".to_owned(), String::new()))
    });
    noticed(rule, "[[bin]] of functions/Cargo.toml: page is missing", |p| {
        p.manifest.remove("page");
    });
    noticed(rule, "[[bin]] of functions/Cargo.toml: other is too many", |p| {
        p.manifest.insert("other".to_owned());
    });
    noticed(rule, "resources of template.yaml: PageFunction is too many", |p| p.functions.retain(|f| f.name != "page"));
    noticed(rule, "`page` stands twice", |p| p.functions.push(page()));
}

#[test]
fn a_binary_that_runs_another_function() {
    let rule = functions::everywhere;
    noticed(rule, "not built from the binary `page`", |p| {
        p.set("PageFunction/Metadata/BuildProperties/Binary", json!("fanout"));
    });
    noticed(rule, "PageFunction is not built", |p| p.remove("PageFunction/Metadata"));
    noticed(rule, "PageFunction: CodeUri", |p| p.set("PageFunction/Properties/CodeUri", json!("functions")));
    noticed(rule, "the binary `page` runs [\"functions::workers::fanout::FUNCTION\"]", |p| {
        p.binaries.insert("page".to_owned(), p.binaries["fanout"].clone());
    });
    noticed(rule, "the binary `page` runs []", |p| {
        let main = p.binaries["page"].replace("    gateway", "    println!(\"hello\");\n    gateway");
        p.binaries.insert("page".to_owned(), main);
    });
}

#[test]
fn a_route_that_differs() {
    let rule = functions::routes;
    noticed(rule, "GET /api/send/message is missing", |p| p.remove("WxpusherSendGetFunction/Properties/Events/Send"));
    noticed(rule, "DELETE /m/{key} is too many", |p| {
        p.set("PageFunction/Properties/Events/Message/Properties/Method", json!("DELETE"));
    });
    noticed(rule, "GET /m/{id} is too many", |p| {
        p.set("PageFunction/Properties/Events/Message/Properties/Path", json!("/m/{id}"));
    });
    noticed(rule, "ANY $default is missing", |p| {
        p.set("FallbackFunction/Properties/Events/Default/Properties/Path", json!("/{proxy+}"));
    });
    noticed(rule, "not an event of our API", |p| {
        p.remove("PageFunction/Properties/Events/Message/Properties/ApiId");
    });
    noticed(rule, "HttpApi events of FanoutFunction: ANY $default is too many", |p| {
        let event = p.template["Resources"]["FallbackFunction"]["Properties"]["Events"]["Default"].clone();
        p.set("FanoutFunction/Properties/Events/Http", event);
    });
    noticed(rule, "GET /m/{key} belongs to two functions", |p| p.functions.push(page()));
}

#[test]
fn a_worker_that_is_called_by_something_else() {
    let rule = functions::triggers;
    noticed(rule, "queues that call FanoutFunction", |p| p.remove("FanoutFunction/Properties/Events/Tasks"));
    noticed(rule, "ReleaseDueFunction has 0 schedules", |p| {
        p.remove("ReleaseDueFunction/Properties/Events/EveryMinute")
    });
    noticed(rule, "the input is no JSON object", |p| {
        p.set("ReleaseDueFunction/Properties/Events/EveryMinute/Properties/Input", json!("{"));
    });
    noticed(rule, "never runs", |p| {
        p.set("ReleaseDueFunction/Properties/Events/EveryMinute/Properties/Enabled", json!(false));
    });
    noticed(rule, "of a type that nothing serves", |p| {
        p.set("PageFunction/Properties/Events/Message/Type", json!("Api"));
    });
    noticed(functions::timeouts, "PageFunction: the timeout", |p| p.set("PageFunction/Properties/Timeout", json!(30)));
}

#[test]
fn a_permission_that_is_missing_too_many_or_too_wide() {
    let rule = permissions::grants;
    let statement = "PageFunction/Properties/Policies/0/Statement/0";
    noticed(rule, "dynamodb:GetItem on", |p| p.remove(&format!("{statement}/Action/0")));
    noticed(rule, "dynamodb:DeleteItem on", |p| p.set(&format!("{statement}/Action/0"), json!("dynamodb:DeleteItem")));
    noticed(rule, "is a wildcard", |p| p.set(&format!("{statement}/Action"), json!("dynamodb:*")));
    noticed(rule, "the resource \"*\" is a wildcard", |p| p.set(&format!("{statement}/Resource"), json!("*")));
    noticed(rule, "UsersTable", |p| {
        p.set(&format!("{statement}/Resource"), json!({ "Fn::GetAtt": ["UsersTable", "Arn"] }));
    });
    noticed(rule, "more than Allow", |p| p.set(&format!("{statement}/Effect"), json!("Deny")));
    noticed(rule, "more than Allow", |p| p.set(&format!("{statement}/NotAction"), json!("s3:*")));
    noticed(rule, "no list of statements", |p| {
        p.set("PageFunction/Properties/Policies", json!("AdministratorAccess"));
    });
    noticed(rule, "is granted twice", |p| {
        let same = p.template["Resources"]["PageFunction"]["Properties"]["Policies"][0].clone();
        p.set("PageFunction/Properties/Policies", json!([same, same]));
    });
    noticed(rule, "permissions of FallbackFunction", |p| {
        let others = p.template["Resources"]["PageFunction"]["Properties"]["Policies"].clone();
        p.set("FallbackFunction/Properties/Policies", others);
    });
    noticed(rule, "dynamodb:PutItem on", |p| {
        // The one write to the Apps table that delivering needs is of a data key.
        p.remove("DeliverFunction/Properties/Policies/0/Statement/1/Condition");
    });
    noticed(rule, "a role of its own", |p| p.set("PageFunction/Properties/Role", json!("arn:aws:iam::1:role/x")));
}

#[test]
fn a_variable_that_is_missing_unknown_or_wrong() {
    let globals = "../Globals/Function/Environment/Variables";
    noticed(environment::variables, "TUISONG_TYPO is read by nobody", |p| {
        p.set(&format!("{globals}/TUISONG_TYPO"), json!("x"));
    });
    noticed(environment::variables, "TUISONG_LOG is read, but set nowhere", |p| {
        p.remove(&format!("{globals}/TUISONG_LOG"))
    });
    noticed(environment::variables, "`TUISONG_DAILY_LIMIT` is not a number", |p| {
        p.set(&format!("{globals}/TUISONG_DAILY_LIMIT"), json!("many"));
    });
    noticed(environment::variables, "FanoutFunction does not know TUISONG_PUBLIC_URL", |p| {
        p.remove("FanoutFunction/Properties/Environment");
    });
    noticed(permissions::names, "PageFunction: TUISONG_TASKS_TABLE", |p| {
        p.set(&format!("{globals}/TUISONG_TASKS_TABLE"), json!({ "Ref": "AppsTable" }));
    });
    noticed(permissions::names, "DeliverFunction: TUISONG_KMS_KEY", |p| {
        p.remove(&format!("{globals}/TUISONG_KMS_KEY"))
    });
}

#[test]
fn an_event_source_that_loses_or_holds_up_messages() {
    let rule = queues::sources;
    let event = "FanoutFunction/Properties/Events/Tasks/Properties";
    noticed(rule, "fails its whole batch", |p| p.remove(&format!("{event}/FunctionResponseTypes")));
    noticed(rule, "no concurrency limit", |p| p.remove(&format!("{event}/ScalingConfig")));
    noticed(rule, "no batch size", |p| p.remove(&format!("{event}/BatchSize")));
    noticed(rule, "is switched off", |p| p.set(&format!("{event}/Enabled"), json!(false)));
    noticed(rule, "TasksQueue shows a message again after 359 s", |p| {
        p.set("TasksQueue/Properties/VisibilityTimeout", json!(359));
    });
    noticed(rule, "the function has 61 s", |p| p.set("FanoutFunction/Properties/Timeout", json!(61)));
    noticed(rule, "TasksQueue has no dead-letter queue", |p| p.remove("TasksQueue/Properties/RedrivePolicy"));
}

#[test]
fn a_queue_that_is_open_or_forgets_its_dead() {
    let rule = queues::queues;
    noticed(rule, "TasksDeadLetters is not encrypted", |p| {
        p.remove("TasksDeadLetters/Properties/SqsManagedSseEnabled")
    });
    noticed(rule, "the dead-letter queue does not exist", |p| p.remove("TasksDeadLetters"));
    noticed(rule, "the dead-letter queue does not exist", |p| {
        let itself = json!({ "Fn::GetAtt": ["TasksQueue", "Arn"] });
        p.set("TasksQueue/Properties/RedrivePolicy/deadLetterTargetArn", itself);
    });
    noticed(rule, "after one failure", |p| p.set("TasksQueue/Properties/RedrivePolicy/maxReceiveCount", json!(1)));
    noticed(rule, "dead-letter queue of two queues", |p| {
        let others = json!({ "Fn::GetAtt": ["TasksDeadLetters", "Arn"] });
        p.set("DeliverWechatTemplateQueue/Properties/RedrivePolicy/deadLetterTargetArn", others);
    });
    noticed(rule, "keeps messages no longer", |p| {
        p.set("TasksDeadLetters/Properties/MessageRetentionPeriod", json!(345_600));
    });
}

#[test]
fn an_alarm_that_is_missing_or_tells_nobody() {
    noticed(alarms::on_queues, "no alarm on TasksDeadLetters", |p| p.remove("TasksDeadLettersAlarm"));
    noticed(alarms::on_queues, "no alarm on TasksDeadLetters", |p| {
        p.set(
            "TasksDeadLettersAlarm/Properties/Dimensions/0/Value",
            json!({ "Fn::GetAtt": ["TasksQueue", "QueueName"] }),
        );
    });
    noticed(alarms::on_queues, "at the first message", |p| {
        p.set("TasksDeadLettersAlarm/Properties/Threshold", json!(2))
    });
    noticed(alarms::on_queues, "no alarm on the age of TasksQueue", |p| p.remove("TasksAgeAlarm"));
    noticed(alarms::each, "FailedAlarm: tells nobody", |p| p.remove("FailedAlarm/Properties/AlarmActions"));
    noticed(alarms::each, "a quiet hour", |p| p.remove("FailedAlarm/Properties/TreatMissingData"));
    noticed(alarms::each, "FailedAlarm: does not name", |p| {
        p.set("FailedAlarm/Properties/AlarmDescription", json!("Requests fail"));
    });
    noticed(alarms::each, "docs/operations.md#panics does not exist", |p| {
        p.operations = p.operations.replace("anics", "anic");
    });
    noticed(alarms::each, "we have no metric Fails", |p| p.set("FailedAlarm/Properties/MetricName", json!("Fails")));
    noticed(alarms::each, "a part of the counts", |p| {
        p.set("FailedAlarm/Properties/Dimensions", json!([{ "Name": "function", "Value": "page" }]));
    });
}

#[test]
fn trouble_that_nobody_is_told_of() {
    let rule = alarms::on_trouble;
    noticed(rule, "no alarm on panics", |p| p.remove("PanickedAlarm"));
    noticed(rule, "no alarm on an API that fails", |p| p.remove("ServerErrorsAlarm"));
    noticed(rule, "no alarm on the errors of release-due", |p| p.remove("ReleaseDueErrorsAlarm"));
    noticed(alarms::each, "another stack's counts", |p| p.set("PanickedAlarm/Properties/Namespace", json!("Tuisong")));
    let dashboard = "Dashboard/Properties/DashboardBody/Fn::Sub";
    noticed(alarms::dashboard, "there is no dashboard", |p| p.remove("Dashboard"));
    noticed(alarms::dashboard, "is no JSON", |p| p.set(dashboard, json!("{")));
    let text = |p: &Project| {
        p.template.pointer(&format!("/Resources/{dashboard}")).and_then(Value::as_str).unwrap().to_owned()
    };
    noticed(alarms::dashboard, "shows Vanished", |p| p.set(dashboard, json!(text(p).replace("Panicked", "Vanished"))));
    noticed(alarms::dashboard, "another stack's", |p| {
        p.set(dashboard, json!(text(p).replacen("Tuisong/${AWS::StackName}", "Tuisong", 1)));
    });
}

#[test]
fn a_fixed_address_for_others_or_for_nobody() {
    let rule = egress::fixed;
    noticed(rule, "functions in the network: DeliverFunction is too many", |p| {
        let network = p.template["Resources"]["RefreshTokensFunction"]["Properties"]["VpcConfig"].clone();
        p.set("DeliverFunction/Properties/VpcConfig", network);
    });
    noticed(rule, "RefreshTokensFunction is missing", |p| p.remove("RefreshTokensFunction/Properties/VpcConfig"));
    noticed(rule, "nobody asked for a fixed address", |p| p.remove("EgressNat/Condition"));
    noticed(rule, "DeliverFunction would ask for tokens", |p| {
        p.set("DeliverFunction/Properties/Environment", json!({ "Variables": { "TUISONG_TOKEN_FETCH": "here" } }));
    });
    noticed(rule, "paid for by default", |p| p.set("../Parameters/FixedEgress/Default", json!("nat")));
}

#[test]
fn a_channel_that_lacks_something() {
    let rule = channels::equipped;
    noticed(rule, "no DeliverWechatTemplateQueue", |p| p.remove("DeliverWechatTemplateQueue"));
    noticed(rule, "DeliverWechatTemplateDeadLetters behind it", |p| {
        p.remove("DeliverWechatTemplateQueue/Properties/RedrivePolicy");
    });
    noticed(rule, "does not call DeliverFunction", |p| p.remove("DeliverFunction/Properties/Events/WechatTemplate"));
    noticed(rule, "no alarm on DeliverWechatTemplateDeadLetters", |p| {
        p.remove("DeliverWechatTemplateDeadLettersAlarm")
    });
    noticed(rule, "no alarm on the age of", |p| p.remove("DeliverWechatTemplateAgeAlarm"));
    noticed(rule, "is not told TUISONG_DELIVER_QUEUES", |p| {
        p.remove("../Globals/Function/Environment/Variables/TUISONG_DELIVER_QUEUES");
    });
    noticed(rule, "is not called", |p| p.set("DeliverWechatTemplateQueue/Properties/QueueName", json!("pigeons")));
    noticed(rule, "DeliverPigeonQueue is no channel's", |p| {
        let copy = p.template["Resources"]["DeliverWechatTemplateQueue"].clone();
        p.set("DeliverPigeonQueue", copy);
    });
}

#[test]
fn storage_that_is_open_forgets_or_never_forgets() {
    let table = "UsersTable/Properties";
    noticed(storage::tables, "UsersTable is missing", |p| p.remove("UsersTable"));
    noticed(storage::tables, "not on demand", |p| p.set(&format!("{table}/BillingMode"), json!("PROVISIONED")));
    noticed(storage::tables, "point in time", |p| p.remove(&format!("{table}/PointInTimeRecoverySpecification")));
    noticed(storage::tables, "does not forget", |p| {
        p.set(&format!("{table}/TimeToLiveSpecification/AttributeName"), json!("ttl"));
    });
    noticed(storage::tables, "other keys", |p| p.remove(&format!("{table}/KeySchema/1")));
    noticed(storage::tables, "deleted with the stack", |p| p.remove("UsersTable/DeletionPolicy"));
    noticed(storage::bucket, "opened to the public", |p| {
        p.set("Bucket/Properties/PublicAccessBlockConfiguration/BlockPublicAcls", json!(false));
    });
    noticed(storage::bucket, "not encrypted", |p| p.remove("Bucket/Properties/BucketEncryption"));
    noticed(storage::bucket, "`bodies/` after [7] days", |p| {
        p.set("Bucket/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", json!(7));
    });
    noticed(storage::bucket, "`bodies/` after [] days", |p| {
        p.set("Bucket/Properties/LifecycleConfiguration/Rules/0/Status", json!("Disabled"));
    });
    noticed(storage::bucket, "forgets everything alike", |p| {
        p.set("Bucket/Properties/LifecycleConfiguration/Rules/4/ExpirationInDays", json!(8));
    });
    noticed(storage::bucket, "without TLS", |p| p.remove("BucketPolicy"));
    noticed(storage::key, "deleted with the stack", |p| p.remove("SealKey/DeletionPolicy"));
    noticed(storage::key, "never renewed", |p| p.remove("SealKey/Properties/EnableKeyRotation"));
    noticed(storage::logs, "kept for ever", |p| p.remove("Logs/Properties/RetentionInDays"));
    noticed(storage::logs, "PageFunction", |p| p.set("PageFunction/Properties/LoggingConfig", json!({})));
}

#[test]
fn an_api_without_limits() {
    let rule = throttle::limits;
    noticed(rule, "ThrottlingRateLimit", |p| p.remove("HttpApi/Properties/RouteSettings"));
    noticed(rule, "ThrottlingBurstLimit", |p| {
        p.set("HttpApi/Properties/DefaultRouteSettings/ThrottlingBurstLimit", json!(1));
    });
    noticed(rule, "is no route", |p| {
        let limits = p.template["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"].clone();
        p.set("HttpApi/Properties/RouteSettings", json!({ "GET /nowhere": limits }));
    });
}

#[test]
fn a_websocket_api_that_leads_elsewhere_or_listens() {
    let rule = sockets::routes;
    noticed(rule, "$connect to OwnConnectFunction is missing", |p| p.remove("OwnConnectRoute"));
    noticed(rule, "$disconnect to OwnMessageFunction is too many", |p| {
        p.set("OwnDisconnectRoute/Properties/Target/Fn::Sub", json!("integrations/${OwnMessageIntegration}"));
    });
    noticed(rule, "OwnMessageFunction: the WebSocket API may not call it", |p| p.remove("OwnMessagePermission"));
    noticed(rule, "goes nowhere", |p| p.remove("OwnMessageRouteResponse"));
    noticed(rule, "logs frames", |p| {
        p.set("OwnStage/Properties/DefaultRouteSettings/DataTraceEnabled", json!(true));
    });
    noticed(rule, "no throttle", |p| p.remove("OwnStage/Properties/DefaultRouteSettings/ThrottlingRateLimit"));
}

#[test]
fn a_reference_to_nothing() {
    let rule = references::resolve;
    noticed(rule, "AppTable does not exist", |p| p.set("../Outputs/AppsTable/Value", json!({ "Ref": "AppTable" })));
    noticed(rule, "Buckett does not exist", |p| {
        p.set(
            "BucketPolicy/Properties/PolicyDocument/Statement/0/Resource/1",
            json!({ "Fn::Sub": "${Buckett.Arn}/*" }),
        );
    });
    noticed(rule, "LogLevel does not exist", |p| p.remove("../Parameters/LogLevel"));
    noticed(rule, "HasAlarmEmail does not exist", |p| p.remove("../Conditions/HasAlarmEmail"));
    noticed(rule, "Spare is used by nothing", |p| p.set("../Parameters/Spare", json!({ "Type": "String" })));
}
