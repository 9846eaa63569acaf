//! JSON Web Tokens (RFC 7519) that we sign ourselves: Apple's with ES256, Google's with RS256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

/// Why there is no signature. The text quotes nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the private key is no PEM private key")]
    NotPem,
    #[error("the private key is not of the kind that the vendor issues ({0})")]
    WrongKind(&'static str),
    #[error("the private key does not sign")]
    NoSignature,
}

/// A key that signs.
pub(crate) enum Signer {
    /// P-256, from a PKCS#8 file: Apple's `.p8`.
    Es256(EcdsaKeyPair),
    /// RSA of 2,048 bits and more, from a PKCS#8 or PKCS#1 file.
    Rs256(RsaKeyPair),
}

impl Signer {
    pub(crate) fn es256(pem: &str) -> Result<Self, KeyError> {
        let wrong = KeyError::WrongKind("P-256, PKCS#8");
        let PrivateKeyDer::Pkcs8(key) = read(pem)? else { return Err(wrong) };
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der(), &SystemRandom::new());
        pair.map(Self::Es256).map_err(|_| wrong)
    }

    pub(crate) fn rs256(pem: &str) -> Result<Self, KeyError> {
        let wrong = KeyError::WrongKind("RSA of 2048 bits or more");
        let pair = match read(pem)? {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(wrong),
        };
        pair.map(Self::Rs256).map_err(|_| wrong)
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    /// The signed token over `claims`. `kid` names the key.
    pub(crate) fn token(&self, kid: Option<&str>, claims: &impl Serialize) -> Result<String, KeyError> {
        let header = Header { alg: self.algorithm(), kid };
        let mut token = String::with_capacity(512);
        part(&mut token, &header)?;
        token.push('.');
        part(&mut token, claims)?;
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Es256(pair) => {
                let signed = pair.sign(&SystemRandom::new(), input);
                signed.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::NoSignature)
            }
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature);
                signed.map(|()| signature).map_err(|_| KeyError::NoSignature)
            }
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

fn read(pem: &str) -> Result<PrivateKeyDer<'static>, KeyError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::NotPem)
}

fn part(token: &mut String, part: &impl Serialize) -> Result<(), KeyError> {
    let json = serde_json::to_vec(part).map_err(|_| KeyError::NoSignature)?;
    URL_SAFE_NO_PAD.encode_string(json, token);
    Ok(())
}
