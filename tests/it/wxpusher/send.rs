//! POST /api/send/message.

mod audience;
mod limits;
mod payment;
mod quota;
mod rate;
mod sdks;
mod summary;
mod targets;
mod token;

use super::{
    ACCEPTED, FIRST, NOBODY, SECOND, accepted, by_hand, fresh, fresh_with, outcomes, page_path, recipients,
    sending_calls,
};
use http::{Method, StatusCode};
use local::seed;
use serde_json::json;
use std::collections::HashSet;

/// One UID: accepted, delivered, status 3.
#[tokio::test]
async fn a_message_to_one_uid_arrives() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "hello", "uids": [FIRST] })).await;
    let id = answer.message_id();
    let inbox = town.inbox_of(1).await;
    assert_eq!(inbox[0].recipient, "odemo00000000000000000000001");
    town.status_of(id, 3).await;
    town.close().await;
}

/// What tests of refused calls look for is what an accepted one leaves behind.
#[tokio::test]
async fn an_accepted_call_writes_its_task_and_tells_the_queue() {
    let town = fresh_with(by_hand()).await;
    town.send(json!({ "content": "hello", "uids": [FIRST] })).await.message_id();
    assert_eq!(sending_calls(&town), ["dynamodb PutItem TasksTable", "sqs SendMessage TasksQueue"]);
    town.close().await;
}

#[tokio::test]
async fn a_card_shows_app_summary_reference_and_time_and_opens_the_page() {
    let town = fresh().await;
    let id =
        town.send(json!({ "content": "the content", "summary": "the essence", "uids": [FIRST] })).await.message_id();
    let inbox = town.inbox_of(1).await;
    let (raw, shown) = (&inbox[0].raw, |key: &str| inbox[0].raw["data"][key]["value"].as_str().expect("a value"));
    assert_eq!(raw["template_id"], "demo-keyword");
    assert_eq!(shown("first"), "演示应用");
    assert_eq!(shown("keyword1"), "the essence");
    assert_eq!(shown("keyword2"), format!("RID{id}"));
    assert_eq!(shown("keyword3").len(), "2026-11-23 21:00:00".len());
    let path = page_path(&town, &inbox[0]);
    assert!(path.starts_with(&format!("/m/{}-", id - 1)), "{path}");
    assert!(town.api.get(&path).await.text.contains("the content"));
    town.close().await;
}

#[tokio::test]
async fn an_answer_is_the_originals_byte_for_byte() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST, NOBODY], "topicIds": [1, 9] })).await;
    let first = answer.targets()[0]["messageId"].as_u64().expect("an id");
    let (content, topic) = (first - 1, first + 1);
    let expected = [
        r#"{"code":1000,"msg":"处理成功","data":["#.to_owned(),
        format!(r#"{{"uid":"{FIRST}","topicId":null,"messageId":{first},"messageContentId":{content},"#),
        format!(r#""sendRecordId":{first},"code":1000,"status":"创建发送任务成功"}},"#),
        format!(r#"{{"uid":"{NOBODY}","topicId":null,"messageId":null,"messageContentId":null,"#),
        format!(r#""sendRecordId":null,"code":1001,"status":"用户UID=[{NOBODY}]不存在"}},"#),
        format!(r#"{{"uid":null,"topicId":1,"messageId":{topic},"messageContentId":{content},"#),
        format!(r#""sendRecordId":{topic},"code":1000,"status":"创建发送任务成功"}},"#),
        r#"{"uid":null,"topicId":9,"messageId":null,"messageContentId":null,"#.to_owned(),
        r#""sendRecordId":null,"code":1001,"status":"主题topicId=[9]不存在"}],"success":true}"#.to_owned(),
    ];
    assert_eq!(answer.text, expected.concat());
    assert_eq!(answer.status, StatusCode::OK);
    town.close().await;
}

#[tokio::test]
async fn ids_count_on_from_the_content_and_never_meet_again() {
    let town = fresh().await;
    let mut seen = HashSet::new();
    for round in 0..12 {
        let body = json!({ "content": "x", "uids": [NOBODY, FIRST, "bad", SECOND], "topicIds": [9, 1] });
        let targets = town.send(body).await.targets();
        let ids: Vec<u64> = targets.iter().filter_map(|target| target["messageId"].as_u64()).collect();
        let content = targets[1]["messageContentId"].as_u64().expect("an id");
        assert_eq!(ids, [content + 1, content + 2, content + 3], "round {round}");
        for target in targets.iter().filter(|target| target["code"] == 1000) {
            assert_eq!(target["sendRecordId"], target["messageId"]);
            assert_eq!(target["messageContentId"], content);
        }
        for id in ids.into_iter().chain([content]) {
            assert!(id > 0 && id < 1 << 31, "{id}");
            assert!(seen.insert(id), "{id} was given out twice");
        }
    }
    town.close().await;
}

#[tokio::test]
async fn row_28_a_slash_at_the_end_changes_nothing() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::APP_TOKEN, "content": "x", "uids": [FIRST] });
    let answer = town.api.post("/api/send/message/", &body).await;
    assert_eq!(outcomes(&answer), [accepted()]);
    assert!(!answer.headers.contains_key("location"));
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn row_80_the_same_call_twice_is_two_messages() {
    let town = fresh().await;
    let body = json!({ "content": "again", "uids": [FIRST] });
    let (one, two) = (town.send(body.clone()).await.message_id(), town.send(body).await.message_id());
    assert_ne!(one, two);
    assert_eq!(recipients(&town.inbox_of(2).await), ["1", "1"]);
    town.status_of(one, 3).await;
    town.status_of(two, 3).await;
    town.close().await;
}

#[tokio::test]
async fn any_json_content_type_or_none_is_read() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::APP_TOKEN, "content": "x", "uids": [FIRST] }).to_string();
    let types = ["application/json", "application/json;charset=UTF-8", "Application/JSON; charset=gbk", ""];
    for content_type in types {
        let headers: &[_] = if content_type.is_empty() { &[] } else { &[("content-type", content_type)] };
        let answer = town.api.send(Method::POST, "/api/send/message", headers, body.clone()).await;
        assert_eq!(outcomes(&answer), [(1000, ACCEPTED.to_owned())], "{content_type}");
    }
    town.inbox_of(types.len()).await;
    town.close().await;
}
