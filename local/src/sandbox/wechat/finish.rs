//! What WeChat says a while after it has accepted a template message: `TEMPLATESENDJOBFINISH`, with how it ended.
//!
//! Every accepted template message of an account that has a server configuration is followed by one, after the sandbox's
//! delay. `Status` is `success` unless a fault ordered another end. A process that ends meanwhile tells nothing more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::user::Fields;
use crate::sandbox::Sandbox;

/// The delay unless somebody asks for another one: long enough that a send is recorded first, as it mostly is.
pub const FINISH_AFTER: Duration = Duration::from_secs(1);
/// How many events are told side by side.
const AT_ONCE: usize = 4;

/// An end to be told.
struct Ending {
    at: Instant,
    appid: String,
    openid: String,
    msgid: i64,
    status: String,
}

/// The endings that are still to be told; the task that tells them begins with the first.
#[derive(Default)]
pub(in crate::sandbox) struct Endings {
    sender: OnceLock<mpsc::UnboundedSender<Ending>>,
    /// How many the gateway has acknowledged.
    acknowledged: AtomicU64,
}

impl Sandbox {
    /// How many ends of messages the gateway was told of, and acknowledged.
    #[must_use]
    pub fn endings_told(&self) -> u64 {
        self.endings.acknowledged.load(Ordering::SeqCst)
    }

    /// Sees to it that the gateway is told how a message ended: `failed` in these words, or success.
    pub(super) fn will_finish(self: &Arc<Self>, appid: &str, openid: &str, msgid: i64, failed: Option<String>) {
        let Some(delay) = *self.finish_after.read().unwrap_or_else(PoisonError::into_inner) else { return };
        let status = status(failed.as_deref());
        let (appid, openid) = (appid.to_owned(), openid.to_owned());
        let ending = Ending { at: Instant::now() + delay, appid, openid, msgid, status };
        let sender = self.endings.sender.get_or_init(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(tell_all(Arc::downgrade(self), receiver));
            sender
        });
        // The task ends with the sandbox, which is here.
        drop(sender.send(ending));
    }
}

/// `Status` as WeChat writes it: with a blank behind the colon for its own failures, without one for the user's.
fn status(failed: Option<&str>) -> String {
    match failed {
        None => "success".to_owned(),
        Some("system failed") => "failed: system failed".to_owned(),
        Some(words) => format!("failed:{words}"),
    }
}

async fn tell_all(sandbox: Weak<Sandbox>, mut endings: mpsc::UnboundedReceiver<Ending>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(ending) = endings.recv().await {
        tokio::time::sleep_until(ending.at).await;
        let (Some(sandbox), Ok(place)) = (sandbox.upgrade(), places.clone().acquire_owned().await) else { return };
        tokio::spawn(async move {
            let Ending { appid, openid, msgid, status, .. } = ending;
            let fields: Fields = vec![
                ("MsgType", "event".to_owned()),
                ("Event", "TEMPLATESENDJOBFINISH".to_owned()),
                ("MsgID", msgid.to_string()),
                ("Status", status),
            ];
            // An account without a server configuration is told nothing.
            if let Some(account) = sandbox.wechat.account(&appid)
                && let Some(told) = sandbox.tell(account, &openid, fields).await
                && told.is_acknowledged()
            {
                sandbox.endings.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            drop(place);
        });
    }
}
