//! No secret is logged: what listens in every test (`support::log`) hears what it should, finds what it must and ends the run.

use serde_json::json;
use std::process::Command;
use std::sync::{Arc, Mutex};
use support::log::{Found, Listener, Watch, has_heard, levels};
use support::{Town, until};
use tracing::{debug, info, info_span, trace};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, registry};

const SECRET: &str = "hunter2-hunter2_hunter2";

/// What is found in the log of `speak`, as it listens in every test.
fn found_in(watch: &Arc<Watch>, speak: impl FnOnce()) -> Vec<Found> {
    let found: Arc<Mutex<Vec<Found>>> = Arc::default();
    let keep = found.clone();
    let listener = Listener::new(watch.clone(), move |one| keep.lock().expect("no panic").push(one));
    tracing::subscriber::with_default(registry().with(listener.with_filter(levels(false))), speak);
    std::mem::take(&mut *found.lock().expect("no panic"))
}

fn watch() -> Arc<Watch> {
    let watch = Arc::new(Watch::default());
    assert!(watch.keep_out(SECRET).is_none(), "nobody has said anything yet");
    watch
}

#[test]
fn a_secret_is_found_wherever_it_stands_and_told_without_it() {
    /// Prints what it holds, as an error does that quotes what it was given.
    #[derive(Debug)]
    struct Talkative(#[allow(dead_code, reason = "it is printed")] String);
    let watch = watch();
    let fields = |speak: &dyn Fn()| -> Vec<&str> {
        let found = found_in(&watch, speak);
        for one in &found {
            let told = one.to_string();
            assert!(!told.contains("hunter2") && told.contains("it::log") && told.contains("log.rs:"), "{told}");
            assert!(told.contains("a_secret_is_found_wherever_it_stands"), "{told}");
        }
        found.iter().map(|one| one.field).collect()
    };
    assert_eq!(fields(&|| info!("it is {SECRET}.")), ["message"]);
    assert_eq!(fields(&|| info!(token = SECRET, other = 1, "text")), ["token"]);
    assert_eq!(fields(&|| info!(a = %SECRET, b = ?SECRET, "text")), ["a", "b"]);
    assert_eq!(fields(&|| info!(cause = ?Some(Talkative(format!("line\n{SECRET}"))), "text")), ["cause"]);
    assert_eq!(fields(&|| info!(url = format!("https://example.com/?token={SECRET}&a=b"), "text")), ["url"]);
    assert_eq!(fields(&|| info!(body = %json!({ "list": [SECRET] }), "text")), ["body"]);
    assert_eq!(fields(&|| info!(glued = format!("id-{SECRET}"), "text")), ["glued"]);
    assert_eq!(fields(&|| drop(info_span!("span", within = SECRET))), ["within"]);
    let later = || {
        let span = info_span!("span", later = tracing::field::Empty);
        span.record("later", SECRET);
    };
    assert_eq!(fields(&later), ["later"]);
    // What its form gives away, whoever has issued it.
    let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJURUFNIn0.c2lnbmF0dXJl";
    for issued in ["AT_0123456789abcdefghijklmnopqrstuv", "ya29.c.00000001", jwt] {
        assert_eq!(fields(&|| info!(issued, "text")), ["issued"], "{issued}");
    }
}

#[test]
fn what_is_no_secret_may_be_logged() {
    let watch = watch();
    let speak = || info!(start = &SECRET[..8], upper = SECRET.to_uppercase(), id = 1_234_567_890_123_u64, "hunter2");
    assert!(found_in(&watch, speak).is_empty());
}

#[test]
fn our_crates_are_listened_to_at_every_level_and_the_libraries_where_operators_are() {
    let watch = watch();
    let ours = || {
        trace!(target: "tuisong_provider::token", SECRET);
        trace!(target: "functions::receipt", SECRET);
        debug!(target: "tuisong_local::api", SECRET);
        info!(target: "hyper::proto", SECRET);
    };
    assert_eq!(found_in(&watch, ours).len(), 4);
    assert!(found_in(&watch, || debug!(target: "hyper::proto", SECRET)).is_empty());
    assert!(levels(true).would_enable("hyper::proto", &tracing::Level::DEBUG));
}

/// As a token is that is logged when it is issued, before it is answered.
#[test]
fn a_secret_that_was_logged_before_it_is_known_is_found() {
    let watch = Arc::new(Watch::default());
    assert!(found_in(&watch, || info!(early = SECRET, "text")).is_empty());
    let found = watch.keep_out(SECRET).expect("it was logged");
    assert_eq!(found.field, "early");
}

/// The town's own listener hears what the product logs.
#[tokio::test]
async fn what_the_product_logs_is_heard() {
    let town = Town::demo().await;
    let fault = json!({ "channel": "wechat-template", "errcode": 40003 });
    assert_eq!(town.sandbox.post("/sandbox/faults", &fault).await.status.as_u16(), 200);
    town.send(json!({ "content": "refused", "uids": ["UID_demo000000000000000000000001"] })).await.message_id();
    until("the refusal in the log", || async { has_heard(local::seed::ACCOUNT) }).await;
    town.close().await;
}

/// This test again in a process of its own, which must not live to the end of it.
#[tokio::test]
async fn a_secret_in_a_log_ends_the_run() {
    const SPEAK: &str = "TUISONG_LOG_A_SECRET";
    const NAME: &str = "log::a_secret_in_a_log_ends_the_run";
    if std::env::var_os(SPEAK).is_some() {
        let _town = Town::demo().await;
        info!(token = local::seed::APP_TOKEN, "as nobody may");
        return;
    }
    let this = std::env::current_exe().expect("a path");
    let run = Command::new(this).args(["--exact", NAME]).env(SPEAK, "1").output().expect("an end");
    let (said, told) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(101), "{said}\n{told}");
    assert!(!said.contains("test result"), "it went on: {said}");
    let line = told.lines().find(|line| line.starts_with("A SECRET IS LOGGED")).expect("a reason");
    assert!(line.contains("`token`") && line.contains(NAME) && !told.contains(local::seed::APP_TOKEN), "{told}");
}
