//! Template messages.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::{APPID, OPENID, Running, SECRET, message, message_with, send_path, world};
use crate::sandbox::{Template, WechatAccount, World};

/// A message of the typed template.
fn typed(thing: &str, time: &str, text: &str) -> Value {
    json!({
        "touser": OPENID,
        "template_id": "typed",
        "data": {
            "thing1": { "value": thing },
            "time2": { "value": time },
            "character_string3": { "value": text },
        },
    })
}

#[tokio::test]
async fn accepted_message_is_in_the_inbox_as_its_recipient_sees_it() {
    let running = Running::start().await;
    let answer = running.send(&message()).await;
    assert_eq!(answer.errcode(), 0);
    assert_eq!(answer.json()["errmsg"], "ok");
    let msgid = answer.json()["msgid"].as_i64().expect("an integer");
    assert!(msgid > 1 << 53 && msgid.to_string().len() == 19, "{msgid}");

    let messages = running.messages();
    let [kept] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(kept.seq, 1);
    assert_eq!(kept.channel, "wechat-template");
    assert_eq!(kept.account, APPID);
    assert_eq!(kept.recipient, OPENID);
    assert_eq!(kept.title, "订单已发货");
    assert_eq!(kept.body, "keyword1: 订单已发货\nkeyword2: SF1");
    let mut raw = message();
    raw["msgid"] = json!(msgid.to_string());
    assert_eq!(kept.raw, raw);
}

#[tokio::test]
async fn msgids_grow_with_time() {
    let running = Running::start().await;
    let mut last = 0;
    for _ in 0..50 {
        let msgid = running.send(&message()).await.json()["msgid"].as_i64().unwrap();
        assert!(msgid > last);
        last = msgid;
    }
}

#[tokio::test]
async fn first_and_remark_are_taken_and_not_shown() {
    let running = Running::start().await;
    let data = json!({ "first": { "value": "Hello" }, "remark": { "value": "Bye", "color": "#f00" } });
    assert_eq!(running.send(&message_with("data", data.clone())).await.errcode(), 0);
    let messages = running.messages();
    assert_eq!(messages[0].title, "Hello");
    assert_eq!(messages[0].body, "");
    assert_eq!(messages[0].raw["data"], data);
}

#[tokio::test]
async fn pretty_printed_body_stays_one_line_of_the_inbox() {
    let running = Running::start().await;
    let token = running.token().await;
    let body = format!("\n{:#}\r\n", message());
    let answer = running.call(Method::POST, &send_path(&token), &body).await;
    assert_eq!(answer.errcode(), 0);
    assert_eq!(running.messages().len(), 1);
}

#[tokio::test]
async fn token_is_checked_before_all_else() {
    let running = Running::start().await;
    let issued = running.token().await;
    let unknown = format!("10_{}", &issued[3..].chars().rev().collect::<String>());
    for (token, code) in [("", 41001), ("abc", 40014), ("10_中文", 40014), (unknown.as_str(), 40001)] {
        let path = send_path(&url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>());
        assert_eq!(running.get(&path).await.errcode(), code, "{token}");
    }
    let without = running.post("/wechat/cgi-bin/message/template/send", &message()).await;
    assert_eq!(without.errcode(), 41001);
    assert!(running.messages().is_empty());
}

#[tokio::test]
async fn method_and_body_are_checked() {
    let running = Running::start().await;
    let path = send_path(&running.token().await);
    assert_eq!(running.get(&path).await.errcode(), 43002);
    let plain = message().to_string();
    let escaped = plain.replace('订', r"\u8ba2");
    let backslash = plain.replace("SF1", r"C:\\users");
    for (body, code) in [
        ("", 44002),
        (" \n", 44002),
        ("touser=1", 47001),
        ("[]", 47001),
        ("{\"touser\":", 47001),
        (escaped.as_str(), 40033),
        (backslash.as_str(), 0),
    ] {
        let answer = running.call(Method::POST, &path, body).await;
        assert_eq!(answer.errcode(), code, "{body}");
    }
    assert_eq!(running.messages().len(), 1);
}

#[tokio::test]
async fn fields_are_checked() {
    let running = Running::start().await;
    running.account().unfollow("otest00000000000000000000008");
    for (field, value, code) in [
        ("touser", Value::Null, 40003),
        ("touser", json!("otest00000000000000000002001"), 40003),
        ("touser", json!("otest00000000000000000000008"), 43004),
        ("touser", json!(7), 47001),
        ("template_id", Value::Null, 40036),
        ("template_id", json!("gone"), 40037),
        ("data", json!({ "keyword1": "text" }), 47001),
        ("data", json!({ "keyword1": { "value": 5 } }), 47001),
        ("url", json!(1), 47001),
        ("miniprogram", json!({ "appid": "wx00000000000000dd" }), 40013),
        ("miniprogram", json!({ "appid": "wx00000000000000cc" }), 40165),
    ] {
        let answer = running.send(&message_with(field, value.clone())).await;
        assert_eq!(answer.errcode(), code, "{field}: {value}");
    }
    assert!(running.messages().is_empty());

    for program in [
        json!({ "appid": "wx00000000000000bb", "pagepath": "pages/order?id=1" }),
        json!({ "appid": "", "pagepath": "" }),
    ] {
        let answer = running.send(&message_with("miniprogram", program)).await;
        assert_eq!(answer.errcode(), 0);
    }
}

#[tokio::test]
async fn follower_who_left_is_reachable_again_after_following() {
    let running = Running::start().await;
    running.account().unfollow(OPENID);
    assert_eq!(running.send(&message()).await.errcode(), 43004);
    running.account().follow(OPENID);
    assert_eq!(running.send(&message()).await.errcode(), 0);
}

#[tokio::test]
async fn typed_values_that_do_not_fit_are_47003_and_named() {
    let running = Running::start().await;
    assert_eq!(running.send(&typed("短", "15:01", "A1")).await.errcode(), 0);
    let long = "二十一个字".repeat(5);
    for (message, text) in [
        (typed(&long, "15:01", "A1"), "argument invalid! data.thing1.value invalid"),
        (typed("短", "soon", "A1"), "argument invalid! data.time2.value invalid"),
        (typed("短", "15:01", "单号"), "argument invalid! data.character_string3.value invalid"),
        (typed(" ", "15:01", "A1"), "argument invalid! data.thing1.value is empty"),
    ] {
        let answer = running.send(&message).await;
        assert_eq!(answer.errcode(), 47003);
        let errmsg = answer.json()["errmsg"].to_string();
        assert!(errmsg.contains(text), "{errmsg}");
    }
    let mut missing = typed("短", "15:01", "A1");
    missing["data"].as_object_mut().unwrap().remove("time2");
    assert_eq!(running.send(&missing).await.errcode(), 47003);
    missing.as_object_mut().unwrap().remove("data");
    assert_eq!(running.send(&missing).await.errcode(), 47003);
    assert_eq!(running.messages().len(), 1);
}

#[tokio::test]
async fn repeat_within_ten_minutes_has_the_same_msgid_and_no_second_message() {
    let running = Running::start().await;
    let message = message_with("client_msg_id", json!("order-1"));
    let first = running.send(&message).await.json();
    let again = running.send(&message).await.json();
    assert_eq!(first, again);
    assert_eq!(running.messages().len(), 1);

    let mut other = message.clone();
    other["touser"] = json!("otest00000000000000000000009");
    let other = running.send(&other).await.json();
    assert_ne!(first["msgid"], other["msgid"]);
    assert_eq!(running.messages().len(), 2);

    running.sandbox.advance(Duration::from_secs(601));
    let later = running.send(&message).await.json();
    assert_ne!(first["msgid"], later["msgid"]);
    assert_eq!(running.messages().len(), 3);
}

#[tokio::test]
async fn equal_messages_at_once_are_one() {
    let running = Running::start().await;
    let token = running.token().await;
    let message = message_with("client_msg_id", json!("order-1"));
    let sends = (0..20).map(|_| running.send_with(&token, &message));
    let answers = futures::future::join_all(sends).await;
    let first = answers[0].json();
    assert!(answers.iter().all(|answer| answer.json() == first));
    assert_eq!(running.messages().len(), 1);
}

#[tokio::test]
async fn quota_is_per_day_and_repeats_are_free() {
    let running = Running::start().await;
    running.begin_day();
    running.account().set_daily_quota(2);
    let message = message_with("client_msg_id", json!("a"));
    assert_eq!(running.send(&message).await.errcode(), 0);
    assert_eq!(running.send(&message).await.errcode(), 0);
    assert_eq!(running.send(&super::message()).await.errcode(), 0);
    assert_eq!(running.send(&super::message()).await.errcode(), 45009);
    assert_eq!(running.send(&message).await.errcode(), 0);
    running.sandbox.advance(Duration::from_secs(24 * 3600));
    assert_eq!(running.send(&super::message()).await.errcode(), 0);
    assert_eq!(running.messages().len(), 3);
}

#[tokio::test]
async fn token_of_another_account_does_not_reach_our_followers() {
    let mut world = world();
    world.wechat.push(
        WechatAccount::official("wx00000000000000ee", SECRET).with_template(Template::new("free", &["keyword1"])),
    );
    let running = Running::start_with(world, None).await;
    let body = json!({ "grant_type": "client_credential", "appid": "wx00000000000000ee", "secret": SECRET });
    let answer = running.post("/wechat/cgi-bin/stable_token", &body).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(running.send_with(token, &message()).await.errcode(), 40003);
}

#[tokio::test]
async fn mini_program_may_not_send_template_messages() {
    let running = Running::start_with(World::demo(), None).await;
    let body = json!({
        "grant_type": "client_credential",
        "appid": "wx00000000000000d2",
        "secret": "demo0000000000000000000000000000",
    });
    let answer = running.post("/wechat/cgi-bin/stable_token", &body).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(running.send_with(token, &message()).await.errcode(), 48001);
}

#[tokio::test]
async fn unknown_path_is_404_without_a_wechat_body() {
    let running = Running::start().await;
    let answer = running.post("/wechat/cgi-bin/message/unknown", &message()).await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
}
