//! A few rounds of [`support::kill`]; `docs/operations.md` says how to run fifty.

use support::kill::{Plan, program, run};

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_points_lose_nothing_and_miscount_nothing() {
    let report = run(&Plan { program: program(), rounds: 3, followers: 2_000, seed: 7 }).await;
    assert_eq!(report.faults(), Vec::<String>::new(), "{report:#?}");
}
