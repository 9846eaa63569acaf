//! What a folder keeps.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aws_sdk_dynamodb::types::{AttributeValue, TimeToLiveSpecification};

use super::{Cloud, Storage, text};

/// Names the folder in which the second process of [`answered_writes_survive_a_kill`] writes.
const FOLDER_VARIABLE: &str = "TUISONG_TEST_WRITER_FOLDER";

/// What the second process says before each number whose write was answered.
const ANSWERED: &str = "answered ";

/// Tables and objects are there after a restart on the same folder; queues are not.
#[tokio::test]
async fn a_folder_is_kept_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::Folder(folder.path().join("new"));
    let cloud = Cloud::on(storage.clone()).await;
    cloud.table("Tasks").await;
    cloud.put("Tasks", "a", "1", 1).await;
    cloud.s3.create_bucket().bucket("media").send().await.unwrap();
    cloud.s3.put_object().bucket("media").key("k").body(b"one".to_vec().into()).send().await.unwrap();
    cloud.sqs.create_queue().queue_name("tasks").send().await.unwrap();
    cloud.aws.stop().await;

    let cloud = Cloud::on(storage).await;
    assert!(cloud.has("Tasks", "a", "1").await);
    assert!(cloud.s3.head_object().bucket("media").key("k").send().await.is_ok());
    assert!(cloud.sqs.get_queue_url().queue_name("tasks").send().await.is_err());
}

/// Every write that was answered is there after the process was killed with SIGKILL in the middle of its work.
#[tokio::test]
async fn answered_writes_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["aws::tests::durability::writer", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER_VARIABLE, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
    let answered = lines.filter_map(|line| line.split_once(ANSWERED).map(|(_, number)| number.to_owned()));
    let answered: Vec<String> = answered.take(40).collect();
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(answered.len(), 40, "the writer ended early");

    let cloud = Cloud::on(Storage::Folder(folder.path().to_owned())).await;
    for number in answered {
        assert!(cloud.has("Tasks", "a", &number).await, "item {number} is gone");
    }
}

/// The second process of [`answered_writes_survive_a_kill`]: writes until it is killed. Does nothing by itself.
#[tokio::test]
#[ignore = "runs as the child of answered_writes_survive_a_kill"]
async fn writer() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    let cloud = Cloud::on(Storage::Folder(PathBuf::from(folder))).await;
    cloud.table("Tasks").await;
    // A bound, in case nobody kills it.
    for number in 0..100_000 {
        cloud.put("Tasks", "a", &number.to_string(), 100).await;
        let mut out = std::io::stdout();
        writeln!(out, "{ANSWERED}{number}").unwrap();
        out.flush().unwrap();
    }
}

/// Items past their TTL are there until they are swept.
#[tokio::test]
async fn expired_items_go_when_swept() {
    let cloud = Cloud::new().await;
    cloud.table("Tokens").await;
    let lifetime = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true).build().unwrap();
    let update = cloud.dynamodb.update_time_to_live().table_name("Tokens");
    update.time_to_live_specification(lifetime).send().await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (sk, expires_at) in [("past", now - 60), ("future", now + 3600)] {
        let put = cloud.dynamodb.put_item().table_name("Tokens").item("pk", text("a")).item("sk", text(sk));
        put.item("expires_at", AttributeValue::N(expires_at.to_string())).send().await.unwrap();
    }
    assert!(cloud.has("Tokens", "a", "past").await);
    assert_eq!(cloud.aws.sweep_expired().await.unwrap(), 1);
    assert!(!cloud.has("Tokens", "a", "past").await);
    assert!(cloud.has("Tokens", "a", "future").await);
}
