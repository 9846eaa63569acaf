//! Until when an account may write to a person without a template (Users table): what the person did last opens a window.
//!
//! It only saves calls that WeChat would refuse. Whoever is not known here is tried, and so is whoever's window may have
//! closed a moment ago: WeChat's own answer is what counts.

use crate::StoreError;
use crate::db::Update;
use crate::item::{Reader, n};
use crate::keys;
use model::clock::Timestamp;
use model::ids::{AccountId, OpenId};
use std::collections::HashSet;
use std::time::Duration;

capability! {
    /// Says whose window has closed.
    Windows: [("dynamodb:BatchGetItem", Users)]
}

capability! {
    /// Notes what opens a window.
    WindowWriter: [("dynamodb:UpdateItem", Users)]
}

/// What a person did, as far as it opens a window. WeChat's page "customer service messages", read 2026-08.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Sent a message of any kind.
    Message,
    /// Followed, scanned a code with a scene, or tapped the menu.
    Gesture,
}

impl Opening {
    const fn life(self) -> Duration {
        match self {
            Self::Message => Duration::from_secs(48 * 3600),
            Self::Gesture => Duration::from_secs(60),
        }
    }
}

/// A window is taken for closed only when it has been so for this long.
const DOUBT: Duration = Duration::from_secs(600);
/// How long it is remembered that a window has closed. Whoever was silent for longer is tried once more.
const MEMORY: Duration = Duration::from_secs(30 * 86_400);

impl WindowWriter {
    /// Notes that `openid` did something at `at`. What is older than what is known changes nothing.
    pub async fn open(
        &self,
        account: &AccountId,
        openid: &OpenId,
        opening: Opening,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let until = at.plus(opening.life());
        let update = Update::default()
            .set("open_until_ms", n(until.millis()))
            .set("expires_at", n(until.plus(MEMORY).seconds()))
            .when("attribute_not_exists(#open_until_ms) OR #open_until_ms < :open_until_ms");
        self.0.update(&self.0.names().users, keys::window(account, openid), update).await?;
        Ok(())
    }
}

impl Windows {
    /// Those of `openids` whose window is known to have closed.
    pub async fn closed(
        &self,
        account: &AccountId,
        openids: &[&OpenId],
        now: Timestamp,
    ) -> Result<HashSet<OpenId>, StoreError> {
        let wanted = openids.iter().map(|openid| keys::window(account, openid)).collect();
        let mut closed = HashSet::new();
        for item in self.0.get_many(&self.0.names().users, wanted).await? {
            let reader = Reader::new("window", &item);
            let until = Timestamp::from_millis(reader.number("open_until_ms")?);
            if now > until.plus(DOUBT) {
                closed.insert(reader.string("pk")?.to_owned());
            }
        }
        let is_closed = |openid: &&&OpenId| closed.contains(&keys::window(account, openid).pk);
        Ok(openids.iter().filter(is_closed).map(|openid| (*openid).clone()).collect())
    }
}
