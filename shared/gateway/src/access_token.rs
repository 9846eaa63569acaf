//! Access tokens that we issue to back ends of WeChat accounts: signed, so that nothing is written when one is issued and
//! nothing is read for one that is known to be wrong.
//!
//! A token names its account and the moment it ends, under an HMAC-SHA256 whose key belongs to the account's secret: when
//! the secret is replaced, so is the key, and every earlier token is worth nothing. Issuing one leaves the others alone,
//! unlike WeChat: any number of programs may hold one each.
//!
//! Form: base64url of version (1 byte), end of life (4 bytes, epoch s, big-endian), 8 random bytes, the appid, and the 32
//! bytes of the HMAC over all that. 84 characters for an appid of 18; SDKs put it into a query without escaping it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::cgi::{Refusal, TOKEN_GRACE_S, TOKEN_LIFE_S};
use model::clock::Timestamp;
use model::ids::AccountId;
use model::secret::Secret;
use ring::hmac;

const VERSION: u8 = 1;
/// Version, end of life, random bytes.
const HEAD_BYTES: usize = 1 + 4 + 8;
const MAC_BYTES: usize = 32;
/// The longest token that is looked at.
const MOST_CHARS: usize = 512;

/// A token as it says itself; nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The account that it names.
    pub account: AccountId,
    ends_s: u32,
    signed: Vec<u8>,
    mac: Vec<u8>,
}

/// Issues a token of `account`, which is signed with `key`.
pub fn issue(account: &AccountId, key: &Secret<String>, now: Timestamp) -> Secret<String> {
    let ends_s = u32::try_from(now.seconds() + TOKEN_LIFE_S).unwrap_or(u32::MAX);
    let random: [u8; 8] = rand::random();
    let mut bytes = vec![VERSION];
    bytes.extend(ends_s.to_be_bytes());
    bytes.extend(random);
    bytes.extend(account.as_str().as_bytes());
    let mac = hmac::sign(&signing_key(key), &bytes);
    bytes.extend(mac.as_ref());
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

impl Presented {
    /// Reads a token; `None` when it cannot be one of ours.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = (text.len() <= MOST_CHARS).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        let appid_bytes = bytes.len().checked_sub(HEAD_BYTES + MAC_BYTES)?;
        let (signed, mac) = bytes.split_at(HEAD_BYTES + appid_bytes);
        let appid = std::str::from_utf8(&signed[HEAD_BYTES..]).ok()?;
        if signed[0] != VERSION || appid.is_empty() || !appid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let ends_s = u32::from_be_bytes(signed[1..5].try_into().ok()?);
        Some(Self { account: AccountId::new(appid), ends_s, signed: signed.to_vec(), mac: mac.to_vec() })
    }

    /// Whether the account's present key signed it and it is not over. It works a while beyond its life.
    pub fn check(&self, key: &Secret<String>, now: Timestamp) -> Result<(), Refusal> {
        if hmac::verify(&signing_key(key), &self.signed, &self.mac).is_err() {
            return Err(Refusal::TokenInvalid);
        }
        if now.seconds() >= i64::from(self.ends_s) + TOKEN_GRACE_S { Err(Refusal::TokenExpired) } else { Ok(()) }
    }
}

fn signing_key(key: &Secret<String>) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_449_600);

    fn key(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn issued() -> (AccountId, Secret<String>) {
        let account = AccountId::new("wx00000000000000d1");
        let token = issue(&account, &key("k"), NOW);
        (account, token)
    }

    #[test]
    fn a_token_needs_no_escaping_and_says_whose_it_is() {
        let (account, token) = issued();
        assert!(token.expose().len() <= 512);
        assert!(token.expose().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
        let presented = Presented::read(token.expose()).unwrap();
        assert_eq!(presented.account, account);
        assert_eq!(presented.check(&key("k"), NOW), Ok(()));
        assert_ne!(issue(&account, &key("k"), NOW), token, "no two are alike");
    }

    #[test]
    fn row_9_a_token_works_five_minutes_beyond_its_life() {
        let presented = Presented::read(issued().1.expose()).unwrap();
        let after = |seconds| presented.check(&key("k"), NOW.plus(Duration::from_secs(seconds)));
        assert_eq!(after(7_499), Ok(()));
        assert_eq!(after(7_500), Err(Refusal::TokenExpired));
    }

    #[test]
    fn another_key_or_a_changed_byte_makes_it_worthless() {
        let (_, token) = issued();
        assert_eq!(Presented::read(token.expose()).unwrap().check(&key("l"), NOW), Err(Refusal::TokenInvalid));
        let bytes = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let checked = Presented::read(&URL_SAFE_NO_PAD.encode(changed)).map(|token| token.check(&key("k"), NOW));
            assert!(matches!(checked, None | Some(Err(Refusal::TokenInvalid))), "byte {at}: {checked:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_read() {
        for bad in ["", "a", "21_2HPTNjvIKFLhVTSI5t9eF...", &"A".repeat(600), &"A".repeat(80)] {
            assert_eq!(Presented::read(bad), None, "{bad}");
        }
    }
}
