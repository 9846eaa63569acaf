//! One holder of WeChat's token, however many workers need it.

use super::{
    BATCHES, CHANNEL, TASKS, account, by_hand, depth, direct, gate, order, sends, serve, serve_in, take, token_calls,
    uid, wechat,
};
use futures::future::join_all;
use gateway::Context;
use gateway::metrics::Metrics;
use http::StatusCode;
use local::sandbox::{Effect, Fault};
use local::{Options, seed};
use provider::token::ROUND;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::breakers::Gate;
use support::{Town, until};

/// A hundred calls at once.
async fn a_hundred(town: &Town, content: &str) {
    let sends = (0..100).map(|n| async move {
        let body = json!({ "content": format!("{content} {n}"), "uids": [uid(n % 3 + 1)] });
        town.send(body).await.targets()
    });
    join_all(sends).await;
}

#[tokio::test]
async fn a_hundred_messages_without_a_token_cost_one_call_for_it() {
    let town = Town::demo().await;
    a_hundred(&town, "cold").await;
    town.inbox_of(100).await;
    assert_eq!(token_calls(&town), 1);
    town.close().await;
}

#[tokio::test]
async fn a_hundred_messages_with_an_expired_token_cost_one_call_for_it() {
    let town = Town::demo().await;
    let first = direct(&town, "first", &[1]).await;
    town.status_of(first.messages[0], 3).await;
    wechat(&town).expire_tokens();
    a_hundred(&town, "expired").await;
    town.inbox_of(101).await;
    let fetches = wechat(&town).token_fetches();
    assert_eq!((fetches.stable, fetches.forced), (2, 0));
    town.close().await;
}

/// WeChat hands out the very token that it refuses: one forced refresh, whoever asks.
#[tokio::test]
async fn a_spoilt_token_is_replaced_by_force_once() {
    let town = Town::demo().await;
    let first = direct(&town, "first", &[1]).await;
    town.status_of(first.messages[0], 3).await;
    wechat(&town).spoil_token();
    a_hundred(&town, "spoilt").await;
    town.inbox_of(101).await;
    let fetches = wechat(&town).token_fetches();
    assert_eq!((fetches.stable, fetches.forced), (3, 1), "one that brought the spoilt one back, one by force");
    town.close().await;
}

/// Workers share a store and nothing else: the token expires for all, every one of them meets 42001 with the token that it
/// holds, and one of them fetches the next.
#[tokio::test]
async fn row_28_a_hundred_workers_that_meet_42001_together_fetch_once() {
    const WORKERS: u64 = 100;
    let town = Town::with(by_hand()).await;
    let here = town.stack.context();
    let instances: Vec<Arc<Context>> = (0..WORKERS)
        .map(|_| Arc::new(Context::with(here.config.clone(), here.clock.clone(), Metrics::counted())))
        .collect();
    for (round, before) in [("cold", 0), ("expired", 1)] {
        for n in 0..WORKERS {
            direct(&town, &format!("{round} {n}"), &[n % 3 + 1]).await;
        }
        let hints = take(&town, TASKS).await;
        assert!(serve(&town, "fanout", &hints).await.is_empty());
        let batches = take(&town, BATCHES).await;
        assert_eq!(batches.len() as u64, WORKERS);
        wechat(&town).expire_tokens();
        let work = instances.iter().zip(&batches).map(|(instance, batch)| {
            serve_in(instance, "deliver", Duration::from_secs(60), std::slice::from_ref(batch))
        });
        assert!(join_all(work).await.iter().all(Vec::is_empty));
        // Who saw no new token within two seconds has given its batch back: on a busy machine some do.
        until("everybody", || async {
            let again = take(&town, BATCHES).await;
            assert!(serve_in(&instances[0], "deliver", Duration::from_secs(60), &again).await.is_empty());
            town.arrived() as u64 >= WORKERS * (before + 1)
        })
        .await;
        assert_eq!(depth(&town, BATCHES).await, 0, "{round}");
        assert_eq!(wechat(&town).token_fetches().stable, before + 1, "{round}");
    }
    assert_eq!(town.arrived() as u64, 2 * WORKERS);
    assert_eq!(sends(&town), 3 * WORKERS, "in the second round each was refused once");
    town.close().await;
}

/// Tokens that the account was given. The refresher sees to the mini program too, whose calls are not counted here.
fn fetched(town: &Town) -> u64 {
    wechat(town).token_fetches().stable
}

/// The schedule renews before the end, and only then.
#[tokio::test]
async fn the_schedule_renews_a_token_before_it_runs_out() {
    let town = Town::demo().await;
    let first = direct(&town, "first", &[1]).await;
    town.status_of(first.messages[0], 3).await;
    let refresh = async || town.stack.run_schedule("refresh-tokens", Value::Null).await.expect("a refresh");
    refresh().await;
    assert_eq!(fetched(&town), 1, "two hours are left");
    // Less than a quarter of an hour is left: asked, and WeChat goes on with the same one until its last five minutes.
    town.stack.advance(Duration::from_secs(6_400));
    refresh().await;
    assert_eq!(fetched(&town), 2);
    town.stack.advance(Duration::from_secs(600));
    refresh().await;
    assert_eq!(fetched(&town), 3);
    // The first one's two hours are over, and no message has to wait for a token.
    town.stack.advance(Duration::from_secs(900));
    let later = direct(&town, "later", &[1]).await;
    town.status_of(later.messages[0], 3).await;
    assert_eq!((fetched(&town), sends(&town)), (3, 2));
    town.close().await;
}

/// One batch with one message to the first follower, taken from the queue.
async fn batch(town: &Town, content: &str) -> Vec<String> {
    direct(town, content, &[1]).await;
    let hints = take(town, TASKS).await;
    assert!(serve(town, "fanout", &hints).await.is_empty());
    take(town, BATCHES).await
}

/// Only `refresh-tokens` has the address that WeChat knows: `deliver` never asks, it reports and waits.
#[tokio::test]
async fn where_only_the_refresher_may_fetch_messages_wait_for_it() {
    let mut options = by_hand();
    options.settings.insert("TUISONG_TOKEN_FETCH".to_owned(), "elsewhere".to_owned());
    let town = Town::with(options).await;
    let refresh = async || town.stack.run_schedule("refresh-tokens", Value::Null).await.expect("a refresh");

    let first = batch(&town, "before there is a token").await;
    assert!(serve(&town, "deliver", &first).await.is_empty());
    assert_eq!((fetched(&town), sends(&town)), (0, 0));
    refresh().await;
    assert_eq!(fetched(&town), 1);
    town.stack.advance(2 * ROUND);
    assert!(serve(&town, "deliver", &first).await.is_empty());
    assert_eq!(town.arrived(), 1);

    wechat(&town).expire_tokens();
    let second = batch(&town, "after it was refused").await;
    assert!(serve(&town, "deliver", &second).await.is_empty());
    assert_eq!((fetched(&town), town.arrived()), (1, 1), "refused, and asked for no other");
    assert_eq!(gate(&town, &account()).await, Gate::Closed, "waiting for a token is no reason for a breaker");
    refresh().await;
    refresh().await;
    assert_eq!(fetched(&town), 2, "one report, one token");
    town.stack.advance(2 * ROUND);
    assert!(serve(&town, "deliver", &second).await.is_empty());
    assert_eq!((fetched(&town), town.arrived()), (2, 2));
    town.close().await;
}

/// The token call fails for a while: messages wait for it.
#[tokio::test]
async fn a_token_call_that_fails_for_a_while_costs_time_only() {
    let town = Town::demo().await;
    let unavailable = Effect::Status { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: None };
    order(&town, Fault::new(CHANNEL, unavailable).on_token());
    let sent = direct(&town, "waits", &[1, 2, 3]).await;
    for id in sent.messages {
        town.status_of(id, 3).await;
    }
    town.inbox_of(3).await;
    assert_eq!(token_calls(&town), 2);
    assert_eq!(gate(&town, &account()).await, Gate::Closed);
    town.close().await;
}

/// 40164, our address is not on the whitelist: the breaker opens, and WeChat is not asked over and over.
#[tokio::test]
async fn a_token_call_that_is_forbidden_closes_the_account() {
    let town = Town::with(Options::for_tests()).await;
    order(&town, Fault::new(CHANNEL, Effect::Errcode(40164)).on_token().forever());
    let first = direct(&town, "first", &[1]).await;
    town.status_of(first.messages[0], 4).await;
    until("an open breaker", || async { matches!(gate(&town, &account()).await, Gate::Open { .. }) }).await;
    for n in 0..20 {
        direct(&town, &format!("held {n}"), &[n % seed::FOLLOWERS + 1]).await;
    }
    until("held batches", || async { depth(&town, BATCHES).await == 20 && depth(&town, TASKS).await == 0 }).await;
    assert_eq!((token_calls(&town), sends(&town)), (1, 0));
    assert!(town.inbox().is_empty());
    town.close().await;
}
