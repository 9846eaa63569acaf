//! Passwords, kept as PBKDF2-HMAC-SHA256 with a salt each.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use std::num::NonZeroU32;

/// Rounds: some 50 ms of a Lambda's time. Builds without optimisation take twenty times as long for each; the text says how
/// many there were.
const ROUNDS: NonZeroU32 = NonZeroU32::new(if cfg!(debug_assertions) { 5_000 } else { 100_000 }).unwrap();
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Salt and hash, as text: `pbkdf2-sha256.<rounds>.<salt>.<hash>`.
pub(super) fn kept(password: &str) -> String {
    let salt: [u8; SALT_BYTES] = rand::random();
    let mut hash = [0; HASH_BYTES];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.as_bytes(), &mut hash);
    format!("pbkdf2-sha256.{ROUNDS}.{}.{}", URL_SAFE_NO_PAD.encode(salt), URL_SAFE_NO_PAD.encode(hash))
}

/// Whether `password` is the one that was kept.
pub(super) fn is_it(password: &str, kept: &str) -> bool {
    let fields: Vec<&str> = kept.split('.').collect();
    let ["pbkdf2-sha256", rounds, salt, hash] = fields.as_slice() else { return false };
    let decoded = (rounds.parse::<NonZeroU32>(), URL_SAFE_NO_PAD.decode(salt), URL_SAFE_NO_PAD.decode(hash));
    let (Ok(rounds), Ok(salt), Ok(hash)) = decoded else { return false };
    pbkdf2::verify(PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_told_from_others() {
        let kept = kept("correct horse");
        assert!(is_it("correct horse", &kept));
        assert!(!is_it("correct horsf", &kept) && !is_it("", &kept) && !is_it("correct horse", "plain"));
        assert!(!kept.contains("horse"));
    }
}
