//! One HTTP/1.1 front for all three engines: a loopback listener that hands whole requests to an [`Engine`] and can be
//! stopped.
//!
//! Bodies are read whole before an engine sees them and written whole after: an engine that has to count, rewrite or
//! refuse a call needs all of it, and what these services carry is small.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The largest request body read, in bytes. Above every limit of the calls we make (16 MB for DynamoDB, 1 MiB for SQS,
/// our own media limit for S3), so the engines answer with their own errors first.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// How long a request under way may still take once the front is told to stop. Long polls are cut short by it.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// How long to wait after a failed accept (too many open files), so the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The engine wants the connection closed without an answer, as when a network fails after the request arrived.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped before the answer")]
pub(super) struct Dropped;

/// A service behind a front.
pub(super) trait Engine: Send + Sync + 'static {
    /// Answer one call. [`Dropped`] closes the caller's connection without a byte.
    fn answer(&self, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>, Dropped>> + Send;
}

/// A loopback listener on a port the system chooses, and its address.
pub(super) async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serve `engine` until `stop` changes or its sender goes away. The task ends once every connection has.
pub(super) fn serve<E: Engine>(
    listener: TcpListener,
    engine: Arc<E>,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.changed() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&engine), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a local AWS connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    })
}

/// One connection, kept alive until its client, or `stop`, ends it.
async fn connection<E: Engine>(stream: TcpStream, engine: Arc<E>, mut stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a local AWS connection works without TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let engine = Arc::clone(&engine);
        async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
                return Ok(too_large());
            };
            let request = Request::from_parts(parts, body.to_bytes());
            engine.answer(request).await.map(|response| response.map(Full::new))
        }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        _ = stop.changed() => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(STOP_GRACE, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // Clients close connections whenever they like, and a fault drops them on purpose.
        tracing::trace!(%error, "a local AWS connection ended early");
    }
}

/// The answer to a body that was too large or broke off.
fn too_large() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"the request body is too large or incomplete")));
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response
}

/// The whole of a body that cannot fail.
pub(super) async fn whole(body: Full<Bytes>) -> Bytes {
    match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(never) => {
            let never: Infallible = never;
            match never {}
        }
    }
}
