//! DELETE /api/fun/remove and PUT /api/fun/reject.

use super::{FIRST, SECOND, accepted, aws_calls, by_hand, fresh, fresh_with, outcomes, recipients, refused, work_all};
use crate::follows::{self, new};
use http::Method;
use local::seed;
use model::follow::FollowOutcome;
use model::ids::FollowId;
use serde_json::json;
use support::{Answer, Town};

async fn remove(town: &Town, token: &str, id: &str) -> Answer {
    town.api.send(Method::DELETE, &format!("/api/fun/remove?appToken={token}&id={id}"), &[], "").await
}

async fn reject(town: &Town, token: &str, id: &str, reject: &str) -> Answer {
    town.api.send(Method::PUT, &format!("/api/fun/reject?appToken={token}&id={id}&reject={reject}"), &[], "").await
}

/// Both answer alike when they did it.
#[track_caller]
fn assert_done(answer: &Answer) {
    assert_eq!(answer.text, r#"{"code":1000,"msg":"处理成功","data":"删除成功","success":true}"#);
}

async fn send_to(town: &Town, uid: &str) -> (i64, String) {
    outcomes(&town.send(json!({ "content": "x", "uids": [uid] })).await).remove(0)
}

#[tokio::test]
async fn row_58_a_removed_user_may_follow_again_under_a_new_id() {
    let town = fresh().await;
    assert_done(&remove(&town, seed::APP_TOKEN, "1").await);
    let (code, status) = send_to(&town, FIRST).await;
    assert!(code == 1001 && status.contains("未关注应用"), "{status}");
    let id = new(follows::follow_app(&town, follows::APP, &seed::uid(1).unwrap(), "x").await);
    assert!(id > FollowId::new(6));
    assert_eq!(send_to(&town, FIRST).await, accepted());
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn row_59_removing_twice_is_a_success_and_a_refusal() {
    let town = fresh().await;
    assert_done(&remove(&town, seed::APP_TOKEN, "4").await);
    let gone = remove(&town, seed::APP_TOKEN, "4").await;
    assert_eq!(gone.code(), 1001);
    for unknown in ["999", "0", "-1", "9007199254740993"] {
        assert_eq!(remove(&town, seed::APP_TOKEN, unknown).await.text, gone.text, "{unknown}: one text for all");
    }
    let topic = town.send(json!({ "content": "x", "topicIds": [1] })).await;
    assert_eq!(outcomes(&topic), [accepted()]);
    assert_eq!(recipients(&town.inbox_of(2).await), ["2", "3"], "the removed one gets nothing");
    town.close().await;
}

#[tokio::test]
async fn row_60_another_apps_record_is_refused_and_left_alone() {
    let town = fresh().await;
    town.stack.aws().calls.reset();
    let foreign = remove(&town, seed::OTHER_TOKEN, "1").await;
    assert_eq!(foreign.code(), 1001);
    assert_eq!(reject(&town, seed::OTHER_TOKEN, "1", "true").await.text, foreign.text);
    assert_eq!(foreign.text, remove(&town, seed::OTHER_TOKEN, "999").await.text, "nobody can probe");
    assert!(aws_calls(&town).iter().all(|call| call.contains("GetItem")), "{:?}", aws_calls(&town));
    assert_eq!(send_to(&town, FIRST).await, accepted());
    town.close().await;
}

#[tokio::test]
async fn row_61_a_block_outlives_its_record() {
    let town = fresh().await;
    assert_done(&reject(&town, seed::APP_TOKEN, "1", "true").await);
    assert_done(&remove(&town, seed::APP_TOKEN, "1").await);
    let outcome = follows::follow_app(&town, follows::APP, &seed::uid(1).unwrap(), "x").await;
    assert_eq!(outcome, FollowOutcome::Rejected);
    assert_eq!(send_to(&town, FIRST).await.0, 1001);
    town.close().await;
}

#[tokio::test]
async fn row_62_a_block_is_seen_by_the_next_call() {
    let town = fresh().await;
    assert_done(&reject(&town, seed::APP_TOKEN, "2", "true").await);
    assert_done(&reject(&town, seed::APP_TOKEN, "2", "true").await);
    let status = "用户UID=[UID_demo000000000000000000000002]已被应用拉黑，不能给他推送消息";
    assert_eq!(send_to(&town, SECOND).await, refused(status));
    let topic = town.send(json!({ "content": "x", "topicIds": [1] })).await;
    assert_eq!(outcomes(&topic), [accepted()]);
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"], "the follow of the topic is left alone");
    town.close().await;
}

#[tokio::test]
async fn row_64_a_lifted_block_lets_the_same_record_receive_at_once() {
    let town = fresh().await;
    assert_done(&reject(&town, seed::APP_TOKEN, "2", "true").await);
    assert_done(&reject(&town, seed::APP_TOKEN, "2", "false").await);
    assert_eq!(send_to(&town, SECOND).await, accepted());
    let list = town.api.get(&format!("/api/fun/wxuser/v2?appToken={}&uid={SECOND}&type=0", seed::APP_TOKEN)).await;
    assert_eq!(
        (&list.json()["data"]["records"][0]["id"], &list.json()["data"]["records"][0]["reject"]),
        (&json!(2), &json!(false))
    );
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn row_65_without_query_and_body_nothing_can_be_read() {
    let town = fresh().await;
    let headers = [("content-type", "application/json")];
    for (method, path) in [(Method::PUT, "/api/fun/reject"), (Method::DELETE, "/api/fun/remove")] {
        let answer = town.api.send(method.clone(), path, &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (200, 1005));
        assert!(answer.msg().starts_with(&format!("接口 [{path}] 出现异常：")), "{}", answer.msg());
        let answer =
            town.api.send(method, &format!("{path}?appToken={}&id=x&reject=true", seed::APP_TOKEN), &[], "").await;
        assert_eq!(answer.code(), 1005);
    }
    for value in ["", "maybe"] {
        assert_eq!(reject(&town, seed::APP_TOKEN, "1", value).await.code(), 1005, "{value}");
    }
    assert_eq!(reject(&town, "AT_wrong", "1", "true").await.msg(), "appToken不正确");
    assert_eq!(reject(&town, "", "1", "true").await.msg(), "appToken不能为空");
    assert_eq!(send_to(&town, FIRST).await, accepted(), "nothing has changed");
    town.close().await;
}

/// The fan-out reads the followers page by page; who is blocked before a page is read is not in its batches.
#[tokio::test]
async fn a_block_during_a_fan_out_holds_for_who_is_not_batched_yet() {
    let town = fresh_with(by_hand()).await;
    let id = town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id();
    assert_done(&reject(&town, seed::APP_TOKEN, "5", "true").await);
    work_all(&town).await;
    assert_eq!(recipients(&town.inbox()), ["1", "3"]);
    assert_eq!(town.status(id).await, 3);
    town.close().await;
}
