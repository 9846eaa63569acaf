//! Following, and what an owner does with a follow by its record id.

use super::*;
use crate::wxpusher::{change_follow, fresh};
use model::clock::Timestamp;
use model::follow::Followed;
use std::collections::BTreeSet;

#[tokio::test]
async fn two_who_handle_the_same_scan_at_once_make_one_follow() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    let calls = (0..8).map(|_| follow_topic(&town, &uid, "event-7"));
    let outcomes = futures::future::join_all(calls).await;
    let ids: BTreeSet<FollowId> = outcomes.into_iter().map(new).collect();
    assert_eq!(ids.len(), 1, "the same cause has the same answer");
    assert_eq!(partition(&town, "APP#1#TOPIC#1#0").await.len(), 4, "one member beside the demo three");
    assert_eq!(partition(&town, "FOLLOWS#1#2").await.len(), 4, "and one entry");
    assert_eq!(follow_topic(&town, &uid, "event-8").await, FollowOutcome::Already(*ids.first().unwrap()));
    town.close().await;
}

#[tokio::test]
async fn ids_are_small_distinct_over_apps_and_in_the_order_of_time() {
    let town = fresh().await;
    let mut last = (Timestamp::default(), FollowId::new(0));
    let mut seen = BTreeSet::new();
    for n in 1..=6 {
        let (uid, _) = newcomer(&town, n).await;
        for app in [APP, OTHER] {
            let id = new(follow_app(&town, app, &uid, "x").await);
            assert!(id.get() < 1 << 31 && seen.insert(id), "{id} is not new");
        }
        let newest = followers(&town).of_user(APP, &uid).await.unwrap().remove(0);
        assert!((newest.created_ms, newest.id) > last, "{newest:?}");
        last = (newest.created_ms, newest.id);
    }
    town.close().await;
}

#[tokio::test]
async fn an_app_that_used_up_its_stretch_of_ids_gets_another() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    let first = new(follow_app(&town, OTHER, &uid, "x").await);
    let table = &town.stack.context().config.names.users;
    let body = json!({
        "TableName": table, "Key": { "pk": { "S": "FOLLOWS#2" }, "sk": { "S": "HEAD" } },
        "UpdateExpression": "SET drawn = :all", "ExpressionAttributeValues": { ":all": { "N": "512" } },
    });
    dynamodb(&town, "UpdateItem", &body).await;
    let mut users = Vec::new();
    for n in 2..=7 {
        users.push(newcomer(&town, n).await.0);
    }
    let outcomes = futures::future::join_all(users.iter().map(|uid| follow_app(&town, OTHER, uid, "y"))).await;
    let ids: BTreeSet<u64> = outcomes.into_iter().map(|outcome| new(outcome).get()).collect();
    assert_eq!(ids.len(), 6);
    let stretches: BTreeSet<u64> = ids.iter().map(|id| id / 512).collect();
    assert_eq!(stretches.len(), 1, "all in the next one: {ids:?}");
    assert!(*stretches.first().unwrap() > first.stretch());
    town.close().await;
}

#[tokio::test]
async fn nobody_and_the_blocked_do_not_follow() {
    let town = fresh().await;
    let nobody = Uid::parse("UID_nobody0000000000000000000001").unwrap();
    assert_eq!(follow_app(&town, APP, &nobody, "x").await, FollowOutcome::NoSuchPerson);
    assert!(partition(&town, &format!("UID#{nobody}")).await.is_empty());
    change_follow(&town, 1, |follower| follower.rejected = true).await;
    assert_eq!(follow_app(&town, APP, &seed::uid(1).unwrap(), "x").await, FollowOutcome::Rejected);
    town.close().await;
}

#[tokio::test]
async fn a_removed_follow_is_gone_everywhere_and_a_new_one_has_a_new_id() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    let (app_id, topic_id) = (new(follow_app(&town, APP, &uid, "a").await), new(follow_topic(&town, &uid, "b").await));
    for id in [app_id, topic_id] {
        assert!(following(&town).remove(APP, id, town.now()).await.unwrap());
        assert!(!following(&town).remove(APP, id, town.now()).await.unwrap(), "once");
        assert!(followers(&town).by_id(APP, id).await.unwrap().is_none());
    }
    assert!(direct(&town, APP, &uid).await.is_none() && member(&town, &uid).await.is_none());
    for class in 0..4 {
        let entries = partition(&town, &format!("FOLLOWS#1#{class}")).await;
        assert!(entries.iter().all(|entry| entry["uid"]["S"] != uid.as_str()), "class {class}");
    }
    let again = new(follow_app(&town, APP, &uid, "c").await);
    assert!(again > app_id);
    assert_eq!(new(follow_topic(&town, &uid, "b").await).get(), again.get() + 1, "the same cause may begin anew");
    assert!(direct(&town, APP, &uid).await.is_some() && member(&town, &uid).await.is_some());
    town.close().await;
}

#[tokio::test]
async fn another_apps_record_is_left_alone() {
    let town = fresh().await;
    let id = FollowId::new(1);
    assert!(!following(&town).remove(OTHER, id, town.now()).await.unwrap());
    assert!(!following(&town).reject(OTHER, id, true, town.now()).await.unwrap());
    assert!(!following(&town).set_remark(OTHER, id, Some("x")).await.unwrap());
    let record = followers(&town).by_id(APP, id).await.unwrap().expect("still there");
    assert!(!record.rejected && record.remark.is_none());
    town.close().await;
}

#[tokio::test]
async fn a_block_is_seen_by_both_ways_of_sending_and_outlives_the_follow() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    let (app_id, topic_id) = (new(follow_app(&town, APP, &uid, "a").await), new(follow_topic(&town, &uid, "b").await));
    assert!(following(&town).reject(APP, topic_id, true, town.now()).await.unwrap());
    assert!(following(&town).reject(APP, topic_id, true, town.now()).await.unwrap(), "twice is once");
    assert!(member(&town, &uid).await.unwrap().rejected);
    assert!(!direct(&town, APP, &uid).await.unwrap().rejected, "the follow of the app is left alone");
    assert!(following(&town).reject(APP, app_id, true, town.now()).await.unwrap());
    assert!(direct(&town, APP, &uid).await.unwrap().rejected);
    assert_eq!(partition(&town, "FOLLOWS#1#1").await.len(), 1, "it moved to the list of the blocked");
    assert_eq!(partition(&town, "FOLLOWS#1#0").await.len(), 3);

    assert!(following(&town).remove(APP, app_id, town.now()).await.unwrap());
    assert_eq!(follow_app(&town, APP, &uid, "c").await, FollowOutcome::Rejected, "the block stays");
    assert!(direct(&town, APP, &uid).await.is_none());

    assert!(following(&town).set_block(APP, Followed::App, &uid, false, town.now()).await.unwrap());
    new(follow_app(&town, APP, &uid, "d").await);

    assert!(following(&town).reject(APP, topic_id, false, town.now()).await.unwrap());
    let member = member(&town, &uid).await.unwrap();
    assert_eq!((member.rejected, member.follow_id), (false, topic_id), "at once, with the same id");
    town.close().await;
}

#[tokio::test]
async fn a_block_and_its_lifting_at_once_leave_one_entry_and_the_truth() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    let id = new(follow_topic(&town, &uid, "a").await);
    for _ in 0..10 {
        let (one, two, three) = (following(&town), following(&town), following(&town));
        let outcomes = futures::join!(
            one.reject(APP, id, true, town.now()),
            two.reject(APP, id, false, town.now()),
            three.reject(APP, id, true, town.now()),
        );
        assert!(outcomes.0.unwrap() && outcomes.1.unwrap() && outcomes.2.unwrap());
        let record = followers(&town).by_id(APP, id).await.unwrap().expect("a record");
        assert_eq!(member(&town, &uid).await.unwrap().rejected, record.rejected);
        let mut entries = Vec::new();
        for class in [2, 3] {
            let listed = partition(&town, &format!("FOLLOWS#1#{class}")).await;
            entries.extend(listed.into_iter().filter(|item| item["uid"]["S"] == uid.as_str()).map(|_| class == 3));
        }
        assert_eq!(entries, [record.rejected]);
    }
    town.close().await;
}

#[tokio::test]
async fn a_remark_is_the_owners_and_goes_with_the_record() {
    let town = fresh().await;
    let id = FollowId::new(1);
    assert!(following(&town).set_remark(APP, id, Some("仓库值班")).await.unwrap());
    assert_eq!(followers(&town).by_id(APP, id).await.unwrap().unwrap().remark.as_deref(), Some("仓库值班"));
    assert!(following(&town).set_remark(APP, id, None).await.unwrap());
    assert_eq!(followers(&town).by_id(APP, id).await.unwrap().unwrap().remark, None);
    assert!(!following(&town).set_remark(APP, FollowId::new(999), Some("x")).await.unwrap());
    town.close().await;
}
