//! The inbox and its file.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::{APPID, Running, Tally, message, message_with, world};
use crate::sandbox::Sandbox;
use crate::sandbox::clock::Clock;

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let running = Running::start().await;
    let token = running.token().await;
    for _ in 0..5 {
        running.send_with(&token, &message()).await;
    }
    let mut since = 0;
    let mut seen = Vec::new();
    loop {
        let page = running.get(&format!("/sandbox/inbox?since={since}&limit=2")).await.json();
        let messages = page["messages"].as_array().unwrap();
        if messages.is_empty() {
            assert_eq!(page["next"], since);
            break;
        }
        seen.extend(messages.iter().map(|message| message["seq"].as_u64().unwrap()));
        since = page["next"].as_u64().unwrap();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);

    let newest = running.get("/sandbox/inbox?last=2").await.json();
    assert_eq!(newest["messages"][0]["seq"], 4);
    assert_eq!(newest["next"], 5);
    let beyond = running.get("/sandbox/inbox?since=99").await.json();
    assert_eq!(beyond, json!({ "messages": [], "next": 5 }));
}

#[tokio::test]
async fn page_is_capped_at_a_thousand() {
    let running = Running::start().await;
    let token = running.token().await;
    for _ in 0..1_001 {
        running.send_with(&token, &message()).await;
    }
    let page = running.get("/sandbox/inbox").await.json();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(page["next"], 1_000);
    let rest = running.get("/sandbox/inbox?since=1000").await.json();
    assert_eq!(rest["messages"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn wrong_query_is_refused_and_names_its_field() {
    let running = Running::start().await;
    for (query, named) in [("since=x", "since"), ("since=-1", "since"), ("form=1", "form"), ("since=1&last=1", "last")]
    {
        let answer = running.get(&format!("/sandbox/inbox?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["error"].to_string().contains(named), "{query}");
    }
}

#[tokio::test]
async fn restart_goes_on_where_the_inbox_was_and_forgets_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let repeated = message_with("client_msg_id", json!("order-1"));
    let (first, token) = {
        let running = Running::start_with(world(), Some(folder.path())).await;
        let token = running.token().await;
        let first = running.send_with(&token, &repeated).await.json();
        running.send_with(&token, &message()).await;
        (first, token)
    };
    let running = Running::start_with(world(), Some(folder.path())).await;
    assert_eq!(running.messages().len(), 2);
    assert_eq!(running.send_with(&token, &message()).await.errcode(), 40001);

    let again = running.send(&repeated).await.json();
    assert_eq!(again, first);
    assert_eq!(running.messages().len(), 2);
    running.send(&message()).await;
    assert_eq!(running.messages()[2].seq, 3);
}

#[tokio::test]
async fn message_is_in_the_file_when_its_sender_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start_with(world(), Some(folder.path())).await;
    running.send(&message()).await;
    let file = fs::read_to_string(folder.path().join("sandbox/inbox.jsonl")).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines.len(), 1);
    let kept: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(kept["recipient"], super::OPENID);
}

#[tokio::test]
async fn torn_last_line_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    {
        let running = Running::start_with(world(), Some(folder.path())).await;
        running.send(&message()).await;
    }
    let path = folder.path().join("sandbox/inbox.jsonl");
    let whole = fs::read(&path).unwrap();
    // Cut in the middle of a Chinese character: the rest is not even text.
    let cut = whole.iter().position(|byte| *byte >= 0x80).unwrap() + 1;
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&whole[..cut]).unwrap();

    let running = Running::start_with(world(), Some(folder.path())).await;
    assert_eq!(running.messages().len(), 1);
    running.send(&message()).await;
    let page = running.get("/sandbox/inbox").await.json();
    assert_eq!(page["messages"][1]["seq"], 2);
    assert_eq!(page["next"], 2);
}

#[tokio::test]
async fn file_of_only_a_torn_line_is_an_empty_inbox() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sandbox")).unwrap();
    fs::write(folder.path().join("sandbox/inbox.jsonl"), "{\"seq\":1,").unwrap();
    let running = Running::start_with(world(), Some(folder.path())).await;
    assert!(running.messages().is_empty());
    running.send(&message()).await;
    assert_eq!(running.messages()[0].seq, 1);
}

#[test]
fn file_that_is_no_inbox_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sandbox")).unwrap();
    for content in ["hello\n", "{\"seq\":7}\n"] {
        fs::write(folder.path().join("sandbox/inbox.jsonl"), content).unwrap();
        let opened = Sandbox::open(world(), Some(folder.path().to_path_buf()), Arc::new(Tally::default()));
        let error = opened.err().unwrap().to_string();
        assert!(error.contains("inbox.jsonl"), "{error}");
    }
}

#[tokio::test]
async fn large_inbox_opens_fast_and_recognises_its_repeats() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sandbox")).unwrap();
    let now_ms = Clock::default().now_ms();
    let mut lines = String::new();
    for seq in 1..=100_000_i64 {
        // The first half is too old to be repeated, the second half is of the last minute.
        let at_ms = if seq <= 50_000 { now_ms - 700_000 } else { now_ms - 60_000 };
        let openid = format!("otest{:023}", seq % 2_000 + 1);
        let line = json!({
            "seq": seq, "at_ms": at_ms, "channel": "wechat-template", "account": APPID,
            "recipient": openid, "title": "订单已发货", "body": "keyword1: 订单已发货\nkeyword2: SF1",
            "raw": { "touser": openid, "template_id": "free", "client_msg_id": seq.to_string(),
                "data": { "keyword1": { "value": "订单已发货" } }, "msgid": seq.to_string() },
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    fs::write(folder.path().join("sandbox/inbox.jsonl"), lines).unwrap();
    let started = Instant::now();
    let running = Running::start_with(world(), Some(folder.path())).await;
    let took = started.elapsed();
    // Far less on an idle machine with optimised code; the margin is for a busy one without.
    assert!(took.as_millis() < 5_000, "{took:?}");
    assert_eq!(running.sandbox.message_count(), 100_000);

    let repeat = |seq: i64| {
        let mut message = message_with("client_msg_id", json!(seq.to_string()));
        message["touser"] = json!(format!("otest{:023}", seq % 2_000 + 1));
        message
    };
    for seq in [50_001, 75_123, 100_000] {
        assert_eq!(running.send(&repeat(seq)).await.json()["msgid"], seq);
    }
    assert_eq!(running.sandbox.message_count(), 100_000);
    running.send(&repeat(50_000)).await;
    assert_eq!(running.sandbox.message_count(), 100_001);
}
