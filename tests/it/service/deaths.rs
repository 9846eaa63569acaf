//! A process that dies at any call while a message to everybody is made: of the table, of the bucket, of WeChat. Whoever
//! repeats its work (the portal, the queue's copy, `release-due`) makes it whole, and it goes out once.

use super::files::png;
use super::{Portal, at, code, data};
use local::aws::{AwsFault, FaultKind};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, until};

/// More calls than any of this makes.
const MANY: u32 = 1_000;
/// Longer than a claim, a lease, and the minute in which WeChat does not say whether it knows a repeat.
const LATER: Duration = Duration::from_secs(400);

/// How a service of AWS treats a process at the moment of its death: the call is not made, or made and the answer never read.
fn ends() -> [FaultKind; 2] {
    let refused =
        FaultKind::Error { status: 400, code: "ValidationException".to_owned(), message: "a test".to_owned() };
    [refused, FaultKind::LoseResponse]
}

/// Articles under this title and under a thumb that WeChat has not got yet; the call that sends them to everybody.
async fn message(portal: &Portal, title: &str, number: u32) -> Value {
    let thumb = portal.uploaded("thumb", &png(u8::try_from(number).expect("few deaths"))).await;
    let news = portal.articles(json!([{ "thumb_media_id": thumb, "title": title, "content": "x" }])).await;
    json!({ "channelId": "demo", "msgtype": "mpnews", "mpnews": { "media_id": news }, "clientMsgId": title })
}

async fn call(portal: &Portal, body: &Value) -> Answer {
    portal.town.api.post(&at("mass/send"), body).await
}

/// What comes after a death: the portal repeats a call that was not answered, time passes, and the message is out once.
async fn ends_well(portal: &Portal, title: &str, body: &Value, answer: Answer) {
    let answer = if code(&answer) == 200 { answer } else { call(portal, body).await };
    let task = data(&answer)["taskId"].as_str().expect("a task").to_owned();
    let is_done = || async { portal.task(&task).await["state"] == "done" };
    portal.town.recovered(LATER, &format!("the end of {title}"), is_done).await;
    let told = portal.task(&task).await;
    assert_eq!(told["counts"]["sent"], 1, "{title}: {told}");
    let sent = portal.town.inbox().into_iter().filter(|message| message.raw["articles"][0]["title"] == title);
    assert_eq!(sent.count(), 1, "{title}: never two");
}

/// Lets the process die at every `step`-th of its calls of `service`, and counts them up to the first that it does not make.
async fn deaths(service: &str, end: &FaultKind, step: usize) -> u32 {
    let portal = Portal::open().await;
    let faults = &portal.town.stack.aws().faults;
    for nth in (0..).step_by(step) {
        let title = format!("{service} {nth}");
        let body = message(&portal, &title, nth).await;
        let delay = FaultKind::Delay(Duration::ZERO);
        faults.inject(AwsFault::new(service, "*", delay).times(nth));
        faults.inject(AwsFault::new(service, "*", end.clone()).times(MANY));
        let answer = call(&portal, &body).await;
        let task = answer.json()["data"]["taskId"].as_str().map(str::to_owned);
        let met = || faults.pending() < MANY;
        // Nothing is asked of the store meanwhile but by the process itself.
        let out = || portal.town.inbox().iter().any(|message| message.raw["articles"][0]["title"] == *title);
        until(&format!("a death at call {nth} or the message"), || async { met() || (task.is_some() && out()) }).await;
        // Its last calls, those that SDKs repeat among them.
        let mut before = u32::MAX;
        while before != faults.pending() {
            before = faults.pending();
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        let died = met();
        faults.clear();
        ends_well(&portal, &title, &body, answer).await;
        if !died {
            portal.town.close().await;
            return nth;
        }
    }
    unreachable!("every message has an end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute: cargo test --workspace --test it -- --ignored survives_a_death_at_any_call_of_the_table"]
async fn a_message_to_everybody_survives_a_death_at_any_call_of_the_table() {
    survives_deaths_at_the_table(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_everybody_survives_a_death_at_some_calls_of_the_table() {
    survives_deaths_at_the_table(7).await;
}

async fn survives_deaths_at_the_table(step: usize) {
    for end in ends() {
        let deaths = deaths("dynamodb", &end, step).await;
        assert!(deaths >= 20, "{deaths} calls under {end:?}: a message makes more than that");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_everybody_survives_a_death_at_any_call_of_the_bucket() {
    for end in ends() {
        let deaths = deaths("s3", &end, 1).await;
        assert!(deaths >= 2, "{deaths} deaths under {end:?}: the articles and a thumb are read");
    }
}

/// The thumb, the draft or the message was taken by WeChat, or never came there, and whoever waited for the answer never got
/// it, as when it died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn must_17_a_kill_between_thumb_draft_and_message_never_sends_two() {
    let portal = Portal::open().await;
    let mut number = 0;
    for (lost, operation, before) in [("thumb", "upload", 0), ("draft", "upload", 1), ("message", "send", 0)] {
        for drop in ["before", "after"] {
            let title = format!("{lost} {drop}");
            let body = message(&portal, &title, number).await;
            number += 1;
            let order = |more: Value| {
                let mut order = json!({ "channel": "wechat-mass", "operation": operation });
                order.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
                order
            };
            if before > 0 {
                portal.order(order(json!({ "delay_ms": 1, "times": before }))).await;
            }
            portal.order(order(json!({ "drop": drop, "times": 1 }))).await;
            let answer = call(&portal, &body).await;
            let met = async || portal.town.sandbox.get("/sandbox/faults").await.json()["faults"] == json!([]);
            until(&format!("the loss of {title}"), met).await;
            ends_well(&portal, &title, &body, answer).await;
        }
    }
    portal.town.close().await;
}
