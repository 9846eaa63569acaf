//! The vendors' side, in a process of its own: the strict stand-ins, over the protocols that the vendors speak.
//!
//! Apple's and Google's are on TLS and HTTP/2 at the paths of the originals, so that any client library can be pointed at
//! them; everything else is the sandbox. What was accepted is counted and forgotten.

use crate::Failure;
use crate::process::{listen, say};
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use local::sandbox::{CallSink, Sandbox, keys};
use local::seed;
use model::certificate::{ApnsCertificate, ApnsKey, Certificate, FcmCertificate, Provider};
use model::clock::Clock;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use standin::apns::Apns;
use standin::fcm::Fcm;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Where the stand-ins are, and how to be believed there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vendors {
    /// Apple's, over TLS and HTTP/2.
    pub apns: String,
    /// Google's send call, over TLS, HTTP/2 or HTTP/1.1.
    pub fcm: String,
    /// Google's token call, beside it.
    pub fcm_token: String,
    /// The same without TLS.
    pub fcm_token_plain: String,
    /// The sandbox: WeChat and the vendors that take lists.
    pub sandbox: String,
    /// PEM of the certificate to believe.
    pub root: PathBuf,
    /// Apple's authentication key, PEM.
    pub apns_key: PathBuf,
    /// Its id.
    pub key_id: String,
    /// Whose it is.
    pub team_id: String,
    /// The app's bundle id.
    pub topic: String,
    /// The file that Google gives: JSON.
    pub service_account: PathBuf,
    /// Google's project.
    pub project: String,
    /// A token that is signed by the authentication key, good for an hour.
    pub apns_jwt: String,
    /// A body that Apple's stand-in takes: the one that the product sends for [`crate::deliver::notification`].
    pub payload: String,
}

type Answering = dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync;

/// Serves the stand-ins until the standard input is closed. A line `accepted` is answered with how much was accepted.
pub async fn serve(folder: &Path, crowd: u64) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let tls = |protocols: &[&[u8]]| -> Result<TlsAcceptor, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key())?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    };
    let (mut apple, mut google) = (None, None);
    for certificate in seed::phones::certificates() {
        match certificate {
            Certificate::Apns(certificate) => apple = Some(certificate),
            Certificate::Fcm(certificate) => google = Some(certificate),
            _ => {}
        }
    }
    let (apple, google) = (apple.ok_or("no certificate of Apple's")?, google.ok_or("no certificate of Google's")?);
    let accepted: [Arc<AtomicU64>; 2] = Default::default();
    let apns = apns_answers(&apple, accepted[0].clone());
    let fcm = fcm_answers(&google, accepted[1].clone());

    let apns_at = start(Some(tls(&[b"h2"])?), apns).await?;
    let fcm_at = start(Some(tls(&[b"h2", b"http/1.1"])?), fcm.clone()).await?;
    let plain_at = start(None, fcm).await?;
    let sandbox = Sandbox::open(seed::world_with_crowd(crowd), None, Arc::new(Uncounted))?;
    sandbox.set_finish_after(None);
    sandbox.report_after(None);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let sandbox_at = listener.local_addr()?;
    let router = sandbox.router();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let file = |name: &str, text: &str| -> Result<PathBuf, Failure> {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let fcm_token = format!("https://{fcm_at}/token");
    let account = seed::phones::certificate_fields(Provider::Fcm);
    let account = account.get("service_account").ok_or("no service account")?;
    let mut account: serde_json::Value = serde_json::from_str(account)?;
    account["token_uri"] = json!(fcm_token);
    let ApnsKey::Token { key_id, team_id, private_key } = &apple.key else {
        return Err("no authentication key".into());
    };
    say(&serde_json::to_value(Vendors {
        apns: format!("https://{apns_at}"),
        fcm: format!("https://{fcm_at}"),
        fcm_token,
        fcm_token_plain: format!("http://{plain_at}/token"),
        sandbox: format!("http://{sandbox_at}"),
        root: file("root.pem", &made.cert.pem())?,
        apns_key: file("apns.p8", private_key.expose())?,
        key_id: key_id.clone(),
        team_id: team_id.clone(),
        topic: apple.bundle_id.clone(),
        service_account: file("service_account.json", &account.to_string())?,
        project: google.service_account.project_id.clone(),
        apns_jwt: jwt(key_id, team_id, private_key.expose())?,
        payload: crate::deliver::APNS_PAYLOAD.to_owned(),
    })?);
    listen(|_| {
        let [apns, fcm] = accepted.each_ref().map(|count| count.load(Ordering::Relaxed));
        let others = sandbox.message_count();
        async move { json!({ "apns": apns, "fcm": fcm, "others": others }) }
    })
    .await
}

fn apns_answers(certificate: &ApnsCertificate, accepted: Arc<AtomicU64>) -> Arc<Answering> {
    let apns = Apns::new(&certificate.bundle_id, keys::of_apple(&certificate.key));
    Arc::new(move |request| {
        let answer = apns.answer(request, now_ms());
        accepted.fetch_add(apns.desk.take_accepted().len() as u64, Ordering::Relaxed);
        answer
    })
}

fn fcm_answers(certificate: &FcmCertificate, accepted: Arc<AtomicU64>) -> Arc<Answering> {
    let account = &certificate.service_account;
    let fcm = Fcm::new(&account.project_id, keys::of_google(account));
    Arc::new(move |request| {
        let answer = fcm.answer(request, now_ms());
        accepted.fetch_add(fcm.desk.take_accepted().len() as u64, Ordering::Relaxed);
        answer
    })
}

fn now_ms() -> i64 {
    gateway::context::SystemClock.now().millis()
}

/// A provider token, as Apple documents it: ES256 over header and claims.
fn jwt(key_id: &str, team_id: &str, pem: &str) -> Result<String, Failure> {
    let random = SystemRandom::new();
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random);
    let pair = pair.map_err(|_| "the demo key cannot be read")?;
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    let header = encode(json!({ "alg": "ES256", "kid": key_id }).to_string().as_bytes());
    let claims = encode(json!({ "iss": team_id, "iat": now_ms() / 1000 }).to_string().as_bytes());
    let signed = format!("{header}.{claims}");
    let signature = pair.sign(&random, signed.as_bytes()).map_err(|_| "the demo key does not sign")?;
    Ok(format!("{signed}.{}", encode(signature.as_ref())))
}

/// Streams that a connection may have at a time: Apple's figure.
const MAX_CONCURRENT_STREAMS: u32 = 1_000;

/// Serves `answering` on a free port of this machine.
async fn start(tls: Option<TlsAcceptor>, answering: Arc<Answering>) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream.set_nodelay(true));
            tokio::spawn(connection(stream, tls.clone(), answering.clone()));
        }
    });
    Ok(address)
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, answering: Arc<Answering>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answering = answering.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Ok::<_, Infallible>(answering(&Request::from_parts(parts, body)).map(Full::new))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(MAX_CONCURRENT_STREAMS);
    // Whoever does not believe the certificate, or is done, hangs up.
    match tls {
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
            }
        }
        None => drop(builder.serve_connection(TokioIo::new(stream), service).await),
    }
}

/// The sandbox's calls are counted where money is; here only time is.
struct Uncounted;

impl CallSink for Uncounted {
    fn record(&self, _: &str, _: &str, _: usize, _: usize) {}

    fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn reset(&self) {}
}
