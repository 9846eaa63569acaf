//! The signature of every call: lower-case hexadecimal MD5 over all parameters, sorted by name, as `name=value` without
//! separators and as they are before they are encoded, and the appSecret at the end.

use crate::vendor::hex;
use md5::{Digest, Md5};
use model::secret::Secret;

/// Signs the calls of one message: what they have in common is hashed once.
#[derive(Clone)]
pub(super) struct Signer(Md5);

impl Signer {
    /// For calls with this `appId` and exactly this text of `messageJson`.
    pub(super) fn new(app_id: &str, message_json: &str) -> Self {
        // MD5 is Meizu's choice. `appId` < `messageJson` < `pushIds`.
        let mut hash = Md5::new();
        for part in ["appId=", app_id, "messageJson=", message_json, "pushIds="] {
            hash.update(part);
        }
        Self(hash)
    }

    /// The signature of the call for these ids (comma list).
    pub(super) fn sign(&self, push_ids: &str, secret: &Secret<String>) -> String {
        let hash = self.0.clone().chain_update(push_ids).chain_update(secret.expose());
        hex(&hash.finalize())
    }
}
