//! Doing what people ask for in the chat, and what WeChat reports: for `wechat-event`, which answers, and for `inbound`,
//! which makes up for it.
//!
//! **Once.** WeChat says the same up to three times, the queue has a copy, and two instances may have one at once. What
//! an event changes carries the event's name (follows their cause, callbacks their key, scans their time), so doing it
//! twice changes nothing. That it is done, and what the person was answered, is kept for a day: a repeat is answered the
//! same, and a copy that comes late undoes nothing that the person has done since.

mod chat;
mod finished;
mod follow;
pub(crate) mod words;

use gateway::Context;
use model::app::AppProfile;
use model::ids::{AccountId, AppId, Uid};
use model::inbound::{Happening, Inbound};
use store::apps::{Apps, TopicNames, Topics};
use store::bindings::{BindingEraser, BindingWriter, Invitations};
use store::callbacks::CallbackWriter;
use store::followers::Followers;
use store::following::Following;
use store::follows::{Follows, Marker};
use store::inbound::InboundDone;
use store::people::People;
use store::qrcodes::{QrCodes, QrScans};
use store::receipts::ReceiptWriter;
use store::windows::{Opening, WindowWriter};
use store::{StoreError, capabilities};

capabilities! {
    /// What it takes to do what people ask for.
    pub struct InboundStore {
        done: InboundDone,
        people: People,
        following: Following,
        followers: Followers,
        follows: Follows,
        marker: Marker,
        apps: Apps,
        topics: Topics,
        topic_names: TopicNames,
        codes: QrCodes,
        scans: QrScans,
        callbacks: CallbackWriter,
        receipts: ReceiptWriter,
        windows: WindowWriter,
        /// Whom the codes of enterprises bind.
        invitations: Invitations,
        bindings: BindingWriter,
        bound: BindingEraser,
    }
}

/// Whether anything is to be done about an event. Most are finish events that report what the record says already.
pub(crate) fn is_to_be_done(inbound: &Inbound) -> bool {
    match &inbound.what {
        Happening::Finished { messages } => messages.iter().any(finished::is_news),
        Happening::Other { .. } => false,
        // It opens a window, as a text does.
        Happening::OtherMessage { .. } => true,
        Happening::Text { .. }
        | Happening::Subscribe { .. }
        | Happening::Unsubscribe
        | Happening::Scan { .. }
        | Happening::Click { .. } => true,
    }
}

/// Does what an event asks for, unless it is done already. What the person is answered, if anything.
pub(crate) async fn act(
    context: &Context,
    store: &InboundStore,
    account: &AccountId,
    inbound: &Inbound,
) -> Result<Option<String>, StoreError> {
    if let Some(done) = store.done.find(account, inbound).await? {
        return Ok(done.reply);
    }
    if let Some(opening) = opening(&inbound.what) {
        store.windows.open(account, &inbound.from, opening, inbound.at).await?;
    }
    let doing = Doing { context, store, account, inbound };
    let reply = match &inbound.what {
        Happening::Subscribe { scene } => Some(doing.subscribed(scene.as_deref()).await?),
        Happening::Scan { scene } => doing.scanned(scene).await?,
        Happening::Unsubscribe => {
            // Fan-out passes over who is unreachable. What waits for its next attempt meets WeChat's own refusal, which
            // ends it.
            store.people.depart(account, &inbound.from, inbound.at).await?;
            store.bound.erase(account, &inbound.from).await?;
            None
        }
        Happening::Text { content } => doing.typed(content).await?,
        Happening::Click { key } => doing.tapped(key).await?,
        Happening::Finished { messages } => {
            doing.finished(messages).await?;
            None
        }
        Happening::OtherMessage { .. } | Happening::Other { .. } => None,
    };
    Ok(store.done.keep(account, inbound, reply, context.clock.now()).await?.reply)
}

/// What an event lets the account send without a template, see [`store::windows`].
const fn opening(what: &Happening) -> Option<Opening> {
    match what {
        Happening::Text { .. } | Happening::OtherMessage { .. } => Some(Opening::Message),
        Happening::Subscribe { .. } | Happening::Scan { .. } | Happening::Click { .. } => Some(Opening::Gesture),
        Happening::Unsubscribe | Happening::Finished { .. } | Happening::Other { .. } => None,
    }
}

/// One event being done.
struct Doing<'a> {
    context: &'a Context,
    store: &'a InboundStore,
    account: &'a AccountId,
    inbound: &'a Inbound,
}

impl Doing<'_> {
    /// Who acts: found, made, or back again.
    async fn person(&self) -> Result<Uid, StoreError> {
        let arrival = self.store.people.arrive(self.account, &self.inbound.from, self.inbound.at).await?;
        Ok(arrival.person.uid)
    }

    /// The app with that number, if people of this account can follow it: its messages go out through the account.
    async fn app(&self, app: AppId) -> Result<Option<AppProfile>, StoreError> {
        let profile = self.store.apps.get(app).await?;
        Ok(profile.filter(|profile| profile.app.account == *self.account))
    }
}
