//! POST /api/send/message/simple-push and GET /api/send/message/{spt}/{content}.

use super::{ACCEPTED, assert_nothing_sent, fresh, fresh_with, only_page, recipients};
use crate::follows;
use local::{Options, seed};
use serde_json::{Value, json};
use support::{Answer, Town};

fn spt(n: u64) -> String {
    seed::spt(n).unwrap().expose().to_owned()
}

async fn push(town: &Town, body: Value) -> Answer {
    town.api.post("/api/send/message/simple-push", &body).await
}

#[tokio::test]
async fn a_token_is_all_it_takes() {
    let town = fresh().await;
    let answer = push(&town, json!({ "content": "备份完成", "spt": spt(1) })).await;
    let targets = answer.targets();
    let id = targets[0]["messageId"].as_u64().expect("an id");
    let expected = json!({
        "uid": null, "topicId": null, "messageId": id, "messageContentId": id - 1, "sendRecordId": id, "code": 1000,
        "status": ACCEPTED, "spt": spt(1),
    });
    assert_eq!(targets, [expected]);
    town.status_of(id, 3).await;
    assert!(only_page(&town).await.text.contains("备份完成"));
    town.close().await;
}

#[tokio::test]
async fn one_token_and_a_list_count_together_under_both_names() {
    let town = fresh().await;
    let body = json!({ "content": "x", "spt": spt(1), "sptList": [spt(2), spt(1), "", null] });
    assert_eq!(push(&town, body).await.targets().len(), 2);
    let old = json!({ "content": "x", "simplePushToken": spt(3), "simplePushTokenList": [spt(2)] });
    assert_eq!(push(&town, old).await.targets().len(), 2);
    assert_eq!(recipients(&town.inbox_of(4).await), ["1", "2", "2", "3"]);
    town.close().await;
}

#[tokio::test]
async fn ten_tokens_are_taken_and_eleven_refused() {
    let town = fresh().await;
    let list = |count: usize| (0..count).map(|n| format!("SPT_{n:028}")).collect::<Vec<_>>();
    let answer = push(&town, json!({ "content": "x", "sptList": list(10) })).await;
    let targets = answer.targets();
    assert_eq!(targets.len(), 10);
    for target in targets {
        assert_eq!(
            (&target["code"], &target["messageId"], &target["status"]),
            (&json!(1001), &Value::Null, &json!("SPT不存在"))
        );
    }
    let answer = push(&town, json!({ "content": "x", "sptList": list(11) })).await;
    assert_eq!(answer.code(), 1001);
    assert!(answer.msg().contains("sptList"));
    for nobody in
        [json!({ "content": "x" }), json!({ "content": "x", "sptList": [] }), json!({ "content": "x", "spt": " " })]
    {
        assert_eq!(push(&town, nobody).await.code(), 1001);
    }
    assert_eq!(push(&town, json!({ "content": " ", "spt": spt(1) })).await.msg(), "content内容不能为空");
    assert_eq!(push(&town, json!({ "content": "x", "sptList": spt(1) })).await.code(), 1005);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn the_path_may_carry_it_all() {
    let town = fresh().await;
    let answer = town.api.get(&format!("/api/send/message/{}/%E7%A3%81%E7%9B%98%20%2Fvar/91%25", spt(2))).await;
    assert_eq!(answer.targets()[0]["code"], 1000);
    assert!(only_page(&town).await.text.contains("磁盘 /var/91%"), "slashes and all");
    assert_eq!(recipients(&town.inbox()), ["2"]);
    let unknown = town.api.get("/api/send/message/SPT_wrong/x").await;
    assert_eq!(unknown.targets()[0]["code"], 1001);
    town.close().await;
}

#[tokio::test]
async fn who_takes_no_messages_gets_none() {
    let town = fresh_with(super::daily_limit(1)).await;
    follows::people(&town).set_muted(&seed::uid(1).unwrap(), true, town.now()).await.unwrap();
    follows::people(&town).depart(&follows::account(), &seed::openid(2), town.now()).await.unwrap();
    let body = json!({ "content": "x", "sptList": [spt(1), spt(2), spt(3)] });
    let codes =
        |answer: Answer| answer.targets().iter().map(|target| target["code"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!(codes(push(&town, body.clone()).await), [1001, 1001, 1000], "muted, gone, and well");
    assert_eq!(codes(push(&town, body).await), [1001, 1001, 1001], "the quota is used up");
    assert_eq!(recipients(&town.inbox_of(1).await), ["3"]);
    town.close().await;
}

#[tokio::test]
async fn a_runaway_loop_is_slowed_down() {
    let mut options = Options::for_tests();
    options.settings.insert("TUISONG_CALLS_PER_10S".to_owned(), "2".to_owned());
    let town = fresh_with(options).await;
    town.stack.clock().stand_still();
    let body = json!({ "content": "x", "spt": spt(1) });
    for _ in 0..2 {
        assert_eq!(push(&town, body.clone()).await.code(), 1000);
    }
    let answer = push(&town, body).await;
    assert_eq!((answer.code(), answer.headers.contains_key("retry-after")), (1001, true));
    assert_eq!(push(&town, json!({ "content": "x", "spt": spt(2) })).await.code(), 1000, "another user's token");
    town.inbox_of(3).await;
    town.close().await;
}
