//! What the integration tests share: a client, and a stack with people in it.
//!
//! Everything here panics when something is not as a test assumes: that is how a test fails.

pub mod devices;
pub mod kill;
pub mod live;
pub mod log;
pub mod program;
pub mod receiver;
pub mod socket;

use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::sandbox::Message;
use local::{Options, Stack, seed};
use model::app::{App, AppProfile};
use model::audience::Follower;
use model::clock::{Clock, Timestamp};
use model::ids::Uid;
use model::secret::Secret;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use store::Capability;
use store::apps::AppWriter;

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A reply, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }

    /// `code` of a WxPusher answer, after checking what every one of them must have.
    pub fn code(&self) -> i64 {
        let body = self.json();
        let object = body.as_object().expect("an object");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        for key in ["code", "msg", "data", "success"] {
            assert!(keys.contains(&key), "`{key}` is missing in {body}");
        }
        assert_eq!(body["success"], json!(body["code"] == 1000), "{body}");
        assert_eq!(self.headers["content-type"], "application/json;charset=UTF-8");
        body["code"].as_i64().expect("an integer code")
    }

    /// `msg` of a WxPusher answer.
    pub fn msg(&self) -> String {
        self.json()["msg"].as_str().expect("a text").to_owned()
    }

    /// The targets of a send that answered 1000.
    pub fn targets(&self) -> Vec<Value> {
        assert_eq!((self.status, self.code()), (StatusCode::OK, 1000), "{}", self.text);
        assert_eq!(self.msg(), "处理成功");
        self.json()["data"].as_array().expect("a list").clone()
    }

    /// The message id of the only target of a send.
    pub fn message_id(&self) -> u64 {
        let targets = self.targets();
        assert_eq!(targets.len(), 1, "{}", self.text);
        targets[0]["messageId"].as_u64().unwrap_or_else(|| panic!("no id in {}", self.text))
    }
}

/// A client that follows nothing and keeps nothing but connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    inner: HyperClient<HttpConnector, Full<bytes::Bytes>>,
}

impl Client {
    /// A client of the server at `base`.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), inner: HyperClient::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request with exactly these headers and this body.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<bytes::Bytes>,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    /// The same, for a server that may be gone: `None` when no whole answer came back.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<bytes::Bytes>,
    ) -> Option<Answer> {
        let body = body.into();
        log::keep_out_of_request(path, headers);
        log::keep_out_of(&body);
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.receive(request.body(Full::new(body)).expect("a request")).await
    }

    /// A request without a body, answered with bytes that are no text.
    pub async fn bytes(&self, method: Method, path: &str) -> (StatusCode, HeaderMap, bytes::Bytes) {
        log::keep_out_of_request(path, &[]);
        let request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.body(Full::new(bytes::Bytes::new())).expect("a request");
        let (parts, body) = self.inner.request(request).await.expect("an answer").into_parts();
        (parts.status, parts.headers, body.collect().await.expect("a body").to_bytes())
    }

    async fn receive(&self, request: http::Request<Full<bytes::Bytes>>) -> Option<Answer> {
        let (parts, body) = self.inner.request(request).await.ok()?.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        log::keep_out_of(&bytes);
        Some(Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }
}

/// A stack whose log is looked at.
pub async fn stack(options: Options) -> Stack {
    log::watch();
    Stack::start(options).await.expect("a stack")
}

/// A stack with clients for its two addresses.
pub struct Town {
    /// The product.
    pub stack: Stack,
    /// A client of the API.
    pub api: Client,
    /// A client of the stand-ins.
    pub sandbox: Client,
}

impl Town {
    /// With the demo seed.
    pub async fn demo() -> Self {
        Self::with(Options::for_tests()).await
    }

    /// With these options.
    pub async fn with(options: Options) -> Self {
        let stack = stack(options).await;
        let (api, sandbox) = (Client::new(stack.url()), Client::new(stack.sandbox_url()));
        Self { stack, api, sandbox }
    }

    /// With the demo seed, and `crowd` more people who follow app 1 and topic [`CROWD_TOPIC`] of it, as [`crowd_uid`]
    /// and [`crowd_openid`].
    pub async fn with_crowd(options: Options, crowd: u64) -> Self {
        Self::with(Options { crowd, ..options }).await
    }

    /// Writes `count` people who follow app 1 and `topic` (created here) of it; `change` may alter each follow.
    pub async fn settle_crowd(&self, topic: u64, count: u64, change: impl Fn(&mut Follower)) {
        seed::crowd(self.stack.store(), topic, count, self.now(), change).await.expect("a crowd");
    }

    /// Writes an app of its own, on the demo account.
    pub async fn put_app(&self, app: &App, token: &str) {
        let profile = AppProfile::bare(app.clone(), format!("AK_{:032}", app.id.get()), self.now());
        AppWriter::open(self.stack.store()).put(&profile, &Secret::new(token.to_owned())).await.expect("an app");
    }

    /// What time the functions think it is.
    pub fn now(&self) -> Timestamp {
        self.stack.clock().now()
    }

    /// Sends as demo app 1; `body` needs no token.
    pub async fn send(&self, mut body: Value) -> Answer {
        body["appToken"] = json!(seed::APP_TOKEN);
        self.api.post("/api/send/message", &body).await
    }

    /// Status of a message: `data`, after checking the rest.
    pub async fn status(&self, message_id: u64) -> i64 {
        let answer = self.api.get(&format!("/api/send/query/{message_id}")).await;
        assert_eq!(answer.code(), 1000, "{}", answer.text);
        answer.json()["data"].as_i64().expect("an integer")
    }

    /// Every message in the inbox.
    pub fn inbox(&self) -> Vec<Message> {
        self.stack.sandbox().messages_since(0).expect("an inbox")
    }

    /// How many messages are in the inbox: to wait for, where reading thousands of them each time would be most of the work.
    pub fn arrived(&self) -> usize {
        self.stack.sandbox().message_count() as usize
    }

    /// Waits until the inbox holds `count` messages, and a moment longer to see that it stays there.
    pub async fn inbox_of(&self, count: usize) -> Vec<Message> {
        until(&format!("{count} messages in the inbox"), || async { self.arrived() >= count }).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        let inbox = self.inbox();
        assert_eq!(inbox.len(), count, "more messages than there should be");
        inbox
    }

    /// Waits until the message has this status.
    pub async fn status_of(&self, message_id: u64, status: i64) {
        until(&format!("status {status} of {message_id}"), || async { self.status(message_id).await == status }).await;
    }

    /// Lets `by` pass and `release-due` recover, as an operator may have it do, until `holds` holds.
    ///
    /// What a worker leaves for later may be written a moment after what a test can see and wait for. A run that comes in
    /// between finds nothing to do, so it runs again every second, and each time a minute more has passed.
    pub async fn recovered<F: Future<Output = bool>>(&self, by: Duration, what: &str, holds: impl Fn() -> F) {
        let started = Instant::now();
        let (mut next, mut passes) = (started, by);
        while !holds().await {
            assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
            if next <= Instant::now() {
                self.stack.advance(passes);
                self.stack.run_schedule("release-due", json!({ "recover": true })).await.expect("a run of release-due");
                (next, passes) = (Instant::now() + Duration::from_secs(1), Duration::from_secs(60));
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Stops the stack.
    pub async fn close(self) {
        self.stack.stop().await;
    }
}

pub use local::seed::{CROWD_TOPIC, crowd_openid};

/// UID of the `n`-th of a crowd.
pub fn crowd_uid(n: u64) -> Uid {
    seed::crowd_uid(n).expect("a UID")
}

/// Waits until `holds` holds, or fails naming `what`.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    until_within(PATIENCE, what, holds).await;
}

/// The same with a patience of the caller's, for what is much work on a busy machine.
pub async fn until_within<F: Future<Output = bool>>(patience: Duration, what: &str, holds: impl Fn() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < patience, "waited {patience:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
