//! WeChat's envelope: AES-256-CBC over 16 random bytes, a length, the message and the appid.

use aes::Aes256;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use model::secret::Secret;
use subtle::ConstantTimeEq;

/// Characters of an EncodingAESKey; base64 without its `=`.
const KEY_CHARS: usize = 43;
/// Random bytes in front of every message.
const RANDOM_BYTES: usize = 16;
/// Bytes that say how long the message is, the highest first.
const LENGTH_BYTES: usize = 4;
/// What the padding fills up to. Twice a block of AES: a pad of 17 to 32 bytes is no PKCS#7 padding of AES's own, and
/// an unpadder that believes so fails on half of all messages.
const PAD_TO: usize = 32;

/// A key whose last character holds bits beyond the 32nd byte is a good key: WeChat draws all 43 at random, so most have
/// some, and a strict decoder would refuse three keys in four.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// An EncodingAESKey.
#[derive(Debug, Clone)]
pub struct AesKey(Secret<[u8; 32]>);

/// A text that is no EncodingAESKey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an EncodingAESKey is 43 letters and digits as WeChat's console shows it")]
pub struct MalformedKey;

/// A message that does not open under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was encrypted under another key, or altered.
    #[error("it does not open under the key")]
    Undecipherable,
    /// It opens, and is another account's.
    #[error("it is for another appid")]
    OtherAppid,
}

impl AesKey {
    /// Reads the 43 characters of WeChat's console.
    pub fn parse(text: &Secret<String>) -> Result<Self, MalformedKey> {
        let text = text.expose();
        if text.len() != KEY_CHARS {
            return Err(MalformedKey);
        }
        let bytes = LENIENT.decode(format!("{text}=")).map_err(|_| MalformedKey)?;
        bytes.try_into().map(|key| Self(Secret::new(key))).map_err(|_| MalformedKey)
    }

    /// The initialisation vector is the first half of the key: WeChat's choice.
    fn parts(&self) -> (&[u8; 32], &[u8]) {
        (self.0.expose(), &self.0.expose()[..16])
    }

    /// Opens a message that was encrypted for `appid`.
    pub fn open(&self, encrypted: &str, appid: &str) -> Result<Vec<u8>, OpenError> {
        let (key, iv) = self.parts();
        let mut bytes = LENIENT.decode(encrypted.trim()).map_err(|_| OpenError::Undecipherable)?;
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key, iv).map_err(|_| OpenError::Undecipherable)?;
        let plain = cipher.decrypt_padded_mut::<NoPadding>(&mut bytes).map_err(|_| OpenError::Undecipherable)?;
        let plain = strip_padding(plain).ok_or(OpenError::Undecipherable)?;
        let (length, rest) =
            plain.get(RANDOM_BYTES..).and_then(<[u8]>::split_first_chunk).ok_or(OpenError::Undecipherable)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (message, whose) = rest.split_at_checked(length).ok_or(OpenError::Undecipherable)?;
        if bool::from(whose.ct_eq(appid.as_bytes())) { Ok(message.to_vec()) } else { Err(OpenError::OtherAppid) }
    }

    /// Encrypts a message for `appid`, behind `random`.
    pub fn seal(&self, message: &[u8], appid: &str, random: [u8; RANDOM_BYTES]) -> String {
        let (key, iv) = self.parts();
        let mut plain = Vec::with_capacity(RANDOM_BYTES + LENGTH_BYTES + message.len() + appid.len() + PAD_TO);
        plain.extend_from_slice(&random);
        plain.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(message);
        plain.extend_from_slice(appid.as_bytes());
        let pad = PAD_TO - plain.len() % PAD_TO;
        plain.resize(plain.len() + pad, pad as u8);
        let length = plain.len();
        // Key, vector and length fit by construction, so neither call can fail.
        if let Ok(cipher) = cbc::Encryptor::<Aes256>::new_from_slices(key, iv) {
            let sealed = cipher.encrypt_padded_mut::<NoPadding>(&mut plain, length);
            debug_assert!(sealed.is_ok());
        }
        STANDARD.encode(plain)
    }
}

/// What stands before the padding: 1 to 32 equal bytes that say how many they are.
fn strip_padding(plain: &[u8]) -> Option<&[u8]> {
    let pad = usize::from(*plain.last()?);
    let (text, padding) = plain.split_at_checked(plain.len().checked_sub(pad)?)?;
    let good = (1..=PAD_TO).contains(&pad) && padding.iter().all(|&byte| usize::from(byte) == pad);
    good.then_some(text)
}
