//! Which followers of a topic a message reaches.

use crate::wxpusher::{assert_nothing_sent, fresh, recipients, to_noon};
use local::seed;
use local::seed::world_with_crowd;
use model::audience::Follower;
use model::ids::{AppId, TopicId};
use serde_json::json;
use store::Capability;
use store::follows::FollowWriter;
use support::{CROWD_TOPIC, Town};

/// The number of a crowd's member, from the openid.
fn number(openid: &str) -> u64 {
    openid.trim_start_matches("ocrowd").parse().expect("a number")
}

#[tokio::test]
async fn a_topic_skips_exactly_those_who_must_not_receive() {
    let town = Town::with(local::Options { world: Some(world_with_crowd(12)), ..local::Options::for_tests() }).await;
    let today = to_noon(&town);
    town.settle_crowd(CROWD_TOPIC, 12, |follower: &mut Follower| match follower.follow_id.get() % 1_000_000 {
        2 => follower.rejected = true,
        4 => follower.muted = true,
        6 => follower.unreachable = true,
        8 => follower.over_quota_day = Some(today),
        10 => follower.over_quota_day = Some(model::clock::Day::from_number(today.number() - 1)),
        _ => {}
    })
    .await;
    let id = town.send(json!({ "content": "x", "topicIds": [CROWD_TOPIC] })).await.message_id();
    town.status_of(id, 3).await;
    let mut reached: Vec<u64> = town.inbox_of(8).await.iter().map(|message| number(&message.recipient)).collect();
    reached.sort_unstable();
    assert_eq!(reached, [1, 3, 5, 7, 9, 10, 11, 12]);
    town.close().await;
}

#[tokio::test]
async fn a_topic_whose_followers_are_all_skipped_ends_as_sent() {
    let town = fresh().await;
    for n in 1..=3 {
        crate::wxpusher::change_topic_follow(&town, n, |follower| follower.muted = true).await;
    }
    let id = town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id();
    town.status_of(id, 3).await;
    assert_eq!(town.arrived(), 0);
    town.close().await;
}

#[tokio::test]
async fn a_follower_of_two_topics_gets_a_message_from_each() {
    let town = fresh().await;
    let follow = |n: u64| seed::follower(seed::uid(n).expect("a UID"), seed::openid(n), 700 + n, town.now());
    let (app, topic) = (AppId::new(1), TopicId::new(5));
    let second = model::app::Topic { id: topic, name: "second".to_owned(), in_product: false, shards: 1 };
    store::apps::AppWriter::open(town.stack.store()).put_topic(app, &second).await.expect("a topic");
    let follows = FollowWriter::open(town.stack.store());
    follows.put_topic_follows(app, topic, 0, &[follow(1), follow(2)]).await.expect("follows");
    let answer = town.send(json!({ "content": "x", "topicIds": [5, 1] })).await;
    let targets = answer.targets();
    assert_eq!((&targets[0]["topicId"], &targets[1]["topicId"]), (&json!(5), &json!(1)));
    assert_eq!(recipients(&town.inbox_of(5).await), ["1", "1", "2", "2", "3"]);
    town.close().await;
}

/// The answer for a topic is one object, and the reference on every card is the id it names.
#[tokio::test]
async fn followers_of_a_topic_share_one_id() {
    let town = fresh().await;
    let id = town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id();
    for message in town.inbox_of(3).await {
        assert_eq!(message.raw["data"]["keyword2"]["value"], format!("RID{id}"));
    }
    town.close().await;
}

#[tokio::test]
async fn a_topic_of_another_app_reaches_nobody() {
    let town = fresh().await;
    let body = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "topicIds": [1] });
    let answer = town.api.post("/api/send/message", &body).await;
    assert_eq!(answer.targets()[0]["status"], "主题topicId=[1]不存在");
    assert_nothing_sent(&town).await;
    town.close().await;
}
