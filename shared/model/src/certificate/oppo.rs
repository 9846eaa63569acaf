//! OPPO.

use crate::ids::AccountId;
use crate::secret::Secret;

/// What the OPPO channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct OppoCertificate {
    /// Names it among all certificates of all apps: tokens are shared under it. Never OPPO's keys alone.
    pub id: AccountId,
    /// AppKey.
    pub app_key: String,
    /// MasterSecret. The AppSecret beside it in OPPO's console is the phone's and signs nothing here.
    pub master_secret: Secret<String>,
    /// What is shown as the title of a notification that has none.
    pub app_name: String,
    /// The category of OPPO's message classification, and how loud it may be; `None` leaves both to OPPO.
    pub category: Option<OppoCategory>,
}

/// A category of OPPO's message classification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OppoCategory {
    /// Its name, for example `ORDER`.
    pub name: String,
    /// 1, 2 or 16; `None` leaves it to OPPO.
    pub notify_level: Option<u8>,
}
