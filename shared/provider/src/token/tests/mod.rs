//! An upstream that is scripted, and the holder's rules one by one.

mod elsewhere;
mod refusals;
mod sharing;

use super::*;
use crate::testing::{ManualClock, MemoryVault};
use futures::FutureExt;
use model::clock::Clock;
use model::outcome::Outcome;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const NOON: Timestamp = Timestamp::from_millis(1_795_406_400_000);

/// An upstream that hands out `token-1`, and a new one whenever it is told to or forced to.
#[derive(Clone)]
struct Upstreams(Arc<Script>);

struct Script {
    current: AtomicUsize,
    plain: AtomicUsize,
    forced: AtomicUsize,
    delay: Mutex<Duration>,
    life: Mutex<Duration>,
    failure: Mutex<Option<FetchError>>,
    /// A new token with every call, as `GET /cgi-bin/token` does it.
    fickle: AtomicBool,
    ignores_force: AtomicBool,
}

impl Upstreams {
    fn new() -> Self {
        Self(Arc::new(Script {
            current: AtomicUsize::new(1),
            plain: AtomicUsize::new(0),
            forced: AtomicUsize::new(0),
            delay: Mutex::new(Duration::from_millis(20)),
            life: Mutex::new(Duration::from_secs(7200)),
            failure: Mutex::new(None),
            fickle: AtomicBool::new(false),
            ignores_force: AtomicBool::new(false),
        }))
    }

    fn calls(&self) -> (usize, usize) {
        (self.0.plain.load(Ordering::SeqCst), self.0.forced.load(Ordering::SeqCst))
    }

    fn rotate(&self) {
        self.0.current.fetch_add(1, Ordering::SeqCst);
    }

    fn set_delay(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    fn set_failure(&self, failure: Option<FetchError>) {
        *self.0.failure.lock().unwrap() = failure;
    }
}

impl Fetch for Upstreams {
    fn fetch(&self, force: bool) -> BoxFuture<'static, Result<Fetched, FetchError>> {
        let script = Arc::clone(&self.0);
        async move {
            if force { &script.forced } else { &script.plain }.fetch_add(1, Ordering::SeqCst);
            let (delay, life) = (*script.delay.lock().unwrap(), *script.life.lock().unwrap());
            tokio::time::sleep(delay).await;
            if let Some(failure) = script.failure.lock().unwrap().clone() {
                return Err(failure);
            }
            let forced = force && !script.ignores_force.load(Ordering::SeqCst);
            if forced || script.fickle.load(Ordering::SeqCst) {
                script.current.fetch_add(1, Ordering::SeqCst);
            }
            let value = Secret::new(format!("token-{}", script.current.load(Ordering::SeqCst)));
            Ok(Fetched { value, life })
        }
        .boxed()
    }
}

struct World {
    vault: Arc<MemoryVault>,
    clock: Arc<ManualClock>,
    upstream: Upstreams,
    key: TokenKey,
}

impl World {
    fn new() -> Self {
        Self {
            vault: Arc::default(),
            clock: Arc::new(ManualClock::new(NOON)),
            upstream: Upstreams::new(),
            key: TokenKey { upstream: Upstream::Wechat, account: AccountId::new("wx00000000000000d1") },
        }
    }

    /// One more instance.
    fn holder(&self) -> Arc<TokenHolder> {
        self.holder_that(Fetching::Here)
    }

    fn holder_that(&self, fetching: Fetching) -> Arc<TokenHolder> {
        Arc::new(TokenHolder::that(self.vault.clone(), self.clock.clone(), fetching))
    }

    async fn get(&self, holder: &TokenHolder) -> Result<(String, u64), TokenError> {
        shown(holder.get(&self.key, &self.upstream).await)
    }

    async fn refused(&self, holder: &TokenHolder, generation: u64) -> Result<(String, u64), TokenError> {
        shown(holder.refused(&self.key, generation, &self.upstream).await)
    }

    /// Takes the lease as an instance would that then dies.
    async fn lease_elsewhere(&self, generation: u64) {
        let now = self.clock.now();
        assert!(self.vault.try_lease(&self.key, generation, "another", now, now.plus(LEASE)).await.unwrap());
    }
}

fn shown(token: Result<Token, TokenError>) -> Result<(String, u64), TokenError> {
    token.map(|token| (token.value.expose().clone(), token.generation))
}

fn token(number: u64) -> (String, u64) {
    (format!("token-{number}"), number)
}

fn misconfigured() -> FetchError {
    FetchError {
        outcome: Outcome::Auth,
        code: Some(40125),
        reason: "invalid appsecret".to_owned(),
        hold: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_token_is_cached_for_half_its_life_and_then_looked_up_again() {
    let world = World::new();
    let holder = world.holder();
    assert_eq!(world.get(&holder).await.unwrap(), token(1));
    let loads = world.vault.loads();
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!(world.get(&holder).await.unwrap(), token(1));
    assert_eq!(world.vault.loads(), loads, "from the cache");
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.get(&holder).await.unwrap(), token(1));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.vault.loads(), loads + 1, "from the vault");
    assert_eq!(world.upstream.calls(), (1, 0), "which had a good one");
}

#[tokio::test]
async fn a_token_with_less_than_five_minutes_left_is_renewed_once() {
    let world = World::new();
    let (one, other) = (world.holder(), world.holder());
    world.get(&one).await.unwrap();
    world.get(&other).await.unwrap();
    world.clock.advance(Duration::from_secs(7200 - 299));
    world.upstream.rotate();
    for holder in [&one, &other, &one, &other] {
        assert_eq!(world.get(holder).await.unwrap(), token(1), "nobody waits");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.get(&one).await.unwrap(), token(2));
    assert_eq!(world.upstream.calls(), (2, 0));
}

#[tokio::test]
async fn a_refresh_that_hangs_stalls_nobody_while_the_old_token_lives() {
    let world = World::new();
    let holder = world.holder();
    world.get(&holder).await.unwrap();
    world.clock.advance(Duration::from_secs(7200 - 299));
    world.upstream.set_delay(Duration::from_secs(60));
    let began = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(world.get(&holder).await.unwrap(), token(1));
        world.clock.advance(Duration::from_millis(100));
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn without_a_valid_token_another_instances_fetch_is_awaited_for_two_seconds() {
    let world = World::new();
    world.lease_elsewhere(0).await;
    let began = std::time::Instant::now();
    let error = world.get(&world.holder()).await.unwrap_err();
    assert!(matches!(error, TokenError::Busy), "{error:?}");
    assert!((PATIENCE..PATIENCE * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(error.outcome(), Outcome::Retry { after: None, at_most: None });
    assert_eq!(world.upstream.calls(), (0, 0));
}

#[tokio::test]
async fn the_lease_of_an_instance_that_died_runs_out() {
    let world = World::new();
    world.lease_elsewhere(0).await;
    world.clock.advance(LEASE);
    assert_eq!(world.get(&world.holder()).await.unwrap(), token(1));
}

#[tokio::test]
async fn a_failed_fetch_frees_the_lease_and_is_not_repeated_at_once() {
    let world = World::new();
    let holder = world.holder();
    world.upstream.set_failure(Some(misconfigured()));
    for _ in 0..50 {
        let error = world.get(&holder).await.unwrap_err();
        assert_eq!(error.attempt(), model::outcome::Attempt::failed(Outcome::Auth, Some(40125)));
    }
    assert_eq!(world.upstream.calls(), (1, 0));
    world.upstream.set_failure(None);
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(world.get(&holder).await.unwrap(), token(1), "the operator has mended it");
}

#[tokio::test]
async fn a_vault_that_fails_stops_only_those_without_a_token() {
    let world = World::new();
    let holder = world.holder();
    world.get(&holder).await.unwrap();
    world.vault.set_broken(true);
    world.clock.advance(Duration::from_secs(7000));
    assert_eq!(world.get(&holder).await.unwrap(), token(1));
    let error = world.get(&world.holder()).await.unwrap_err();
    assert!(matches!(error, TokenError::Vault(_)), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Retry { after: None, at_most: None });
}

#[tokio::test]
async fn a_token_that_could_not_be_stored_is_used_all_the_same() {
    let world = World::new();
    let (holder, vault) = (world.holder(), world.vault.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        vault.set_broken(true);
    });
    assert_eq!(world.get(&holder).await.unwrap(), token(1));
    assert_eq!(world.vault.peek(&world.key), None);
}

#[tokio::test]
async fn the_present_token_handed_out_again_is_no_new_generation() {
    let world = World::new();
    world.get(&world.holder()).await.unwrap();
    world.clock.advance(Duration::from_secs(7200 - 200));
    *world.upstream.0.life.lock().unwrap() = Duration::from_secs(200);
    assert_eq!(world.get(&world.holder()).await.unwrap(), token(1));
    assert_eq!(world.upstream.calls(), (2, 0));
    assert_eq!(world.vault.peek(&world.key).unwrap().generation, 1);
}

#[tokio::test]
async fn the_schedule_renews_what_is_due_and_nothing_else() {
    let world = World::new();
    let holder = world.holder();
    let refresh = async || holder.refresh_due(&world.key, &world.upstream).await.unwrap();
    assert_eq!(refresh().await, Refresh::Renewed, "there was none");
    assert_eq!(refresh().await, Refresh::NotDue);
    world.clock.advance(Duration::from_secs(7200 - 899));
    *world.upstream.0.life.lock().unwrap() = Duration::from_secs(899);
    assert_eq!(refresh().await, Refresh::Unchanged);
    world.upstream.rotate();
    *world.upstream.0.life.lock().unwrap() = Duration::from_secs(7200);
    world.lease_elsewhere(1).await;
    assert_eq!(refresh().await, Refresh::Elsewhere);
    world.clock.advance(LEASE);
    assert_eq!(refresh().await, Refresh::Renewed);
    assert_eq!(world.get(&world.holder()).await.unwrap(), token(2));
}

#[test]
fn nothing_prints_a_token() {
    let value = Secret::new("hunter2".to_owned());
    let token = Token { value: value.clone(), generation: 1 };
    let fetched = Fetched { value, life: LEASE };
    assert!(!format!("{token:?} {fetched:?}").contains("hunter2"));
}
