//! WeChat's API as we serve it, pushes by openid, and the channels behind them.
//!
//! Tests named `row_<n>_…` are the rows of the table of edge cases that this suite is written after; [`rows`] checks that
//! each has one.

mod fallthrough;
mod push;
mod rows;
mod template;
mod token;
mod wxopen;

use local::sandbox::Opening;
use local::{Options, seed};
use serde_json::{Value, json};
use support::{Answer, Client, Town};

const SEND: &str = "/cgi-bin/message/template/send";
const WXOPEN: &str = "/cgi-bin/message/wxopen/template/send";
const PUSH: &str = "/api/v4/pushes/wechat";

/// Openid of demo follower `n`.
fn openid(n: u64) -> String {
    seed::openid(n).as_str().to_owned()
}

/// The errcode of an answer, after checking what every one must have.
fn errcode(answer: &Answer) -> i64 {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/json; encoding=utf-8");
    let body = answer.json();
    assert!(body["errmsg"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    body["errcode"].as_i64().expect("an integer errcode")
}

fn token_path(appid: &str, secret: &str) -> String {
    format!("/cgi-bin/token?grant_type=client_credential&appid={appid}&secret={secret}")
}

/// A token of the demo account, or of the demo mini program.
async fn token_of(api: &Client, appid: &str) -> String {
    let answer = api.get(&token_path(appid, seed::SECRET)).await;
    let body = answer.json();
    let fields: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["access_token", "expires_in"], "exactly these: {body}");
    assert_eq!(body["expires_in"], 7200);
    body["access_token"].as_str().expect("a token").to_owned()
}

/// A template message that is accepted.
fn message(to: u64) -> Value {
    json!({
        "touser": openid(to),
        "template_id": "demo-keyword",
        "url": "https://example.com/a/?x=1&y=2",
        "data": { "first": { "value": "你好", "color": "#173177" }, "keyword1": { "value": "订单已发货" } },
    })
}

impl Shop {
    async fn open() -> Self {
        Self::with(Options::for_tests()).await
    }

    async fn with(options: Options) -> Self {
        let town = Town::with(options).await;
        let token = token_of(&town.api, seed::ACCOUNT).await;
        Self { town, token }
    }

    /// Sends a template message.
    async fn send(&self, message: &Value) -> Answer {
        self.town.api.post(&format!("{SEND}?access_token={}", self.token), message).await
    }

    /// Sends a template message that is accepted; its msgid.
    async fn sent(&self, message: &Value) -> u64 {
        let answer = self.send(message).await;
        assert_eq!(errcode(&answer), 0, "{}", answer.text);
        assert_eq!(answer.json()["errmsg"], "ok");
        answer.json()["msgid"].as_u64().expect("an integer msgid")
    }

    /// Pushes; the answer.
    async fn push_as(&self, key: &str, body: &Value) -> Answer {
        let headers = [("authorization", key), ("content-type", "application/json")];
        self.town.api.send(http::Method::POST, PUSH, &headers, body.to_string()).await
    }

    /// Pushes something that is accepted; its id.
    async fn pushed(&self, body: &Value) -> String {
        let answer = self.push_as(seed::PUSH_KEY, body).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "an empty body");
        answer.headers["x-push-id"].to_str().expect("an id").to_owned()
    }

    /// What became of a push, or of a template message.
    async fn outcome(&self, id: &str) -> Value {
        let path = format!("{PUSH}/{id}");
        let answer = self.town.api.send(http::Method::GET, &path, &[("authorization", seed::PUSH_KEY)], "").await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        answer.json()
    }

    /// The same once it is over.
    async fn done(&self, id: &str) -> Value {
        support::until(&format!("the end of push {id}"), || async { self.outcome(id).await["state"] == "done" }).await;
        self.outcome(id).await
    }

    /// The person has just sent the account a message.
    fn talks(&self, to: u64) {
        let account = self.town.stack.sandbox().wechat(seed::ACCOUNT).expect("the demo account");
        account.opens(&openid(to), Opening::Message);
    }

    /// Orders a fault.
    async fn order(&self, fault: Value) {
        let answer = self.town.sandbox.post("/sandbox/faults", &fault).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    }
}

/// A town whose demo account is called with a token of ours.
struct Shop {
    town: Town,
    token: String,
}

/// An article and a template for these followers.
fn both(to: &[u64]) -> Value {
    json!({
        "openids": to.iter().map(|n| openid(*n)).collect::<Vec<_>>(),
        "news_entity": { "title": "标题", "url": "https://example.com/n" },
        "template_entity": {
            "template_id": "demo-keyword",
            "url": "https://example.com/n",
            "data": { "first": { "value": "标题" }, "keyword1": { "value": "第一行" } },
        },
    })
}
