//! What comes twice: a batch that its queue brings again, and a message whose answer was lost.

use super::fanout::take;
use super::{accepted, detail, message, quiet_town};
use crate::wxpusher::work;
use gateway::Invocation;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use http::StatusCode;
use local::Options;
use local::sandbox::{Effect, Fault};
use local::seed::mobile::{self, device_token};
use model::channel::ChannelKind::{self, Fcm};
use model::device::PushUser;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use store::Capability;
use store::devices::UserWriter;
use support::{Town, until_within};

/// A busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn queue_of(channel: ChannelKind) -> String {
    let name = channel.as_str();
    format!("Deliver{}{}Queue", name[..1].to_ascii_uppercase(), &name[1..])
}

/// How often each vendor was called.
async fn vendor_calls(town: &Town) -> Vec<Value> {
    let all = town.sandbox.get("/sandbox/calls").await.json();
    ChannelKind::PHONES.iter().map(|channel| all["totals"][channel.as_str()].clone()).collect()
}

#[tokio::test]
async fn push_row_61_a_finished_batch_that_comes_again_calls_no_vendor() {
    let town = quiet_town().await;
    town.stack.sandbox().report_after(None);
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    work(&town, "fanout", "TasksQueue").await;
    let deployment = town.stack.deployment();
    let mut batches = Vec::new();
    for channel in ChannelKind::PHONES {
        let bodies = take(deployment, &queue_of(*channel)).await;
        batches.extend(bodies.into_iter().map(|body| (queue_of(*channel), body)));
    }
    assert_eq!(batches.len(), 7);
    let bring = async || {
        for (queue, body) in &batches {
            let sent = deployment.sqs.send_message().queue_url(&deployment.queue_urls[queue]).message_body(body);
            sent.message_group_id("m:demo").send().await.expect("a message");
            work(&town, "deliver", queue).await;
        }
    };
    bring().await;
    let (counters, calls) = (detail(&town, task).await, vendor_calls(&town).await);
    assert!(calls.iter().all(Value::is_object), "every vendor was called: {calls:?}");
    assert_eq!((town.arrived(), &counters["vivo_sent"], &counters["apns_sent"]), (21, &json!(3), &json!(3)));
    let written = town.stack.aws().calls.of("dynamodb", "PutItem", "TasksTable").count;
    for _ in 0..2 {
        bring().await;
    }
    assert_eq!(vendor_calls(&town).await, calls);
    assert_eq!((town.arrived(), detail(&town, task).await), (21, counters));
    assert_eq!(
        town.stack.aws().calls.of("dynamodb", "PutItem", "TasksTable").count,
        written,
        "nothing is written anew"
    );
    town.close().await;
}

/// Only OPPO recognises a repeat; elsewhere a message shown twice is better than one never shown.
#[tokio::test]
async fn push_row_62_a_message_whose_answer_was_lost_is_sent_again() {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    for channel in ChannelKind::PHONES {
        town.stack.sandbox().faults().add(Fault::new(channel.as_str(), Effect::DropAfter));
    }
    let task = accepted(&town, &json!({ "audience": { "alias": ["alias1"] }, "message": message() })).await;
    let names = ["apns", "fcm", "huawei", "xiaomi", "oppo", "vivo", "flyme"];
    let sent = |counters: &Value| names.iter().all(|name| counters[format!("{name}_sent")] == 1);
    let but_google =
        |counters: &Value| names.iter().all(|name| *name == "fcm" || counters[format!("{name}_sent")] == 1);
    until_within(PATIENCE, "the second answers", || async { but_google(&detail(&town, task).await) }).await;
    // Google's is given ten seconds before it is asked again.
    town.stack.advance(Duration::from_secs(11));
    until_within(PATIENCE, "Google's second answer", || async { sent(&detail(&town, task).await) }).await;
    let counters = detail(&town, task).await;
    assert!(names.iter().all(|name| counters[format!("{name}_target")] == 1), "one device each: {counters}");
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for one in town.inbox() {
        let channel = ChannelKind::parse(&one.channel).expect("a channel");
        assert_eq!(one.recipient, device_token(channel, 1).as_str(), "nobody else gets it");
        *shown.entry(one.channel).or_default() += 1;
    }
    let expected = |channel: &ChannelKind| (channel.to_string(), if *channel == ChannelKind::Oppo { 1 } else { 2 });
    assert_eq!(shown, ChannelKind::PHONES.iter().map(expected).collect());
    town.close().await;
}

/// One of ten devices of a call hangs until the function's time is nearly over: the nine answers count, and the tenth alone is
/// tried again. `cargo test --workspace --test it -- --ignored one_of_ten_hangs`: it takes the time that a call is given.
#[tokio::test]
#[ignore = "takes twelve seconds"]
async fn one_of_ten_hangs_and_nine_are_sent() {
    const DEVICES: u64 = 10;
    let town = quiet_town().await;
    town.stack.clock().stand_still();
    let writer = UserWriter::open(town.stack.store());
    let newcomers: Vec<PushUser> = (4..=DEVICES)
        .map(|n| mobile::user(n, &[Fcm], 1_000 + n, 1, town.now(), |channel| device_token(channel, n)))
        .collect();
    writer.put(&mobile::app_id().expect("an id"), &newcomers).await.expect("users");
    let tokens: Vec<String> = (1..=DEVICES).map(|n| mobile::push_token(Fcm, n)).collect();
    let task = accepted(&town, &json!({ "audience": { "push_token": tokens }, "message": message() })).await;
    work(&town, "fanout", "TasksQueue").await;
    let bodies = take(town.stack.deployment(), &queue_of(Fcm)).await;
    assert_eq!(bodies.len(), 1);

    // Two answers that take long, each within the limit of a call: a token that is refused, and the repeat with another.
    let (faults, hangs) = (town.stack.sandbox().faults(), device_token(Fcm, 3));
    let refused = Effect::Status { status: StatusCode::UNAUTHORIZED, retry_after: None };
    faults.add(Fault { delay: Duration::from_secs(7), ..Fault::new("fcm", refused).to(hangs.as_str()) });
    faults.add(Fault::late("fcm", Duration::from_secs(30)).to(hangs.as_str()));
    let invocation =
        Invocation { request_id: "nearly-over".to_owned(), deadline: Instant::now() + Duration::from_millis(16_500) };
    let function = functions::routes::by_name("deliver").expect("the function");
    let records = bodies.into_iter().map(|body| QueueRecord { message_id: "1".to_owned(), body }).collect();
    let reply = serve_queue(function, town.stack.context().clone(), invocation, QueueEvent { records }).await;
    assert!(reply.batch_item_failures.is_empty(), "deliver failed");
    assert_eq!(detail(&town, task).await["fcm_sent"], 9);

    faults.clear();
    town.stack.advance(Duration::from_secs(12));
    until_within(PATIENCE, "the tenth", || async {
        work(&town, "deliver", &queue_of(Fcm)).await;
        detail(&town, task).await["fcm_sent"] == 10
    })
    .await;
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for one in town.inbox() {
        *shown.entry(one.recipient).or_default() += 1;
    }
    shown.remove(hangs.as_str()).expect("the tenth has it");
    assert_eq!((shown.len(), shown.values().sum::<usize>()), (9, 9), "nobody else has it twice: {shown:?}");
    town.close().await;
}
