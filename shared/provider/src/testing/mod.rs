//! Doubles for tests: a token vault and connections in memory, a clock that is set by hand, and a scripted HTTP server.

mod clock;
mod lines;
mod vault;

#[cfg(test)]
pub(crate) mod http2;
#[cfg(test)]
pub(crate) mod push;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
pub(crate) mod wechat;

pub use clock::ManualClock;
pub use lines::MemoryLines;
pub use vault::MemoryVault;

/// Starts a server on a thread of its own, where it goes on while the test's whole process stands still, and answers what
/// `start` says of it.
#[cfg(test)]
pub(crate) fn on_its_own_thread<S, T, F>(start: impl FnOnce() -> F + Send + 'static) -> T
where
    F: Future<Output = (S, T)>,
    T: Send + 'static,
{
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_server, said) = start().await;
            tell.send(said).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

/// A moment that no test lives to see.
#[cfg(test)]
pub(crate) fn in_time() -> std::time::Instant {
    std::time::Instant::now() + std::time::Duration::from_secs(600)
}
