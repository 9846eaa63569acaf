//! Applications: who sends, and through what.

use crate::clock::Timestamp;
use crate::follow::Followed;
use crate::ids::{AccountId, AppId, ProductId, TopicId};
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

/// All that is kept of an app. What sending needs is [`App`]; the rest is for people and for the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppProfile {
    /// What sending needs.
    #[serde(flatten)]
    pub app: App,
    /// `AK_` and 32 letters or digits: names the app in callbacks of old receivers. No secret, and it never changes.
    pub key: String,
    /// When it was created.
    #[serde(default)]
    pub created_ms: Timestamp,
    /// Where the developer is called back; `None`: nobody is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Where a user sets the app up, opened from "my subscriptions" with `uid` appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_url: Option<String>,
    /// What a user reads who begins to follow; `None` takes the deployment's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_prompt: Option<String>,
    /// How users reach the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the app pushes, shown on its follow page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl AppProfile {
    /// A profile of `app` without anything that is optional.
    pub const fn bare(app: App, key: String, created_ms: Timestamp) -> Self {
        Self {
            app,
            key,
            created_ms,
            callback_url: None,
            settings_url: None,
            follow_prompt: None,
            contact: None,
            description: None,
        }
    }
}

/// Apps and topics that are sold together. Not editable once it is written: who bought it knows what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The product.
    pub id: ProductId,
    /// Whose it is.
    pub app_id: AppId,
    /// Its name in the market.
    pub name: String,
    /// Contact after the sale.
    pub contact: String,
    /// One line.
    pub summary: String,
    /// What is sold.
    pub description: String,
    /// What a purchase pays for: the app (its direct messages), topics of it, or both.
    pub resources: Vec<Followed>,
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
