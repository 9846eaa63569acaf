//! Connecting: names, TCP, TLS.

use super::guard::{self, Forbidden};
use super::trust::Trust;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Tcp = HttpConnector<Resolver>;

/// Connects within a time limit, and only where it may.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: Tcp,
    tls: Arc<OnceLock<HttpsConnector<Tcp>>>,
    trust: Arc<Trust>,
    guard: Option<Guard>,
    timeout: Duration,
}

/// Exceptions of a guarded client: exact socket addresses that may be called although they are not public.
pub(super) type Guard = Arc<HashSet<SocketAddr>>;

impl Connector {
    pub(super) fn new(timeout: Duration, guard: Option<Guard>, trust: Trust) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { system: GaiResolver::new(), guard: guard.clone() });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, tls: Arc::default(), trust: Arc::new(trust), guard, timeout }
    }

    /// The TLS layer, built by the first `https` request: reading some 150 roots has no place in a cold start. The roots
    /// are the system's; Amazon Linux 2023 keeps its own up to date.
    fn tls(&self) -> io::Result<HttpsConnector<Tcp>> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.trust.config()?).https_only();
        // Whoever has only one protocol is told by the handshake already when the other side has not.
        let tls = if self.trust.http2_only {
            builder.enable_http2().wrap_connector(self.tcp.clone())
        } else {
            builder.enable_all_versions().wrap_connector(self.tcp.clone())
        };
        Ok(self.tls.get_or_init(|| tls).clone())
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            // A literal address never reaches the resolver, so it is checked here.
            if let Some(exceptions) = &this.guard {
                guard::check_literal(&uri, exceptions)?;
            }
            let connecting: Self::Future = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
                this.tls()?.call(uri)
            } else {
                let tcp = this.tcp.clone().call(uri);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(tcp.await?)) })
            };
            match tokio::time::timeout(this.timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "connecting took too long").into()),
            }
        })
    }
}

/// The system's resolver, with the guard behind it: the connector dials exactly the addresses that it lets through, so
/// a name cannot show one address to the check and another to the connection.
#[derive(Clone)]
pub(super) struct Resolver {
    system: GaiResolver,
    guard: Option<Guard>,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.system.call(name);
        let guard = self.guard.clone();
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = resolving.await?.collect();
            // The port is not known yet here, so an exception holds for the address on every port; literal hosts,
            // which tests use, are compared with their port.
            if let Some(exceptions) = guard {
                let allowed = |address: &SocketAddr| exceptions.iter().any(|open| open.ip() == address.ip());
                // One bad address among good ones is the mark of a name that was set up to be mistaken.
                if addresses.iter().any(|address| !guard::is_public(address.ip()) && !allowed(address)) {
                    return Err(Forbidden.into());
                }
            }
            Ok(addresses.into_iter())
        })
    }
}
