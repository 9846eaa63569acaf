//! Requests, as the HTTP API hands them over.

use super::{body, event, http, record, shape, stack, take};
use ::http::StatusCode;
use functions::routes;
use gateway::{Kind, Method};
use local::Options;
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
async fn the_endpoints_on_codes_and_followers_answer() {
    let stack = stack().await;
    let answer = async |name: &str| {
        let function = name.split('.').next().unwrap();
        let reply = http(&stack, function, &event(name)).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}");
        body(&reply)
    };
    let code = answer("wxpusher-qrcode-create").await;
    assert_eq!((&code["code"], &code["data"]["extra"]), (&json!(1000), &json!("forum-user-42")), "{code}");
    for (name, records) in [("wxpusher-users-v1", 3), ("wxpusher-users-v2", 6)] {
        let page = answer(name).await;
        assert_eq!(page["data"]["records"].as_array().map(Vec::len), Some(records), "{page}");
    }
    assert_eq!(answer("wxpusher-user-reject").await["data"], "删除成功");
    assert_eq!(answer("wxpusher-user-remove").await["data"], "删除成功");
    for name in ["wxpusher-simple-push", "wxpusher-simple-push.get"] {
        let sent = answer(name).await;
        assert_eq!(sent["data"][0]["code"], 1000, "{sent}");
    }
    for name in ["wxpusher-qrcode-scan", "wxpusher-message-delete", "wxpusher-pay-end-time"] {
        assert_eq!(answer(name).await["code"], 1001, "{name}: nothing is there");
    }
    stack.stop().await;
}

/// A function that was told no address takes the one by which it was called.
#[tokio::test]
async fn a_code_leads_to_where_the_call_came() {
    let mut options = Options { pollers: false, ..Options::for_tests() };
    options.settings.insert("TUISONG_PUBLIC_URL".to_owned(), String::new());
    let stack = support::stack(options).await;
    let answer = body(&http(&stack, "wxpusher-qrcode-create", &event("wxpusher-qrcode-create")).await);
    let base = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";
    let code = answer["data"]["code"].as_str().expect("a code");
    assert_eq!(answer["data"]["url"], format!("{base}/api/qrcode/{code}.jpg"));
    assert_eq!(answer["data"]["shortUrl"], format!("{base}/q/{}.jpg", &code[..16]));
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
async fn wechats_check_of_our_address_is_echoed() {
    let stack = stack().await;
    let reply = http(&stack, "wechat-event", &event("wechat-event")).await;
    assert_eq!((reply.status, &reply.body[..]), (StatusCode::OK, &b"4375120948345356249"[..]));
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
