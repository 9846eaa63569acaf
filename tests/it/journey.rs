//! The way of a follower, from the first scan to coming back, as a developer and a person in WeChat live it: over HTTP, against
//! what `cargo run` starts. Read it from top to bottom.

use crate::wechat_event::scan::default_code;
use crate::wxpusher::page_path;
use http::{Method, StatusCode};
use local::{Options, seed};
use model::follow::Followed;
use model::ids::{AppId, TopicId};
use model::qrcode::Way;
use serde_json::{Value, json};
use store::Capability;
use store::apps::AppWriter;
use support::receiver::Receiver;
use support::{Answer, Town};

/// Somebody who has never been here.
const PERSON: &str = "ojourney00000000000000000001";

struct Journey {
    town: Town,
    developer: Receiver,
}

impl Journey {
    /// What `cargo run --callbacks-to <address>` starts, and a developer's server that listens.
    async fn start() -> Self {
        let developer = Receiver::start().await;
        let mut options = Options::for_tests();
        options.settings.insert("TUISONG_CALLBACK_EXCEPTIONS".to_owned(), developer.address().to_string());
        let town = Town::with(options).await;
        let url = developer.url("/callback");
        let writer = AppWriter::open(town.stack.store());
        let edited = writer.edit(AppId::new(1), |profile| profile.callback_url = Some(url.clone())).await;
        edited.expect("a store").expect("the demo app");
        Self { town, developer }
    }

    /// The person does something in WeChat.
    async fn person(&self, what: Value) -> Value {
        let mut what = what;
        what["openid"] = json!(PERSON);
        let answer = self.town.sandbox.post(&format!("/sandbox/wechat/{}/events", seed::ACCOUNT), &what).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    async fn call(&self, method: Method, path: &str, query: &str) -> Answer {
        let path = format!("{path}?appToken={}&{query}", seed::APP_TOKEN);
        self.town.api.send(method, &path, &[], "").await
    }

    /// The person's rows in the developer's list of followers.
    async fn listed(&self, uid: &str) -> Vec<Value> {
        let answer = self.call(Method::GET, "/api/fun/wxuser/v2", &format!("page=1&pageSize=100&uid={uid}")).await;
        assert_eq!(answer.code(), 1000, "{}", answer.text);
        answer.json()["data"]["records"].as_array().expect("records").clone()
    }

    /// Sends to the person; code and status of the only target.
    async fn reaches(&self, uid: &str) -> (i64, String) {
        let answer = self.town.send(json!({ "content": "你好", "uids": [uid] })).await;
        let target = answer.targets().remove(0);
        (target["code"].as_i64().expect("a code"), target["status"].as_str().expect("a status").to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follow_receive_read_be_blocked_be_removed_and_come_back() {
    let journey = Journey::start().await;
    let town = &journey.town;

    // The developer makes a QR code for order 7. Its picture is a picture.
    let made =
        town.api.post("/api/fun/create/qrcode", &json!({ "appToken": seed::APP_TOKEN, "extra": "order-7" })).await;
    assert_eq!(made.code(), 1000, "{}", made.text);
    let data = made.json()["data"].clone();
    let code = data["code"].as_str().expect("a code").to_owned();
    let picture = data["url"].as_str().and_then(|url| url.strip_prefix(town.stack.url())).expect("on our address");
    let picture = town.api.bytes(Method::GET, picture).await;
    assert_eq!((picture.0, &picture.1["content-type"]), (StatusCode::OK, &"image/jpeg".parse().expect("a value")));

    // Nobody has scanned it yet. Then the person does, and by that follows the account and the app.
    let scanned = format!("/api/fun/scan-qrcode-uid?code={code}");
    assert_eq!(town.api.get(&scanned).await.msg(), "暂无用户扫描二维码");
    assert_eq!(journey.person(json!({ "event": "SCAN", "scene": code })).await["event"], "subscribe");

    // The developer is called back and knows who it was; so does whoever polls.
    let told = journey.developer.told_times(1).await;
    let body = told[0].json();
    assert_eq!((&body["action"], &body["data"]["extra"]), (&json!("app_subscribe"), &json!("order-7")));
    let uid = body["data"]["uid"].as_str().expect("a UID").to_owned();
    assert_eq!(town.api.get(&scanned).await.json()["data"], json!(uid));

    // The person also follows topic 1, by its permanent QR code.
    let topic = default_code(town, Followed::Topic(TopicId::new(1))).await;
    journey.person(json!({ "event": "SCAN", "scene": topic.scene(Way::Picture) })).await;

    // A message to the person, and one to the topic: both arrive as cards, both are handed over.
    let direct = town.send(json!({ "content": "<b>第一条</b>", "contentType": 2, "uids": [uid] })).await.message_id();
    let to_topic = town.send(json!({ "content": "第二条", "topicIds": [1] })).await.message_id();
    town.status_of(direct, 3).await;
    town.status_of(to_topic, 3).await;
    let cards: Vec<_> = town
        .inbox()
        .into_iter()
        .filter(|message| message.recipient == PERSON && message.channel == "wechat-template")
        .collect();
    assert_eq!(cards.len(), 2);

    // A card opens its page.
    let page = town.api.get(&page_path(town, &cards[0])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("<b>第一条</b>"), "{}", page.text);

    // The person writes to the developer.
    journey.person(json!({ "event": "text", "content": "#1 收到" })).await;
    let told = journey.developer.told_times(2).await;
    assert_eq!(told[1].json()["data"]["content"], "收到");

    // The developer lists followers, and blocks the person: nothing reaches them, and they cannot follow anew.
    let rows = journey.listed(&uid).await;
    assert_eq!(rows.iter().map(|row| &row["type"]).filter(|kind| **kind == 0).count(), 1, "{rows:?}");
    assert_eq!(rows.len(), 2);
    let id = rows.iter().find(|row| row["type"] == 0).expect("the app's row")["id"].as_u64().expect("an id");
    let rejected = journey.call(Method::PUT, "/api/fun/reject", &format!("id={id}&reject=true")).await;
    assert_eq!(rejected.code(), 1000, "{}", rejected.text);
    let (code_of_target, status) = journey.reaches(&uid).await;
    assert!(code_of_target == 1001 && status.contains("拉黑"), "{status}");
    let refused = journey.person(json!({ "event": "text", "content": "#1" })).await;
    assert!(refused["reply"]["text"].as_str().is_some_and(|text| text.contains("拉黑")), "{refused}");

    // The block is lifted, and the person is reached again, by the same record.
    assert_eq!(journey.call(Method::PUT, "/api/fun/reject", &format!("id={id}&reject=false")).await.code(), 1000);
    assert_eq!(journey.reaches(&uid).await.0, 1000);

    // The developer removes the person: not reached, until they follow again, as a new record.
    assert_eq!(journey.call(Method::DELETE, "/api/fun/remove", &format!("id={id}")).await.code(), 1000);
    assert!(journey.reaches(&uid).await.1.contains("未关注应用"));
    journey.person(json!({ "event": "text", "content": "#1" })).await;
    let told = journey.developer.told_times(3).await;
    assert_eq!(told[2].json()["data"]["source"], "command");
    assert_eq!(journey.reaches(&uid).await.0, 1000);
    let again = journey.listed(&uid).await;
    let again = again.iter().find(|row| row["type"] == 0).expect("the app's row");
    assert_ne!(again["id"].as_u64(), Some(id));

    // And leaves the account.
    journey.person(json!({ "event": "unsubscribe" })).await;
    assert!(journey.reaches(&uid).await.1.contains("已取消关注公众号"));
    journey.town.close().await;
}
