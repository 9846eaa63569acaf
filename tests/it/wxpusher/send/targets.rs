//! Who is named, and what is said of each.

use crate::wxpusher::{
    FIRST, NOBODY, SECOND, THIRD, accepted, arrivals, assert_nothing_sent, change_follow, fresh, outcomes, put_person,
    recipients, refused,
};
use local::seed;
use model::ids::{AppId, OpenId, TopicId, Uid};
use serde_json::json;
use store::Capability;
use store::follows::FollowWriter;

#[tokio::test]
async fn row_01_a_uid_named_twice_is_one_target() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST, SECOND, FIRST] })).await;
    let targets = answer.targets();
    assert_eq!(targets.len(), 2);
    assert_eq!(
        (&targets[0]["uid"], &targets[1]["uid"]),
        (&json!(FIRST), &json!(SECOND)),
        "in the order of the request"
    );
    assert_eq!(recipients(&town.inbox_of(2).await), ["1", "2"]);
    town.close().await;
}

#[tokio::test]
async fn row_02_a_topic_named_twice_is_one_target_and_each_follower_gets_one_message() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "topicIds": [1, "1", 1] })).await;
    assert_eq!(outcomes(&answer), [accepted()]);
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"]);
    town.close().await;
}

#[tokio::test]
async fn row_03_one_good_and_one_unknown_uid() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST, NOBODY] })).await;
    assert_eq!(outcomes(&answer), [accepted(), refused(&format!("用户UID=[{NOBODY}]不存在"))]);
    let failed = &answer.targets()[1];
    assert_eq!(failed["uid"], NOBODY);
    for id in ["messageId", "messageContentId", "sendRecordId", "topicId"] {
        assert!(failed[id].is_null(), "{id} in {failed}");
    }
    assert_eq!(recipients(&town.inbox_of(1).await), ["1"]);
    town.close().await;
}

#[tokio::test]
async fn row_04_all_uids_unknown_is_still_a_success_without_a_message() {
    let town = fresh().await;
    let other = NOBODY.replace("01", "02");
    let answer = town.send(json!({ "content": "x", "uids": [NOBODY, other] })).await;
    let unknown = |uid: &str| refused(&format!("用户UID=[{uid}]不存在"));
    assert_eq!(outcomes(&answer), [unknown(NOBODY), unknown(&other)]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_05_who_follows_only_a_topic_does_not_follow_the_app() {
    let town = fresh().await;
    let (uid, openid) = (Uid::parse(NOBODY).expect("a UID"), OpenId::new("odemo00000000000000000000009"));
    put_person(&town, &uid, &openid).await;
    let follower = seed::follower(uid, openid, 900, town.now());
    let follows = FollowWriter::open(town.stack.store());
    follows.put_topic_follows(AppId::new(1), TopicId::new(1), 0, &[follower]).await.expect("a follow");
    let answer = town.send(json!({ "content": "x", "uids": [NOBODY] })).await;
    let status = format!("用户UID=[{NOBODY}]未关注应用，需要用户关注你创建的应用，你才可以给他推送消息");
    assert_eq!(outcomes(&answer), [refused(&status)]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn who_follows_another_app_does_not_follow_this_one() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "uids": [FIRST] });
    let answer = town.api.post("/api/send/message", &body).await;
    let status = format!("用户UID=[{FIRST}]未关注应用，需要用户关注你创建的应用，你才可以给他推送消息");
    assert_eq!(outcomes(&answer), [refused(&status)]);
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_06_a_malformed_uid_is_a_refused_target_beside_good_ones() {
    let town = fresh().await;
    let pair = format!("{FIRST},{SECOND}");
    let (padded, lower) = (format!(" {FIRST}"), FIRST.replace("UID_", "uid_"));
    let malformed = ["demo000000000000000000000001", &pair, &padded, &lower, "UID_x", "演示"];
    let mut uids = malformed.to_vec();
    uids.insert(2, FIRST);
    let answer = town.send(json!({ "content": "x", "uids": uids })).await;
    for (target, uid) in answer.targets().iter().zip(&uids) {
        assert_eq!(target["uid"], *uid, "a target is named as it was given");
        let expected = if *uid == FIRST { accepted() } else { refused("UID不合法") };
        assert_eq!((&target["code"], &target["status"]), (&json!(expected.0), &json!(expected.1)), "{uid}");
    }
    assert_eq!(recipients(&town.inbox_of(1).await), ["1"]);
    town.close().await;
}

#[tokio::test]
async fn row_07_a_user_named_directly_and_through_a_topic_gets_two_messages() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST], "topicIds": [1] })).await;
    assert_eq!(outcomes(&answer), [accepted(), accepted()]);
    assert_eq!(recipients(&town.inbox_of(4).await), ["1", "1", "2", "3"]);
    for target in answer.targets() {
        town.status_of(target["messageId"].as_u64().expect("an id"), 3).await;
    }
    town.close().await;
}

#[tokio::test]
async fn row_08_a_foreign_topic_is_refused_like_an_unknown_one_beside_a_good_uid() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST], "topicIds": [2, 99, 0, -1] })).await;
    let unknown = |topic: i64| refused(&format!("主题topicId=[{topic}]不存在"));
    assert_eq!(outcomes(&answer), [accepted(), unknown(2), unknown(99), unknown(0), unknown(-1)]);
    assert_eq!(answer.targets()[1]["topicId"], 2);
    assert_eq!(recipients(&town.inbox_of(1).await), ["1"]);
    town.close().await;
}

#[tokio::test]
async fn row_09_a_topic_without_followers_ends_as_sent() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "topicIds": [2] });
    let id = town.api.post("/api/send/message", &body).await.message_id();
    town.status_of(id, 3).await;
    assert_eq!(town.arrived(), 0);
    town.close().await;
}

#[tokio::test]
async fn row_10_a_topic_id_may_be_a_text_of_digits() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "topicIds": ["1"] })).await;
    assert_eq!(answer.targets()[0]["topicId"], 1);
    town.inbox_of(3).await;
    town.close().await;
}

#[tokio::test]
async fn row_13_a_call_that_names_nobody_is_refused() {
    let town = fresh().await;
    for body in [
        json!({ "content": "x" }),
        json!({ "content": "x", "uids": [], "topicIds": [] }),
        json!({ "content": "x", "uids": null, "topicIds": null }),
        json!({ "content": "x", "uids": [""], "topicIds": ["", null] }),
        json!({ "content": "x", "uids": [" ", null] }),
    ] {
        let answer = town.send(body.clone()).await;
        assert_eq!((answer.code(), answer.msg()), (1001, "uids和topicIds不能同时为空".to_owned()), "{body}");
    }
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_14_blank_elements_are_no_targets() {
    let town = fresh().await;
    let answer = town.send(json!({ "content": "x", "uids": ["", null, "  "], "topicIds": [1, null, ""] })).await;
    let targets = answer.targets();
    assert_eq!(targets.len(), 1, "{}", answer.text);
    assert_eq!((&targets[0]["uid"], &targets[0]["topicId"]), (&json!(null), &json!(1)));
    town.inbox_of(3).await;
    town.close().await;
}

#[tokio::test]
async fn row_62_a_rejected_user_gets_nothing_by_uid() {
    let town = fresh().await;
    change_follow(&town, 1, |follower| follower.rejected = true).await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert_eq!(outcomes(&answer), [refused(&format!("用户UID=[{FIRST}]已被应用拉黑，不能给他推送消息"))]);
    assert_nothing_sent(&town).await;
    // The topic follow is another record, and not rejected.
    town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id();
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"]);
    town.close().await;
}

#[tokio::test]
async fn row_64_a_user_whose_rejection_was_lifted_receives_at_once() {
    let town = fresh().await;
    change_follow(&town, 1, |follower| follower.rejected = true).await;
    assert_eq!(outcomes(&town.send(json!({ "content": "x", "uids": [FIRST] })).await)[0].0, 1001);
    change_follow(&town, 1, |_| ()).await;
    assert_eq!(outcomes(&town.send(json!({ "content": "x", "uids": [FIRST] })).await), [accepted()]);
    assert_eq!(recipients(&arrivals(&town, 0, 1).await), ["1"]);
    town.close().await;
}

#[tokio::test]
async fn who_cannot_or_will_not_receive_is_a_refused_target_that_says_why() {
    let town = fresh().await;
    change_follow(&town, 1, |follower| follower.muted = true).await;
    change_follow(&town, 2, |follower| follower.unreachable = true).await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST, SECOND, THIRD] })).await;
    let muted = refused(&format!("用户UID=[{FIRST}]已关闭消息接收开关"));
    let gone = refused(&format!("用户UID=[{SECOND}]已取消关注公众号，不能给他推送消息"));
    assert_eq!(outcomes(&answer), [muted, gone, accepted()]);
    assert_eq!(recipients(&town.inbox_of(1).await), ["3"]);
    town.close().await;
}
