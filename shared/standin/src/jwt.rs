//! Reading and checking signed tokens (RFC 7519), strictly: three parts, base64url without padding.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

/// Header and claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Jwt {
    /// `alg`, `kid`, `typ`.
    pub header: Value,
    /// What is claimed.
    pub claims: Value,
}

/// Reads `token` if it is signed with `algorithm` by the owner of `key`.
pub fn verified(token: &str, algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<Jwt> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &signature).ok()?;
    Some(Jwt { header: part(header)?, claims: part(claims)? })
}

fn part(text: &str) -> Option<Value> {
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&json).ok().filter(Value::is_object)
}
