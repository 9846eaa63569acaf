//! Devices whose tokens change while a message for them is under way: each gets it once, whatever copies of its batch there
//! are. Queues are worked by hand, and what is taken out of one stands for a copy that comes late or never.

use super::fanout::{fan_out, take};
use super::{accepted, detail, quiet_town};
use crate::own::slot;
use functions::routes;
use gateway::Invocation;
use gateway::event::{QueueEvent, QueueRecord};
use gateway::lambda::serve_queue;
use local::seed::mobile::{app_id, device_token, push_token};
use model::batch::Batch;
use model::certificate::Environment;
use model::channel::ChannelKind::{self, Fcm, Huawei, Vivo};
use model::device::Binding;
use model::ids::PushUserId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use store::Capability;
use store::devices::{DeadTokens, Devices};
use store::queue::BatchMessage;
use support::Town;

/// How long before its time the message for later is accepted.
const AHEAD: Duration = Duration::from_secs(3_600);
/// Whom user 1's Huawei phone becomes on vivo.
const NEW: u64 = 77;

/// A push to user 1's Huawei phone and user 2's phone with Google: batches 0 and 1.
fn body(begin: Option<i64>) -> Value {
    let mut message = json!({ "title": "搬家" });
    if let Some(begin) = begin {
        message["show_begin_time"] = json!(begin);
    }
    json!({ "audience": { "push_token": [push_token(Huawei, 1), push_token(Fcm, 2)] }, "message": message })
}

/// A town with such a push for later, planned.
async fn planned() -> (Town, u64) {
    let town = quiet_town().await;
    town.stack.clock().stand_still();
    let task = accepted(&town, &body(Some(town.now().plus(AHEAD).seconds()))).await;
    fan_out(&town).await;
    assert_eq!(waiting(&town).await, [""; 0], "both vendors cannot be told to wait");
    (town, task)
}

/// A town with such a push for now, and its batches: the first run's copies.
async fn under_way() -> (Town, u64, Vec<String>) {
    let town = quiet_town().await;
    let task = accepted(&town, &body(None)).await;
    fan_out(&town).await;
    let copies = waiting(&town).await;
    assert_eq!(numbers(&copies, slot(1)), BTreeSet::from([0]));
    assert_eq!(copies.len(), 2);
    (town, task, copies)
}

/// Has fan-out run as the sweep does for a task that does not move, or whose time has come.
async fn drive_again(town: &Town, task: u64) -> Vec<String> {
    let deployment = town.stack.deployment();
    let hint = json!({ "kind": "task_v1", "task": task, "sent_ms": town.now().millis(), "redrive": true }).to_string();
    let sent = deployment.sqs.send_message().queue_url(&deployment.queue_urls["TasksQueue"]).message_body(hint);
    sent.message_group_id("m:demo").send().await.expect("a hint");
    fan_out(town).await;
    waiting(town).await
}

/// Takes out what waits to be delivered to phones.
async fn waiting(town: &Town) -> Vec<String> {
    let mut bodies = Vec::new();
    for channel in ChannelKind::PHONES {
        bodies.extend(take(town.stack.deployment(), &super::repeats::queue_of(*channel)).await);
    }
    bodies
}

fn batch(body: &str) -> Batch {
    match serde_json::from_str(body).expect("a message") {
        BatchMessage::DeliverV1(batch) => *batch,
        BatchMessage::ArrivalsV1 { .. } => panic!("no batch: {body}"),
    }
}

/// The numbers of the batches in which a device is.
fn numbers(bodies: &[String], slot: u64) -> BTreeSet<u32> {
    let batches = bodies.iter().map(|body| batch(body));
    let holding = batches.filter(|batch| batch.recipients.iter().any(|recipient| recipient.slot == slot));
    holding.map(|batch| batch.id.number).collect()
}

/// The copies of one batch, and the others.
fn by_number(bodies: Vec<String>, number: u32) -> (Vec<String>, Vec<String>) {
    bodies.into_iter().partition(|body| batch(body).id.number == number)
}

/// Delivers these, one after another, and then what comes of them.
async fn deliver(town: &Town, bodies: &[String]) {
    let function = routes::by_name("deliver").expect("the function");
    let mut bodies = bodies.to_vec();
    while !bodies.is_empty() {
        for body in bodies {
            let invocation =
                Invocation { request_id: "test".to_owned(), deadline: Instant::now() + Duration::from_secs(60) };
            let event = QueueEvent { records: vec![QueueRecord { message_id: "1".to_owned(), body }] };
            let reply = serve_queue(function, town.stack.context().clone(), invocation, event).await;
            assert!(reply.batch_item_failures.is_empty(), "deliver failed");
        }
        bodies = waiting(town).await;
    }
}

/// User 1's Huawei phone loses its token, and gets one of another vendor.
async fn moves_to(town: &Town, channel: ChannelKind) {
    let (app, store) = (app_id().expect("an id"), town.stack.store());
    let gone = DeadTokens::open(store).forget(&app, Huawei, &device_token(Huawei, 1), None).await;
    assert!(gone.expect("a store"), "it had one");
    let token = device_token(channel, NEW);
    let binding = Binding { token, bound: town.now(), environment: Environment::Production, notifier: String::new() };
    let bound = Devices::open(store).bind(&app, PushUserId::new(1), 3, channel, binding).await;
    assert!(bound.expect("a store").is_some());
}

/// Who was shown the message, each time.
fn shown(town: &Town) -> Vec<String> {
    let mut shown: Vec<String> = town.inbox().into_iter().map(|message| message.recipient).collect();
    shown.sort();
    shown
}

fn tokens<const N: usize>(of: [(ChannelKind, u64); N]) -> Vec<String> {
    let mut tokens: Vec<String> =
        of.iter().map(|(channel, n)| device_token(*channel, *n).as_str().to_owned()).collect();
    tokens.sort();
    tokens
}

#[tokio::test]
async fn a_message_for_later_goes_to_the_tokens_of_its_time_in_the_batch_that_was_planned() {
    let (town, task) = planned().await;
    moves_to(&town, Vivo).await;
    town.stack.advance(AHEAD);
    let copies = drive_again(&town, task).await;
    assert_eq!(numbers(&copies, slot(1)), BTreeSet::from([0]), "where it was planned");
    deliver(&town, &copies).await;
    assert_eq!(shown(&town), tokens([(Vivo, NEW), (Fcm, 2)]));
    let told = detail(&town, task).await;
    assert_eq!((&told["vivo_sent"], &told["fcm_sent"], &told["huawei_sent"]), (&json!(1), &json!(1), &json!(0)));
    town.close().await;
}

/// The time has come, and both batches are in their queues; then the phone changes over, and fan-out runs once more.
#[tokio::test]
async fn who_changes_over_after_its_batch_went_out_gets_the_message_once_whichever_copy_comes_first() {
    for (channel, newer_first) in [(Vivo, false), (Vivo, true), (Fcm, false), (Fcm, true)] {
        let (town, task) = planned().await;
        town.stack.advance(AHEAD);
        let older = drive_again(&town, task).await;
        moves_to(&town, channel).await;
        let newer = drive_again(&town, task).await;
        assert_eq!(numbers(&older, slot(1)), BTreeSet::from([0]));
        assert_eq!(numbers(&newer, slot(1)), BTreeSet::from([0]), "in no other batch");
        let (first, second) = if newer_first { (&newer, &older) } else { (&older, &newer) };
        deliver(&town, first).await;
        deliver(&town, second).await;
        let reached = if newer_first { (channel, NEW) } else { (Huawei, 1) };
        assert_eq!(shown(&town), tokens([reached, (Fcm, 2)]), "{channel}, the newer copy first: {newer_first}");
        town.close().await;
    }
}

/// The other batch is lost with its queue, and is built again when the phone has a token of that vendor.
#[tokio::test]
async fn who_was_served_is_in_no_other_batch_whatever_its_tokens_are_by_now() {
    let (town, task, copies) = under_way().await;
    let (old, _) = by_number(copies, 0);
    deliver(&town, &old).await;
    assert_eq!(shown(&town), tokens([(Huawei, 1)]));
    moves_to(&town, Fcm).await;
    let newer = drive_again(&town, task).await;
    assert_eq!((newer.len(), numbers(&newer, slot(1))), (1, BTreeSet::new()));
    deliver(&town, &newer).await;
    assert_eq!(shown(&town), tokens([(Huawei, 1), (Fcm, 2)]));
    town.close().await;
}

/// No batch of the page was planned for its new vendor. As long as a copy of its old batch may come, it is in no other.
#[tokio::test]
async fn who_changes_over_to_a_vendor_without_a_batch_waits_until_its_old_one_is_closed() {
    let (town, task, copies) = under_way().await;
    moves_to(&town, Vivo).await;
    let newer = drive_again(&town, task).await;
    assert_eq!(numbers(&newer, slot(1)), BTreeSet::new(), "the first copy may come yet");
    // It is lost: the newer one closes the batch, without anybody in it.
    let (old, other) = by_number(newer, 0);
    deliver(&town, &old).await;
    let newest = drive_again(&town, task).await;
    assert_eq!(numbers(&newest, slot(1)), BTreeSet::from([1]), "nobody else can reach it now");
    for bodies in [&newest, &other, &copies] {
        deliver(&town, bodies).await;
    }
    assert_eq!(shown(&town), tokens([(Vivo, NEW), (Fcm, 2)]));
    town.close().await;
}
