//! What arrived at vivo's phones: vivo tells it when it is asked, and the schedule has it asked.

use super::{accepted, detail, message};
use local::Options;
use local::sandbox::{Effect, Fault};
use local::seed::mobile::device_token;
use model::certificate::Environment;
use model::channel::ChannelKind;
use model::ids::{Owner, TaskId};
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::queue::Questions;
use support::{Town, until};

const VIVO: ChannelKind = ChannelKind::Vivo;
const MINUTE: Duration = Duration::from_secs(60);

/// A town whose vendors report nothing by themselves, with one push to everybody; one of vivo's three phones is gone.
async fn pushed() -> (Town, u64) {
    let town = Town::with(Options::for_tests()).await;
    town.stack.sandbox().report_after(None);
    town.stack.sandbox().remove_app_from(VIVO.as_str(), device_token(VIVO, 2).as_str());
    let task = accepted(&town, &json!({ "audience": "all", "message": message() })).await;
    until("vivo has it", || async { detail(&town, task).await["vivo_sent"] == 2 }).await;
    (town, task)
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
