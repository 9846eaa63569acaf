//! Requests, as the HTTP API hands them over.

use super::{body, event, http, record, shape, stack, take};
use ::http::StatusCode;
use functions::routes;
use gateway::{Kind, Method};
use serde_json::json;

#[tokio::test]
async fn a_send_is_accepted() {
    let stack = stack().await;
    let reply = http(&stack, "wxpusher-send", &event("wxpusher-send")).await;
    let answer = body(&reply);
    assert_eq!((reply.status, &answer["code"]), (StatusCode::OK, &json!(1000)), "{answer}");
    assert_eq!(answer["data"][0]["uid"], "UID_demo000000000000000000000001");
    assert_eq!(answer["data"][0]["code"], 1000);
    let hint = take(&stack, "TasksQueue").await;
    assert_eq!(hint["task"], answer["data"][0]["messageContentId"]);
    assert_eq!(shape(&hint), shape(&record(&event("fanout"))), "the hint in fanout.json is out of date");
    stack.stop().await;
}

#[tokio::test]
async fn a_body_in_base64_is_decoded() {
    let stack = stack().await;
    let event = event("wxpusher-send.base64");
    assert_eq!(event["isBase64Encoded"], true);
    let answer = body(&http(&stack, "wxpusher-send", &event).await);
    assert_eq!((&answer["code"], &answer["data"][0]["code"]), (&json!(1000), &json!(1000)), "{answer}");
    assert_eq!(answer["data"][0]["uid"], "UID_demo000000000000000000000002");
    stack.stop().await;
}

#[tokio::test]
async fn a_send_by_get_reads_the_query() {
    let stack = stack().await;
    let event = event("wxpusher-send-get");
    let answer = body(&http(&stack, "wxpusher-send-get", &event).await);
    assert_eq!((&answer["code"], &answer["data"][0]["code"]), (&json!(1000), &json!(1000)), "{answer}");
    assert_eq!(answer["data"][0]["uid"], event["queryStringParameters"]["uid"]);
    stack.stop().await;
}

#[tokio::test]
async fn the_status_of_an_unknown_message_is_0() {
    let stack = stack().await;
    let answer = body(&http(&stack, "wxpusher-status", &event("wxpusher-status")).await);
    assert_eq!((&answer["code"], &answer["data"]), (&json!(1000), &json!(0)), "{answer}");
    stack.stop().await;
}

#[tokio::test]
async fn a_page_that_does_not_exist_says_so() {
    let stack = stack().await;
    let reply = http(&stack, "page", &event("page")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
    stack.stop().await;
}

#[tokio::test]
async fn an_unknown_path_has_the_familys_shape() {
    let stack = stack().await;
    let reply = http(&stack, "fallback", &event("fallback")).await;
    let answer = body(&reply);
    assert_eq!((reply.status, &answer["code"]), (StatusCode::NOT_FOUND, &json!(1004)), "{answer}");
    assert!(answer["msg"].as_str().is_some_and(|msg| msg.contains("/api/nowhere")), "{answer}");
    stack.stop().await;
}

#[tokio::test]
async fn the_fallback_knows_every_path_of_the_others() {
    let stack = stack().await;
    for other in routes::ALL {
        let Kind::Http { routes, .. } = other.kind else { continue };
        for route in routes.iter().filter(|route| route.method != Method::Any) {
            let mut event = event("fallback");
            let path: Vec<&str> =
                route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
            event["rawPath"] = path.join("/").into();
            event["requestContext"]["http"]["method"] = "PATCH".into();
            let reply = http(&stack, "fallback", &event).await;
            assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "PATCH {}", route.path);
        }
    }
    stack.stop().await;
}
