//! Xiaomi.

use crate::ids::AccountId;
use crate::secret::Secret;

/// What the Xiaomi channel needs to act for an app.
#[derive(Debug, Clone)]
pub struct XiaomiCertificate {
    /// Names it among all certificates of all apps.
    pub id: AccountId,
    /// AppSecret: sent with every call. It has no end and nothing is got for it.
    pub app_secret: Secret<String>,
    /// The app's package name, for example `com.example.app`.
    pub package: String,
    /// What is shown as the title of a notification that has none.
    pub app_name: String,
    /// Which of Xiaomi's services the app's phones are registered with.
    pub region: XiaomiRegion,
}

/// Xiaomi's services. Registration ids of one are unknown to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum XiaomiRegion {
    /// Mainland China.
    #[default]
    Mainland,
    /// Singapore: everywhere that has none of its own.
    Singapore,
    /// The European Economic Area and the United Kingdom.
    Europe,
    /// Russia.
    Russia,
    /// India.
    India,
}

impl XiaomiRegion {
    /// Every one of them.
    pub const ALL: &'static [Self] = &[Self::Mainland, Self::Singapore, Self::Europe, Self::Russia, Self::India];
}
