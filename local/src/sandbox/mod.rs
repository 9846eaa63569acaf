//! The sandbox: stand-ins for the upstreams, an inbox of what they were given, and controls to make them fail.
//!
//! A stand-in is as strict as the upstream's documents: it checks tokens, fields and limits and answers with the
//! upstream's own codes. What it accepts goes into one inbox, in the order of acceptance, where a person (the page at
//! `/`), a script or a test finds it.
//!
//! | path | what |
//! |---|---|
//! | `/wechat/…` | WeChat; base URL `http://<sandbox>/wechat` (module `wechat`) |
//! | `GET /` | the inbox as a phone would show it |
//! | `GET /sandbox/inbox?since=N` | the inbox as JSON (module `controls`) |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | failures on order (module `faults`) |
//! | `GET`, `DELETE /sandbox/calls` | how often each operation was called |
//! | `/sandbox/wechat/{account}/…` | somebody follows, scans, types (module `wechat::user`) |
//!
//! **Promise.** With a folder, a message is in the inbox file before its sender is answered, so killing the process
//! loses no message that anybody was told about. Who follows is kept beside it. WeChat's tokens, faults and counted quotas
//! are forgotten by a restart: a token from before is answered 40001, as after any loss on the upstream's side. The tokens of
//! the phones' vendors are good until they end.
//!
//! **A further stand-in** is a folder beside `wechat/`: its routes take an arrival through `Sandbox::answer` (faults,
//! counting) and put what they accept into the inbox; its channels join [`channels`], its accounts join [`World`].

mod calls;
mod clock;
mod controls;
mod faults;
mod inbox;
mod page;
mod phones;
mod reply;
#[cfg(test)]
mod tests;
mod wechat;
mod wire;
mod world;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;

pub use self::calls::CallSink;
use self::clock::Clock;
pub use self::faults::{Effect, Fault, FaultError, FaultOperation, Faults};
use self::inbox::Inbox;
pub use self::inbox::{MAX_PAGE_MESSAGES, Message};
use self::phones::Phones;
pub use self::phones::keys;
pub use self::wechat::FINISH_AFTER;
use self::wechat::{Endings, Wechat};
pub use self::wechat::{MassAnswer, Opening, ServerConfiguration, TokenFetches, WechatControls};
pub use self::wire::Traffic;
pub(crate) use self::wire::{Framed, Wire};
pub use self::world::{Followers, MassLimits, MiniProgram, Template, WechatAccount, WechatKind, World};

/// All stand-ins of one process and what they share. See the module page.
pub struct Sandbox {
    clock: Clock,
    calls: Arc<dyn CallSink>,
    faults: Faults,
    inbox: Inbox,
    wechat: Wechat,
    /// How long after a message its end is told; `None`: never.
    finish_after: RwLock<Option<Duration>>,
    endings: Endings,
    phones: Phones,
    /// What happened on the connections over TLS.
    traffic: Arc<Traffic>,
}

impl Sandbox {
    /// A sandbox for the accounts of `world`. Every upstream call is reported to `calls`.
    ///
    /// With a `folder` the inbox is the file `sandbox/inbox.jsonl` in it, one JSON object per line, and goes on where
    /// it was; a last line that a crash cut off is removed. Without one the inbox lives in memory.
    ///
    /// # Errors
    /// The file cannot be created, read or written, or it is not an inbox (`InvalidData`, naming the path).
    pub fn open(world: World, folder: Option<PathBuf>, calls: Arc<dyn CallSink>) -> io::Result<Arc<Self>> {
        let clock = Clock::default();
        let folder = folder.map(|folder| folder.join("sandbox"));
        let inbox = match &folder {
            Some(folder) => Inbox::open(folder)?,
            None => Inbox::in_memory(),
        };
        let wechat = Wechat::new(world.wechat, &inbox, folder.as_deref(), clock.now_ms())?;
        let finish_after = RwLock::new(Some(FINISH_AFTER));
        let phones = Phones::new(&world.phones);
        Ok(Arc::new(Self {
            clock,
            calls,
            faults: Faults::default(),
            inbox,
            wechat,
            phones,
            finish_after,
            endings: Endings::default(),
            traffic: Arc::default(),
        }))
    }

    /// Everything the sandbox serves. It works under any HTTP/1.1 or HTTP/2 server.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .nest("/wechat", wechat::routes())
            .merge(wechat::user_routes())
            .merge(phones::routes())
            .merge(controls::routes())
            .merge(page::routes())
            .with_state(Arc::clone(self))
    }

    /// A connection over TLS was opened.
    pub(crate) fn connection(&self) -> Wire {
        Wire::new(Arc::clone(&self.traffic))
    }

    /// What happened on the connections over TLS.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The failures on order.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The messages after sequence number `since` (0: from the first), all of them.
    ///
    /// # Errors
    /// The inbox file cannot be read.
    pub fn messages_since(&self, since: u64) -> io::Result<Vec<Message>> {
        self.inbox.messages_since(since)
    }

    /// How many messages the inbox holds; also the sequence number of the last one.
    #[must_use]
    pub fn message_count(&self) -> u64 {
        self.inbox.count()
    }

    /// How long after a message WeChat tells how it ended; `None`: never. Default [`FINISH_AFTER`].
    pub fn set_finish_after(&self, delay: Option<Duration>) {
        *self.finish_after.write().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Moves the sandbox's clock forward, so that tokens, repeats and quotas age without waiting.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// The upstreams that have a stand-in, as calls are counted and as a fault may name all their channels.
const SERVICES: [&str; 1] = [wechat::SERVICE];

/// The channels whose upstream tells later how a message ended.
const FINISHED: &[&str] = wechat::FINISHED;

/// The channels that some stand-in receives, in the words of the inbox.
pub fn channels() -> impl Iterator<Item = &'static str> {
    wechat::CHANNELS.iter().chain(phones::CHANNELS).copied()
}
