//! An HTTP/2 server over TLS on loopback, with the connection's own misbehaviour on order.

use bytes::Bytes;
use http::{Request, Response};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the server does about a request.
pub(crate) enum Reaction {
    Answer(Box<Response<Bytes>>),
    /// Turns the stream away unprocessed.
    RefuseStream,
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and closes the whole connection without an answer.
    Drop,
    /// Answers with nothing in it, and closes the connection some milliseconds later without a word.
    AnswerThenDrop,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) max_streams: u32,
    /// After this many requests the connection says GOAWAY, ends what it has taken, and closes.
    pub(crate) requests_per_connection: usize,
    /// How long an answer takes.
    pub(crate) pace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_streams: 1000, requests_per_connection: usize::MAX, pace: Duration::ZERO }
    }
}

/// A certificate that vouches for itself, with its key, both PEM.
pub(crate) struct Pem {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Pem {
    pub(crate) fn generate(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: (made.cert.der().clone(), key),
        }
    }
}

pub(crate) struct Http2Server {
    pub(crate) address: SocketAddr,
    /// PEM of the root to believe.
    pub(crate) root: String,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    connections: AtomicUsize,
    requests: AtomicUsize,
    streams: AtomicUsize,
    peak: AtomicUsize,
}

type Script = dyn Fn(&Request<Bytes>) -> Reaction + Send + Sync;

impl Http2Server {
    /// Starts one. With a `client`, it wants to see that certificate in the handshake.
    pub(crate) async fn start(
        options: Options,
        client: Option<&Pem>,
        script: impl Fn(&Request<Bytes>) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let pem = Pem::generate("127.0.0.1");
        let acceptor = TlsAcceptor::from(Arc::new(config(pem.der, client)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), root: pem.certificate, counters: Arc::default() };
        let (counters, script): (_, Arc<Script>) = (Arc::clone(&server.counters), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, options, Arc::clone(&counters), Arc::clone(&script)));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Handshakes that came to their end.
    pub(crate) fn connections(&self) -> usize {
        self.counters.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.counters.requests.load(Ordering::SeqCst)
    }

    /// Most streams that were open at a time.
    pub(crate) fn most_streams(&self) -> usize {
        self.counters.peak.load(Ordering::SeqCst)
    }
}

fn config(own: (CertificateDer<'static>, PrivateKeyDer<'static>), client: Option<&Pem>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = match client {
        None => builder.unwrap().with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.der.0.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.unwrap().with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(vec![own.0], own.1).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    options: Options,
    counters: Arc<Counters>,
    script: Arc<Script>,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut builder = h2::server::Builder::new();
    let handshake = builder.max_concurrent_streams(options.max_streams).handshake::<_, Bytes>(stream);
    let Ok(mut connection) = handshake.await else { return };
    counters.connections.fetch_add(1, Ordering::SeqCst);
    let (drop, mut dropped) = tokio::sync::mpsc::channel::<()>(1);
    let mut taken = 0;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            Some(()) = dropped.recv() => return,
        };
        let Some(Ok((request, respond))) = accepted else { return };
        taken += 1;
        if taken == options.requests_per_connection {
            connection.graceful_shutdown();
        }
        tokio::spawn(answer(request, respond, options.pace, Arc::clone(&counters), Arc::clone(&script), drop.clone()));
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    pace: Duration,
    counters: Arc<Counters>,
    script: Arc<Script>,
    drop: tokio::sync::mpsc::Sender<()>,
) {
    let open = counters.streams.fetch_add(1, Ordering::SeqCst) + 1;
    counters.peak.fetch_max(open, Ordering::SeqCst);
    counters.requests.fetch_add(1, Ordering::SeqCst);
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    tokio::time::sleep(pace).await;
    let reaction = script(&Request::from_parts(head, bytes.into()));
    counters.streams.fetch_sub(1, Ordering::SeqCst);
    match reaction {
        Reaction::Answer(answer) => {
            let (head, body) = answer.into_parts();
            let mut stream = respond.send_response(Response::from_parts(head, ()), body.is_empty()).unwrap();
            if !body.is_empty() {
                stream.send_data(body, true).unwrap();
            }
        }
        Reaction::Hang => std::future::pending().await,
        Reaction::RefuseStream => respond.send_reset(h2::Reason::REFUSED_STREAM),
        Reaction::Drop => {
            let _ = drop.send(()).await;
        }
        Reaction::AnswerThenDrop => {
            respond.send_response(Response::new(()), true).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            let _ = drop.send(()).await;
        }
    }
}
