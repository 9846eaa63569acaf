//! A developer's callback URL: a small server on loopback that answers as it is told and remembers what it was told.

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// A call as it came in.
#[derive(Debug, Clone)]
pub struct Told {
    /// Path and query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub text: String,
}

impl Told {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }

    /// A header as text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// What the receiver does about a call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Answers with a status and nothing else.
    Status(u16),
    /// Sends the caller elsewhere.
    Redirect(String),
    /// Says nothing for this long.
    Hang(Duration),
    /// Answers 200 and never stops talking.
    Endless,
}

/// The receiver. It answers 200, with an empty body, to whatever it has no other order for.
pub struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    orders: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let receiver = Self { address, told: Arc::default(), orders: Arc::default() };
        let (told, orders) = (receiver.told.clone(), receiver.orders.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, orders) = (told.clone(), orders.clone());
                let service = service_fn(move |request| answer(request, told.clone(), orders.clone()));
                // A caller that hangs up is no concern of a receiver.
                tokio::spawn(async move {
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        receiver
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Orders the answers to the next calls.
    pub fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.orders.lock().expect("orders").extend(answers);
    }

    /// What it was told, the oldest first.
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().expect("what was told").clone()
    }

    /// Waits until it was told `count` times, and a moment longer to see that it stays there.
    pub async fn told_times(&self, count: usize) -> Vec<Told> {
        crate::until(&format!("{count} callbacks"), || async { self.told().len() >= count }).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        let told = self.told();
        assert_eq!(told.len(), count, "more callbacks than there should be");
        told
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(
    request: http::Request<Incoming>,
    told: Arc<Mutex<Vec<Told>>>,
    orders: Arc<Mutex<VecDeque<Answer>>>,
) -> Result<Response<Body>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let call = Told { target: parts.uri.to_string(), headers: parts.headers, text };
    told.lock().expect("what was told").push(call);
    let order = orders.lock().expect("orders").pop_front().unwrap_or(Answer::Status(200));
    let mut response = Response::new(Full::default().boxed());
    match order {
        Answer::Status(status) => *response.status_mut() = status.try_into().expect("a status"),
        Answer::Redirect(to) => {
            *response.status_mut() = http::StatusCode::FOUND;
            response.headers_mut().insert("location", to.parse().expect("a header value"));
        }
        Answer::Hang(time) => tokio::time::sleep(time).await,
        Answer::Endless => {
            let chunk = || Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 4096])));
            *response.body_mut() = BodyExt::boxed(StreamBody::new(stream::repeat_with(chunk)));
        }
    }
    Ok(response)
}
