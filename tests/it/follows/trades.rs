//! Purchases and refunds.

use super::*;
use crate::wxpusher::{change_follow, fresh};
use model::app::Product;
use model::clock::Timestamp;
use model::follow::Followed;
use model::ids::ProductId;
use model::payment::{Trade, TradeKind};
use std::time::Duration;
use store::apps::{AppWriter, Apps, Topics};
use store::followers::PayEnds;
use store::payments::{Payments, Recorded};

const DAY: Duration = Duration::from_secs(86_400);

async fn product(town: &Town) -> Product {
    let product = Product {
        id: ProductId::new(12),
        app_id: APP,
        name: "早报".to_owned(),
        contact: "x".to_owned(),
        summary: "x".to_owned(),
        description: "x".to_owned(),
        resources: vec![Followed::App, Followed::Topic(TOPIC)],
    };
    let writer = AppWriter::open(town.stack.store());
    assert!(writer.create_product(&product).await.unwrap());
    assert!(writer.create_product(&product).await.unwrap(), "a repeat is content");
    assert!(!writer.create_product(&Product { name: "晚报".to_owned(), ..product.clone() }).await.unwrap());
    product
}

fn trade(town: &Town, number: &str, kind: TradeKind, uid: &Uid, period: Duration) -> Trade {
    Trade {
        trade_no: number.to_owned(),
        kind,
        app_id: APP,
        product: ProductId::new(12),
        uid: uid.clone(),
        period,
        amount_fen: 50,
        at: town.now(),
    }
}

async fn record(town: &Town, trade: &Trade, product: &Product) -> Recorded {
    Payments::open(town.stack.store()).record(trade, product, town.now()).await.expect("an outcome")
}

async fn ends(town: &Town, uid: &Uid) -> [Timestamp; 2] {
    let pay_ends = &PayEnds::open(town.stack.store());
    let of = |followed| async move { pay_ends.get(APP, followed, uid).await.unwrap() };
    [of(Followed::App).await, of(Followed::Topic(TOPIC)).await]
}

#[tokio::test]
async fn a_product_marks_what_it_sells() {
    let town = fresh().await;
    let product = product(&town).await;
    let apps = Apps::open(town.stack.store());
    assert!(apps.get(APP).await.unwrap().expect("the app").app.in_product);
    assert!(Topics::open(town.stack.store()).get(APP, TOPIC).await.unwrap().expect("the topic").in_product);
    assert_eq!(apps.product(product.id).await.unwrap(), Some(product));
    assert_eq!(apps.product(ProductId::new(99)).await.unwrap(), None);
    town.close().await;
}

#[tokio::test]
async fn row_74_the_same_payment_notice_moves_the_end_once_however_many_come_at_once() {
    let town = fresh().await;
    town.stack.clock().stand_still();
    let product = product(&town).await;
    let uid = seed::uid(1).unwrap();
    let bought = trade(&town, "no-1", TradeKind::Purchase, &uid, DAY);
    let outcomes = futures::future::join_all((0..8).map(|_| record(&town, &bought, &product))).await;
    for outcome in outcomes {
        assert_eq!(outcome, Recorded::Applied { trade: bought.clone(), followed_app: None });
    }
    assert_eq!(ends(&town, &uid).await, [town.now().plus(DAY); 2]);
    assert_eq!(member(&town, &uid).await.unwrap().pay_end_ms, town.now().plus(DAY), "fan-out sees it");
    Payments::open(town.stack.store()).finish(&bought).await.unwrap();
    assert_eq!(record(&town, &bought, &product).await, Recorded::Already);
    let more = trade(&town, "no-2", TradeKind::Purchase, &uid, DAY);
    record(&town, &more, &product).await;
    assert_eq!(ends(&town, &uid).await, [town.now().plus(DAY * 2); 2], "another trade counts from the end");
    town.close().await;
}

#[tokio::test]
async fn row_73_a_refund_larger_than_what_is_left_ends_the_period_and_no_more() {
    let town = fresh().await;
    town.stack.clock().stand_still();
    let product = product(&town).await;
    let uid = seed::uid(1).unwrap();
    record(&town, &trade(&town, "no-1", TradeKind::Purchase, &uid, DAY), &product).await;
    record(&town, &trade(&town, "no-1", TradeKind::Refund, &uid, DAY * 100_000), &product).await;
    assert_eq!(ends(&town, &uid).await, [Timestamp::default(); 2]);
    town.close().await;
}

#[tokio::test]
async fn a_buyer_follows_and_keeps_what_is_paid_when_leaving() {
    let town = fresh().await;
    town.stack.clock().stand_still();
    let product = product(&town).await;
    let (uid, openid) = newcomer(&town, 1).await;
    let bought = trade(&town, "no-1", TradeKind::Purchase, &uid, DAY);
    let Recorded::Applied { followed_app: Some(id), .. } = record(&town, &bought, &product).await else {
        panic!("the purchase made no follow");
    };
    let follower = direct(&town, APP, &uid).await.expect("a follower");
    assert_eq!((follower.follow_id, &follower.openid, follower.pay_end_ms), (id, &openid, town.now().plus(DAY)));
    assert!(member(&town, &uid).await.is_some());
    // The process died before it told the developer: the repeat says again what is to be told.
    let again = record(&town, &bought, &product).await;
    assert_eq!(again, Recorded::Applied { trade: bought.clone(), followed_app: Some(id) });

    assert!(following(&town).leave(APP, Followed::App, &uid, town.now()).await.unwrap());
    assert!(direct(&town, APP, &uid).await.is_none());
    assert_eq!(ends(&town, &uid).await[0], town.now().plus(DAY));
    new(follow_app(&town, APP, &uid, "later").await);
    assert_eq!(direct(&town, APP, &uid).await.unwrap().pay_end_ms, town.now().plus(DAY), "it comes back");
    town.close().await;
}

#[tokio::test]
async fn who_is_blocked_or_nobody_buys_nothing() {
    let town = fresh().await;
    let product = product(&town).await;
    change_follow(&town, 1, |follower| follower.rejected = true).await;
    let uid = seed::uid(1).unwrap();
    let bought = trade(&town, "no-1", TradeKind::Purchase, &uid, DAY);
    assert_eq!(record(&town, &bought, &product).await, Recorded::Blocked);
    assert_eq!(ends(&town, &uid).await, [Timestamp::default(); 2]);
    let nobody = Uid::parse("UID_nobody0000000000000000000001").unwrap();
    let bought = trade(&town, "no-2", TradeKind::Purchase, &nobody, DAY);
    assert_eq!(record(&town, &bought, &product).await, Recorded::NoSuchPerson);
    assert!(partition(&town, "TRADE#1#no-1#1").await.is_empty());
    assert!(partition(&town, &format!("UID#{nobody}")).await.is_empty());
    town.close().await;
}
