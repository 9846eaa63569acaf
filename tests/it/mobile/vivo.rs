//! What arrived at vivo's phones: vivo tells it when it is asked, and the schedule has it asked.

use super::{accepted, detail, message};
use local::Options;
use local::sandbox::{Effect, Fault};
use local::seed::mobile::{device_token, push_token};
use model::certificate::Environment;
use model::channel::ChannelKind;
use model::ids::{Owner, TaskId};
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::queue::Questions;
use store::statistics::StatisticsReader;
use support::{Town, until};

const VIVO: ChannelKind = ChannelKind::Vivo;
const MINUTE: Duration = Duration::from_secs(60);

/// The town with one push to everybody; one of vivo's three phones is gone.
async fn pushed() -> (Town, u64) {
    let town = silent_town().await;
    town.stack.sandbox().remove_app_from(VIVO.as_str(), device_token(VIVO, 2).as_str());
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until("vivo has it", || async { detail(&town, task).await["vivo_sent"] == 2 }).await;
    (town, task)
}

/// A town whose vendors report nothing by themselves.
async fn silent_town() -> Town {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    town
}

/// How often vivo was asked.
fn asked(town: &Town) -> u64 {
    town.stack.aws().calls.of("vivo", "getStatistics", "").count
}

async fn received(town: &Town, task: u64) -> Value {
    detail(town, task).await["vivo_received"].clone()
}

/// Time goes by and the schedule runs; answers once vivo was asked `times` in all.
async fn later(town: &Town, by: Duration, times: u64) {
    town.stack.advance(by);
    town.stack.run_schedule("release-due", Value::Null).await.expect("a run");
    until(&format!("vivo to be asked {times} times"), || async { asked(town) >= times }).await;
    // Whoever is not asked is not asked a moment later either.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(asked(town), times);
}

#[tokio::test]
async fn vivo_is_asked_after_ten_minutes_an_hour_and_a_day() {
    let (town, task) = pushed().await;
    later(&town, 9 * MINUTE, 0).await;
    assert_eq!(received(&town, task).await, 0);
    later(&town, MINUTE, 1).await;
    until("it is counted", || async { received(&town, task).await == 2 }).await;
    later(&town, MINUTE, 1).await;
    later(&town, 60 * MINUTE, 2).await;
    later(&town, 60 * MINUTE, 2).await;
    later(&town, 24 * 60 * MINUTE, 3).await;
    later(&town, 24 * 60 * MINUTE, 3).await;
    let told = detail(&town, task).await;
    assert_eq!((&told["vivo_target"], &told["vivo_sent"], &told["vivo_received"]), (&json!(3), &json!(2), &json!(2)));
    town.close().await;
}

#[tokio::test]
async fn what_vivo_says_twice_counts_once_and_what_it_does_not_say_is_asked_again() {
    let (town, task) = pushed().await;
    let gone = axum::http::StatusCode::SERVICE_UNAVAILABLE;
    let trouble = Fault::new("vivo", Effect::Status { status: gone, retry_after: None });
    town.stack.sandbox().faults().add(trouble.on_token());
    later(&town, 11 * MINUTE, 1).await;
    assert_eq!(received(&town, task).await, 0);
    later(&town, 11 * MINUTE, 2).await;
    until("it is counted", || async { received(&town, task).await == 2 }).await;
    // Two workers at once, and a question in the name of an app that sent nothing.
    let questions = Questions::open(town.stack.store());
    let owner = Owner::Mobile(local::seed::mobile::app_id().expect("an app"));
    for environment in [Environment::Production, Environment::Production, Environment::Development] {
        questions.send(VIVO, &owner, TaskId::new(task), environment).await.expect("a question");
    }
    later(&town, Duration::ZERO, 4).await;
    assert_eq!(received(&town, task).await, 2);
    town.close().await;
}

/// Sends a push to vivo's three phones; answers once vivo has it.
async fn sent_to_vivo(town: &Town) -> u64 {
    let tokens = [1, 2, 3].map(|n| push_token(VIVO, n));
    let audience = json!({ "push_token": tokens });
    let task = accepted(town, &json!({ "audience": audience, "message": message() })).await;
    until("vivo has it", || async { detail(town, task).await["vivo_sent"] == 3 }).await;
    task
}

/// How many tasks of vivo's each noted list was sent as.
async fn noted(town: &Town, task: u64) -> Vec<usize> {
    let reader = StatisticsReader::open(town.stack.store());
    let lists = reader.lists(TaskId::new(task), VIVO).await.expect("lists");
    lists.iter().map(|list| list.vendor_tasks.len()).collect()
}

/// What a kill between the list and its record leaves, and an answer that is lost: the repeat is answered as seen, without
/// the id under which the list went out.
#[tokio::test]
async fn a_list_whose_answer_was_lost_is_asked_about_all_the_same() {
    let town = silent_town().await;
    let faults = town.stack.sandbox().faults();
    faults.add(Fault::new("vivo", Effect::DropAfter));
    // vivo's "this requestId has been seen".
    faults.add(Fault::new("vivo", Effect::Errcode(10_102)));
    let task = sent_to_vivo(&town).await;
    assert!(faults.pending().is_empty(), "it was tried twice");
    assert_eq!(noted(&town, task).await, [2]);
    later(&town, 11 * MINUTE, 1).await;
    until("it is counted", || async { received(&town, task).await == 3 }).await;
    town.close().await;
}

/// Should vivo not know a repeat: what went out twice came to three phones, not to six.
#[tokio::test]
async fn a_list_that_was_sent_twice_counts_once() {
    let town = silent_town().await;
    town.stack.sandbox().faults().add(Fault::new("vivo", Effect::DropAfter));
    let task = sent_to_vivo(&town).await;
    assert_eq!(noted(&town, task).await, [2]);
    later(&town, 11 * MINUTE, 1).await;
    until("it is counted", || async { received(&town, task).await == 3 }).await;
    let counted = StatisticsReader::open(town.stack.store()).received(TaskId::new(task)).await.expect("a count");
    assert_eq!(counted.get(&VIVO), Some(&3), "also before it is held against what was sent");
    town.close().await;
}
