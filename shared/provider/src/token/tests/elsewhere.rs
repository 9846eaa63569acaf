//! Only the scheduled refresher may ask the upstream.

use super::*;

#[tokio::test]
async fn a_sender_without_a_token_waits_for_the_refresher() {
    let world = World::new();
    let (sender, refresher) = (world.holder_that(Fetching::Elsewhere), world.holder_that(Fetching::Elsewhere));
    let error = world.get(&sender).await.unwrap_err();
    assert!(matches!(error, TokenError::Awaited), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Retry { after: Some(ROUND), at_most: None });
    assert_eq!(world.upstream.calls(), (0, 0));

    assert_eq!(refresher.refresh_due(&world.key, &world.upstream).await.unwrap(), Refresh::Renewed);
    world.clock.advance(ROUND);
    assert_eq!(world.get(&sender).await.unwrap(), token(1));
    assert_eq!(world.upstream.calls(), (1, 0), "by the refresher");
}

#[tokio::test]
async fn a_refused_token_is_reported_and_replaced_in_the_next_round() {
    let world = World::new();
    let (sender, refresher) = (world.holder_that(Fetching::Elsewhere), world.holder_that(Fetching::Elsewhere));
    refresher.refresh_due(&world.key, &world.upstream).await.unwrap();
    assert_eq!(world.get(&sender).await.unwrap(), token(1));
    assert_eq!(refresher.refresh_due(&world.key, &world.upstream).await.unwrap(), Refresh::NotDue);

    let error = world.refused(&sender, 1).await.unwrap_err();
    assert!(matches!(error, TokenError::Awaited), "{error:?}");
    assert_eq!(world.vault.peek(&world.key).unwrap().reported, 1);
    assert_eq!(world.upstream.calls(), (1, 0), "the sender asked for nothing");

    // The upstream hands out the very token that failed, so it is forced, as everywhere.
    assert_eq!(refresher.refresh_due(&world.key, &world.upstream).await.unwrap(), Refresh::Renewed);
    assert_eq!(world.upstream.calls(), (2, 1));
    world.clock.advance(ROUND);
    assert_eq!(world.get(&sender).await.unwrap(), token(2));
    assert_eq!(refresher.refresh_due(&world.key, &world.upstream).await.unwrap(), Refresh::NotDue, "the report is old");
}

#[tokio::test]
async fn a_report_that_comes_late_costs_no_token() {
    let world = World::new();
    let (sender, refresher) = (world.holder_that(Fetching::Elsewhere), world.holder());
    refresher.refresh_due(&world.key, &world.upstream).await.unwrap();
    world.upstream.rotate();
    assert_eq!(world.refused(&refresher, 1).await.unwrap(), token(2));
    assert_eq!(world.refused(&sender, 1).await.unwrap(), token(2), "the newer one is there");
    world.vault.report(&world.key, 1).await.unwrap();
    assert_eq!(refresher.refresh_due(&world.key, &world.upstream).await.unwrap(), Refresh::NotDue);
    assert_eq!(world.upstream.calls(), (2, 0));
}

#[tokio::test]
async fn a_token_about_to_end_is_used_while_the_refresher_is_at_it() {
    let world = World::new();
    let (sender, refresher) = (world.holder_that(Fetching::Elsewhere), world.holder());
    refresher.refresh_due(&world.key, &world.upstream).await.unwrap();
    world.clock.advance(Duration::from_secs(7200 - 60));
    assert_eq!(world.get(&sender).await.unwrap(), token(1));
    world.clock.advance(Duration::from_secs(61));
    let error = world.get(&sender).await.unwrap_err();
    assert!(matches!(error, TokenError::Awaited), "{error:?}");
    assert_eq!(world.upstream.calls(), (1, 0));
}

#[tokio::test]
async fn upstreams_that_take_any_address_are_asked_by_whoever_needs_a_token() {
    let mut world = World::new();
    world.key.upstream = Upstream::Huawei;
    let sender = world.holder_that(Fetching::Elsewhere);
    assert_eq!(world.get(&sender).await.unwrap(), token(1));
    assert_eq!(world.upstream.calls(), (1, 0));
}
