//! Template messages: input as SDKs send it, answers as they need them.

use super::{SEND, Shop, errcode, message, openid};
use http::Method;
use local::seed;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::people::People;

impl Shop {
    /// Sends these bytes, without a content type.
    async fn send_bytes(&self, body: impl Into<bytes::Bytes>) -> i64 {
        errcode(&self.town.api.send(Method::POST, &format!("{SEND}?access_token={}", self.token), &[], body).await)
    }
}

fn with(field: &str, value: Value) -> Value {
    let mut message = message(1);
    message[field] = value;
    message
}

#[tokio::test]
async fn row_2_a_body_without_a_content_type_is_json() {
    let shop = Shop::open().await;
    let wechatpy = format!(
        r##"{{"touser": "{}", "template_id": "demo-keyword", "url": "http://a/?x=1&y=2", "miniprogram": {{"appid": "wx00000000000000d2", "pagepath": "p?a=b"}}, "data": {{"keyword1": {{"value": "你好", "color": "#173177"}}}}}}"##,
        openid(1)
    );
    assert_eq!(shop.send_bytes(wechatpy).await, 0);
    let inbox = shop.town.inbox_of(1).await;
    assert_eq!(inbox[0].raw["url"], "http://a/?x=1&y=2");
    assert_eq!(inbox[0].raw["miniprogram"], json!({ "appid": "wx00000000000000d2", "pagepath": "p?a=b" }));
    shop.town.close().await;
}

#[tokio::test]
async fn row_3_row_4_what_sdks_write_for_nothing_is_not_sent_on() {
    let shop = Shop::open().await;
    let silenceper = format!(
        "{{\"touser\":\"{}\",\"template_id\":\"demo-keyword\",\"data\":{{\"keyword1\":{{\"value\":\"a\"}}}},\"miniprogram\":{{\"appid\":\"\",\"pagepath\":\"\"}}}}\n",
        openid(1)
    );
    assert_eq!(shop.send_bytes(silenceper).await, 0);
    let easywechat =
        format!(r#"{{"touser":"{}","template_id":"demo-keyword","url":"","miniprogram":"","data":[]}}"#, openid(2));
    assert_eq!(shop.send_bytes(easywechat).await, 0);
    let escaped = format!(
        r#"{{"touser":"{}","template_id":"demo-keyword","url":"http:\/\/x","data":{{"keyword1":{{"value":"\u4f60\u597d"}},"keyword2":{{"value":12}}}}}}"#,
        openid(3)
    );
    assert_eq!(shop.send_bytes(escaped).await, 0);
    for message in shop.town.inbox_of(3).await {
        assert!(message.raw.get("miniprogram").is_none(), "{}", message.raw);
        match message.recipient {
            to if to == openid(2) => assert!(message.raw.get("url").is_none(), "{}", message.raw),
            to if to == openid(3) => assert_eq!(message.body, "keyword1: 你好\nkeyword2: 12"),
            _ => {}
        }
    }
    shop.town.close().await;
}

#[tokio::test]
async fn row_4_an_empty_array_is_no_data() {
    let shop = Shop::open().await;
    shop.sent(&with("data", json!([]))).await;
    assert_eq!(shop.town.inbox_of(1).await[0].raw["data"], json!({}));
    shop.town.close().await;
}

#[tokio::test]
async fn row_5_msgids_are_distinct_integers_that_javascript_reads() {
    let shop = Shop::open().await;
    let (one, two) = (shop.sent(&message(1)).await, shop.sent(&message(2)).await);
    assert!(one != two && one > 0 && one.max(two) < 1 << 53, "{one} {two}");
    shop.town.inbox_of(2).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_6_an_unknown_template_is_40037_and_nothing_else() {
    let shop = Shop::open().await;
    let answer = shop.send(&with("template_id", json!("gone"))).await;
    assert_eq!(errcode(&answer), 40037);
    assert!(answer.json()["errmsg"].as_str().expect("a text").contains(" rid: "));
    assert_eq!(errcode(&shop.send(&with("template_id", json!(""))).await), 40036);
    assert!(shop.town.inbox().is_empty());
    shop.town.close().await;
}

#[tokio::test]
async fn row_10_a_token_in_the_body_counts_when_there_is_none_in_the_query() {
    let shop = Shop::open().await;
    let in_body = with("access_token", json!(shop.token));
    assert_eq!(errcode(&shop.town.api.post(SEND, &in_body).await), 0);
    let in_both = with("access_token", json!("nonsense"));
    assert_eq!(errcode(&shop.send(&in_both).await), 0, "the query's wins");
    let wrong_query = shop.town.api.post(&format!("{SEND}?access_token=nonsense"), &in_body).await;
    assert_eq!(errcode(&wrong_query), 40001);
    assert_eq!(errcode(&shop.town.api.post(SEND, &message(1)).await), 41001);
    shop.town.inbox_of(2).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_12_bodies_that_say_nothing() {
    let shop = Shop::open().await;
    for (body, code) in [
        ("{}", 40003),
        ("", 44002),
        (" \n", 44002),
        ("[]", 47001),
        ("{\"touser\":", 47001),
        ("{\"touser\":{}}", 47001),
        ("{\"touser\":\"o o\"}", 40003),
        ("{\"touser\":\"o1\",\"data\":{\"keyword1\":\"text\"}}", 47001),
    ] {
        assert_eq!(shop.send_bytes(body).await, code, "{body}");
    }
    assert_eq!(shop.send_bytes(format!("{{\"touser\":\"{}\"}}", "x".repeat(70_000))).await, 45002);
    assert_eq!(shop.send_bytes(vec![b' '; 4 * 1024 * 1024]).await, 45002);
    assert!(shop.town.inbox().is_empty());
    shop.town.close().await;
}

#[tokio::test]
async fn row_14_the_same_client_msg_id_is_one_message_for_ten_minutes() {
    let shop = Shop::open().await;
    let message = with("client_msg_id", json!("order-1"));
    let answers = futures::future::join_all((0..5).map(|_| shop.sent(&message))).await;
    assert!(answers.iter().all(|msgid| *msgid == answers[0]), "{answers:?}");
    let mut to_another = message.clone();
    to_another["touser"] = json!(openid(2));
    assert_ne!(shop.sent(&to_another).await, answers[0]);
    shop.town.inbox_of(2).await;
    shop.town.stack.advance(Duration::from_secs(660));
    assert_ne!(shop.sent(&message).await, answers[0]);
    shop.town.inbox_of(3).await;
    shop.town.close().await;
}

#[tokio::test]
async fn row_16_row_17_values_are_shortened_or_refused_before_they_are_sent() {
    let shop = Shop::open().await;
    let typed = |thing: &str, text: &str| {
        json!({
            "touser": openid(1), "template_id": "demo-typed",
            "data": { "thing1": { "value": thing }, "time2": { "value": "15:01" }, "character_string3": { "value": text } },
        })
    };
    let refused = shop.send(&typed("短", "单号")).await;
    assert_eq!(errcode(&refused), 47003);
    assert!(refused.json()["errmsg"].as_str().expect("a text").contains("data.character_string3.value"));
    shop.sent(&typed(&"字".repeat(21), "A1")).await;
    let inbox = shop.town.inbox_of(1).await;
    assert_eq!(inbox[0].raw["data"]["thing1"]["value"], format!("{}...", "字".repeat(17)));
    shop.town.close().await;
}

#[tokio::test]
async fn row_18_a_card_of_first_and_remark_only_carries_a_warning() {
    let shop = Shop::open().await;
    let data = json!({ "first": { "value": "你好" }, "remark": { "value": "再见" } });
    let msgid = shop.sent(&with("data", data)).await;
    shop.town.inbox_of(1).await;
    let outcome = shop.done(&msgid.to_string()).await;
    assert_eq!(outcome["warnings"].as_array().map(Vec::len), Some(1), "{outcome}");
    let msgid = shop.sent(&message(1)).await;
    assert_eq!(shop.done(&msgid.to_string()).await["warnings"], json!([]));
    shop.town.close().await;
}

#[tokio::test]
async fn row_19_url_and_mini_program_are_both_passed_on() {
    let shop = Shop::open().await;
    shop.sent(&with("miniprogram", json!({ "appid": "wx00000000000000d2", "path": "pages/a" }))).await;
    let inbox = shop.town.inbox_of(1).await;
    assert_eq!(inbox[0].raw["miniprogram"], json!({ "appid": "wx00000000000000d2", "pagepath": "pages/a" }));
    assert_eq!(inbox[0].raw["url"], message(1)["url"]);
    shop.town.close().await;
}

#[tokio::test]
async fn who_is_known_to_have_left_is_43004_and_gets_nothing() {
    let shop = Shop::open().await;
    let account = model::ids::AccountId::new(seed::ACCOUNT);
    let people = People::open(shop.town.stack.store());
    people.depart(&account, &seed::openid(2), shop.town.now()).await.expect("a person");
    assert_eq!(errcode(&shop.send(&message(2)).await), 43004);
    assert!(shop.town.inbox().is_empty());
    shop.town.close().await;
}
