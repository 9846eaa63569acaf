//! QR codes that are scanned. Numbers are those of WxPusher's edge cases.

use super::{NEWCOMER, acts, fields, first, follows_of, listens, reads, said, tell, told, town, types, uid_of};
use crate::wxpusher::{FIRST, SECOND, change_follow};
use local::seed;
use model::clock::Timestamp;
use model::follow::Followed;
use model::ids::{AppId, TopicId};
use model::qrcode::{Code, CodeKey, QrCode, Way};
use serde_json::json;
use std::time::Duration;
use store::Capability;
use store::apps::DefaultCodes;
use store::qrcodes::{QrCodes, QrMaker};
use support::Town;

/// A developer's code that holds for `seconds`.
pub(super) async fn code(town: &Town, followed: Followed, extra: Option<&str>, seconds: u64) -> QrCode {
    let code = QrCode {
        code: Code::draw(&mut rand::rng()),
        app_id: AppId::new(1),
        followed,
        extra: extra.map(str::to_owned),
        expires: Some(town.now().plus(Duration::from_secs(seconds))),
    };
    QrMaker::open(town.stack.store()).create(&code).await.expect("a store");
    code
}

/// The permanent code of app 1 or of its topic.
pub(crate) async fn default_code(town: &Town, followed: Followed) -> Code {
    DefaultCodes::open(town.stack.store()).of(AppId::new(1), followed).await.expect("a store").expect("a code")
}

/// Who scanned a code last.
async fn scanned_by(town: &Town, code: &Code) -> Option<String> {
    let key = CodeKey::Whole(code.clone());
    let state = QrCodes::open(town.stack.store()).get(&key, town.now()).await.expect("a store");
    state.and_then(|state| state.scanned_by).map(|uid| uid.as_str().to_owned())
}

async fn scans(town: &Town, openid: &str, scene: &str) -> String {
    reads(town, openid, json!({ "event": "SCAN", "scene": scene })).await
}

#[tokio::test]
async fn row_45_two_users_scan_one_code_and_the_developer_hears_of_both() {
    let town = town().await;
    let extra = "订单 \"7\" {\"a\":1}";
    let code = code(&town, Followed::App, Some(extra), 1800).await;
    let first_answer = acts(&town, NEWCOMER, json!({ "event": "SCAN", "scene": code.code.as_str() })).await;
    assert_eq!(first_answer["event"], "subscribe", "who scans and does not follow the account yet follows by it");
    let newcomer = uid_of(&town, NEWCOMER).await.expect("a person");
    assert_eq!(scanned_by(&town, &code.code).await.as_deref(), Some(newcomer.as_str()));
    scans(&town, seed::openid(2).as_str(), code.code.as_str()).await;
    assert_eq!(scanned_by(&town, &code.code).await.as_deref(), Some(SECOND));
    let told = told(&town, 1).await;
    assert_eq!(told.len(), 2);
    for uid in [newcomer.as_str(), SECOND] {
        let body = told.iter().find(|body| body["data"]["uid"] == uid).expect("a callback about each");
        assert_eq!(body["action"], "app_subscribe");
        let data = &body["data"];
        assert_eq!((&data["uid"], &data["extra"], &data["source"]), (&json!(uid), &json!(extra), &json!("scan")));
    }
    town.close().await;
}

#[tokio::test]
async fn row_46_who_follows_already_is_reported_and_not_recorded_twice() {
    let town = town().await;
    let before = follows_of(&town, &first()).await;
    let code = code(&town, Followed::App, Some("x"), 1800).await;
    for _ in 0..2 {
        assert_eq!(scans(&town, &first(), code.code.as_str()).await, "", "the developer has the word");
        town.stack.advance(Duration::from_secs(2));
    }
    assert_eq!(follows_of(&town, &first()).await, before);
    assert_eq!(told(&town, 1).await.len(), 2, "every scan counts");
    assert_eq!(scanned_by(&town, &code.code).await.as_deref(), Some(FIRST));
    town.close().await;
}

#[tokio::test]
async fn row_47_an_expired_code_follows_nothing_and_calls_nobody() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 60).await;
    town.stack.advance(Duration::from_secs(61));
    assert!(scans(&town, NEWCOMER, code.code.as_str()).await.contains("已过期"));
    assert!(told(&town, 1).await.is_empty() && follows_of(&town, NEWCOMER).await.is_empty());
    assert_eq!(scanned_by(&town, &code.code).await, None);
    town.close().await;
}

#[tokio::test]
async fn row_49_without_a_callback_url_everything_else_works() {
    let town = town().await;
    listens(&town, 1, false).await;
    let code = code(&town, Followed::App, Some("x"), 60).await;
    scans(&town, NEWCOMER, code.code.as_str()).await;
    assert_eq!(follows_of(&town, NEWCOMER).await.len(), 1);
    let uid = uid_of(&town, NEWCOMER).await.expect("a person");
    assert_eq!(scanned_by(&town, &code.code).await.as_deref(), Some(uid.as_str()));
    assert!(told(&town, 1).await.is_empty());
    town.close().await;
}

#[tokio::test]
async fn row_63_who_is_blocked_cannot_follow_by_scanning() {
    let town = town().await;
    change_follow(&town, 1, |follow| follow.rejected = true).await;
    let own = code(&town, Followed::App, Some("x"), 60).await;
    let default = default_code(&town, Followed::App).await;
    for scene in [own.code.as_str().to_owned(), default.scene(Way::Picture), default.scene(Way::Link)] {
        assert!(scans(&town, &first(), &scene).await.contains("拉黑"), "{scene}");
    }
    assert!(told(&town, 1).await.is_empty());
    assert_eq!(scanned_by(&town, &own.code).await, None);
    town.close().await;
}

#[tokio::test]
async fn the_permanent_code_tells_a_new_follower_once_and_says_how_they_came() {
    let town = town().await;
    let code = default_code(&town, Followed::App).await;
    for (openid, way, source) in [(NEWCOMER, Way::Picture, "scan"), ("onew2", Way::Link, "link")] {
        for first_time in [true, false] {
            let reply = scans(&town, openid, &code.scene(way)).await;
            assert_eq!(reply.contains("你已关注"), first_time, "{reply}");
            town.stack.advance(Duration::from_secs(2));
        }
        let last = told(&town, 1).await.pop().expect("a callback");
        assert_eq!((&last["data"]["source"], &last["data"]["extra"]), (&json!(source), &json!("")));
    }
    assert_eq!(told(&town, 1).await.len(), 2);
    town.close().await;
}

#[tokio::test]
async fn a_topic_is_followed_without_a_word_to_the_developer_and_receives() {
    let town = town().await;
    let topic = Followed::Topic(TopicId::new(1));
    let own = code(&town, topic, Some("x"), 60).await;
    assert!(scans(&town, NEWCOMER, own.code.as_str()).await.contains("演示主题"));
    scans(&town, "onew2", &default_code(&town, topic).await.scene(Way::Picture)).await;
    assert_eq!(follows_of(&town, NEWCOMER).await.iter().map(|follow| follow.followed).collect::<Vec<_>>(), [topic]);
    assert_eq!(follows_of(&town, "onew2").await.len(), 1);
    assert!(told(&town, 1).await.is_empty());
    let uid = uid_of(&town, NEWCOMER).await.expect("a person");
    let direct = town.send(json!({ "content": "x", "uids": [uid.as_str()] })).await;
    assert!(direct.targets()[0]["status"].as_str().is_some_and(|status| status.contains("未关注应用")));
    town.close().await;
}

#[tokio::test]
async fn a_code_that_is_not_ours_is_answered_and_follows_nothing() {
    let town = town().await;
    let unknown = Code::draw(&mut rand::rng());
    for scene in ["", "123", unknown.as_str(), &unknown.scene(Way::Link), "qrscene_1"] {
        let event = fields(&first(), town.now(), &[("MsgType", "event"), ("Event", "SCAN"), ("EventKey", scene)]);
        let reply = said(&first(), &seed::callback(), &tell(&town, &event).await);
        assert!(reply.contains("无效"), "{scene}: {reply}");
        town.stack.advance(Duration::from_secs(1));
    }
    assert_eq!(follows_of(&town, &first()).await.len(), 2);
    assert!(told(&town, 1).await.is_empty());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_scan_at_once_follows_once_and_is_told_once() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 1800).await;
    let key = format!("qrscene_{}", code.code);
    let event = [("MsgType", "event"), ("Event", "subscribe"), ("EventKey", key.as_str()), ("Ticket", "T")];
    let event = fields(NEWCOMER, town.now(), &event);
    futures::future::join_all((0..6).map(|_| tell(&town, &event))).await;
    assert_eq!(follows_of(&town, NEWCOMER).await.len(), 1);
    assert_eq!(told(&town, 1).await.len(), 1);
    town.close().await;
}

/// Two people, or one person twice, are two scans.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_scans_at_once_are_each_told() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 1800).await;
    let at = town.now();
    let scan = |openid: &str, seconds: i64| {
        let at = Timestamp::from_seconds(at.seconds() + seconds);
        fields(openid, at, &[("MsgType", "event"), ("Event", "SCAN"), ("EventKey", code.code.as_str())])
    };
    let events = [scan(NEWCOMER, 0), scan(NEWCOMER, 1), scan("onew2", 0), scan("onew3", 0)];
    futures::future::join_all(events.iter().map(|event| tell(&town, event))).await;
    assert_eq!(told(&town, 1).await.len(), 4);
    for openid in [NEWCOMER, "onew2", "onew3"] {
        assert_eq!(follows_of(&town, openid).await.len(), 1, "{openid}");
    }
    town.close().await;
}

#[tokio::test]
async fn following_the_account_alone_greets_with_the_uid() {
    let town = town().await;
    let welcome = reads(&town, NEWCOMER, json!({ "event": "subscribe" })).await;
    let uid = uid_of(&town, NEWCOMER).await.expect("a person");
    assert!(welcome.contains(uid.as_str()), "{welcome}");
    assert!(types(&town, NEWCOMER, "我的UID").await.contains(uid.as_str()));
    assert!(follows_of(&town, NEWCOMER).await.is_empty());
    town.close().await;
}
