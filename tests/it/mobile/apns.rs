//! What Apple's servers do to a connection of themselves: they go away, and take fewer streams than before.

use super::detail;
use super::load::{crowded, push, reached_once, sum};
use local::sandbox::{Effect, Fault};
use local::seed::mobile::device_token;
use model::channel::ChannelKind;
use serde_json::json;
use std::collections::HashSet;
use support::Town;

/// More than one worker has in flight.
const CROWD: u64 = 250;
const APNS: ChannelKind = ChannelKind::Apns;

/// Pushes to everybody and fails unless every iPhone has it once, with one call of the stand-in each.
async fn push_once(town: &Town) {
    let since = town.stack.sandbox().message_count();
    let (task, calls) = push(town, CROWD + 21).await;
    let iphones: HashSet<String> = (1..=CROWD + 3).map(|n| device_token(APNS, n).as_str().to_owned()).collect();
    reached_once(town, since, APNS, &iphones);
    assert_eq!(sum(&calls, APNS.as_str(), &[]).count, CROWD + 3, "who was turned away was not seen");
    let told = detail(town, task).await;
    assert_eq!((&told["apns_target"], &told["apns_sent"]), (&json!(CROWD + 3), &json!(CROWD + 3)), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_turned_away_by_goaway_goes_out_once_over_another_connection() {
    let town = crowded(CROWD, &[APNS]).await;
    let sandbox = town.stack.sandbox();
    // One connection after another goes away: while calls are under way, and at once.
    sandbox.faults().add(Fault::new("apns", Effect::GoAway(40)));
    sandbox.faults().add(Fault::new("apns", Effect::GoAway(0)));
    push_once(&town).await;
    let traffic = sandbox.traffic();
    assert_eq!((traffic.goaways(), sandbox.faults().pending()), (2, Vec::new()));
    assert!(traffic.turned_away() >= 2, "{traffic:?}");
    assert_eq!(traffic.violations(), 0);
    // What came over the third one stays there.
    let connections = traffic.connections();
    push_once(&town).await;
    assert_eq!((traffic.connections(), traffic.goaways()), (connections, 2));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_streams_are_opened_than_a_connection_takes_by_now() {
    let town = crowded(CROWD, &[APNS]).await;
    let sandbox = town.stack.sandbox();
    for (changes, streams) in [(1, 3), (2, 1), (3, 500)] {
        sandbox.faults().add(Fault::new("apns", Effect::Streams(streams)));
        push_once(&town).await;
        assert_eq!((sandbox.traffic().limits(), sandbox.traffic().violations()), (changes, 0));
    }
    assert_eq!(sandbox.traffic().goaways(), 0);
    town.close().await;
}
