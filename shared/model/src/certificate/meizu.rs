//! Meizu.

use crate::ids::AccountId;
use crate::secret::Secret;

/// What the Meizu channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct MeizuCertificate {
    /// Names it among all certificates of all apps.
    pub id: AccountId,
    /// appId.
    pub app_id: String,
    /// appSecret: signs every call.
    pub app_secret: Secret<String>,
    /// What is shown as the title of a notification that has none.
    pub app_name: String,
    /// The token that was typed into Meizu's console beside the receipt address; `None` when none was.
    pub receipt_token: Option<Secret<String>>,
}
