//! The same bytes without a gateway, over the same TLS, and nothing around it: no record of what was sent, nothing to decide.
//!
//! Through hyper's HTTP/2 client on one connection, without limits of time and without retries: what a delivery costs those who
//! build on it. Or through the product's own line, with all that it is careful about: what is left of a delivery beside that is
//! what the product does for a message.

use crate::Failure;
use crate::deliver::{Measured, apns_token};
use crate::process::{cpu, log_into_nowhere, peak_memory};
use crate::vendors::Vendors;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use provider::http::{HttpClient, HttpSettings, Part, Series, Trust};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Requests in flight: as many as the product has.
const IN_FLIGHT: usize = 100;
/// Requests that are made ready at a time; that is not measured.
const READY: u64 = 5_000;

/// Sends `count` notifications to Apple's stand-in, through hyper's client.
pub async fn run(vendors: &Vendors, count: u64) -> Result<(), Failure> {
    log_into_nowhere()?;
    let idle_bytes = peak_memory();
    let sender = connect(vendors).await?;
    let headers = headers(vendors)?;
    let payload = Bytes::from(vendors.payload.clone());
    let send_all =
        async |requests: Vec<Ready>| send_all(requests.into_iter().map(|request| send(sender.clone(), request))).await;
    send_all(ready(vendors, &headers, &payload, 0..100)?).await?;
    let (mut used, started) = (Duration::ZERO, Instant::now());
    for first in (0..count).step_by(usize::try_from(READY)?) {
        let requests = ready(vendors, &headers, &payload, first..count.min(first + READY))?;
        let before = cpu();
        send_all(requests).await?;
        used += cpu() - before;
    }
    Measured::say(count, used, started, idle_bytes)
}

/// As [`run`], through the product's own line.
pub async fn line(vendors: &Vendors, count: u64) -> Result<(), Failure> {
    log_into_nowhere()?;
    let idle_bytes = peak_memory();
    let roots = Some(std::fs::read_to_string(&vendors.root)?);
    let client = HttpClient::trusting(HttpSettings::default(), Trust { roots, identity: None, http2_only: true });
    let series = &client.series(format!("{}/3/device/", vendors.apns), headers(vendors)?);
    let payload = &Bytes::from(vendors.payload.clone());
    let send_all = async |names: &[(String, String)]| {
        send_all(names.iter().map(|(token, id)| post(series, token, id, payload))).await
    };
    send_all(&names(0..100)).await?;
    let (mut used, started) = (Duration::ZERO, Instant::now());
    for first in (0..count).step_by(usize::try_from(READY)?) {
        let names = names(first..count.min(first + READY));
        let before = cpu();
        send_all(&names).await?;
        used += cpu() - before;
    }
    Measured::say(count, used, started, idle_bytes)
}

async fn post(series: &Series, token: &str, id: &str, payload: &Bytes) -> Result<(), Failure> {
    let part = Part { path: token, headers: &[(ID, id)], body: payload.clone() };
    let answer = series.post(part).await?;
    judged(answer.status, &answer.body)
}

/// What notifications are called.
const ID: HeaderName = HeaderName::from_static("apns-id");

/// Tokens of devices, and ids of as many notifications.
fn names(numbers: std::ops::Range<u64>) -> Vec<(String, String)> {
    let name = |n| {
        let token = apns_token(n);
        let id =
            format!("{}-{}-8{}-8{}-{}", &token[..8], &token[8..12], &token[12..15], &token[15..18], &token[20..32]);
        (token, id)
    };
    numbers.map(name).collect()
}

type Ready = Request<Full<Bytes>>;

async fn connect(vendors: &Vendors) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&vendors.root)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = vendors.apns.strip_prefix("https://").ok_or("an address without TLS")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("127.0.0.1")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The headers that every notification has.
fn headers(vendors: &Vendors) -> Result<HeaderMap, Failure> {
    let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() + 86_400;
    let mut bearer = HeaderValue::try_from(format!("bearer {}", vendors.apns_jwt))?;
    bearer.set_sensitive(true);
    Ok(HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("apns-topic"), HeaderValue::try_from(&vendors.topic)?),
        (HeaderName::from_static("apns-push-type"), HeaderValue::from_static("alert")),
        (HeaderName::from_static("apns-priority"), HeaderValue::from_static("10")),
        (HeaderName::from_static("apns-expiration"), HeaderValue::from(day)),
        (header::AUTHORIZATION, bearer),
        (header::USER_AGENT, HeaderValue::from_static("tuisong/0.1.0")),
    ]))
}

/// Whole requests, so that sending them is all that is measured.
fn ready(
    vendors: &Vendors,
    headers: &HeaderMap,
    payload: &Bytes,
    numbers: std::ops::Range<u64>,
) -> Result<Vec<Ready>, Failure> {
    names(numbers)
        .into_iter()
        .map(|(token, id)| {
            let mut request = Request::new(Full::new(payload.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = format!("{}/3/device/{token}", vendors.apns).parse::<Uri>()?;
            *request.headers_mut() = headers.clone();
            request.headers_mut().insert(ID, HeaderValue::try_from(id)?);
            Ok(request)
        })
        .collect()
}

async fn send_all(
    mut requests: impl Iterator<Item = impl Future<Output = Result<(), Failure>>>,
) -> Result<(), Failure> {
    let mut in_flight = FuturesUnordered::new();
    loop {
        while in_flight.len() < IN_FLIGHT {
            let Some(request) = requests.next() else { break };
            in_flight.push(request);
        }
        match in_flight.next().await {
            Some(sent) => sent?,
            None => return Ok(()),
        }
    }
}

async fn send(mut sender: SendRequest<Full<Bytes>>, request: Ready) -> Result<(), Failure> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    judged(status, &body)
}

fn judged(status: StatusCode, body: &[u8]) -> Result<(), Failure> {
    if status == StatusCode::OK { Ok(()) } else { Err(format!("{status}: {}", String::from_utf8_lossy(body)).into()) }
}
