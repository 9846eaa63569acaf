//! A sender reports a token that its upstream refused.

use super::*;

#[tokio::test]
async fn a_newer_token_in_the_vault_is_simply_used() {
    let world = World::new();
    let (one, other) = (world.holder(), world.holder());
    world.get(&one).await.unwrap();
    world.get(&other).await.unwrap();
    world.upstream.rotate();
    assert_eq!(world.refused(&one, 1).await.unwrap(), token(2));
    assert_eq!(world.refused(&other, 1).await.unwrap(), token(2));
    assert_eq!(world.refused(&other, 1).await.unwrap(), token(2), "a late report of the same");
    assert_eq!(world.upstream.calls(), (2, 0));
    assert_eq!(world.get(&other).await.unwrap(), token(2));
}

#[tokio::test]
async fn only_the_very_token_that_failed_leads_to_a_force() {
    let world = World::new();
    let holder = world.holder();
    world.get(&holder).await.unwrap();
    assert_eq!(world.refused(&holder, 1).await.unwrap(), token(2));
    assert_eq!(world.upstream.calls(), (2, 1));
    let held = world.vault.peek(&world.key).unwrap();
    assert_eq!((held.last_forced, held.forced_today), (Some(NOON), 1));
}

#[tokio::test]
async fn row_29_a_forced_token_that_fails_too_is_not_asked_about_for_half_a_minute() {
    let world = World::new();
    let (one, other) = (world.holder(), world.holder());
    world.get(&one).await.unwrap();
    world.refused(&one, 1).await.unwrap();
    for holder in [&one, &other, &one, &other] {
        let error = world.refused(holder, 2).await.unwrap_err();
        assert!(matches!(error, TokenError::Refused), "{error:?}");
        assert_eq!(error.outcome(), Outcome::Auth);
    }
    assert_eq!(world.upstream.calls(), (2, 1));
    world.clock.advance(FORCE_INTERVAL);
    assert_eq!(world.refused(&one, 2).await.unwrap(), token(3));
    assert_eq!(world.upstream.calls(), (3, 2));
}

#[tokio::test]
async fn ten_forces_a_day_are_enough_and_the_next_day_starts_anew() {
    let world = World::new();
    let holder = world.holder();
    world.upstream.set_delay(Duration::ZERO);
    world.get(&holder).await.unwrap();
    for generation in 1..=u64::from(FORCES_PER_DAY) {
        assert_eq!(world.refused(&holder, generation).await.unwrap(), token(generation + 1));
        world.clock.advance(FORCE_INTERVAL);
    }
    let (plain, forced) = world.upstream.calls();
    for _ in 0..20 {
        assert!(matches!(world.refused(&holder, 11).await.unwrap_err(), TokenError::Refused));
    }
    assert_eq!(world.upstream.calls(), (plain + 1, forced), "one more look, no force, and then quiet");
    world.clock.advance(NOON.beijing_day().end().since(world.clock.now()));
    assert_eq!(world.get(&holder).await.unwrap().1, 12, "the old one has ended meanwhile");
    assert_eq!(world.refused(&holder, 12).await.unwrap().1, 13);
    assert_eq!(world.vault.peek(&world.key).unwrap().forced_today, 1);
}

#[tokio::test]
async fn an_upstream_that_ignores_the_force_is_not_pressed() {
    let world = World::new();
    let holder = world.holder();
    world.upstream.0.ignores_force.store(true, Ordering::SeqCst);
    world.get(&holder).await.unwrap();
    assert_eq!(world.refused(&holder, 1).await.unwrap(), ("token-1".to_owned(), 2), "one repeat with what there is");
    for _ in 0..10 {
        assert!(matches!(world.refused(&holder, 2).await.unwrap_err(), TokenError::Refused));
    }
    assert_eq!(world.upstream.calls(), (2, 1));
}

#[tokio::test]
async fn a_token_that_failed_is_handed_to_nobody_else() {
    let world = World::new();
    let holder = world.holder();
    world.get(&holder).await.unwrap();
    world.upstream.rotate();
    world.upstream.set_delay(Duration::from_millis(100));
    let (reported, asked) = tokio::join!(world.refused(&holder, 1), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.get(&holder).await
    });
    assert_eq!((reported.unwrap(), asked.unwrap()), (token(2), token(2)));
}

#[tokio::test]
async fn a_fetch_that_fails_after_a_refusal_is_no_verdict_on_the_account() {
    let world = World::new();
    let holder = world.holder();
    world.get(&holder).await.unwrap();
    let down = FetchError {
        outcome: Outcome::Retry { after: None, at_most: None },
        code: None,
        reason: "no connection".to_owned(),
        hold: Duration::from_secs(1),
    };
    world.upstream.set_failure(Some(down.clone()));
    for _ in 0..20 {
        assert_eq!(world.refused(&holder, 1).await.unwrap_err().outcome(), down.outcome);
    }
    assert_eq!(world.upstream.calls(), (2, 0));
    world.upstream.set_failure(None);
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.refused(&holder, 1).await.unwrap(), token(2));
}
