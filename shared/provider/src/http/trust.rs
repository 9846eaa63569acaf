//! Whom a client believes, and how it proves who it is.

use hyper_rustls::ConfigBuilderExt;
use model::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;

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
        let builder = match &self.roots {
            None => builder.with_native_roots()?,
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(pem)? {
                    roots.add(root).map_err(|error| invalid(&error))?;
                }
                builder.with_root_certificates(roots)
            }
        };
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
