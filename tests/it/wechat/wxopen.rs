//! The retired mini program call, which goes out as a subscription message.

use super::{WXOPEN, errcode, openid, token_of};
use local::seed;
use serde_json::{Value, json};
use support::{Answer, Town};

fn form(to: u64, form_id: Value) -> Value {
    json!({
        "touser": openid(to), "template_id": "demo-form", "page": "pages/index/index", "form_id": form_id,
        "data": {
            "keyword1": { "value": "石头" }, "keyword2": { "value": "2026-05-18 13:00" },
            "keyword3": { "value": "雅思学习（第二课时）" }, "keyword4": { "value": "学习成就未来，每一步都是成长", "color": "#fff" },
        },
        "emphasis_keyword": "",
    })
}

async fn send(town: &Town, token: &str, body: &Value) -> Answer {
    town.api.post(&format!("{WXOPEN}?access_token={token}"), body).await
}

#[tokio::test]
async fn row_13_a_form_id_counts_once_and_a_prepay_id_three_times() {
    let town = Town::demo().await;
    let token = token_of(&town.api, seed::MINI_PROGRAM).await;
    let accepted = send(&town, &token, &form(1, json!(1_559_000_000))).await;
    assert_eq!(errcode(&accepted), 0, "{}", accepted.text);
    assert!(accepted.json()["msgid"].is_u64(), "WxJava needs one: {}", accepted.text);
    assert_eq!(errcode(&send(&town, &token, &form(1, json!("1559000000"))).await), 41029, "the number was this text");
    let prepay = json!("wx201410272009395522657a690389285100");
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(errcode(&send(&town, &token, &form(2, prepay.clone())).await));
    }
    assert_eq!(codes, [0, 0, 0, 41029]);
    assert_eq!(errcode(&send(&town, &token, &form(1, json!(""))).await), 41028);

    let inbox = town.inbox_of(4).await;
    let first = inbox.iter().find(|message| message.recipient == openid(1)).expect("a message");
    assert_eq!((first.channel.as_str(), first.account.as_str()), ("wechat-subscribe", seed::MINI_PROGRAM));
    assert_eq!(first.raw["template_id"], "demo-subscribe");
    assert_eq!(first.raw["data"]["thing1"], json!({ "value": "石头" }));
    assert_eq!(first.raw["data"]["thing4"], json!({ "value": "学习成就未来，每一步都是成长" }), "no colour");
    assert!(first.raw.get("form_id").is_none(), "never passed on");
    town.close().await;
}

#[tokio::test]
async fn row_15_a_template_without_a_mapping_is_45103() {
    let town = Town::demo().await;
    let token = token_of(&town.api, seed::MINI_PROGRAM).await;
    let mut body = form(1, json!("f1"));
    body["template_id"] = json!("unmapped");
    assert_eq!(errcode(&send(&town, &token, &body).await), 45103);
    assert_eq!(errcode(&send(&town, &token, &form(1, json!("f1"))).await), 0, "the form id was not used up");
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn a_value_that_does_not_fit_uses_up_no_form_id() {
    let town = Town::demo().await;
    let token = token_of(&town.api, seed::MINI_PROGRAM).await;
    let mut body = form(1, json!("f1"));
    body["data"]["keyword2"] = json!({ "value": "someday" });
    let refused = send(&town, &token, &body).await;
    assert_eq!(errcode(&refused), 47003);
    assert!(refused.json()["errmsg"].as_str().expect("a text").contains("data.time2.value"), "{}", refused.text);
    assert_eq!(errcode(&send(&town, &token, &form(1, json!("f1"))).await), 0);
    assert_eq!(errcode(&send(&town, &token, &body).await), 41029, "used up is said before the value");
    town.inbox_of(1).await;
    town.close().await;
}
