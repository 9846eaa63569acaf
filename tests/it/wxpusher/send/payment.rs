//! Messages for those who pay, or do not.

use crate::wxpusher::{
    FIRST, SECOND, THIRD, accepted, assert_nothing_sent, by_hand, change_follow, change_topic_follow, fresh,
    fresh_with, outcomes, recipients, refused, work_all,
};
use local::seed;
use model::app::Topic;
use model::ids::{AppId, TopicId};
use serde_json::json;
use std::time::Duration;
use store::Capability;
use store::apps::AppWriter;
use support::Town;

const HOUR: Duration = Duration::from_secs(3600);

/// Puts app 1 and its topic into a product. The first follower has paid, the second's time is over, the third never
/// paid.
async fn sell(town: &Town) {
    let [(mut app, token, mut topic), _] = seed::apps();
    app.in_product = true;
    town.put_app(&app, token).await;
    topic.in_product = true;
    put_topic(town, &topic).await;
    let (ahead, past) = (town.now().plus(HOUR), town.now().minus(Duration::from_secs(1)));
    change_follow(town, 1, |follower| follower.pay_end_ms = ahead).await;
    change_follow(town, 2, |follower| follower.pay_end_ms = past).await;
    change_topic_follow(town, 1, |follower| follower.pay_end_ms = ahead).await;
    change_topic_follow(town, 2, |follower| follower.pay_end_ms = past).await;
}

async fn put_topic(town: &Town, topic: &Topic) {
    AppWriter::open(town.stack.store()).put_topic(AppId::new(1), topic).await.expect("a topic");
}

fn unpaid(uid: &str) -> (i64, String) {
    refused(&format!("用户UID=[{uid}]不在付费订阅有效期内"))
}

#[tokio::test]
async fn row_70_outside_a_product_the_check_is_void() {
    let town = fresh().await;
    let uids = json!([FIRST, SECOND, THIRD]);
    let answer = town.send(json!({ "content": "x", "uids": uids, "verifyPay": true })).await;
    assert_eq!(outcomes(&answer), [accepted(), accepted(), accepted()]);
    let answer = town.send(json!({ "content": "x", "topicIds": [1], "verifyPayType": 1 })).await;
    assert_eq!(outcomes(&answer), [accepted()]);
    assert_eq!(recipients(&town.inbox_of(6).await), ["1", "1", "2", "2", "3", "3"]);
    town.close().await;
}

#[tokio::test]
async fn row_71_whose_paid_time_is_over_gets_nothing() {
    let town = fresh().await;
    sell(&town).await;
    town.stack.aws().calls.reset();
    for check in [json!({ "verifyPay": true }), json!({ "verifyPayType": 1 }), json!({ "verifyPay": "true" })] {
        let mut body = json!({ "content": "x", "uids": [SECOND, THIRD] });
        body.as_object_mut().expect("an object").extend(check.as_object().expect("an object").clone());
        assert_eq!(outcomes(&town.send(body).await), [unpaid(SECOND), unpaid(THIRD)], "{check}");
    }
    assert_nothing_sent(&town).await;
    let answer = town.send(json!({ "content": "x", "uids": [FIRST, SECOND], "verifyPay": true })).await;
    assert_eq!(outcomes(&answer), [accepted(), unpaid(SECOND)]);
    assert_eq!(recipients(&town.inbox_of(1).await), ["1"]);
    town.close().await;
}

#[tokio::test]
async fn row_72_the_type_of_check_wins_over_the_flag() {
    let town = fresh().await;
    sell(&town).await;
    let uids = json!([FIRST, SECOND, THIRD]);
    let everyone = json!({ "content": "x", "uids": uids, "verifyPay": true, "verifyPayType": 0 });
    assert_eq!(outcomes(&town.send(everyone).await), [accepted(), accepted(), accepted()]);
    let not_paying = json!({ "content": "x", "uids": uids, "verifyPay": true, "verifyPayType": "2" });
    let paid = refused(&format!("用户UID=[{FIRST}]在付费订阅有效期内"));
    assert_eq!(outcomes(&town.send(not_paying).await), [paid, accepted(), accepted()]);
    assert_eq!(recipients(&town.inbox_of(5).await), ["1", "2", "2", "3", "3"]);
    town.close().await;
}

#[tokio::test]
async fn a_topic_reaches_exactly_those_the_check_means() {
    let town = fresh().await;
    sell(&town).await;
    let answers = [
        town.send(json!({ "content": "x", "topicIds": [1], "verifyPay": true })).await,
        town.send(json!({ "content": "x", "topicIds": [1], "verifyPayType": 2 })).await,
    ];
    for answer in answers {
        town.status_of(answer.message_id(), 3).await;
    }
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"], "1 has paid; 2 and 3 have not");
    town.close().await;
}

/// What counts is who has paid when the audience is read, not when the call was made.
#[tokio::test]
async fn a_topics_followers_are_checked_when_their_messages_go_out() {
    let town = fresh_with(by_hand()).await;
    sell(&town).await;
    let ahead = town.now().plus(3 * HOUR);
    town.send(json!({ "content": "x", "topicIds": [1], "verifyPay": true })).await.message_id();
    change_topic_follow(&town, 2, |follower| follower.pay_end_ms = ahead).await;
    town.stack.advance(2 * HOUR);
    work_all(&town).await;
    assert_eq!(recipients(&town.inbox_of(1).await), ["2"], "the first's time ran out meanwhile, the second paid");
    town.close().await;
}

/// The topic's product is what matters to its followers, the app's to those named directly.
#[tokio::test]
async fn app_and_topic_are_sold_separately() {
    let town = fresh().await;
    sell(&town).await;
    let topic = Topic { id: TopicId::new(1), name: "free".to_owned(), in_product: false, shards: 1 };
    put_topic(&town, &topic).await;
    let answer = town.send(json!({ "content": "x", "uids": [THIRD], "topicIds": [1], "verifyPay": true })).await;
    assert_eq!(outcomes(&answer), [unpaid(THIRD), accepted()]);
    assert_eq!(recipients(&town.inbox_of(3).await), ["1", "2", "3"]);
    town.close().await;
}
