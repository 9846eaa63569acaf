//! The sandbox over TLS and HTTP/2, as Apple and Google are called: with a certificate that is made at the start, for this
//! process alone. Whoever is to believe it is given its root.

use crate::sandbox::{Framed, Sandbox};
use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// Streams that a connection may have at a time: Apple's figure.
const MAX_CONCURRENT_STREAMS: u32 = 1_000;

/// A certificate for this machine that vouches for itself.
#[derive(Debug)]
pub struct SelfSigned {
    root: String,
    config: ServerConfig,
}

impl SelfSigned {
    /// Makes one for 127.0.0.1.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(io::Error::other)?.with_no_client_auth();
        let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key).map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { root: made.cert.pem(), config })
    }

    /// PEM of the root to believe.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }
}

/// Serves `sandbox` until told to stop. A request has its connection among its extensions.
pub fn serve(
    listener: TcpListener,
    certificate: SelfSigned,
    sandbox: &Arc<Sandbox>,
    mut stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let acceptor = TlsAcceptor::from(Arc::new(certificate.config));
    let (sandbox, router) = (Arc::clone(sandbox), sandbox.router());
    tokio::spawn(async move {
        // Dropped with this task, and every connection with them.
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            let Ok((stream, _)) = accepted else { continue };
            while connections.try_join_next().is_some() {}
            let (acceptor, router, sandbox) = (acceptor.clone(), router.clone(), Arc::clone(&sandbox));
            connections.spawn(async move {
                // Whoever does not believe the certificate hangs up.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let wire = sandbox.connection();
                let stream = Framed::new(stream, wire.clone());
                let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                    request.extensions_mut().insert(wire.clone());
                    router.clone().call(request.map(Body::new))
                });
                let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let connection = builder
                    .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
                    .serve_connection(TokioIo::new(stream), service);
                drop(connection.await);
            });
        }
    })
}
