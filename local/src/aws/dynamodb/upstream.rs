//! Kept-alive connections from the counting front to the database's own server.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why the database's server could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// No connection.
    #[error("no connection to the database: {0}")]
    Connect(#[from] std::io::Error),
    /// A connection broke, or its other side is not HTTP.
    #[error("the database's connection broke: {0}")]
    Http(#[from] hyper::Error),
}

/// The connections not in use. There are never more than calls were in flight at once.
pub(super) struct Upstream {
    address: SocketAddr,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Upstream {
    /// A client of the server at `address`.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// Send one request and read its whole answer. A caller that goes away takes the connection with it, because an
    /// answer may still be under way on it.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, UpstreamError> {
        let mut connection = self.connection().await?;
        let (parts, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.lock().push(connection);
        Ok(Response::from_parts(parts, body))
    }

    /// An idle connection that still works, or a new one.
    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, UpstreamError> {
        loop {
            let Some(mut connection) = self.lock().pop() else {
                break;
            };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to the local database ended");
            }
        });
        Ok(connection)
    }

    /// The idle connections; a panic elsewhere leaves them usable.
    fn lock(&self) -> MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
