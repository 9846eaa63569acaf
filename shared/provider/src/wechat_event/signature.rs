//! Signatures: lower-case hexadecimal SHA-1 of some texts, sorted by their bytes and joined.

use model::secret::Secret;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use subtle::ConstantTimeEq;

/// Signs `parts` with the account's callback token: what WeChat sends as `signature` (timestamp, nonce) and
/// `msg_signature` (timestamp, nonce, encrypted text).
pub fn sign(token: &Secret<String>, parts: &[&str]) -> String {
    let mut sorted: Vec<&str> = parts.iter().copied().chain([token.expose().as_str()]).collect();
    sorted.sort_unstable();
    // SHA-1 is WeChat's choice. Nothing of ours rests on it but the check of what WeChat signed.
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, sorted.concat().as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `signature` is that of `parts`, in a time that does not tell how much of it is right.
pub(super) fn is_signed(token: &Secret<String>, parts: &[&str], signature: &str) -> bool {
    sign(token, parts).as_bytes().ct_eq(signature.as_bytes()).into()
}

/// Whether a GET with this query is WeChat's check of our address: answer `echostr` then, and 403 otherwise.
/// It is never encrypted, whatever the mode.
pub fn is_address_check(token: &Secret<String>, query: &super::Query<'_>) -> bool {
    is_signed(token, &[query.timestamp, query.nonce], query.signature)
}
