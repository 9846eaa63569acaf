//! What the channels to phones share: what they are asked, what they answer, and how they read what vendors say.
//!
//! One folder per vendor, each with the files `mod`, `client`, `wire`, `settings` and `error`. Each is a struct with an
//! inherent `send` that takes a [`Push`] and answers one [`Ended`] per target, in the same order; [`crate::phone`] puts
//! it behind the trait of channels.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `call` | a call that answers JSON with a code in it: reading it, and what a failure means |
//! | `chunks` | many targets in calls of a limited size |
//! | [`code`] | a vendor's code, sent as a number or as a string |
//! | [`fault`] | what a failed call means, where the vendor's own table says nothing |
//! | `form` | bodies of `application/x-www-form-urlencoded`, with what is common encoded once |
//! | [`guard`] | telling dead tokens from a wrong certificate |
//! | `jwt` | tokens that we sign ourselves |
//! | `link` | the way to a vendor's server |
//! | `oauth` | access tokens of OAuth |
//! | [`receipt`] | what vendors report later, and the parameter that says what about |
//! | `tokens` | calls under a token that the vendor issues |
//! | `words` | title and text for vendors that need both |

pub(crate) mod call;
pub(crate) mod chunks;
pub mod code;
pub mod fault;
pub(crate) mod form;
pub mod guard;
pub(crate) mod jwt;
pub(crate) mod link;
pub(crate) mod oauth;
pub mod receipt;
pub(crate) mod tokens;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use futures::future::BoxFuture;
use model::clock::Timestamp;
use model::ids::{DeviceToken, TaskId};
use model::notification::Notification;
use model::notification::badge::Badge;
use model::outcome::{Attempt, Outcome};
use model::secret::Secret;
use std::time::Instant;

/// What a channel is asked to do. `C` is the vendor's certificate.
#[derive(Debug)]
pub struct Push<'a, C> {
    /// The accepted call that this belongs to.
    pub task: TaskId,
    /// What is sent.
    pub message: &'a Notification,
    /// Where the vendor is to report what became of it; `None` asks for no report.
    pub receipt: Option<&'a Receipt>,
    /// Where lists are noted that the vendor is asked about later; `None` when nobody will ask.
    pub lists: Option<&'a dyn Lists>,
    /// To whom.
    pub targets: &'a [Target],
    /// In whose name.
    pub certificate: &'a C,
    /// When the caller stops waiting: see [`Call::until`](crate::channel::Call::until).
    pub until: Instant,
}

impl<C> Clone for Push<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Push<'_, C> {}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the vendor calls it.
    pub token: DeviceToken,
    /// The device's badge counter after this message; `None` when the caller keeps none. Needed by the vendors that set
    /// the number and cannot add to it.
    pub badge: Option<u32>,
}

impl Target {
    /// The number on the icon after `message`: the device's counter, or what the message sets. `None`: left as it is.
    pub const fn counter(&self, message: &Notification) -> Option<u32> {
        match (self.badge, message.badge) {
            (Some(counter), _) => Some(counter),
            (None, Badge::Set(number)) => Some(number),
            (None, Badge::Add(_)) => None,
        }
    }
}

/// Where a vendor reports what became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Our address, with the secret part of its path. At most 128 bytes: Xiaomi, Meizu and vivo take no more.
    pub url: Secret<String>,
    /// What the vendor sends back to us untouched: it names the task and proves that the report is about one of ours.
    pub parameter: String,
}

/// Where the lists of a batch are noted, for vendors that say of a list no more than what it came to, and only when they
/// are asked by their own id of it.
pub trait Lists: Send + Sync + std::fmt::Debug {
    /// Notes what the vendor calls a list that is about to be sent: whoever waits for the answer in vain does not learn it.
    /// `list` is the same for the same phones in every attempt. A note that cannot be written costs a counter, no message.
    fn note<'a>(&'a self, list: &'a str, vendor_task: u64) -> BoxFuture<'a, ()>;
}

/// How one attempt at one device ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended, with the vendor's code.
    pub attempt: Attempt,
    /// What the vendor called it, for the log: never a text that it made up from our input.
    pub reason: &'static str,
    /// For [`Outcome::Invalid`]: since when the vendor knows the token as dead. A token that was bound later is alive.
    pub dead_since: Option<Timestamp>,
    /// For [`Outcome::Invalid`]: a wrong certificate or environment looks the same, see [`guard`]. For
    /// [`Outcome::Config`]: it may be about this device alone, and others are still to be tried.
    pub doubtful: bool,
}

impl Ended {
    /// The vendor accepted it.
    pub const fn ok() -> Self {
        Self::with(Outcome::Ok { vendor_id: None }, None, "ok")
    }

    /// It ended with `outcome`. Of a dead token and a refused message another vendor may know better; a muted device is
    /// to stay silent.
    pub const fn with(outcome: Outcome, vendor_code: Option<i32>, reason: &'static str) -> Self {
        let elsewhere = matches!(outcome, Outcome::Invalid | Outcome::Content);
        let attempt = Attempt::failed(outcome, vendor_code).or_elsewhere(elsewhere);
        Self { attempt, reason, dead_since: None, doubtful: false }
    }

    /// The vendor has nothing that carries a message of this kind; nothing was sent.
    pub(crate) const fn not_carried() -> Self {
        Self::with(Outcome::Content, None, "not_carried")
    }

    /// The same for each of `count` targets.
    pub fn times(self, count: usize) -> Vec<Self> {
        vec![self; count]
    }
}

impl From<Ended> for Attempt {
    fn from(Ended { attempt, doubtful, dead_since, .. }: Ended) -> Self {
        Self { doubtful, dead_since, ..attempt }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
