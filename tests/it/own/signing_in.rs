//! Who may connect, and how they say who they are.

use super::{GRACE, becomes, call_push, device, is_online, online, token, town};
use http::StatusCode;
use local::seed::mobile;
use model::ids::PushUserId;
use model::own::OwnAddress;
use serde_json::{Value, json};
use store::Capability;
use store::devices::Devices;
use store::own::Online;
use store::sessions::{Session, SessionWriter};
use support::Town;
use support::socket::Socket;

/// `code` of the error frame that comes next.
async fn refused(socket: &mut Socket) -> String {
    let frame = socket.hear().await;
    assert_eq!((&frame["v"], &frame["type"]), (&json!(1), &json!("error")), "{frame}");
    assert!(frame["message"].as_str().is_some_and(|message| !message.is_empty()), "{frame}");
    frame["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_device_signs_in_with_its_first_message() {
    let town = town().await;
    let mut socket = Socket::open(&town.stack.socket_url()).await;
    assert!(!is_online(&town, 1).await, "a connection alone is nobody");
    let welcome = socket.login(mobile::APP, &token(1)).await;
    assert_eq!(welcome, json!({ "v": 1, "type": "welcome", "heartbeat_s": 240, "messages": [], "more": false }));
    assert!(is_online(&town, 1).await);
    assert!(!is_online(&town, 2).await);
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, json!({ "v": 1, "type": "pong" }));
    socket.leave().await;
    becomes(&town, 1, false).await;
    town.close().await;
}

#[tokio::test]
async fn a_device_signs_in_with_headers_or_among_the_subprotocols() {
    let town = town().await;
    let url = town.stack.socket_url();
    let headers = [("app_id", mobile::APP), ("push-token", &*token(1))];
    let by_headers = Socket::try_open(&url, &headers).await.expect("a connection");
    assert!(!by_headers.opened.headers().contains_key("sec-websocket-protocol"));
    becomes(&town, 1, true).await;
    let offered = format!("tuisong.v1, app.{}, push.{}", mobile::APP, token(2));
    let by_protocol = Socket::try_open(&url, &[("sec-websocket-protocol", &offered)]).await.expect("a connection");
    assert_eq!(by_protocol.opened.headers()["sec-websocket-protocol"], "tuisong.v1", "the token is not said back");
    becomes(&town, 2, true).await;
    for socket in [by_headers, by_protocol] {
        let mut socket = socket;
        socket.say(json!({ "type": "resume" })).await;
        assert_eq!(socket.hear().await["type"], "welcome");
    }
    town.close().await;
}

async fn session(town: &Town, device: bool) -> String {
    let (app, user) = (mobile::app_id().expect("an app"), PushUserId::new(1));
    let session = Session { app, user, device: device.then(|| super::device(1)) };
    SessionWriter::open(town.stack.store()).begin(&session, town.now()).await.expect("a session").expose().clone()
}

#[tokio::test]
async fn a_user_signs_in_with_an_access_token_that_has_a_device() {
    let town = town().await;
    let login = async |token: &str, app: Option<&str>| {
        let mut socket = Socket::open(&town.stack.socket_url()).await;
        socket.say(json!({ "type": "login", "app_id": app, "access_token": token })).await;
        let answer = socket.hear().await;
        (answer["type"].as_str().expect("a type").to_owned(), answer["code"].clone())
    };
    let without_device = session(&town, false).await;
    assert_eq!(login(&without_device, None).await, ("error".to_owned(), json!("own_no_device")));
    let token = session(&town, true).await;
    assert_eq!(login(&token, Some("other")).await, ("error".to_owned(), json!("own_access_token")), "another app's");
    assert!(!is_online(&town, 1).await);
    assert_eq!(login(&token, Some(mobile::APP)).await, ("welcome".to_owned(), Value::Null));
    assert_eq!(login(&token, None).await, ("welcome".to_owned(), Value::Null), "it says which app it is of");
    town.close().await;
}

#[tokio::test]
async fn a_forged_token_opens_nothing_and_makes_nobody_online() {
    let town = town().await;
    town.stack.aws().calls.reset();
    let url = town.stack.socket_url();
    for (headers, status) in [
        (vec![("app_id", mobile::APP), ("push-token", "demo-huawei-9")], StatusCode::UNAUTHORIZED),
        (vec![("app_id", "other"), ("push-token", "demo-huawei-1")], StatusCode::UNAUTHORIZED),
        (vec![("push-token", "demo-huawei-1")], StatusCode::UNAUTHORIZED),
        (vec![("app_id", "a#b"), ("push-token", "demo-huawei-1")], StatusCode::UNAUTHORIZED),
        (vec![("app_id", mobile::APP), ("access-token", mobile::ADMIN_TOKEN)], StatusCode::UNAUTHORIZED),
        (vec![("sec-websocket-protocol", "tuisong.v1, app.demo, push.forged")], StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(Socket::try_open(&url, &headers).await.err(), Some(status), "{headers:?}");
    }
    let written = || -> Vec<String> {
        let rows = town.stack.aws().calls.snapshot().into_iter();
        rows.filter(|row| row.figures.write_units > 0.0).map(|row| row.operation).collect()
    };
    assert_eq!(written(), [""; 0], "whoever is refused costs no write");
    let mut socket = Socket::open(&url).await;
    assert_eq!(written(), ["PutItem"], "whoever shows nothing is noted, to be looked for");
    town.stack.aws().calls.reset();
    for (frame, code) in [
        (json!({ "type": "ping" }), "own_not_signed_in"),
        (json!({ "type": "resume" }), "own_not_signed_in"),
        (json!({ "type": "ack", "task_ids": [1] }), "own_not_signed_in"),
        (json!({ "type": "login", "app_id": "demo" }), "own_credentials_missing"),
        (json!({ "type": "login", "push_token": "demo-huawei-1" }), "own_app_id"),
        (json!({ "type": "login", "app_id": "demo", "push_token": "forged" }), "own_push_token"),
        (json!({ "type": "login", "app_id": "other", "push_token": "demo-huawei-1" }), "own_push_token"),
        (json!({ "type": "subscribe" }), "own_frame"),
    ] {
        socket.say(frame.clone()).await;
        assert_eq!(refused(&mut socket).await, code, "{frame}");
    }
    for text in ["", "hello", "[1]", "{\"v\":1", "{\"v\":7,\"type\":\"ping\"}"] {
        socket.say_text(text.to_owned()).await;
        assert_eq!(refused(&mut socket).await, "own_frame", "{text:?}");
    }
    assert!(!is_online(&town, 1).await);
    assert_eq!(written(), [""; 0], "and nothing that it says costs a write");
    town.close().await;
}

#[tokio::test]
async fn another_apps_devices_hear_nothing() {
    let town = town().await;
    // Another app with a user and devices of the same numbers.
    let other = model::ids::MobileAppId::parse("other").expect("an id");
    let users = store::devices::UserWriter::open(town.stack.store());
    let channels = model::channel::ChannelKind::PHONES;
    let user = mobile::user(1, channels, 1, 1, town.now(), |channel| mobile::device_token(channel, 7));
    users.put(&other, &[user]).await.expect("a user");
    let url = town.stack.socket_url();
    let (mut theirs, _) = Socket::device(&url, "other", &token(1)).await;
    let mut ours = online(&town, 1).await;
    let task = super::notify(&town, json!("all"), json!({ "distribution_strategy": "mxpush_only" }), "只给我们").await;
    assert_eq!(ours.message().await.0, task);
    // An acknowledgement of a task that is another app's counts nowhere.
    theirs.acknowledge(&[task]).await;
    assert_eq!(theirs.hear_within(GRACE).await, None);
    super::counted(&town, task, "mxpush", [21, 1, 0]).await;
    let answer = call_push(&town, "/push/task/detail", &json!({ "list": [task] })).await;
    assert_eq!(answer["data"][0]["huawei_target"], 0, "{answer}");
    town.close().await;
}

#[tokio::test]
async fn a_connection_that_signs_in_as_another_device_is_no_longer_the_first() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    assert_eq!(socket.login(mobile::APP, &token(2)).await["type"], "welcome");
    assert!(!is_online(&town, 1).await);
    assert!(is_online(&town, 2).await);
    town.close().await;
}

#[tokio::test]
async fn a_device_that_was_removed_is_signed_out_on_its_open_connection() {
    for frame in ["ping", "resume"] {
        let town = town().await;
        let (mut gone, mut stays) = (online(&town, 1).await, online(&town, 2).await);
        let app = mobile::app_id().expect("an app");
        let devices = Devices::open(town.stack.store());
        let (number, user) = (device(1), PushUserId::new(1));
        let kept = devices.user(&app, user).await.expect("a store").expect("the user").devices;
        let sn = kept.iter().find(|device| device.id == number).expect("the phone").sn;
        assert!(devices.remove(&app, user, sn).await.expect("a store"));
        gone.say(json!({ "type": frame })).await;
        assert_eq!(refused(&mut gone).await, "own_not_signed_in");
        becomes(&town, 1, false).await;
        stays.say(json!({ "type": frame })).await;
        assert_ne!(stays.hear().await["type"], "error");
        town.close().await;
    }
}

/// A connection that signs in with its handshake is known before it is open: a message that comes in between finds it gone.
#[tokio::test]
async fn a_connection_that_was_called_gone_while_it_opened_is_heard_of_again() {
    let town = town().await;
    let mut socket = online(&town, 1).await;
    let (app, now) = (mobile::app_id().expect("an app"), town.now());
    let address = OwnAddress { shard: 0, device: device(1) };
    let lookup = Online::open(town.stack.store());
    let open = lookup.connections(&app, &[address], now).await.expect("a store");
    let connection = open.values().flatten().next().expect("a connection").clone();
    lookup.gone(&connection, &app, address).await.expect("a store");
    assert!(!is_online(&town, 1).await);
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
    assert!(is_online(&town, 1).await);
    town.close().await;
}
