//! What people type and tap. Numbers are those of WxPusher's edge cases.

use super::{NEWCOMER, acts, arrives, first, follows_of, listens, reads, tell, told, town, types, uid_of};
use crate::wxpusher::{FIRST, change_follow};
use http::StatusCode;
use model::follow::{Followed, Source};
use model::ids::{AccountId, AppId, TopicId};
use serde_json::json;
use store::Capability;
use store::apps::AppWriter;
use store::audience::{Audience, Span};
use store::following::{Following, Wish};
use store::people::PeopleReader;
use support::Town;

#[tokio::test]
async fn row_66_a_command_reaches_the_apps_developer() {
    let town = town().await;
    for (typed, content) in [("#1 some text", "some text"), ("＃１\u{3000}两 段  文字 ", "两 段  文字")] {
        let reply = types(&town, &first(), typed).await;
        assert!(reply.contains("演示应用"), "{reply}");
        // Those of one second are in no order.
        let all = told(&town, 1).await;
        let one = all.iter().find(|one| one["data"]["content"] == content).expect("a callback");
        assert_eq!(one["action"], "send_up_cmd");
        let data = &one["data"];
        assert_eq!((&data["uid"], &data["appId"], &data["content"]), (&json!(FIRST), &json!(1), &json!(content)));
        assert_eq!((&data["appName"], &data["appKey"]), (&json!("演示应用"), &json!(null)));
        assert_eq!((&data["userName"], &data["userHeadImg"]), (&json!(""), &json!("")));
        assert!(data["time"].as_i64().is_some_and(|time| (town.now().millis() - time).abs() < 60_000));
    }
    assert_eq!(told(&town, 1).await.len(), 2);
    town.close().await;
}

#[tokio::test]
async fn row_67_a_number_alone_follows_and_is_no_message() {
    let town = town().await;
    acts(&town, NEWCOMER, json!({ "event": "subscribe" })).await;
    let reply = types(&town, NEWCOMER, "#1 ").await;
    assert!(reply.contains("你已关注「演示应用」"), "{reply}");
    let uid = uid_of(&town, NEWCOMER).await.expect("a person");
    let follows = follows_of(&town, NEWCOMER).await;
    assert_eq!((follows.len(), follows[0].followed), (1, Followed::App));
    let told = told(&town, 1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["action"], "app_subscribe");
    let data = &told[0]["data"];
    assert_eq!((&data["source"], &data["extra"], &data["uid"]), (&json!("command"), &json!(""), &json!(uid.as_str())));
    assert!(data["appKey"].as_str().is_some_and(|key| key.starts_with("AK_")), "{data}");
    // And is reached.
    let sent = town.send(json!({ "content": "x", "uids": [uid.as_str()] })).await;
    assert_eq!(sent.targets()[0]["code"], 1000, "{}", sent.text);
    town.close().await;
}

#[tokio::test]
async fn the_owners_own_words_greet_a_follower() {
    let town = town().await;
    let writer = AppWriter::open(town.stack.store());
    let prompt = Some("欢迎！]]> <b>".to_owned());
    writer.edit(AppId::new(1), |profile| profile.follow_prompt = prompt.clone()).await.expect("a store");
    acts(&town, NEWCOMER, json!({ "event": "subscribe" })).await;
    assert_eq!(types(&town, NEWCOMER, "#1").await, "欢迎！]]> <b>");
    town.close().await;
}

#[tokio::test]
async fn row_68_a_follower_who_follows_again_is_told_so_and_nobody_else_is() {
    let town = town().await;
    assert!(types(&town, &first(), "#1").await.contains("已经关注"));
    assert!(told(&town, 1).await.is_empty());
    assert_eq!(follows_of(&town, &first()).await.len(), 2, "app 1 and topic 1, as before");
    town.close().await;
}

#[tokio::test]
async fn row_69_an_unknown_app_is_answered_and_nobody_is_called() {
    let town = town().await;
    for typed in ["#999999 hi", "#999999"] {
        assert!(types(&town, &first(), typed).await.contains("#999999 不存在"), "{typed}");
    }
    assert!(told(&town, 1).await.is_empty());
    town.close().await;
}

#[tokio::test]
async fn row_63_who_is_blocked_can_neither_follow_nor_write() {
    let town = town().await;
    change_follow(&town, 1, |follow| follow.rejected = true).await;
    for typed in ["#1", "#1 hello"] {
        assert!(types(&town, &first(), typed).await.contains("拉黑"), "{typed}");
    }
    assert!(told(&town, 1).await.is_empty());
    // Nor after leaving.
    types(&town, &first(), "退订 1").await;
    assert!(types(&town, &first(), "#1").await.contains("拉黑"));
    assert!(told(&town, 1).await.is_empty());
    town.close().await;
}

#[tokio::test]
async fn a_message_needs_a_follow_and_somebody_who_listens() {
    let town = town().await;
    acts(&town, NEWCOMER, json!({ "event": "subscribe" })).await;
    assert!(types(&town, NEWCOMER, "#1 hello").await.contains("请先发送“#1”关注"));
    listens(&town, 1, false).await;
    assert!(types(&town, &first(), "#1 hello").await.contains("不接收消息"));
    assert!(told(&town, 1).await.is_empty() && follows_of(&town, NEWCOMER).await.is_empty());
    town.close().await;
}

#[tokio::test]
async fn what_is_no_command_gets_help() {
    let town = town().await;
    for typed in ["#1text", "#", "#abc", "帮助"] {
        assert!(types(&town, &first(), typed).await.contains("#应用编号"), "{typed}");
    }
    assert!(told(&town, 1).await.is_empty());
    town.close().await;
}

#[tokio::test]
async fn a_plain_text_goes_to_the_one_app_that_listens_and_is_asked_about_with_two() {
    let town = town().await;
    assert!(types(&town, &first(), "你好").await.contains("已发送给「演示应用」"));
    assert_eq!(told(&town, 1).await.pop().expect("a callback")["data"]["content"], "你好");
    listens(&town, 2, true).await;
    types(&town, &first(), "#2").await;
    let asked = types(&town, &first(), "给谁？").await;
    assert!(asked.contains("#1 演示应用") && asked.contains("#2 另一个应用"), "{asked}");
    assert_eq!(told(&town, 1).await.len(), 1);
    // With nobody who listens it is nobody's.
    listens(&town, 1, false).await;
    listens(&town, 2, false).await;
    assert_eq!(types(&town, &first(), "有人吗").await, "");
    town.close().await;
}

#[tokio::test]
async fn my_uid_is_told_to_who_taps_and_who_types() {
    let town = town().await;
    let tapped = reads(&town, &first(), json!({ "event": "CLICK", "key": "MY_UID" })).await;
    assert!(tapped.contains(FIRST), "{tapped}");
    for typed in ["我的UID", "my uid", "UID"] {
        assert_eq!(types(&town, &first(), typed).await, tapped);
    }
    assert_eq!(reads(&town, &first(), json!({ "event": "CLICK", "key": "SOMEBODY_ELSES" })).await, "");
    town.close().await;
}

#[tokio::test]
async fn my_subscriptions_lead_to_the_settings_with_the_uid_and_to_the_way_out() {
    let town = town().await;
    let writer = AppWriter::open(town.stack.store());
    let url = Some("https://owner.example/settings?theme=1".to_owned());
    writer.edit(AppId::new(1), |profile| profile.settings_url = url.clone()).await.expect("a store");
    let list = reads(&town, &first(), json!({ "event": "CLICK", "key": "MY_SUBSCRIPTIONS" })).await;
    assert!(list.contains(&format!("<a href=\"https://owner.example/settings?theme=1&uid={FIRST}\">")), "{list}");
    assert!(list.contains("演示应用 #1") && list.contains("演示主题") && list.contains("退订主题 1"), "{list}");

    assert_eq!(types(&town, &first(), "退订 1").await, "已退订。");
    assert_eq!(types(&town, &first(), "退订主题 1").await, "已退订。");
    assert!(types(&town, &first(), "退订 1").await.contains("没有这个订阅"));
    assert!(types(&town, &first(), "我的订阅").await.contains("还没有订阅"));
    let sent = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert!(sent.targets()[0]["status"].as_str().is_some_and(|status| status.contains("未关注应用")), "{}", sent.text);
    // Who left may come back, with a record of its own.
    types(&town, &first(), "#1").await;
    assert_eq!(town.send(json!({ "content": "x", "uids": [FIRST] })).await.targets()[0]["code"], 1000);
    town.close().await;
}

#[tokio::test]
async fn the_message_switch_stops_everything_and_starts_it_again() {
    let town = town().await;
    assert!(types(&town, &first(), "关闭消息").await.contains("消息已关闭"));
    let refused = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert!(refused.targets()[0]["status"].as_str().is_some_and(|status| status.contains("已关闭消息接收开关")));
    let on = reads(&town, &first(), json!({ "event": "CLICK", "key": "MESSAGES_ON" })).await;
    assert!(on.contains("消息已开启"));
    assert_eq!(town.send(json!({ "content": "x", "uids": [FIRST] })).await.targets()[0]["code"], 1000);
    town.close().await;
}

/// The people of one account cannot follow an app whose messages go out through another.
#[tokio::test]
async fn an_app_of_another_account_does_not_exist_here() {
    let town = town().await;
    let elsewhere = AccountId::new("wx00000000000000ee");
    let writer = AppWriter::open(town.stack.store());
    writer.edit(AppId::new(2), |profile| profile.app.account = elsewhere.clone()).await.expect("a store");
    assert!(types(&town, &first(), "#2").await.contains("不存在"));
    town.close().await;
}

#[tokio::test]
async fn row_54_who_leaves_the_account_is_unreachable_erased_and_whole_again_on_return() {
    let town = town().await;
    let uid = uid_of(&town, &first()).await.expect("a person");
    assert_eq!(acts(&town, &first(), json!({ "event": "unsubscribe" })).await["reply"], json!(null));
    let refused = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert!(refused.targets()[0]["status"].as_str().is_some_and(|status| status.contains("已取消关注公众号")));
    let person = PeopleReader::open(town.stack.store()).get(&uid).await.expect("a store").expect("a person");
    assert!(person.openid.is_none() && person.unreachable);
    let audience = Audience::open(town.stack.store());
    let everybody = Span { after: None, upto: None };
    let page = audience.page(AppId::new(1), TopicId::new(1), 0, everybody, 100).await.expect("an audience");
    let gone = page.followers.iter().find(|follower| follower.uid == uid).expect("still a follower");
    assert!(gone.openid.as_str().is_empty() && gone.unreachable);
    acts(&town, &first(), json!({ "event": "subscribe" })).await;
    assert_eq!(uid_of(&town, &first()).await, Some(uid));
    assert_eq!(town.send(json!({ "content": "x", "uids": [FIRST] })).await.targets()[0]["code"], 1000);
    town.close().await;
}

/// WeChat's events may overtake each other.
#[tokio::test]
async fn a_leave_that_arrives_after_the_return_changes_nothing() {
    let town = town().await;
    let uid = arrives(&town, NEWCOMER).await;
    let wish = Wish { uid: &uid, source: Source::Command, cause: "test", at: town.now() };
    Following::open(town.stack.store()).follow_app(AppId::new(1), wish).await.expect("a store");
    let event = |name: &str, at: i64| {
        let at = model::clock::Timestamp::from_seconds(town.now().seconds() + at);
        super::fields(NEWCOMER, at, &[("MsgType", "event"), ("Event", name), ("EventKey", "")])
    };
    assert_eq!(tell(&town, &event("subscribe", 9)).await.status, StatusCode::OK);
    assert_eq!(tell(&town, &event("unsubscribe", 5)).await.status, StatusCode::OK);
    let sent = town.send(json!({ "content": "x", "uids": [uid.as_str()] })).await;
    assert_eq!(sent.targets()[0]["code"], 1000, "{}", sent.text);
    assert!(uid_of(&town, NEWCOMER).await.is_some());
    town.close().await;
}

/// Everybody of a topic was planned when one of them left: what waits is not delivered.
#[tokio::test]
async fn what_waits_for_who_left_is_not_delivered() {
    let town = Town::demo().await;
    let fault = json!({ "channel": "wechat-template", "errcode": -1, "times": 1, "recipient": first() });
    town.sandbox.post("/sandbox/faults", &fault).await;
    let id = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    town.status_of(id, 2).await;
    acts(&town, &first(), json!({ "event": "unsubscribe" })).await;
    town.status_of(id, 4).await;
    assert_eq!(town.arrived(), 0);
    town.close().await;
}

#[tokio::test]
async fn a_picture_is_no_text() {
    let town = town().await;
    let picture = super::fields(&first(), town.now(), &[("MsgType", "image"), ("MsgId", "5"), ("MediaId", "M")]);
    let answer = tell(&town, &picture).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "success"));
    assert!(told(&town, 1).await.is_empty());
    town.close().await;
}
