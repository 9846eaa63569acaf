//! Pictures of pushes, where the deployment looks at them before it accepts.

use super::{accepted, code, notify};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Method, Response};
use axum::routing::any;
use local::Options;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::Town;

const MEGABYTE: u64 = 1 << 20;

/// A server of pictures that behave in all ways; how often it was called.
async fn pictures() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let answer = move |method: Method, Path(name): Path<String>| {
        let before = counted.fetch_add(1, Ordering::Relaxed);
        let is_head = method == Method::HEAD;
        let bytes = |count: u64| Body::from(vec![0; usize::try_from(count).expect("a size")]);
        let with = |status: u16, headers: &[(&str, String)], body: Body| {
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(*name, value);
            }
            answer.body(body).expect("an answer")
        };
        let length = |count: u64| [("content-length", count.to_string())];
        let answer = match name.as_str() {
            "first.jpg" if before > 0 => with(404, &[], Body::empty()),
            "small.jpg" | "first.jpg" => {
                with(200, &length(MEGABYTE - 1), bytes(if is_head { 0 } else { MEGABYTE - 1 }))
            }
            "large.jpg" => with(200, &length(MEGABYTE), bytes(if is_head { 0 } else { MEGABYTE })),
            // These know no HEAD; the second keeps ranges, the others send all they have.
            _ if is_head => with(405, &[], Body::empty()),
            "plain.png" => with(200, &[], bytes(1_000)),
            "ranged.png" => with(206, &[("content-range", format!("bytes 0-9/{}", 3 * MEGABYTE))], bytes(10)),
            "endless.jpeg" => {
                let zeros =
                    futures::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![0; 4_096])));
                with(200, &[], Body::from_stream(zeros))
            }
            "moved.jpg" => with(302, &[("location", "/small.jpg".to_owned())], Body::empty()),
            _ => with(404, &[], Body::empty()),
        };
        async { answer }
    };
    let router = Router::new().route("/{name}", any(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, calls)
}

/// What a push with this picture is answered.
async fn pushed(town: &Town, url: &str) -> u64 {
    let message = json!({ "type": "image", "title": "x", "attachment_url": url });
    let answer = notify(town, &json!({ "audience": "all", "message": message })).await;
    let code = code(&answer);
    if code != 200 {
        assert!(answer.text.contains("message.attachment_url"), "{}", answer.text);
    }
    code
}

async fn town(open: Option<SocketAddr>) -> Town {
    let mut options = Options { pollers: false, ..Options::for_tests() };
    options.settings.insert("TUISONG_VALIDATE_ATTACHMENTS".to_owned(), "true".to_owned());
    if let Some(address) = open {
        options.settings.insert("TUISONG_CALLBACK_EXCEPTIONS".to_owned(), address.to_string());
    }
    Town::with(options).await
}

fn kept(town: &Town) -> u64 {
    town.stack.aws().calls.of("dynamodb", "PutItem", "TasksTable").count
        + town.stack.aws().calls.of("sqs", "SendMessage", "TasksQueue").count
}

#[tokio::test]
async fn push_row_57_a_picture_inside_of_our_network_is_refused_and_nobody_is_asked_for_it() {
    let (address, calls) = pictures().await;
    let town = town(None).await;
    for url in [
        "http://169.254.169.254/a.jpg".to_owned(),
        "http://[::ffff:169.254.169.254]/a.jpg".to_owned(),
        format!("http://{address}/small.jpg"),
        format!("http://localhost:{}/small.jpg", address.port()),
        format!("http://2130706433:{}/small.jpg", address.port()),
        "ftp://a.example/a.jpg".to_owned(),
        "http://user:secret@a.example/a.jpg".to_owned(),
        "a.jpg".to_owned(),
    ] {
        assert_eq!(pushed(&town, &url).await, 12_004, "{url}");
    }
    assert_eq!((calls.load(Ordering::Relaxed), kept(&town)), (0, 0));
    // What is no picture by its name is not looked at.
    let body =
        json!({ "audience": "all", "message": { "title": "x", "attachment_url": "http://169.254.169.254/a.mp3" } });
    accepted(&town, &body).await;
    town.close().await;
}

#[tokio::test]
async fn a_picture_is_to_be_there_and_below_a_megabyte() {
    let (address, calls) = pictures().await;
    let town = town(Some(address)).await;
    let url = |name: &str| format!("http://{address}/{name}");
    for (name, expected) in [
        ("large.jpg", 12_002),
        ("ranged.png", 12_002),
        ("endless.jpeg", 12_002),
        ("moved.jpg", 12_004),
        ("gone.jpg", 12_004),
    ] {
        assert_eq!(pushed(&town, &url(name)).await, expected, "{name}");
    }
    assert_eq!(kept(&town), 0);
    assert_eq!(calls.load(Ordering::Relaxed), 1 + 4 * 2, "the redirect was not followed");
    for name in ["small.jpg", "plain.png", "plain.png?size=small.gif"] {
        assert_eq!(pushed(&town, &url(name)).await, 200, "{name}");
    }
    town.close().await;
}

/// The answer to the first call was lost; before the caller repeats it, the picture has been taken down.
#[tokio::test]
async fn a_repeat_is_the_first_task_although_its_picture_is_gone() {
    let (address, calls) = pictures().await;
    let town = town(Some(address)).await;
    let body = |id: &str| {
        let message = json!({ "type": "image", "title": "x", "attachment_url": format!("http://{address}/first.jpg") });
        json!({ "audience": "all", "setting": { "request_id": id }, "message": message })
    };
    let task = accepted(&town, &body("order-17")).await;
    let (looked, stands) = (calls.load(Ordering::Relaxed), kept(&town));
    assert_eq!(accepted(&town, &body("order-17")).await, task);
    assert_eq!((calls.load(Ordering::Relaxed), kept(&town)), (looked, stands), "nobody looks, nothing is written");
    let other = notify(&town, &body("order-18")).await;
    assert_eq!(code(&other), 12_004, "a new call is looked at: {}", other.text);
    town.close().await;
}

#[tokio::test]
async fn a_deployment_that_does_not_ask_for_it_looks_at_no_picture() {
    let (address, calls) = pictures().await;
    let town = super::quiet_town().await;
    assert_eq!(pushed(&town, &format!("http://{address}/gone.jpg")).await, 200);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    town.close().await;
}
