//! Huawei.

use crate::ids::AccountId;
use crate::secret::Secret;

/// What the Huawei channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct HuaweiCertificate {
    /// Names it among all certificates of all apps: tokens are shared under it. Never Huawei's ids alone.
    pub id: AccountId,
    /// Name of the app, shown where a message has no title: Huawei refuses blank ones.
    pub app_name: String,
    /// App id of AppGallery Connect, which is also the OAuth client id.
    pub app_id: String,
    /// The OAuth client secret.
    pub app_secret: Secret<String>,
    /// Classification of all messages, for example `IM` or `WORK`; `None` leaves it to Huawei.
    pub category: Option<String>,
    /// The Activity class of the icon, for messages that do not name one. Without it there is no badge.
    pub badge_class: Option<String>,
    /// `LOW`, `NORMAL` or `HIGH`; `HIGH` needs a right of the app.
    pub importance: Option<String>,
    /// Sends test messages: 500 a day for the app, and no cap per device.
    pub test_messages: bool,
    /// What Huawei signs receipts with; `None` when none was set in its console.
    pub receipt_key: Option<HuaweiReceiptKey>,
}

/// User name and key that were typed into Huawei's console beside the receipt address.
#[derive(Debug, Clone)]
pub struct HuaweiReceiptKey {
    /// The user name.
    pub user: String,
    /// The key.
    pub key: Secret<String>,
}
