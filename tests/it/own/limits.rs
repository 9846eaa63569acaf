//! Limits of the WebSocket API, as API Gateway has them.

use super::{becomes, counted, is_online, notify, online, phones, town};
use local::Options;
use local::socket::SocketLimits;
use serde_json::{Value, json};
use std::time::Duration;
use support::Town;

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
    let limits = SocketLimits { idle: Duration::from_millis(700), life: Duration::from_millis(2500) };
    let town = Town::with(Options { socket_limits: limits, ..Options::for_tests() }).await;
    let mut silent = online(&town, 1).await;
    assert_eq!(silent.closed().await, AWAY);
    becomes(&town, 1, false).await;
    let mut busy = online(&town, 1).await;
    let mut pongs = 0;
    let code = loop {
        busy.say(json!({ "type": "ping" })).await;
        match busy.hear_within(Duration::from_millis(400)).await {
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
