//! Many who need the same token at the same moment.

use super::*;

const WORKERS: usize = 100;

async fn all(workers: impl IntoIterator<Item = tokio::task::JoinHandle<(String, u64)>>) -> Vec<(String, u64)> {
    futures::future::join_all(workers).await.into_iter().map(Result::unwrap).collect()
}

/// `WORKERS` tasks spread over `holders`, each doing `what`.
fn workers<F, W>(
    world: &Arc<World>,
    holders: &[Arc<TokenHolder>],
    what: W,
) -> Vec<tokio::task::JoinHandle<(String, u64)>>
where
    W: Fn(Arc<World>, Arc<TokenHolder>) -> F,
    F: Future<Output = (String, u64)> + Send + 'static,
{
    (0..WORKERS).map(|n| tokio::spawn(what(world.clone(), holders[n % holders.len()].clone()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_tasks_of_one_instance_share_one_look_and_one_fetch() {
    let world = Arc::new(World::new());
    let holder = world.holder();
    let got = all(workers(&world, &[holder], async |world: Arc<World>, holder| world.get(&holder).await.unwrap()));
    assert!(got.await.iter().all(|got| *got == token(1)));
    assert_eq!((world.upstream.calls(), world.vault.loads()), ((1, 0), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_workers_in_ten_instances_cause_one_fetch() {
    let world = Arc::new(World::new());
    // Each fetch would hand out another token, so a second one would show.
    world.upstream.0.fickle.store(true, Ordering::SeqCst);
    let holders: Vec<_> = (0..10).map(|_| world.holder()).collect();
    let got = all(workers(&world, &holders, async |world: Arc<World>, holder| world.get(&holder).await.unwrap())).await;
    assert!(got.iter().all(|got| *got == ("token-2".to_owned(), 1)), "{got:?}");
    assert_eq!(world.upstream.calls(), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_refusals_in_ten_instances_cause_one_fetch() {
    let world = Arc::new(World::new());
    let holders: Vec<_> = (0..10).map(|_| world.holder()).collect();
    for holder in &holders {
        assert_eq!(world.get(holder).await.unwrap(), token(1));
    }
    world.upstream.rotate();
    let got =
        all(workers(&world, &holders, async |world: Arc<World>, holder| world.refused(&holder, 1).await.unwrap()));
    assert!(got.await.iter().all(|got| *got == token(2)));
    assert_eq!(world.upstream.calls(), (2, 0), "the first token and its successor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_refusals_of_a_token_that_is_still_handed_out_force_one() {
    let world = Arc::new(World::new());
    let holders: Vec<_> = (0..10).map(|_| world.holder()).collect();
    for holder in &holders {
        world.get(holder).await.unwrap();
    }
    let got =
        all(workers(&world, &holders, async |world: Arc<World>, holder| world.refused(&holder, 1).await.unwrap()));
    assert!(got.await.iter().all(|got| *got == token(2)));
    assert_eq!(world.upstream.calls(), (2, 1));
}

#[tokio::test]
async fn a_sender_that_goes_away_takes_nobody_with_it() {
    let world = Arc::new(World::new());
    let holder = world.holder();
    let leaving = tokio::spawn({
        let (world, holder) = (world.clone(), holder.clone());
        async move { world.get(&holder).await }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    leaving.abort();
    assert_eq!(world.get(&holder).await.unwrap(), token(1));
    assert_eq!(world.upstream.calls(), (1, 0));
}
