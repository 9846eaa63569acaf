//! One account while the sandbox runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::clock::Day;

use super::draft::Drafts;
use super::held::Tokens;
use super::mass::Mass;
use super::media::Library;
use super::people::People;
use super::qrcode::Scenes;
use super::refusal::Refusal;
use super::repeats::Repeats;
use super::user::Conversation;

use crate::sandbox::clock::beijing_day;
use crate::sandbox::world::WechatAccount;

/// An account as the world gave it, and what happened since.
pub(super) struct Account {
    /// As the world gave it.
    pub(super) given: WechatAccount,
    state: Mutex<State>,
}

/// What happened to an account.
pub(super) struct State {
    /// The tokens it holds.
    pub(super) tokens: Tokens,
    /// What people did.
    pub(super) people: People,
    /// What people did, and whom the account tells.
    pub(super) conversation: Conversation,
    /// Its QR codes.
    pub(super) scenes: Scenes,
    /// Template messages of the day.
    pub(super) quota: Quota,
    /// Customer-service messages of the day.
    pub(super) custom_quota: Quota,
    /// What was uploaded.
    pub(super) library: Library,
    /// Articles that wait to be sent.
    pub(super) drafts: Drafts,
    /// Messages to everybody.
    pub(super) mass: Mass,
    /// Messages with a `client_msg_id`.
    pub(super) repeats: Repeats,
    /// The last msgid given out.
    last_msgid: i64,
}

impl Account {
    /// An account to which nothing has happened.
    pub(super) fn new(given: WechatAccount) -> Self {
        let (quota, custom_quota) = (Quota::of(given.daily_quota), Quota::of(CUSTOM_PER_DAY));
        Self {
            given,
            state: Mutex::new(State {
                tokens: Tokens::default(),
                people: People::default(),
                conversation: Conversation::default(),
                scenes: Scenes::default(),
                quota,
                custom_quota,
                library: Library::default(),
                drafts: Drafts::default(),
                mass: Mass::default(),
                repeats: Repeats::default(),
                last_msgid: 0,
            }),
        }
    }

    /// What happened; a panic elsewhere leaves it usable.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message may go to `openid`: 40003 if nobody has it, 43004 if its owner does not follow.
    pub(super) fn reachable(&self, state: &State, openid: &str) -> Result<(), Refusal> {
        match state.people.get(openid).and_then(|person| person.follows) {
            Some(true) => Ok(()),
            Some(false) => Err(Refusal::NotFollowing),
            None if self.given.followers.contains(openid) => Ok(()),
            None => Err(Refusal::Openid),
        }
    }
}

impl State {
    /// A message id as WeChat's are: 19 digits, above 2^53, growing with time.
    pub(super) fn next_msgid(&mut self, now_ms: i64) -> i64 {
        // 41 bits of milliseconds over 20 bits; the random half of those keeps restarts within a millisecond apart.
        let of_this_moment = (now_ms << 20) | i64::from(rand::random::<u16>());
        self.last_msgid = of_this_moment.max(self.last_msgid + 1);
        self.last_msgid
    }
}

/// Customer-service messages per day. Source: WeChat's page "customer service messages", read 2026-11.
const CUSTOM_PER_DAY: u64 = 500_000;

/// Messages of one kind of one Beijing day.
pub(super) struct Quota {
    /// The most there may be.
    pub(super) limit: u64,
    day: Day,
    used: u64,
}

impl Quota {
    /// So many a day.
    pub(super) fn of(limit: u64) -> Self {
        Self { limit, day: Day::from_number(0), used: 0 }
    }

    /// Whether one more may be sent.
    pub(super) fn check(&mut self, now_ms: i64) -> Result<(), Refusal> {
        let today = beijing_day(now_ms);
        if self.day != today {
            (self.day, self.used) = (today, 0);
        }
        if self.used < self.limit { Ok(()) } else { Err(Refusal::Quota) }
    }

    /// Count one that was sent.
    pub(super) fn count(&mut self) {
        self.used += 1;
    }
}
