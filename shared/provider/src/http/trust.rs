//! Whom a client believes, and how it proves who it is.

use model::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;
use std::io;
use std::sync::{Arc, OnceLock};
use tracing::warn;

/// Whom a client believes, and how it proves who it is. The default: the system's roots, no proof, any protocol.
#[derive(Debug, Default)]
pub struct Trust {
    /// PEM of the only roots that are believed; `None` believes the system's.
    pub roots: Option<String>,
    /// What the client shows when the server asks who it is.
    pub identity: Option<Identity>,
    /// Speaks HTTP/2 and nothing else: one connection carries all requests. Over `http` it needs no upgrade either.
    pub http2_only: bool,
}

/// A client certificate.
#[derive(Debug, Clone)]
pub struct Identity {
    /// PEM of the certificate and the chain behind it.
    pub chain: String,
    /// PEM of its private key.
    pub private_key: Secret<String>,
}

impl Trust {
    /// The TLS settings. Fails with a text that names what cannot be read, and quotes nothing of it.
    pub(super) fn config(&self) -> io::Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| invalid(&error))?;
        let roots = match &self.roots {
            None => system_roots()?,
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(pem)? {
                    roots.add(root).map_err(|error| invalid(&error))?;
                }
                Arc::new(roots)
            }
        };
        let builder = builder.with_root_certificates(roots);
        let Some(identity) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let key = PrivateKeyDer::from_pem_slice(identity.private_key.expose().as_bytes());
        let key = key.map_err(|_| invalid(&"the private key is no PEM private key"))?;
        builder.with_client_auth_cert(certificates(&identity.chain)?, key).map_err(|error| invalid(&error))
    }
}

impl Identity {
    /// Whether certificate and key can be read and belong together.
    pub fn check(&self) -> io::Result<()> {
        let roots = Some(self.chain.clone());
        Trust { roots, identity: Some(self.clone()), http2_only: false }.config().map(|_| ())
    }
}

/// The system's roots, read by the first client that needs them and shared by all: they are some 150, and `deliver` has a
/// client for every certificate that an app has with Apple. Roots that could not be read are looked for again.
fn system_roots() -> io::Result<Arc<RootCertStore>> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems keep a few that no longer hold; those are left out.
    let (valid, _unreadable) = roots.add_parsable_certificates(found.certs);
    if valid == 0 {
        let why = format!("the system has no root certificates: {:?}", found.errors);
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    if !found.errors.is_empty() {
        warn!(cause = ?found.errors, "some of the system's root certificates cannot be read");
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

fn certificates(pem: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(invalid(&"the certificate is no PEM certificate")),
    }
}

fn invalid(error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_roots_are_read_once_for_all_clients() {
        let (first, second) = (system_roots().unwrap(), system_roots().unwrap());
        assert!(Arc::ptr_eq(&first, &second) && !first.is_empty());
    }
}
