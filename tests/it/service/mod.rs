//! The service account's API: uploads, messages to some and to everybody, users' QR codes.
//!
//! Tests named `row_<n>_…` are rows of the table of WeChat's edge cases, tests named `must_<n>_…` those of this API's own
//! table, which stands in [`rows`]. That module checks that each has one.

mod bindings;
mod concurrency;
mod deaths;
pub(crate) mod files;
mod import;
mod inbox_page;
mod journey;
mod mass;
mod rows;
mod send;
mod upload;

use http::{Method, StatusCode};
use local::sandbox::Opening;
use local::{Options, seed};
use model::ids::{AccountId, Ecode, ServiceChannelId};
use model::secret::Secret;
use serde_json::{Value, json};
use store::Capability;
use store::enterprises::{AccessTokenEntry, Enterprise, EnterpriseWriter, ServiceChannel};
use support::{Answer, Client, Town, until};

/// The paths of the demo enterprise.
const BASE: &str = "/interface/demo/api/push";
/// Another enterprise, which has a channel and a token.
const OTHER: &str = "other";
const OTHER_TOKEN: &str = "other-access-token";
const OTHER_CHANNEL: &str = "other-channel";

/// `path` of the demo enterprise with its token.
fn at(path: &str) -> String {
    format!("{BASE}/{path}?access_token={}", seed::ACCESS_TOKEN)
}

/// `code` of an answer, after checking what every one must have.
pub(crate) fn code(answer: &Answer) -> i64 {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    let mut keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["code", "data", "msg", "timestamp"], "{body}");
    assert!(body["timestamp"].as_i64().is_some_and(|at| at > 1_700_000_000_000), "milliseconds: {body}");
    let code = body["code"].as_i64().expect("an integer code");
    assert_eq!(body["msg"] == "", code == 200, "{body}");
    assert_eq!(body["data"].is_null(), code != 200, "{body}");
    code
}

/// `data` of an answer that must be a success.
pub(crate) fn data(answer: &Answer) -> Value {
    assert_eq!(code(answer), 200, "{}", answer.text);
    answer.json()["data"].clone()
}

/// The refusal of an answer: its code, and what it says.
pub(crate) fn refusal(answer: &Answer) -> (i64, String) {
    (code(answer), answer.json()["msg"].as_str().expect("a text").to_owned())
}

/// Sends a file in a form.
pub(crate) async fn upload_to(api: &Client, path: &str, kind: &str, name: &str, bytes: &[u8]) -> Answer {
    let (boundary, form) = files::form(kind, name, bytes);
    let content_type = format!("multipart/form-data; boundary={boundary}");
    api.send(Method::POST, path, &[("content-type", &content_type)], form).await
}

/// A town with a second enterprise in it.
struct Portal {
    town: Town,
}

impl Portal {
    async fn open() -> Self {
        Self::with(Options::for_tests()).await
    }

    async fn with(mut options: Options) -> Self {
        // Tests call faster than portals do.
        options.settings.entry("TUISONG_CALLS_PER_10S".to_owned()).or_insert_with(|| "0".to_owned());
        let town = Town::with(options).await;
        let writer = EnterpriseWriter::open(town.stack.store());
        let ecode = Ecode::parse(OTHER).expect("a code");
        let enterprise = Enterprise { ecode: ecode.clone(), name: "另一家".to_owned(), created: town.now() };
        writer.create(&enterprise).await.expect("an enterprise");
        let channel = ServiceChannel {
            id: ServiceChannelId::parse(OTHER_CHANNEL).expect("an id"),
            ecode: ecode.clone(),
            account: AccountId::new(seed::ACCOUNT),
            name: "x".to_owned(),
            created: town.now(),
        };
        writer.create_channel(&channel).await.expect("a channel");
        let entry = AccessTokenEntry { id: "t1".to_owned(), name: "x".to_owned(), created: town.now() };
        writer.issue(&ecode, &entry, &Secret::new(OTHER_TOKEN.to_owned())).await.expect("a token");
        Self { town }
    }

    async fn upload(&self, kind: &str, name: &str, bytes: &[u8]) -> Answer {
        upload_to(&self.town.api, &at("uploadMedia"), kind, name, bytes).await
    }

    /// Uploads something that is taken; its id.
    async fn uploaded(&self, kind: &str, bytes: &[u8]) -> String {
        let data = data(&self.upload(kind, "a.bin", bytes).await);
        let id = data["media_id"].as_str().expect("an id").to_owned();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{id}");
        id
    }

    /// Uploads articles that are taken; their id.
    async fn articles(&self, articles: Value) -> String {
        let answer = self.town.api.post(&at("uploadMedia"), &json!({ "articles": articles })).await;
        data(&answer)["media_id"].as_str().expect("an id").to_owned()
    }

    /// Sends `part` under its name to `to`.
    async fn send(&self, to: &str, kind: &str, part: Value) -> Answer {
        self.send_body(json!({ "channelId": "demo", "toUserId": to, "msgtype": kind, kind: part })).await
    }

    async fn send_body(&self, body: Value) -> Answer {
        self.town.api.post(&at("send"), &body).await
    }

    async fn mass(&self, kind: &str, part: Value) -> Answer {
        let body = json!({ "channelId": "demo", "filter": { "is_to_all": true }, "msgtype": kind, kind: part });
        self.town.api.post(&at("mass/send"), &body).await
    }

    /// What became of a task.
    async fn task(&self, id: &str) -> Value {
        data(&self.town.api.get(&at(&format!("task/{id}"))).await)
    }

    /// The same once it is over.
    async fn done(&self, answer: &Answer) -> Value {
        let id = task_id(answer);
        until(&format!("the end of task {id}"), || async { self.task(&id).await["state"] == "done" }).await;
        self.task(&id).await
    }

    /// The three users have just written to the account.
    fn everybody_talks(&self) {
        for n in 1..=seed::FOLLOWERS {
            self.account().opens(seed::openid(n).as_str(), Opening::Message);
        }
    }

    fn account(&self) -> local::sandbox::WechatControls<'_> {
        self.town.stack.sandbox().wechat(seed::ACCOUNT).expect("the demo account")
    }

    /// What makes or keeps a message or a file, since the last reset.
    fn kept(&self) -> Vec<String> {
        let kept = |call: &String| {
            let writes = ["PutItem", "UpdateItem", "BatchWriteItem"].iter().any(|write| call.contains(write));
            // The id counter and the note of a call that may be repeated are no message.
            let is_ids = call.ends_with("UpdateItem TasksTable");
            let is_media = call.ends_with("TokensTable");
            call.contains("PutObject") || call.contains("SendMessage") || (writes && !is_ids && !is_media)
        };
        crate::wxpusher::aws_calls(&self.town).into_iter().filter(kept).collect()
    }

    fn reset(&self) {
        self.town.stack.aws().calls.reset();
    }

    async fn order(&self, fault: Value) {
        let answer = self.town.sandbox.post("/sandbox/faults", &fault).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

/// The task of an answer.
fn task_id(answer: &Answer) -> String {
    data(answer)["taskId"].as_str().expect("a text").to_owned()
}
