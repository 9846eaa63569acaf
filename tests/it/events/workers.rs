//! Queue messages and schedules.

use super::{body, event, function, http, invocation, queue, record, shape, stack, take, with_record};
use ::http::StatusCode;
use gateway::event::QueueReply;
use gateway::lambda::serve_schedule;
use local::seed;
use model::clock::Clock;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_message_goes_from_event_to_event_into_the_inbox() {
    let stack = stack().await;
    let answer = body(&http(&stack, "wxpusher-send", &event("wxpusher-send")).await);
    let mut hint = record(&event("fanout"));
    hint["task"] = answer["data"][0]["messageContentId"].clone();
    hint["sent_ms"] = json!(stack.clock().now());
    let fanned_out = queue(&stack, "fanout", with_record(event("fanout"), &hint)).await;
    assert_eq!(fanned_out, QueueReply::default());

    let batch = take(&stack, "DeliverWechatTemplateQueue").await;
    assert_eq!(shape(&batch), shape(&record(&event("deliver"))), "the batch in deliver.json is out of date");
    let delivered = queue(&stack, "deliver", with_record(event("deliver"), &batch)).await;
    assert_eq!(delivered, QueueReply::default());
    let inbox = stack.sandbox().messages_since(0).expect("an inbox");
    assert_eq!(inbox.len(), 1);
    assert_eq!((inbox[0].channel.as_str(), inbox[0].recipient.as_str()), ("wechat-template", seed::openid(1).as_str()));

    let url = batch["message"]["url"].as_str().expect("a link");
    let key = url.rsplit('/').next().expect("a key");
    let mut page = event("page");
    page["rawPath"] = format!("/m/{key}").into();
    page["pathParameters"]["key"] = key.into();
    let reply = http(&stack, "page", &page).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&reply.body).contains("磁盘 /var 已用 91%"));

    let mut status = event("wxpusher-status");
    let id = answer["data"][0]["messageId"].to_string();
    status["rawPath"] = format!("/api/send/query/{id}").into();
    status["pathParameters"]["messageId"] = id.into();
    assert_eq!(body(&http(&stack, "wxpusher-status", &status).await)["data"], 3);
    stack.stop().await;
}

#[tokio::test]
async fn a_hint_whose_task_is_gone_is_dropped_and_one_that_came_early_comes_again() {
    let stack = stack().await;
    assert_eq!(queue(&stack, "fanout", event("fanout")).await, QueueReply::default());
    let mut hint = record(&event("fanout"));
    hint["sent_ms"] = json!(stack.clock().now());
    let event = with_record(event("fanout"), &hint);
    let reply = queue(&stack, "fanout", event.clone()).await;
    assert_eq!(json!(reply), json!({ "batchItemFailures": [{ "itemIdentifier": event["Records"][0]["messageId"] }] }));
    stack.stop().await;
}

#[tokio::test]
async fn a_batch_is_delivered_while_it_is_fresh_and_expires_when_it_is_old() {
    let stack = stack().await;
    let count = |state: &str| {
        stack.context().metrics.counted_under(&format!("Delivered{{channel=wechat-template,state={state}}}"))
    };
    assert_eq!(queue(&stack, "deliver", event("deliver")).await, QueueReply::default());
    assert_eq!((stack.sandbox().message_count(), count("expired")), (0, 1), "accepted longer than a day ago");

    let mut batch = record(&event("deliver"));
    batch["accepted_ms"] = json!(stack.clock().now());
    batch["id"]["number"] = json!(1);
    assert_eq!(queue(&stack, "deliver", with_record(event("deliver"), &batch)).await, QueueReply::default());
    let inbox = stack.sandbox().messages_since(0).expect("an inbox");
    assert_eq!((inbox.len(), count("sent")), (1, 1));
    assert!(inbox[0].body.contains("磁盘告警"), "{}", inbox[0].body);
    stack.stop().await;
}

#[tokio::test]
async fn an_inbound_event_is_done_and_its_copy_changes_nothing() {
    let stack = stack().await;
    for _ in 0..2 {
        assert_eq!(queue(&stack, "inbound", event("inbound")).await, QueueReply::default());
    }
    let mut bad = event("inbound");
    bad["Records"][0]["body"] = "{\"kind\":\"inbound_v9\"}".into();
    assert_eq!(queue(&stack, "inbound", bad).await.batch_item_failures.len(), 1);
    stack.stop().await;
}

#[tokio::test]
async fn one_unreadable_record_fails_alone() {
    let stack = stack().await;
    let mut event = event("fanout");
    let mut bad = event["Records"][0].clone();
    bad["messageId"] = "bad".into();
    bad["body"] = "{\"kind\":\"task_v9\"}".into();
    event["Records"].as_array_mut().expect("records").push(bad);
    let reply = queue(&stack, "fanout", event).await;
    assert_eq!(json!(reply), json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] }));
    stack.stop().await;
}

#[tokio::test]
async fn the_schedules_run() {
    let stack = stack().await;
    let run = async |name: &str| {
        serve_schedule(function(name), stack.context().clone(), invocation(), event(name)).await.expect("a run");
    };
    run("refresh-tokens").await;
    let account = stack.sandbox().wechat(seed::ACCOUNT).expect("the demo account");
    assert_eq!(account.token_fetches().stable, 1, "the token was fetched before anybody waited for it");

    let accepted = http(&stack, "wxpusher-send", &event("wxpusher-send")).await;
    assert_eq!(body(&accepted)["code"], 1000);
    let redriven = || stack.context().metrics.counted_under("Redriven");
    run("release-due").await;
    assert_eq!(redriven(), 0, "the task is young");
    // Nobody worked the hint: once its block is settled the task counts as stuck.
    stack.advance(Duration::from_secs(300));
    run("release-due").await;
    assert_eq!(redriven(), 1);
    stack.stop().await;
}
