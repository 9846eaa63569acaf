//! GET /api/send/query/{messageId}, and GET /api/send/query/status.

use super::{FIRST, NOBODY, accepted, aws_calls, by_hand, fresh, fresh_with, outcomes, work_all};
use http::Method;
use local::sandbox::Fault;
use serde_json::json;
use std::time::{Duration, Instant};
use support::{CROWD_TOPIC, PATIENCE, Town, crowd_uid};

const DAY: Duration = Duration::from_secs(86_400);
const MISSING: &str = r#"{"code":1000,"msg":"消息不存在","data":0,"success":true}"#;

async fn text(town: &Town, path: &str) -> String {
    let answer = town.api.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    answer.text
}

#[tokio::test]
async fn row_35_a_message_is_waiting_right_after_it_was_sent_and_then_sent() {
    let town = fresh_with(by_hand()).await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST], "topicIds": [1] })).await;
    let ids: Vec<u64> = answer.targets().iter().map(|target| target["messageId"].as_u64().expect("an id")).collect();
    for id in &ids {
        let waiting = r#"{"code":1000,"msg":"等待发送","data":1,"success":true}"#;
        assert_eq!(text(&town, &format!("/api/send/query/{id}")).await, waiting);
    }
    // Once for the task and its first part, once for the other part.
    work_all(&town).await;
    work_all(&town).await;
    assert_eq!(town.arrived(), 4);
    for id in &ids {
        let sent = r#"{"code":1000,"msg":"发送成功","data":3,"success":true}"#;
        assert_eq!(text(&town, &format!("/api/send/query/{id}")).await, sent);
        assert_eq!(text(&town, &format!("/api/send/query/{id}/")).await, sent, "with a slash at the end");
    }
    town.close().await;
}

#[tokio::test]
async fn row_35_a_message_is_never_missing_while_it_is_under_way() {
    let town = fresh().await;
    let id = town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id();
    let (mut seen, started) = (vec![town.status(id).await], Instant::now());
    while seen.last() != Some(&3) {
        assert!(started.elapsed() < PATIENCE, "it does not arrive");
        seen.push(town.status(id).await);
    }
    assert!(seen.iter().all(|state| (1..=3).contains(state)) && seen.is_sorted(), "{seen:?}");
    assert_eq!(town.arrived(), 3, "3 is said only when everybody has it");
    town.close().await;
}

#[tokio::test]
async fn a_topic_is_under_way_until_its_last_follower_was_served() {
    let town = fresh().await;
    town.stack.sandbox().faults().add(Fault::late("wechat-template", Duration::from_millis(1000)));
    let id = town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id();
    town.status_of(id, 2).await;
    assert_eq!(
        text(&town, &format!("/api/send/query/{id}")).await,
        r#"{"code":1000,"msg":"发送中","data":2,"success":true}"#
    );
    town.status_of(id, 3).await;
    assert_eq!(town.arrived(), 3);
    town.close().await;
}

#[tokio::test]
async fn a_message_to_a_dead_address_has_failed_and_says_why() {
    let town = fresh().await;
    // They follow us, but nobody at WeChat has their openids.
    town.settle_crowd(CROWD_TOPIC, 2, |_| ()).await;
    let answer = town.send(json!({ "content": "x", "uids": [crowd_uid(1).as_str(), FIRST] })).await;
    assert_eq!(outcomes(&answer), [accepted(), accepted()]);
    let ids: Vec<u64> = answer.targets().iter().map(|target| target["messageId"].as_u64().expect("an id")).collect();
    town.status_of(ids[0], 4).await;
    town.status_of(ids[1], 3).await;
    assert_eq!(
        text(&town, &format!("/api/send/query/{}", ids[0])).await,
        r#"{"code":1000,"msg":"发送失败：用户未关注公众号","data":4,"success":true}"#
    );
    town.close().await;
}

#[tokio::test]
async fn row_36_a_random_id_is_a_missing_message_and_a_success() {
    let town = fresh().await;
    for id in
        ["1", "999999", "2147483648", "9007199254740993", "9223372036854775807", "0", "-1", "-9223372036854775808"]
    {
        assert_eq!(text(&town, &format!("/api/send/query/{id}")).await, MISSING, "{id}");
    }
    town.close().await;
}

/// The ids around those of a call belong to nobody, and the content's id is no target.
#[tokio::test]
async fn only_the_ids_of_accepted_targets_are_messages() {
    let town = fresh().await;
    let body = json!({ "content": "x", "uids": [FIRST, NOBODY], "topicIds": [1] });
    let content = town.send(body).await.targets()[0]["messageContentId"].as_u64().expect("an id");
    town.status_of(content + 1, 3).await;
    town.status_of(content + 2, 3).await;
    for id in [content, content + 3, content + 4, content - 1] {
        assert_eq!(text(&town, &format!("/api/send/query/{id}")).await, MISSING, "{id} beside {content}");
    }
    town.close().await;
}

#[tokio::test]
async fn row_37_after_seven_days_a_message_is_missing() {
    let town = fresh().await;
    let id = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    town.status_of(id, 3).await;
    town.stack.advance(7 * DAY - Duration::from_secs(60));
    assert_eq!(town.status(id).await, 3, "a minute before");
    town.stack.advance(Duration::from_secs(60));
    assert_eq!(text(&town, &format!("/api/send/query/{id}")).await, MISSING);
    town.close().await;
}

#[tokio::test]
async fn row_38_newer_sdks_ask_by_send_record_id_and_get_the_same() {
    let town = fresh_with(by_hand()).await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST], "topicIds": [1] })).await;
    let mut ids: Vec<u64> =
        answer.targets().iter().map(|target| target["sendRecordId"].as_u64().expect("an id")).collect();
    ids.extend([ids[0] - 1, 777_777]);
    for round in ["waiting", "sent"] {
        for id in &ids {
            let by_id = text(&town, &format!("/api/send/query/{id}")).await;
            for path in ["/api/send/query/status", "/api/send/query/status/"] {
                assert_eq!(text(&town, &format!("{path}?sendRecordId={id}")).await, by_id, "{round} {id}");
            }
        }
        work_all(&town).await;
        work_all(&town).await;
    }
    assert_eq!(town.status(ids[0]).await, 3);
    town.close().await;
}

#[tokio::test]
async fn row_39_an_id_that_is_no_number_is_unreadable() {
    let town = fresh().await;
    for id in ["abc", "1x", "1.5", "%20", "99999999999999999999", "status2", "%E4%B8%80"] {
        let path = format!("/api/send/query/{id}");
        let answer = town.api.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (200, 1005), "{id}");
        assert_eq!(answer.msg(), format!("接口 [{path}] 出现异常：messageId应为整数"));
    }
    for query in ["", "?sendRecordId=", "?sendRecordId=abc", "?messageId=1"] {
        let answer = town.api.get(&format!("/api/send/query/status{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (200, 1005), "{query}");
        assert_eq!(answer.msg(), "接口 [/api/send/query/status] 出现异常：sendRecordId应为整数");
    }
    assert_eq!(aws_calls(&town), [""; 0]);
    town.close().await;
}

/// Java sends the type of a body that it does not send.
#[tokio::test]
async fn a_query_needs_no_token_and_no_body() {
    let town = fresh().await;
    let id = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    let headers = [("content-type", "application/json"), ("charset", "UTF-8")];
    let answer = town.api.send(Method::GET, &format!("/api/send/query/{id}?appToken=wrong"), &headers, "").await;
    assert_eq!(answer.code(), 1000);
    assert!(answer.json()["data"].is_i64());
    town.close().await;
}
