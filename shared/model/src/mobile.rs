//! Apps of the mobile family.

use crate::ids::MobileAppId;
use serde::{Deserialize, Serialize};

/// Minutes by which Asia/Shanghai is ahead of UTC: an app's time zone unless it says otherwise.
pub const SHANGHAI_MIN: i32 = 480;
/// Most shards of an app's audience. A shard is one partition: some 150,000 devices are read of it in a second.
pub const MOST_SHARDS: u16 = 256;

/// An app whose devices can be pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MobileApp {
    /// Its id.
    pub id: MobileAppId,
    /// How people call it.
    pub name: String,
    /// Whether push is enabled.
    pub enabled: bool,
    /// Over how many partitions its devices are spread. It may grow; a device stays where it came to be.
    pub shards: u16,
    /// Minutes by which its clock is ahead of UTC.
    pub utc_offset_min: i32,
    /// SHA-256 of the tokens by which its back ends prove themselves, in hex; two while a token is being changed.
    pub admin_token_hashes: Vec<String>,
}
