//! Vendors that refuse, hang or are not there: through the whole stack.

use super::{accepted, detail, message};
use local::Options;
use local::sandbox::{Effect, Fault};
use local::seed::mobile::device_token;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Town, until_within};

/// A busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(60);

async fn town() -> Town {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    town
}

async fn push(town: &Town) -> u64 {
    accepted(town, &json!({ "audience": "all", "message": message() })).await
}

/// Waits until each of `names` is `count`, and answers all counters.
async fn counted(town: &Town, task: u64, names: &[&str], count: u64) -> Value {
    until_within(PATIENCE, "the counters", || async {
        let counters = detail(town, task).await;
        names.iter().all(|name| counters[*name] == count)
    })
    .await;
    detail(town, task).await
}

fn faults(town: &Town, fault: Fault) {
    town.stack.sandbox().faults().add(fault);
}

const SENT: [&str; 7] = ["apns_sent", "fcm_sent", "huawei_sent", "xiaomi_sent", "oppo_sent", "flyme_sent", "vivo_sent"];
const OTHERS: [&str; 6] = ["apns_sent", "fcm_sent", "huawei_sent", "xiaomi_sent", "oppo_sent", "flyme_sent"];

fn status(number: u16) -> Effect {
    Effect::Status { status: axum::http::StatusCode::from_u16(number).expect("a status"), retry_after: None }
}

#[tokio::test]
async fn push_row_30_a_death_that_is_older_than_the_binding_costs_no_binding() {
    let town = town().await;
    let apns = device_token(ChannelKind::Apns, 1);
    // Apple dates it an hour back; the device bound its token a moment ago.
    faults(&town, Fault::new("apns", Effect::Errcode(410)).to(apns.as_str()));
    let dead = device_token(ChannelKind::Meizu, 1);
    faults(&town, Fault::new("meizu", Effect::Errcode(110_002)).to(dead.as_str()));
    let task = push(&town).await;
    counted(&town, task, &["apns_sent", "flyme_sent"], 2).await;
    let next = push(&town).await;
    let counters = counted(&town, next, &["apns_sent"], 3).await;
    assert_eq!((&counters["apns_target"], &counters["flyme_target"]), (&json!(3), &json!(2)), "{counters}");
    town.close().await;
}

#[tokio::test]
async fn push_row_42_a_spent_quota_of_vivos_is_not_asked_again_today() {
    let town = town().await;
    faults(&town, Fault::new("vivo", Effect::Errcode(10_070)));
    let task = push(&town).await;
    counted(&town, task, &OTHERS, 3).await;
    let calls = async || {
        let all = town.sandbox.get("/sandbox/calls").await.json();
        let vivo = all["totals"]["vivo"].clone();
        assert!(vivo.is_object(), "vivo was called: {all}");
        vivo
    };
    let before = calls().await;
    let next = push(&town).await;
    counted(&town, next, &OTHERS, 3).await;
    assert_eq!(calls().await, before, "the breaker is open");
    assert_eq!(detail(&town, next).await["vivo_sent"], 0);
    town.close().await;
}

/// vivo takes half a minute for every call, Apple and Xiaomi answer 503, and none of it ends by itself: whoever has to wait
/// for one of them waits for ever.
#[tokio::test]
async fn vendors_in_trouble_hold_up_no_other_and_get_their_messages_when_it_is_over() {
    const IN_TROUBLE: [&str; 3] = ["vivo_sent", "apns_sent", "xiaomi_sent"];
    let mut options = Options::for_tests();
    options.settings.insert("TUISONG_UPSTREAM_TIMEOUT_MS".to_owned(), "3000".to_owned());
    let town = Town::with(options).await;
    town.stack.sandbox().report_after(None);
    let slow = Fault { effect: Some(Effect::DropBefore), ..Fault::late("vivo", Duration::from_secs(30)) };
    faults(&town, slow.forever());
    faults(&town, Fault::new("apns", Effect::Errcode(503)).forever());
    faults(&town, Fault::new("xiaomi", status(503)).forever());
    for _ in 0..2 {
        let task = push(&town).await;
        let others: Vec<&str> = SENT.into_iter().filter(|name| !IN_TROUBLE.contains(name)).collect();
        let told = counted(&town, task, &others, 3).await;
        for name in IN_TROUBLE {
            assert_eq!(told[name], 0, "{name}: {told}");
            assert_eq!(told[name.replace("sent", "target")], 3, "{name}: {told}");
        }
    }
    let troubled = |message: &local::sandbox::Message| matches!(message.channel.as_str(), "vivo" | "apns" | "xiaomi");
    assert!(!town.inbox().iter().any(troubled), "nothing of theirs went out");
    town.stack.sandbox().faults().clear();
    until_within(PATIENCE, "theirs", || async { town.inbox().iter().filter(|one| troubled(one)).count() >= 18 }).await;
    let newest = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    counted(&town, newest, &SENT, 3).await;
    assert_eq!(town.inbox().iter().filter(|one| troubled(one)).count(), 27, "each message once");
    town.close().await;
}

#[tokio::test]
async fn a_vendor_that_is_not_there_gets_its_messages_when_it_is_back() {
    let town = town().await;
    faults(&town, Fault::new("xiaomi", status(503)).times(2));
    faults(
        &town,
        Fault::new("fcm", Effect::Status { status: axum::http::StatusCode::TOO_MANY_REQUESTS, retry_after: Some(1) }),
    );
    faults(&town, Fault::new("huawei", Effect::Errcode(80_200_003)));
    let task = push(&town).await;
    let counters = counted(&town, task, &SENT, 3).await;
    assert_eq!(counters["huawei_target"], 3);
    let inbox = town.inbox();
    assert_eq!(inbox.len(), 21, "nobody got it twice");
    town.close().await;
}
