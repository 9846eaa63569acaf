//! The sandbox over HTTP, as the gateway, a script and the page meet it.

mod controls;
mod faults;
mod inbox;
mod template;
mod token;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::clock::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{CallSink, Followers, Message, Sandbox, Template, WechatAccount, WechatControls, World};

/// The account of the test world.
const APPID: &str = "wx00000000000000aa";

/// Its secret.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// One of its 2,000 followers.
const OPENID: &str = "otest00000000000000000000007";

/// Counts calls as `service operation`: how often, request bytes, response bytes.
#[derive(Default)]
struct Tally {
    counted: Mutex<BTreeMap<String, (u64, usize, usize)>>,
}

impl CallSink for Tally {
    fn record(&self, service: &str, operation: &str, request_bytes: usize, response_bytes: usize) {
        let mut counted = self.counted.lock().unwrap();
        let figures = counted.entry(format!("{service} {operation}")).or_default();
        figures.0 += 1;
        figures.1 += request_bytes;
        figures.2 += response_bytes;
    }

    fn to_json(&self) -> Value {
        json!(*self.counted.lock().unwrap())
    }

    fn reset(&self) {
        self.counted.lock().unwrap().clear();
    }
}

/// A world with one account, a typed template and a free one, and 2,000 followers.
fn world() -> World {
    let account = WechatAccount::official(APPID, SECRET)
        .with_followers(Followers::numbered("otest", 23, 2_000))
        .with_template(Template::new("free", &["first", "keyword1", "keyword2", "remark"]))
        .with_template(Template::new("typed", &["thing1", "time2", "character_string3"]))
        .with_mini_program("wx00000000000000bb", true)
        .with_mini_program("wx00000000000000cc", false);
    World { wechat: vec![account], ..World::default() }
}

/// A sandbox that listens, and a client of it.
struct Running {
    sandbox: Arc<Sandbox>,
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    server: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An answer: status, headers, body.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    /// The body as JSON.
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// WeChat's `errcode`; 0 if there is none. Checks what all of WeChat's answers have in common.
    fn errcode(&self) -> i64 {
        assert_eq!(self.status, 200, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/json; encoding=utf-8");
        let answer = self.json();
        let code = answer.get("errcode").map_or(0, |code| code.as_i64().unwrap());
        if code != 0 {
            let (_, rid) = answer["errmsg"].as_str().unwrap().rsplit_once(" rid: ").unwrap();
            let parts: Vec<&str> = rid.split('-').collect();
            let is_hexadecimal = |part: &&str| part.len() == 8 && part.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(parts.len() == 3 && parts.iter().all(is_hexadecimal), "{rid}");
        }
        code
    }
}

impl Running {
    /// The test world, in memory.
    async fn start() -> Self {
        Self::start_with(world(), None).await
    }

    /// A world, with its inbox in a folder if there is one.
    async fn start_with(world: World, folder: Option<&Path>) -> Self {
        let folder = folder.map(Path::to_path_buf);
        let sandbox = Sandbox::open(world, folder, Arc::new(Tally::default())).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = sandbox.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { sandbox, base, client, server }
    }

    /// A call; `None` if the connection broke.
    async fn try_call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = self.client.request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        Some(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        })
    }

    /// A call that is answered.
    async fn call(&self, method: Method, path: &str, body: &str) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    /// A call with headers that is answered.
    async fn call_with(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_call(method, path, headers, body).await.expect("an answer")
    }

    /// A POST with JSON.
    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, &body.to_string()).await
    }

    /// A GET.
    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "").await
    }

    /// An answer of `stable_token`.
    async fn stable(&self, force_refresh: bool) -> Answer {
        let body = json!({
            "grant_type": "client_credential",
            "appid": APPID,
            "secret": SECRET,
            "force_refresh": force_refresh,
        });
        self.post("/wechat/cgi-bin/stable_token", &body).await
    }

    /// The shared token.
    async fn token(&self) -> String {
        self.stable(false).await.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// Send a template message with a token.
    async fn send_with(&self, token: &str, message: &Value) -> Answer {
        self.post(&send_path(token), message).await
    }

    /// Send a template message with the shared token.
    async fn send(&self, message: &Value) -> Answer {
        self.send_with(&self.token().await, message).await
    }

    /// Order a fault.
    async fn order(&self, fault: Value) {
        let answer = self.post("/sandbox/faults", &fault).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// All messages.
    fn messages(&self) -> Vec<Message> {
        self.sandbox.messages_since(0).unwrap()
    }

    /// Move the clock to the first second of the next day in Beijing, so that no daily count starts anew on the way.
    fn begin_day(&self) {
        let now = Timestamp::from_millis(self.sandbox.clock.now_ms());
        let left = now.beijing_day().end().since(now);
        self.sandbox.advance(left + Duration::from_secs(1));
    }

    /// The controls of the account.
    fn account(&self) -> WechatControls<'_> {
        self.sandbox.wechat(APPID).unwrap()
    }
}

/// Where template messages go.
fn send_path(token: &str) -> String {
    format!("/wechat/cgi-bin/message/template/send?access_token={token}")
}

/// A message that is accepted.
fn message() -> Value {
    json!({
        "touser": OPENID,
        "template_id": "free",
        "url": "https://example.com/orders/1",
        "data": { "first": { "value": "Hi" }, "keyword1": { "value": "订单已发货" }, "keyword2": { "value": "SF1" } },
    })
}

/// The message with one field set to something else, or taken away by null.
fn message_with(field: &str, value: Value) -> Value {
    let mut message = message();
    if value.is_null() {
        message.as_object_mut().unwrap().remove(field);
    } else {
        message[field] = value;
    }
    message
}
