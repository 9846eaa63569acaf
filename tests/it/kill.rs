//! A few rounds of [`support::kill`]; `make kill` runs many.

use support::kill::{Plan, devices, run};
use support::program::program;

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_points_lose_nothing_and_miscount_nothing() {
    let report = run(&Plan { program: program(), rounds: 3, followers: 1_000, seed: 7 }).await;
    assert_eq!(report.faults(), Vec::<String>::new(), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_devices_are_connected_lose_nothing() {
    let plan = devices::Plan { program: program(), rounds: 2, devices: 40, seed: 7 };
    let report = devices::run(&plan).await;
    assert_eq!(report.faults(), Vec::<String>::new(), "{report:#?}");
}
