//! The daily quota of a user: all apps and topics together, by the day in Beijing.

use crate::wxpusher::{
    FIRST, NOBODY, SECOND, accepted, assert_nothing_sent, change_follow, daily_limit, fresh_with, outcomes, received,
    recipients, refused, to_noon,
};
use futures::stream::{self, StreamExt};
use local::{Options, seed};
use model::ids::{AppId, TopicId, Uid};
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::audience::{Audience, Span};
use store::follows::FollowWriter;
use store::quotas::{Quotas, Taken};
use support::{Answer, Town, until};

fn spent(uid: &str) -> (i64, String) {
    refused(&format!("用户UID=[{uid}]今日接收消息数量已达上限"))
}

async fn direct(town: &Town, uids: Value) -> Answer {
    town.send(json!({ "content": "x", "uids": uids })).await
}

async fn topic(town: &Town) -> u64 {
    town.send(json!({ "content": "x", "topicIds": [1] })).await.message_id()
}

/// Waits until `count` followers of topic 1 are known to have had their share of today.
async fn until_marked(town: &Town, count: usize) {
    let (audience, today) = (Audience::open(town.stack.store()), town.now().beijing_day());
    let span = Span { after: None, upto: None };
    until(&format!("{count} marks"), || async {
        let page = audience.page(AppId::new(1), TopicId::new(1), 0, span, 100).await.expect("an audience");
        page.followers.iter().filter(|follower| follower.over_quota_day == Some(today)).count() == count
    })
    .await;
}

/// 50 calls at once for the last 40 of the 500 messages of a day: exactly 40 are taken. The others were sent in the morning.
#[tokio::test]
async fn row_75_the_501st_message_of_a_day_is_refused() {
    let town = fresh_with(Options::for_tests()).await;
    let today = to_noon(&town);
    let (quotas, uid) = (Quotas::open(town.stack.store()), Uid::parse(FIRST).expect("a UID"));
    for _ in 0..460 {
        assert_eq!(quotas.take(&uid, today, 500).await.expect("a count"), Taken::Counted);
    }
    let calls = (0..50).map(|_| direct(&town, json!([FIRST])));
    let answers: Vec<_> = stream::iter(calls).buffer_unordered(16).map(|answer| outcomes(&answer)).collect().await;
    let taken = answers.iter().filter(|outcome| **outcome == [accepted()]).count();
    assert_eq!(taken, 40);
    assert!(answers.iter().all(|outcome| *outcome == [accepted()] || *outcome == [spent(FIRST)]));
    assert_eq!(outcomes(&direct(&town, json!([FIRST, SECOND])).await), [spent(FIRST), accepted()]);
    assert_eq!(received(&town, FIRST, today).await, 500);
    town.inbox_of(41).await;
    town.close().await;
}

#[tokio::test]
async fn row_75_at_midnight_in_beijing_the_quota_begins_anew() {
    let town = fresh_with(daily_limit(2)).await;
    let today = to_noon(&town);
    for _ in 0..2 {
        assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [accepted()]);
    }
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [spent(FIRST)]);
    let left = today.end().since(town.now());
    town.stack.advance(left - Duration::from_secs(60));
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [spent(FIRST)], "a minute before");
    town.stack.advance(Duration::from_secs(60));
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [accepted()]);
    town.inbox_of(3).await;
    let id = topic(&town).await;
    assert_eq!(recipients(&town.inbox_of(6).await[3..]), ["1", "2", "3"], "topics too");
    town.status_of(id, 3).await;
    town.close().await;
}

#[tokio::test]
async fn a_target_that_gets_nothing_uses_up_nothing() {
    let town = fresh_with(daily_limit(2)).await;
    let today = to_noon(&town);
    change_follow(&town, 1, |follower| follower.rejected = true).await;
    town.stack.aws().calls.reset();
    for _ in 0..4 {
        let outcome = outcomes(&direct(&town, json!([FIRST, NOBODY])).await);
        assert!(outcome[0].1.contains("已被应用拉黑") && outcome[1].1.contains("不存在"), "{outcome:?}");
    }
    assert_eq!((received(&town, FIRST, today).await, received(&town, NOBODY, today).await), (0, 0));
    assert_nothing_sent(&town).await;
    change_follow(&town, 1, |_| ()).await;
    for _ in 0..2 {
        assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [accepted()]);
    }
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [spent(FIRST)]);
    // Beside a target that is accepted, too.
    assert_eq!(outcomes(&direct(&town, json!([NOBODY, SECOND])).await)[1], accepted());
    assert_eq!((received(&town, SECOND, today).await, received(&town, NOBODY, today).await), (1, 0));
    town.inbox_of(3).await;
    town.close().await;
}

#[tokio::test]
async fn direct_messages_use_up_what_topics_may_send() {
    let town = fresh_with(daily_limit(3)).await;
    to_noon(&town);
    for _ in 0..3 {
        assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [accepted()]);
    }
    until_marked(&town, 1).await;
    town.inbox_of(3).await;
    town.status_of(topic(&town).await, 3).await;
    assert_eq!(recipients(&town.inbox_of(5).await[3..]), ["2", "3"], "the first is skipped without a word");
    town.close().await;
}

#[tokio::test]
async fn topic_messages_use_up_what_may_be_sent_directly() {
    let town = fresh_with(daily_limit(3)).await;
    let today = to_noon(&town);
    for round in 1..=2 {
        topic(&town).await;
        town.inbox_of(3 * round).await;
        until("the counters", || async { received(&town, FIRST, today).await == u32::try_from(round).expect("small") })
            .await;
    }
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [accepted()], "the third of the day");
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [spent(FIRST)], "the fourth");
    until_marked(&town, 1).await;
    town.inbox_of(7).await;
    topic(&town).await;
    assert_eq!(recipients(&town.inbox_of(9).await[7..]), ["2", "3"]);
    until_marked(&town, 3).await;
    let id = topic(&town).await;
    town.status_of(id, 3).await;
    town.inbox_of(9).await;
    town.close().await;
}

#[tokio::test]
async fn apps_share_a_users_quota() {
    let town = fresh_with(daily_limit(2)).await;
    to_noon(&town);
    let follower = seed::follower(seed::uid(1).expect("a UID"), seed::openid(1), 800, town.now());
    FollowWriter::open(town.stack.store()).put_app_follows(AppId::new(2), &[follower]).await.expect("a follow");
    let other = async || {
        let body = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "uids": [FIRST] });
        outcomes(&town.api.post("/api/send/message", &body).await)
    };
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [accepted()]);
    assert_eq!(other().await, [accepted()]);
    assert_eq!(other().await, [spent(FIRST)]);
    assert_eq!(outcomes(&direct(&town, json!([FIRST])).await), [spent(FIRST)]);
    town.inbox_of(2).await;
    town.close().await;
}
