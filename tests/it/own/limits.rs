//! Limits of the WebSocket API, as API Gateway has them.

use super::{GRACE, becomes, counted, is_online, notify, online, phones, token, town};
use futures::stream::{self, StreamExt};
use gateway::WorkerError;
use local::Options;
use local::aws::{AwsFault, FaultKind};
use local::seed::mobile;
use local::socket::SocketLimits;
use model::clock::Clock;
use model::own::MOST_FRAMES;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::own::Arrivals;
use support::Town;
use support::socket::Socket;
use support::until;

/// Too large.
const SIZE: Option<u16> = Some(1009);
/// Going away.
const AWAY: Option<u16> = Some(1001);

#[tokio::test]
async fn a_frame_that_is_too_large_closes_the_connection() {
    let town = town().await;
    for bytes in [33 * 1024, 129 * 1024] {
        let mut socket = online(&town, 1).await;
        socket.say(json!({ "type": "ping", "filler": "x".repeat(bytes) })).await;
        let code = socket.closed().await;
        // Whoever is still writing may miss why.
        assert!(code == SIZE || (code.is_none() && bytes > 100_000), "{bytes}: {code:?}");
        becomes(&town, 1, false).await;
    }
    let mut socket = online(&town, 1).await;
    socket.say(json!({ "type": "ping", "filler": "x".repeat(31 * 1024) })).await;
    assert_eq!(socket.hear().await["type"], "pong", "what fits is read");
    town.close().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_so_is_an_old_one() {
    let limits = SocketLimits { idle: Duration::from_millis(1500), life: Duration::from_secs(5) };
    let town = Town::with(Options { socket_limits: limits, ..Options::for_tests() }).await;
    let mut silent = online(&town, 1).await;
    assert_eq!(silent.closed().await, AWAY);
    becomes(&town, 1, false).await;
    let mut busy = online(&town, 1).await;
    let mut pongs = 0;
    let code = loop {
        busy.say(json!({ "type": "ping" })).await;
        match busy.hear_within(Duration::from_secs(1)).await {
            Some(_) => pongs += 1,
            None => break busy.closed().await,
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(pongs >= 4, "heartbeats keep it open: {pongs}");
    assert!(code == AWAY || code.is_none(), "{code:?}");
    becomes(&town, 1, false).await;
    town.close().await;
}

#[tokio::test]
async fn the_sixth_connection_of_a_device_takes_the_place_of_the_first() {
    let town = town().await;
    let mut sockets = Vec::new();
    for _ in 0..6 {
        sockets.push(online(&town, 1).await);
        town.stack.advance(Duration::from_secs(1));
    }
    let task = notify(&town, phones(&[1]), Value::Null, "六个窗口").await;
    for socket in &mut sockets[1..] {
        assert_eq!(socket.message().await.0, task);
    }
    assert_eq!(sockets[0].hear_within(super::GRACE).await, None);
    counted(&town, task, "mxpush", [1, 1, 0]).await;
    // A heartbeat of the first brings it back, in the place of the one that was silent for longest.
    sockets[0].say(json!({ "type": "ping" })).await;
    assert_eq!(sockets[0].hear().await["type"], "pong");
    let next = notify(&town, phones(&[1]), Value::Null, "再来").await;
    assert_eq!(sockets[0].message().await.0, next);
    assert!(is_online(&town, 1).await);
    town.close().await;
}

/// A minute passes, and the schedule runs.
async fn a_minute_passes(town: &Town) {
    town.stack.advance(Duration::from_secs(60));
    town.stack.run_schedule("release-due", json!({})).await.expect("a run");
}

#[tokio::test]
async fn who_does_not_sign_in_in_time_is_sent_away() {
    let town = town().await;
    let url = town.stack.socket_url();
    let mut stranger = Socket::open(&url).await;
    let mut late = Socket::open(&url).await;
    let mut forger = Socket::open(&url).await;
    assert_eq!(forger.login(mobile::APP, "forged").await["code"], "own_push_token");
    let (headers, signed_in) = ([("app_id", mobile::APP), ("push-token", &*token(2))], online(&town, 1).await);
    let by_headers = Socket::try_open(&url, &headers).await.expect("a connection");
    let ends = || town.stack.aws().calls.of("execute-api", "DeleteConnection", "").count;

    town.stack.run_schedule("release-due", json!({})).await.expect("a run");
    assert_eq!(ends(), 0, "everybody has half a minute");
    assert_eq!(late.login(mobile::APP, &token(3)).await["type"], "welcome");
    for _ in 0..3 {
        a_minute_passes(&town).await;
    }
    for socket in [&mut stranger, &mut forger] {
        assert!(socket.closed().await.is_some(), "it is told");
    }
    assert_eq!(ends(), 2, "each once");
    let mut stay = [signed_in, by_headers, late];
    for socket in &mut stay {
        socket.say(json!({ "type": "ping" })).await;
        assert_eq!(socket.hear().await["type"], "pong", "who has signed in stays");
    }
    until("the others to be gone", || async { town.stack.aws().connections.count() == 3 }).await;
    let before = ends();
    for _ in 0..2 {
        a_minute_passes(&town).await;
    }
    assert_eq!(ends(), before, "and nobody is looked for for ever");
    town.close().await;
}

/// However long the due list is, and however long there was no run: here the list is not to be had at all.
#[tokio::test]
async fn strangers_are_seen_to_before_all_else_and_for_five_minutes() {
    let town = town().await;
    let mut stranger = Socket::open(&town.stack.socket_url()).await;
    town.stack.advance(Duration::from_secs(5 * 60));
    let faults = &town.stack.aws().faults;
    let hanging = FaultKind::Delay(Duration::from_secs(600));
    faults.inject(AwsFault::new("dynamodb", "Query", hanging).on("TasksTable").times(1_000));
    tokio::select! {
        ended = town.stack.run_schedule("release-due", json!({})) => panic!("{ended:?} before the stranger was told"),
        code = stranger.closed() => assert!(code.is_some()),
    }
    faults.clear();
    town.close().await;
}

#[tokio::test]
async fn so_many_strangers_are_ended_in_a_run_and_the_others_in_the_next() {
    let town = town().await;
    let ends = || town.stack.aws().calls.of("execute-api", "DeleteConnection", "").count;
    let (arrivals, now) = (&Arrivals::open(town.stack.store()), town.stack.clock().now());
    // They have gone already, which nobody knows.
    let come = (0..1_020).map(|n| async move { arrivals.note(&format!("gone{n}="), now).await.expect("a note") });
    stream::iter(come).buffer_unordered(8).collect::<()>().await;
    for (ended, run) in [(1_000, "as many as a run may"), (1_020, "the others"), (1_020, "nobody is left")] {
        a_minute_passes(&town).await;
        if ended == 1_000 && ends() == 0 {
            // The first minute was not over by half a minute.
            a_minute_passes(&town).await;
        }
        assert_eq!(ends(), ended, "{run}");
    }
    town.close().await;
}

/// One that cannot be ended holds up no other, and is tried again.
#[tokio::test]
async fn a_stranger_that_could_not_be_ended_is_ended_in_the_next_run() {
    let town = town().await;
    let url = town.stack.socket_url();
    let mut strangers = [Socket::open(&url).await, Socket::open(&url).await];
    town.stack.advance(Duration::from_secs(120));
    let refused =
        FaultKind::Error { status: 400, code: "BadRequestException".to_owned(), message: "a test".to_owned() };
    town.stack.aws().faults.inject(AwsFault::new("execute-api", "DeleteConnection", refused));
    let run = town.stack.run_schedule("release-due", json!({})).await;
    assert!(matches!(run, Err(WorkerError::Incomplete(1))), "{run:?}");
    until("the other to be gone", || async { town.stack.aws().connections.count() == 1 }).await;
    let ends = || town.stack.aws().calls.of("execute-api", "DeleteConnection", "").count;
    let before = ends();
    for _ in 0..2 {
        town.stack.run_schedule("release-due", json!({})).await.expect("a run");
        assert_eq!(ends(), before + 1, "that one, and once");
    }
    for stranger in &mut strangers {
        assert!(stranger.closed().await.is_some(), "both are told");
    }
    town.close().await;
}

#[tokio::test]
async fn a_connection_that_says_too_much_is_ended_and_may_come_back() {
    let town = town().await;
    town.stack.clock().stand_still();
    let (mut loud, mut calm) = (online(&town, 1).await, online(&town, 2).await);
    // Signing in was the first.
    for _ in 1..MOST_FRAMES {
        loud.say(json!({ "type": "nonsense" })).await;
        assert_eq!(loud.hear().await["code"], "own_frame");
    }
    loud.say(json!({ "type": "ping" })).await;
    assert_eq!(loud.hear_within(Duration::from_secs(30)).await, None, "it is not answered");
    becomes(&town, 1, false).await;
    calm.say(json!({ "type": "ping" })).await;
    assert_eq!(calm.hear().await["type"], "pong", "each has its own count");
    let mut again = online(&town, 1).await;
    again.say(json!({ "type": "ping" })).await;
    assert_eq!(again.hear().await["type"], "pong");
    assert_eq!(again.hear_within(GRACE).await, None);
    town.close().await;
}
