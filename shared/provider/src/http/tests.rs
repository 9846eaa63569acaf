use super::*;
use crate::testing::on_its_own_thread;
use crate::testing::server::{Reply, Server};
use http::HeaderValue;
use std::time::Duration;
use tokio::net::TcpListener;

fn quick() -> HttpSettings {
    HttpSettings {
        connect_timeout: Duration::from_millis(150),
        total_timeout: Duration::from_millis(300),
        max_response_bytes: 1000,
        idle_timeout: Duration::from_secs(30),
    }
}

/// Sends to `url` with a secret in the query, and checks that no error tells it.
async fn post(client: &HttpClient, url: &str) -> Result<HttpResponse, HttpError> {
    let sent = client.send(HttpRequest::post_json(format!("{url}?access_token=hunter2"), "{}")).await;
    if let Err(error) = &sent {
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    sent
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let answer = post(&HttpClient::new(quick()), &server.url("/x")).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{}"[..]));
    assert_eq!(answer.content_type, "application/json; encoding=utf-8");
    assert_eq!(answer.retry_after, None);
}

#[tokio::test]
async fn a_refused_connection_is_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = post(&HttpClient::new(quick()), &url).await.unwrap_err();
    assert!(matches!(error, HttpError::Unsent { .. }), "{error:?}");
    assert!(error.is_unsent());
}

#[tokio::test]
async fn a_handshake_that_hangs_or_fails_is_unsent() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let error = post(&HttpClient::new(quick()), &url).await.unwrap_err();
    assert!(matches!(error, HttpError::Unsent { .. }), "{error:?}");

    let plain = Server::start(|_| Reply::json("{}")).await;
    let url = plain.url("/").replace("http:", "https:");
    let error = post(&HttpClient::new(quick()), &url).await;
    assert!(matches!(error, Err(HttpError::Unsent { .. })) && plain.seen().is_empty(), "{error:?}");
}

#[tokio::test]
async fn a_dropped_connection_and_a_late_answer_leave_the_outcome_unknown() {
    let server = Server::start(|seen| match seen.path() {
        "/drop" => Reply::Drop,
        _ => Reply::Hang(Duration::from_secs(5)),
    })
    .await;
    for path in ["/drop", "/hang"] {
        let error = post(&HttpClient::new(quick()), &server.url(path)).await.unwrap_err();
        assert!(matches!(error, HttpError::Unknown { .. }), "{path}: {error:?}");
        assert!(!error.is_unsent());
    }
    assert_eq!(server.seen().len(), 2, "nothing was repeated");
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit() {
    let server = Server::start(|seen| {
        let size = if seen.path() == "/fits" { 1000 } else { 1001 };
        Reply::json("x".repeat(size))
    })
    .await;
    let client = HttpClient::new(quick());
    assert_eq!(post(&client, &server.url("/fits")).await.unwrap().body.len(), 1000);
    let error = post(&client, &server.url("/over")).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 1000, .. }), "{error:?}");
}

/// A receiver that never stops talking has said all that matters with its status.
#[tokio::test]
async fn a_status_is_taken_without_its_body() {
    let server = Server::start(|_| Reply::json("x".repeat(5_000_000))).await;
    let client = HttpClient::new(quick());
    let status = client.status(HttpRequest::post_json(server.url("/"), "{}")).await.unwrap();
    assert_eq!(status.as_u16(), 200);
    let hanging = Server::start(|_| Reply::Hang(Duration::from_secs(5))).await;
    let error = client.status(HttpRequest::post_json(hanging.url("/"), "{}")).await.unwrap_err();
    assert!(matches!(error, HttpError::Unknown { .. }), "{error:?}");
}

#[tokio::test]
async fn a_url_that_cannot_be_called_says_why() {
    let client = HttpClient::new(quick());
    for (url, why) in [
        ("", Refusal::Malformed),
        ("/path", Refusal::Malformed),
        ("http://", Refusal::Malformed),
        ("ftp://example.com/", Refusal::Scheme),
        ("file:///etc/passwd", Refusal::Scheme),
        ("http://user:hunter2@example.com/", Refusal::Credentials),
    ] {
        let error = client.send(HttpRequest::get(url)).await.unwrap_err();
        assert!(matches!(error, HttpError::BadUrl { refusal, .. } if refusal == why), "{url}: {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = Server::start(|_| Reply::Answer {
        status: 302,
        headers: vec![("location", "/elsewhere".to_owned())],
        body: String::new(),
    })
    .await;
    assert_eq!(post(&HttpClient::new(quick()), &server.url("/")).await.unwrap().status, 302);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn retry_after_is_read() {
    let server = Server::start(|_| Reply::Answer {
        status: 429,
        headers: vec![("retry-after", "7".to_owned())],
        body: String::new(),
    })
    .await;
    let answer = post(&HttpClient::new(quick()), &server.url("/")).await.unwrap();
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let client = HttpClient::new(quick());
    for _ in 0..3 {
        post(&client, &server.url("/")).await.unwrap();
        // The connection is back in the pool a moment after its answer.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.connections(), 1);
}

/// The server closes the connection while the client's whole process stands still, and the client's next request is the
/// first thing that happens after the thaw.
#[tokio::test]
async fn a_connection_that_died_while_frozen_fails_no_request() {
    let url = on_its_own_thread(async || {
        let server = Server::start(|_| Reply::AnswerThenClose("{}".to_owned())).await;
        let url = server.url("/");
        (server, url)
    });
    let client = HttpClient::new(quick());
    for round in 0..20 {
        let answer = post(&client, &url).await;
        assert!(answer.is_ok(), "round {round}: {answer:?}");
        // Long enough for the connection to get back into the pool, not for its end.
        tokio::time::sleep(Duration::from_millis(5)).await;
        std::thread::sleep(Duration::from_millis(40));
    }
}

#[tokio::test]
async fn a_pool_that_has_slept_too_long_is_thrown_away() {
    let server = Server::start(|_| Reply::json("{}")).await;
    let client = HttpClient::new(HttpSettings { idle_timeout: Duration::from_millis(40), ..quick() });
    post(&client, &server.url("/")).await.unwrap();
    std::thread::sleep(Duration::from_millis(60));
    post(&client, &server.url("/")).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn requests_and_responses_print_without_secrets() {
    let request = HttpRequest::post_json("https://u:p4ss@example.com/a?access_token=hunter2#f", "s3cret body")
        .header(http::header::AUTHORIZATION, HeaderValue::from_static("bearer t0ken"));
    let shown = format!("{request:?}");
    assert!(shown.contains("POST https://example.com/a"), "{shown}");
    for secret in ["hunter2", "p4ss", "s3cret", "t0ken"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(redacted("no url with hunter2"), "(unreadable URL)");

    let server = Server::start(|_| Reply::json(r#"{"access_token":"hunter2"}"#)).await;
    let answer = HttpClient::new(quick()).send(HttpRequest::get(server.url("/"))).await.unwrap();
    assert!(!format!("{answer:?}").contains("hunter2"));
}
