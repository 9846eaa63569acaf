//! Arriving, the message switch, leaving the official account and coming back.

use super::*;
use crate::wxpusher::fresh;
use std::time::Duration;
use store::people::Spts;

#[tokio::test]
async fn two_who_see_the_same_newcomer_at_once_get_one_uid() {
    let town = fresh().await;
    let openid = OpenId::new("onewcomer0000000000000000001");
    let calls =
        (0..8).map(|_| async { people(&town).arrive(&account(), &openid, town.now()).await.expect("a person") });
    let arrivals = futures::future::join_all(calls).await;
    let first = &arrivals[0].person.uid;
    assert!(arrivals.iter().all(|arrival| arrival.person.uid == *first));
    assert_eq!(arrivals.iter().filter(|arrival| arrival.is_new).count(), 1, "one of them made it");
    assert_eq!(partition(&town, &format!("UID#{first}")).await.len(), 1);
    town.close().await;
}

#[tokio::test]
async fn a_known_openid_is_its_person() {
    let town = fresh().await;
    let arrival = people(&town).arrive(&account(), &seed::openid(1), town.now()).await.expect("a person");
    assert_eq!((arrival.person.uid, arrival.is_new), (seed::uid(1).unwrap(), false));
    let other = AccountId::new("wx00000000000000d9");
    let arrival = people(&town).arrive(&other, &seed::openid(1), town.now()).await.expect("a person");
    assert!(arrival.is_new, "an openid means nothing on another account");
    assert!(person_reader(&town).by_openid(&account(), &OpenId::new("onobody")).await.unwrap().is_none());
    town.close().await;
}

#[tokio::test]
async fn the_message_switch_holds_for_everything_and_for_what_is_followed_later() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    follow_topic(&town, &uid, "a").await;
    assert!(people(&town).set_muted(&uid, true, town.now()).await.unwrap());
    follow_app(&town, APP, &uid, "b").await;
    assert!(direct(&town, APP, &uid).await.expect("a follower").muted, "followed after");
    assert!(member(&town, &uid).await.expect("a member").muted, "followed before");
    assert!(people(&town).set_muted(&uid, false, town.now()).await.unwrap());
    assert!(!direct(&town, APP, &uid).await.expect("a follower").muted);
    assert!(!member(&town, &uid).await.expect("a member").muted);
    let nobody = Uid::parse("UID_nobody0000000000000000000001").unwrap();
    assert!(!people(&town).set_muted(&nobody, true, town.now()).await.unwrap());
    assert!(partition(&town, &format!("UID#{nobody}")).await.is_empty(), "nobody was created");
    town.close().await;
}

#[tokio::test]
async fn who_leaves_the_account_is_erased_and_restored_on_coming_back() {
    let town = fresh().await;
    let (uid, openid) = newcomer(&town, 1).await;
    let app_follow = new(follow_app(&town, APP, &uid, "a").await);
    let topic_follow = new(follow_topic(&town, &uid, "b").await);
    town.stack.advance(Duration::from_secs(5));
    assert_eq!(people(&town).depart(&account(), &openid, town.now()).await.unwrap(), Some(uid.clone()));

    let items = [partition(&town, &format!("UID#{uid}")).await, partition(&town, "APP#1#TOPIC#1#0").await].concat();
    assert!(items.len() >= 3);
    let text = serde_json::to_string(&items).unwrap();
    assert!(!text.contains(openid.as_str()), "the openid is still in {text}");
    for follower in [direct(&town, APP, &uid).await, member(&town, &uid).await] {
        let follower = follower.expect("the follow is kept");
        assert!(follower.unreachable && follower.openid.as_str().is_empty());
    }
    let records = followers(&town).of_user(APP, &uid).await.unwrap();
    assert!(records.iter().all(|record| record.unreachable) && records.len() == 2);

    town.stack.advance(Duration::from_secs(5));
    let back = people(&town).arrive(&account(), &openid, town.now()).await.unwrap();
    assert_eq!((&back.person.uid, back.is_new, back.person.unreachable), (&uid, false, false));
    for (follower, id) in [(direct(&town, APP, &uid).await, app_follow), (member(&town, &uid).await, topic_follow)] {
        let follower = follower.expect("the follow is there");
        assert_eq!((follower.unreachable, &follower.openid, follower.follow_id), (false, &openid, id));
    }
    town.close().await;
}

#[tokio::test]
async fn what_is_told_too_late_changes_nothing() {
    let town = fresh().await;
    let (uid, openid) = newcomer(&town, 1).await;
    let before = town.now();
    town.stack.advance(Duration::from_secs(60));
    people(&town).arrive(&account(), &openid, town.now()).await.unwrap();
    people(&town).depart(&account(), &openid, before).await.unwrap();
    assert!(!person_reader(&town).get(&uid).await.unwrap().expect("a person").unreachable, "they came after that");
    town.stack.advance(Duration::from_secs(60));
    people(&town).depart(&account(), &openid, town.now()).await.unwrap();
    let late = people(&town).arrive(&account(), &openid, before).await.unwrap();
    assert!(late.person.unreachable, "they left after that");
    assert_eq!(people(&town).depart(&account(), &OpenId::new("onobody"), town.now()).await.unwrap(), None);
    town.close().await;
}

#[tokio::test]
async fn a_simple_push_token_is_one_and_stays() {
    let town = fresh().await;
    let (uid, _) = newcomer(&town, 1).await;
    let spts = Spts::open(town.stack.store());
    let calls = (0..4).map(|_| async { spts.of(&uid).await.unwrap().expect("a token") });
    let tokens = futures::future::join_all(calls).await;
    assert!(tokens.iter().all(|token| *token == tokens[0]), "two who ask at once see the same");
    let found = person_reader(&town).by_spts(&[tokens[0].clone(), seed::spt(2).unwrap()]).await.unwrap();
    let uids: Vec<Uid> = found.into_iter().flatten().map(|person| person.uid).collect();
    assert_eq!(uids, [uid.clone(), seed::uid(2).unwrap()]);
    let text = serde_json::to_string(&partition(&town, &format!("UID#{uid}")).await).unwrap();
    assert!(!text.contains(tokens[0].expose()), "it is kept sealed");
    assert!(person_reader(&town).get(&uid).await.unwrap().expect("a person").openid.is_some());
    town.close().await;
}

#[tokio::test]
async fn a_follow_that_begins_while_its_user_is_muted_is_muted() {
    let town = fresh().await;
    for n in 1..=8 {
        let (uid, _) = newcomer(&town, n).await;
        let (people, following) = (people(&town), following(&town));
        let (muted, outcome) = futures::join!(
            people.set_muted(&uid, true, town.now()),
            following.follow_topic(APP, TOPIC, 1, scan(&town, &uid, "x")),
        );
        assert!(muted.unwrap());
        new(outcome.unwrap());
        assert!(member(&town, &uid).await.expect("a member").muted, "whichever came first");
    }
    assert!(person_reader(&town).get(&seed::uid(1).unwrap()).await.unwrap().is_some());
    town.close().await;
}
