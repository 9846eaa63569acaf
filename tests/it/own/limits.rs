//! Limits of the WebSocket API, as API Gateway has them.

use super::{GRACE, becomes, counted, is_online, notify, online, phones, token, town};
use local::Options;
use local::seed::mobile;
use local::socket::SocketLimits;
use model::own::MOST_FRAMES;
use serde_json::{Value, json};
use std::time::Duration;
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
    // Whoever has gone by itself is looked for in vain, without harm.
    assert!((2..=4).contains(&ends()), "two of them, each looked at once or twice: {}", ends());
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
