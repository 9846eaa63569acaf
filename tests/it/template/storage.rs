//! Tables, bucket, key and logs: kept safe, kept long enough, and not for ever.

use super::project::{FUNCTION, Project, attribute, reference};
use model::limits::TASK_RETENTION;
use model::service::OBJECT_LIFE;
use serde_json::json;
use std::time::Duration;

/// Tables are on demand, can be taken back to any moment, outlive the stack, and forget what has run out.
pub(crate) fn tables(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let kind = "AWS::DynamoDB::Table";
    let keys = json!([{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }]);
    for id in ["AppsTable", "TokensTable", "UsersTable", "TasksTable"] {
        if project.properties(kind, id).is_null() {
            wrong.push(format!("{id} is missing"));
        }
    }
    for (id, table) in project.resources(kind) {
        let mut say = |what: &str| wrong.push(format!("{id}: {what}"));
        if table["BillingMode"] != "PAY_PER_REQUEST" {
            say("is not on demand");
        }
        if table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
            say("cannot be taken back to a point in time");
        }
        if table["TimeToLiveSpecification"] != json!({ "AttributeName": "expires_at", "Enabled": true }) {
            say("does not forget by `expires_at`");
        }
        if table["KeySchema"] != keys {
            say("has other keys than `pk` and `sk`");
        }
        if project.template["Resources"][id]["DeletionPolicy"] != "Retain" {
            say("is deleted with the stack");
        }
    }
    wrong
}

/// The bucket is private, encrypted, reached over TLS only, and keeps objects longer than their tasks.
pub(crate) fn bucket(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let bucket = project.properties("AWS::S3::Bucket", "Bucket");
    let all_blocked = json!({
        "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
    });
    if bucket["PublicAccessBlockConfiguration"] != all_blocked {
        wrong.push("Bucket can be opened to the public".to_owned());
    }
    let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
    if encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"].as_str().is_none() {
        wrong.push("Bucket is not encrypted".to_owned());
    }
    let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().cloned().unwrap_or_default();
    // S3 counts whole days from the midnight after: one more than what an object is for is never too early, and not much
    // too late.
    let a_day_more = |life: Duration| life.as_secs() / 86_400 + 1;
    for (prefix, days) in [
        ("bodies/", a_day_more(TASK_RETENTION)),
        ("audiences/", a_day_more(TASK_RETENTION)),
        ("media/", OBJECT_LIFE.as_secs() / 86_400),
        ("uploads/", 1),
    ] {
        let of_it = rules.iter().filter(|rule| rule["Status"] == "Enabled" && rule["Prefix"] == prefix);
        let found: Vec<_> = of_it.filter_map(|rule| rule["ExpirationInDays"].as_u64()).collect();
        if found != [days] {
            wrong.push(format!("Bucket forgets `{prefix}` after {found:?} days, not {days}"));
        }
    }
    // The earliest rule wins: one for everything would take what is in use.
    if rules.iter().any(|rule| rule["Prefix"].is_null() && !rule["ExpirationInDays"].is_null()) {
        wrong.push("Bucket forgets everything alike".to_owned());
    }
    let policy = project.properties("AWS::S3::BucketPolicy", "BucketPolicy");
    let statement = &policy["PolicyDocument"]["Statement"][0];
    let over_tls_only = statement["Effect"] == "Deny"
        && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        && statement["Resource"] == json!([attribute("Bucket", "Arn"), { "Fn::Sub": "${Bucket.Arn}/*" }]);
    if policy["Bucket"] != reference("Bucket") || !over_tls_only {
        wrong.push("Bucket answers without TLS".to_owned());
    }
    wrong
}

/// The key outlives the stack and is renewed.
pub(crate) fn key(project: &Project) -> Vec<String> {
    let key = project.properties("AWS::KMS::Key", "SealKey");
    let kept = project.template["Resources"]["SealKey"]["DeletionPolicy"] == "Retain";
    let mut wrong = Vec::new();
    if !kept {
        wrong.push("SealKey is deleted with the stack, and every secret with it".to_owned());
    }
    if key["EnableKeyRotation"] != true {
        wrong.push("SealKey is never renewed".to_owned());
    }
    wrong
}

/// Every function logs to a group that forgets.
pub(crate) fn logs(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, _) in project.resources(FUNCTION) {
        let group = project.setting(id, "LoggingConfig")["LogGroup"]["Ref"].as_str().unwrap_or_default();
        if project.properties("AWS::Logs::LogGroup", group)["RetentionInDays"].is_null() {
            wrong.push(format!("{id}: its logs are kept for ever"));
        }
    }
    wrong
}
