//! Lists of followers: order, totals, filters, and what a page costs.

use super::*;
use crate::wxpusher::fresh;
use local::Options;
use model::follow::{Followed, ListFilter};
use std::time::Duration;
use store::follows::FollowWriter;
use support::{crowd_openid, crowd_uid};

const ALL: ListFilter = ListFilter { topic: None, rejected: None };

async fn page(town: &Town, filter: ListFilter, page: u64, size: usize) -> (u64, Vec<u64>) {
    let page = followers(town).page(APP, filter, page, size, town.now()).await.expect("a page");
    (page.total, page.records.iter().map(|record| record.id.get()).collect())
}

#[tokio::test]
async fn a_list_is_newest_first_and_counts_what_it_shows() {
    let town = fresh().await;
    assert_eq!(page(&town, ALL, 1, 10).await, (6, vec![6, 5, 4, 3, 2, 1]));
    assert_eq!(page(&town, ALL, 2, 4).await, (6, vec![2, 1]));
    assert_eq!(page(&town, ALL, 3, 4).await, (6, vec![]), "past the end");
    let apps = ListFilter { topic: Some(false), rejected: None };
    assert_eq!(page(&town, apps, 1, 2).await, (3, vec![3, 2]));
    assert!(following(&town).reject(APP, FollowId::new(2), true, town.now()).await.unwrap());
    let blocked = ListFilter { topic: None, rejected: Some(true) };
    assert_eq!(page(&town, blocked, 1, 10).await, (1, vec![2]));
    let unblocked = ListFilter { topic: Some(false), rejected: Some(false) };
    assert_eq!(page(&town, unblocked, 1, 10).await, (2, vec![3, 1]));
    assert_eq!(page(&town, apps, 1, 10).await, (3, vec![3, 2, 1]), "where it was");
    let other = followers(&town).page(OTHER, ALL, 1, 10, town.now()).await.unwrap();
    assert_eq!((other.total, other.records.len()), (0, 0));
    town.close().await;
}

/// A count that was kept is forgotten by whoever changes something, and kept again when they must be done.
#[tokio::test]
async fn totals_are_right_before_and_after_a_count_is_kept() {
    let town = fresh().await;
    let mut expected = 6;
    for n in 1..=4 {
        let (uid, _) = newcomer(&town, n).await;
        new(follow_app(&town, APP, &uid, "x").await);
        expected += 1;
        assert_eq!(page(&town, ALL, 1, 10).await.0, expected, "not kept yet");
        town.stack.advance(Duration::from_secs(31));
        assert_eq!(page(&town, ALL, 1, 10).await.0, expected, "kept by this call");
        assert_eq!(page(&town, ALL, 1, 10).await.0, expected, "read as kept");
    }
    assert!(following(&town).remove(APP, FollowId::new(5), town.now()).await.unwrap());
    assert_eq!(page(&town, ALL, 1, 100).await.0, expected - 1);
    let kept = partition(&town, "FOLLOWS#1").await;
    assert!(kept.iter().any(|item| item["counts"]["S"].is_string()), "{kept:?}");
    town.close().await;
}

#[tokio::test]
async fn what_one_user_follows() {
    let town = fresh().await;
    let uid = seed::uid(2).unwrap();
    new(follow_app(&town, OTHER, &uid, "x").await);
    let records = followers(&town).of_user(APP, &uid).await.unwrap();
    let followed: Vec<_> = records.iter().map(|record| (record.id.get(), record.followed)).collect();
    assert_eq!(followed, [(5, Followed::Topic(TOPIC)), (2, Followed::App)]);
    assert_eq!(followers(&town).of_person(&uid).await.unwrap().len(), 3);
    let nobody = Uid::parse("UID_nobody0000000000000000000001").unwrap();
    assert!(followers(&town).of_user(APP, &nobody).await.unwrap().is_empty());
    town.close().await;
}

/// Read units of one page.
async fn units(town: &Town, filter: ListFilter, number: u64) -> (f64, u64, Vec<u64>) {
    town.stack.aws().calls.reset();
    let (total, ids) = page(town, filter, number, 100).await;
    let units = town.stack.aws().calls.snapshot().iter().map(|call| call.figures.read_units).sum();
    (units, total, ids)
}

#[tokio::test]
async fn the_hundredth_page_costs_what_the_first_costs() {
    every_page_costs_the_same(10_000).await;
}

/// The figures of `docs/data.md`.
#[tokio::test]
#[ignore = "a minute: cargo test --workspace --test it -- --ignored the_thousandth_page_costs"]
async fn the_thousandth_page_costs_what_the_first_costs() {
    every_page_costs_the_same(100_000).await;
}

/// `crowd` people follow the app and 1,000 a topic of it: the first page of 100, the last full one and those between cost the
/// same, with and without a filter.
async fn every_page_costs_the_same(crowd: u64) {
    let last = crowd / 100;
    let town = Town::with(Options { pollers: false, ..Options::for_tests() }).await;
    let follow = |first, n| seed::follower(crowd_uid(n), crowd_openid(n), first + n, town.now());
    let of_app: Vec<_> = (1..=crowd).map(|n| follow(1_000_000, n)).collect();
    let of_topic: Vec<_> = (1..=1_000).map(|n| follow(2_000_000, n)).collect();
    let writer = FollowWriter::open(town.stack.store());
    writer.put_app_follows(APP, &of_app).await.expect("follows");
    writer.put_topic_follows(APP, TOPIC, 0, &of_topic).await.expect("follows");
    assert!(following(&town).reject(APP, FollowId::new(1_000_000 + crowd / 2), true, town.now()).await.unwrap());
    // The first to list counts what nobody has counted yet.
    town.stack.advance(Duration::from_secs(60));
    page(&town, ALL, 1, 100).await;
    let apps = ListFilter { topic: Some(false), rejected: None };
    let unblocked = ListFilter { topic: Some(false), rejected: Some(false) };
    for (filter, total) in [(ALL, crowd + 1_006), (apps, crowd + 3), (unblocked, crowd + 2)] {
        let mut costs = Vec::new();
        for number in [1, 2, last / 2, last - 1, last] {
            let (cost, counted, ids) = units(&town, filter, number).await;
            assert_eq!((counted, ids.len()), (total, 100), "page {number} of {filter:?}");
            costs.push(cost);
        }
        let (least, most) = (costs.iter().copied().fold(f64::MAX, f64::min), costs.iter().copied().fold(0.0, f64::max));
        assert!(most <= 160.0 && most <= 1.5 * least, "{filter:?}: {costs:?}");
    }
    let blocked = ListFilter { topic: None, rejected: Some(true) };
    let (cost, total, ids) = units(&town, blocked, 1).await;
    assert_eq!((total, ids), (1, vec![1_000_000 + crowd / 2]), "found without reading those it is among");
    assert!(cost <= 30.0, "{cost}");
    let (_, newest) = page(&town, apps, 1, 100).await;
    assert_eq!(newest, (0..100).map(|n| 1_000_000 + crowd - n).collect::<Vec<u64>>());
    let (_, deep) = page(&town, apps, last, 100).await;
    assert_eq!(deep, (0..100).map(|n| 1_000_100 - n).collect::<Vec<u64>>());
    let (_, oldest) = page(&town, apps, last + 1, 100).await;
    assert_eq!(oldest, [3, 2, 1]);
    town.close().await;
}
