//! How much a call may hold. A rule is looked at before anybody is looked up.

use crate::wxpusher::{
    FIRST, TOKEN_READ, accepted, assert_nothing_sent, aws_calls, fresh, fresh_with, only_page, outcomes,
};
use http::Method;
use local::seed::world_with_crowd;
use local::{Options, seed};
use model::ids::AppId;
use serde_json::{Value, json};
use store::Capability;
use store::follows::FollowWriter;
use support::{Answer, Town, crowd_openid, crowd_uid};

async fn send(town: &Town, field: &str, value: impl Into<Value>) -> Answer {
    let mut body = json!({ "content": "x", "uids": [FIRST] });
    body[field] = value.into();
    town.send(body).await
}

/// The call is refused with these words, and cost no more than the look at its token.
async fn assert_refused(town: &Town, field: &str, value: impl Into<Value>, msg: &str) {
    town.stack.aws().calls.reset();
    let answer = send(town, field, value).await;
    assert_eq!((answer.code(), answer.msg()), (1001, msg.to_owned()));
    assert!(answer.json()["data"].is_null());
    assert_eq!(aws_calls(town), TOKEN_READ, "for {msg}");
}

#[tokio::test]
async fn row_15_blank_content_is_refused() {
    let town = fresh().await;
    for content in [json!(null), json!(""), json!("  \n\t\u{3000}")] {
        assert_refused(&town, "content", content, "content内容不能为空").await;
    }
    let answer = town.send(json!({ "uids": [FIRST] })).await;
    assert_eq!((answer.code(), answer.msg()), (1001, "content内容不能为空".to_owned()), "missing");
    assert_nothing_sent(&town).await;
    town.close().await;
}

#[tokio::test]
async fn row_16_content_may_have_40_000_characters() {
    let town = fresh().await;
    assert_refused(&town, "content", "字".repeat(40_001), "content内容过长，最多40000个字符").await;
    assert_refused(&town, "content", "x".repeat(40_001), "content内容过长，最多40000个字符").await;
    assert_nothing_sent(&town).await;
    let content = "字".repeat(40_000);
    assert_eq!(outcomes(&send(&town, "content", content.as_str()).await), [accepted()]);
    assert!(only_page(&town).await.text.contains(&content), "it arrives whole");
    town.close().await;
}

#[tokio::test]
async fn row_17_content_is_counted_in_characters() {
    let town = fresh().await;
    let content = "😀".repeat(20_001);
    assert_eq!(outcomes(&send(&town, "content", content.as_str()).await), [accepted()]);
    assert!(only_page(&town).await.text.contains(&content));
    town.close().await;
}

#[tokio::test]
async fn row_18_a_summary_may_have_100_characters() {
    let town = fresh().await;
    assert_refused(&town, "summary", "字".repeat(101), "summary过长，最多100个字符").await;
    assert_nothing_sent(&town).await;
    let summary = "😀".repeat(100);
    assert_eq!(outcomes(&send(&town, "summary", summary.as_str()).await), [accepted()]);
    assert!(only_page(&town).await.text.contains(&summary));
    town.close().await;
}

#[tokio::test]
async fn row_20_a_url_may_have_1_000_characters() {
    let town = fresh().await;
    let url = |length: usize| format!("https://a.example/{}", "x".repeat(length - "https://a.example/".len()));
    assert_refused(&town, "url", url(1001), "url过长，最多1000个字符").await;
    assert_nothing_sent(&town).await;
    for length in [400, 1000] {
        assert_eq!(outcomes(&send(&town, "url", url(length)).await), [accepted()], "{length}");
    }
    town.inbox_of(2).await;
    town.close().await;
}

/// Malformed ones in front, so that a test need not serve two thousand people.
#[tokio::test]
async fn row_21_a_call_may_name_2_000_uids() {
    const GOOD: usize = 600;
    let town = fresh_with(Options { world: Some(world_with_crowd(600)), ..Options::for_tests() }).await;
    let follower = |n| seed::follower(crowd_uid(n), crowd_openid(n), 1_000_000 + n, town.now());
    let followers: Vec<_> = (1..=600).map(follower).collect();
    FollowWriter::open(town.stack.store()).put_app_follows(AppId::new(1), &followers).await.expect("follows");
    let malformed = (0..2000 - GOOD).map(|n| format!("malformed {n}"));
    let uids: Vec<String> =
        malformed.chain(followers.iter().map(|follower| follower.uid.as_str().to_owned())).collect();
    let one_more = [uids.clone(), vec!["one more".to_owned()]].concat();
    assert_refused(&town, "uids", one_more, "uids过多，一次最多2000个").await;
    assert_nothing_sent(&town).await;

    let answer = send(&town, "uids", uids.clone()).await;
    let targets = answer.targets();
    assert_eq!(targets.len(), 2000);
    assert!(targets.iter().zip(&uids).all(|(target, uid)| target["uid"] == *uid), "in the order of the request");
    let ids: Vec<u64> = targets.iter().filter_map(|target| target["messageId"].as_u64()).collect();
    let content = targets[1999]["messageContentId"].as_u64().expect("an id");
    assert_eq!(ids, (content + 1..=content + 600).collect::<Vec<u64>>());
    // Ids of a wide call lie in many partitions: each must find its way back.
    for place in [0, 30, 31, 499, 500, GOOD - 1] {
        town.status_of(ids[place], 3).await;
    }
    for beyond in [content, content + 601, content + 2000] {
        assert_eq!(town.status(beyond).await, 0, "no target");
    }
    town.inbox_of(GOOD).await;
    town.close().await;
}

#[tokio::test]
async fn row_22_a_repeated_uid_does_not_count() {
    let town = fresh().await;
    let mut uids: Vec<String> = (0..1999).map(|n| format!("malformed {n}")).collect();
    uids.extend([FIRST.to_owned(), FIRST.to_owned()]);
    let targets = send(&town, "uids", uids).await.targets();
    assert_eq!(targets.len(), 2000);
    town.status_of(targets[1999]["messageId"].as_u64().expect("an id"), 3).await;
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn row_23_a_call_may_name_5_topics() {
    let town = fresh().await;
    assert_refused(&town, "topicIds", (1..=6).collect::<Vec<i64>>(), "topicIds过多，一次最多5个").await;
    assert_nothing_sent(&town).await;
    let answer = town.send(json!({ "content": "x", "topicIds": [1, 2, 3, 4, 5, 1, "5"] })).await;
    assert_eq!(answer.targets().len(), 5, "repeats do not count");
    town.inbox_of(3).await;
    town.close().await;
}

#[tokio::test]
async fn row_25_a_content_type_beyond_3_is_refused() {
    let town = fresh().await;
    for content_type in [0, 4, 9, -1] {
        assert_refused(&town, "contentType", content_type, "错误的contentType").await;
    }
    assert_refused(&town, "verifyPayType", 3, "verifyPayType只能是0、1或2").await;
    assert_nothing_sent(&town).await;
    town.close().await;
}

/// A call that breaks every rule reports the first; mended one by one, the next.
#[tokio::test]
async fn rules_are_reported_in_order() {
    let town = fresh().await;
    let topics: Vec<i64> = (1..=6).collect();
    let uids: Vec<String> = (0..2001).map(|n| format!("UID_{n:028}")).collect();
    let (long, longer) = ("x".repeat(101), "x".repeat(1001));
    let mut body = json!({
        "appToken": "AT_wrong", "content": "x".repeat(40_001), "contentType": 9, "summary": long, "url": longer,
        "verifyPayType": 7,
    });
    let mends = [
        ("appToken不正确", json!({ "appToken": seed::APP_TOKEN })),
        ("content内容过长，最多40000个字符", json!({ "content": "x" })),
        ("错误的contentType", json!({ "contentType": 1 })),
        ("uids和topicIds不能同时为空", json!({ "uids": uids, "topicIds": topics })),
        ("uids过多，一次最多2000个", json!({ "uids": [FIRST] })),
        ("topicIds过多，一次最多5个", json!({ "topicIds": [] })),
        ("summary过长，最多100个字符", json!({ "summary": "x" })),
        ("url过长，最多1000个字符", json!({ "url": "https://a.example" })),
        ("verifyPayType只能是0、1或2", json!({ "verifyPayType": 0 })),
    ];
    for (msg, mend) in mends {
        let answer = town.api.post("/api/send/message", &body).await;
        assert_eq!((answer.code(), answer.msg()), (1001, msg.to_owned()));
        for (field, value) in mend.as_object().expect("an object") {
            body[field] = value.clone();
        }
    }
    assert_eq!(aws_calls(&town), TOKEN_READ, "no rule needs more than the token");
    assert_nothing_sent(&town).await;
    assert_eq!(outcomes(&town.api.post("/api/send/message", &body).await), [accepted()]);
    town.close().await;
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_read_and_a_larger_one_is_not() {
    let town = fresh().await;
    let padded = |bytes: usize| {
        let mut body = json!({ "appToken": seed::APP_TOKEN, "content": "x", "uids": [FIRST], "pad": "" }).to_string();
        let gap = bytes - body.len();
        body.insert_str(body.find("\"pad\":\"").expect("the pad") + "\"pad\":\"".len(), &"p".repeat(gap));
        body
    };
    let headers = [("content-type", "application/json")];
    let answer = town.api.send(Method::POST, "/api/send/message", &headers, padded(1024 * 1024 + 1)).await;
    assert_eq!(answer.code(), 1005);
    assert_eq!(answer.msg(), "接口 [/api/send/message] 出现异常：请求体超过1048576字节");
    assert_eq!(aws_calls(&town), [""; 0]);
    assert_nothing_sent(&town).await;
    let answer = town.api.send(Method::POST, "/api/send/message", &headers, padded(1024 * 1024)).await;
    assert_eq!(outcomes(&answer), [accepted()]);
    town.inbox_of(1).await;
    town.close().await;
}

/// As Python writes it: twelve bytes for each emoji.
#[tokio::test]
async fn the_longest_content_is_read_with_every_character_escaped() {
    let town = fresh().await;
    let body = format!(
        r#"{{"appToken": "{}", "content": "{}", "uids": ["{FIRST}"]}}"#,
        seed::APP_TOKEN,
        r"\ud83d\ude00".repeat(40_000)
    );
    assert!(body.len() > 480_000);
    let answer = town.api.send(Method::POST, "/api/send/message", &[("content-type", "application/json")], body).await;
    assert_eq!(outcomes(&answer), [accepted()]);
    assert!(only_page(&town).await.text.contains(&"😀".repeat(40_000)));
    town.close().await;
}
