//! Applications: who sends, and through what.

use crate::ids::{AccountId, AppId, TopicId};
use serde::{Deserialize, Serialize};

/// What an endpoint knows of the app once its token was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The app.
    pub id: AppId,
    /// Shown as the sender.
    pub name: String,
    /// The WeChat account its messages go out through.
    pub account: AccountId,
    /// The app belongs to a paid product, so `verifyPay` means something for its followers.
    pub in_product: bool,
    /// Calls allowed in ten seconds; `None` takes the deployment's default.
    pub calls_per_10s: Option<u32>,
}

/// A topic of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The topic.
    pub id: TopicId,
    /// Shown in lists.
    pub name: String,
    /// The topic belongs to a paid product, so `verifyPay` means something for its followers.
    pub in_product: bool,
    /// Into how many shards its audience is written. Grows with the audience, never shrinks; followers stay in the
    /// shard they were written to.
    pub shards: u16,
}
