//! Who is asking.

use crate::wxpusher::{FIRST, TOKEN_READ, assert_nothing_sent, aws_calls, dynamodb, fresh};
use local::Options;
use local::sandbox::Fault;
use serde_json::{Value, json};
use std::time::Duration;
use support::{CROWD_TOPIC, Town};

async fn send_as(town: &Town, token: Value) -> (i64, String, Value) {
    let body = json!({ "appToken": token, "content": "x", "uids": [FIRST] });
    let answer = town.api.post("/api/send/message", &body).await;
    assert_eq!(answer.status, 200);
    (answer.code(), answer.msg(), answer.json()["data"].clone())
}

#[tokio::test]
async fn row_29_a_wrong_token_is_refused() {
    let town = fresh().await;
    let almost = "AT_demo0000000000000000000000000001";
    for token in [almost, "AT_DEMO0000000000000000000000000000", "x", "TOKEN#", "null"] {
        assert_eq!(send_as(&town, json!(token)).await, (1001, "appToken不正确".to_owned(), Value::Null), "{token}");
    }
    assert_eq!(aws_calls(&town), TOKEN_READ);
    assert_nothing_sent(&town).await;
    let body = json!({ "appToken": almost, "content": "x", "uids": [FIRST] });
    let answer = town.api.post("/api/send/message", &body).await;
    assert_eq!(answer.text, r#"{"code":1001,"msg":"appToken不正确","data":null,"success":false}"#);
    town.close().await;
}

#[tokio::test]
async fn a_missing_or_blank_token_is_refused() {
    let town = fresh().await;
    for token in [json!(null), json!(""), json!("  ")] {
        assert_eq!(send_as(&town, token).await, (1001, "appToken不能为空".to_owned(), Value::Null));
    }
    let answer = town.api.post("/api/send/message", &json!({ "content": "x", "uids": [FIRST] })).await;
    assert_eq!((answer.code(), answer.msg()), (1001, "appToken不能为空".to_owned()));
    let answer = town.api.get(&format!("/api/send/message?appToken=&content=x&uid={FIRST}")).await;
    assert_eq!((answer.code(), answer.msg()), (1001, "appToken不能为空".to_owned()));
    assert_eq!(aws_calls(&town), [""; 0]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

/// Makes the token of app 1 unknown, as a reset does.
async fn reset_token(town: &Town) {
    let table = &town.stack.context().config.names.apps;
    let items = dynamodb(town, "Scan", &json!({ "TableName": table })).await;
    let speaks_for_app_1 = |item: &&Value| {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
        text("pk").starts_with("TOKEN#") && text("app").contains(r#""id":1,"#)
    };
    let item = items["Items"].as_array().expect("items").iter().find(speaks_for_app_1).expect("the token of app 1");
    let body = json!({ "TableName": table, "Key": { "pk": item["pk"], "sk": item["sk"] } });
    dynamodb(town, "DeleteItem", &body).await;
}

#[tokio::test]
async fn row_30_what_was_accepted_before_a_token_was_reset_still_goes_out() {
    let town = Town::with_crowd(Options::for_tests(), 600).await;
    town.stack.sandbox().faults().add(Fault::late("wechat-template", Duration::from_millis(400)));
    let id = town.send(json!({ "content": "x", "topicIds": [CROWD_TOPIC] })).await.message_id();
    reset_token(&town).await;
    assert_eq!(send_as(&town, json!(local::seed::APP_TOKEN)).await.1, "appToken不正确");
    assert_ne!(town.status(id).await, 3, "the reset came while it was under way");
    town.inbox_of(600).await;
    town.status_of(id, 3).await;
    town.close().await;
}
