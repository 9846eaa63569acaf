//! vivo.

use crate::ids::AccountId;
use crate::secret::Secret;

/// What the vivo channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct VivoCertificate {
    /// Names it among all certificates of all apps: tokens are shared under it. Never vivo's ids alone.
    pub id: AccountId,
    /// appId.
    pub app_id: u64,
    /// appKey.
    pub app_key: String,
    /// appSecret: signs the call for a token.
    pub app_secret: Secret<String>,
    /// What is shown as the title of a notification that has none.
    pub app_name: String,
    /// The category of vivo's message classification, for example `ORDER`. It must agree with `classification`.
    pub category: Option<String>,
    /// vivo has granted the app the right to count its badge up.
    pub may_badge: bool,
    /// The id of the receipt address that is registered in vivo's console: with one, lists get receipts too.
    pub callback_id: Option<String>,
}
