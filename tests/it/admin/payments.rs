//! Products, purchases and refunds, and what the developer is told of them.

use super::{FIRST, ask, done, refused, town_with};
use http::Method;
use local::seed;
use serde_json::{Value, json};
use support::Town;
use support::receiver::Receiver;

const DAY: i64 = 86_400_000;

async fn product(town: &Town, app: u64) -> String {
    let body = json!({ "name": "会员", "contact": "400", "summary": "一行", "description": "说明", "app": true });
    let product = done(town, 201, Method::POST, &format!("/admin/apps/{app}/products"), body).await;
    format!("/admin/apps/{app}/products/{}", product["id"])
}

fn trade(number: &str, days: i64) -> Value {
    json!({ "uid": FIRST, "trade_no": number, "add_time_ms": days * DAY, "amount_fen": 990 })
}

async fn paid_until(town: &Town) -> i64 {
    let path = format!("/admin/apps/1/followers?topics=false&uid={FIRST}");
    done(town, 200, Method::GET, &path, Value::Null).await["items"][0]["paid_until_ms"].as_i64().expect("a time")
}

/// Edge case 74: the same notice twice, also at once, adds the time once and tells the developer once.
#[tokio::test]
async fn row_74_a_repeated_notice_is_applied_once() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    done(&town, 200, Method::PATCH, "/admin/apps/1", json!({ "callback_url": receiver.url("/") })).await;
    let path = format!("{}/purchases", product(&town, 1).await);
    let before = town.now().millis();
    let (one, two) = tokio::join!(
        ask(&town, Method::POST, &path, trade("T1", 30)),
        ask(&town, Method::POST, &path, trade("T1", 30)),
    );
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200), "{} {}", one.text, two.text);
    let again = done(&town, 200, Method::POST, &path, trade("T1", 30)).await;
    assert_eq!(again["applied"], false);
    let until = paid_until(&town).await;
    assert!((before + 30 * DAY..before + 30 * DAY + 60_000).contains(&until), "{until}");
    assert_eq!(again["paid"], json!([{ "topic": null, "until_ms": until }]));
    let told = receiver.told_times(1).await[0].json();
    assert_eq!(told["action"], "order_pay");
    let data = &told["data"];
    assert_eq!((&data["addTime"], &data["amount"], &data["type"]), (&json!(30 * DAY), &json!(990), &json!(1)));
    assert_eq!((&data["tradeNo"], &data["uid"], &data["appId"]), (&json!("T1"), &json!(FIRST), &json!(1)));
    assert!(data["createTime"].as_i64().is_some_and(|at| at >= before) && data["prodId"].is_u64());
    town.close().await;
}

/// Edge case 73: a refund of more than is left ends at now-or-before and never below zero; the callback is negative.
#[tokio::test]
async fn row_73_a_refund_shortens_and_is_told_in_negatives() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    done(&town, 200, Method::PATCH, "/admin/apps/1", json!({ "callback_url": receiver.url("/") })).await;
    let path = product(&town, 1).await;
    done(&town, 200, Method::POST, &format!("{path}/purchases"), trade("T1", 30)).await;
    receiver.told_times(1).await;
    done(&town, 200, Method::POST, &format!("{path}/refunds"), trade("T1", 36_000)).await;
    assert_eq!(paid_until(&town).await, 0);
    let told = receiver.told_times(2).await[1].json();
    let data = &told["data"];
    assert_eq!((&data["addTime"], &data["amount"], &data["type"]), (&json!(-36_000 * DAY), &json!(-990), &json!(2)));
    let paying = town.send(json!({ "content": "x", "uids": [FIRST], "verifyPayType": 1 })).await;
    assert_eq!(paying.targets()[0]["code"], 1001, "access ends with the refund");
    town.close().await;
}

/// Who buys without following follows, is told of as such first, and then as a payer.
#[tokio::test]
async fn a_buyer_who_does_not_follow_follows() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    done(&town, 200, Method::PATCH, "/admin/apps/2", json!({ "callback_url": receiver.url("/") })).await;
    let path = product(&town, 2).await;
    done(&town, 200, Method::POST, &format!("{path}/purchases"), trade("T1", 1)).await;
    let told: Vec<Value> = receiver.told_times(2).await.iter().map(support::receiver::Told::json).collect();
    let followed = told.iter().find(|told| told["action"] == "app_subscribe").expect("a follow");
    assert_eq!((&followed["data"]["source"], &followed["data"]["extra"]), (&json!("order"), &json!("")));
    assert!(told.iter().any(|told| told["action"] == "order_pay"));
    let body = json!({ "appToken": seed::OTHER_TOKEN, "content": "x", "uids": [FIRST] });
    assert_eq!(town.api.post("/api/send/message", &body).await.targets()[0]["code"], 1000);
    town.close().await;
}

#[tokio::test]
async fn trades_that_cannot_be_are_refused() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    done(&town, 200, Method::PATCH, "/admin/apps/1", json!({ "callback_url": receiver.url("/") })).await;
    let path = format!("{}/purchases", product(&town, 1).await);
    for (field, value) in [
        ("uid", json!("UID_nobody0000000000000000000001")),
        ("uid", json!("x")),
        ("trade_no", json!("")),
        ("trade_no", json!("a#b")),
        ("add_time_ms", json!(-1)),
        ("add_time_ms", json!(1_u64 << 60)),
        ("amount_fen", json!(1.5)),
        ("create_time_ms", json!(i64::MAX)),
    ] {
        let mut body = trade("T1", 1);
        body[field] = value;
        assert_eq!(refused(&town, 422, "invalid_field", Method::POST, &path, body).await["field"], field);
    }
    refused(&town, 404, "not_found", Method::POST, &path.replace("/apps/1/", "/apps/2/"), trade("T1", 1)).await;
    let mine =
        done(&town, 200, Method::GET, &format!("/admin/apps/1/followers?topics=false&uid={FIRST}"), Value::Null).await;
    let follower = format!("/admin/apps/1/followers/{}", mine["items"][0]["id"]);
    done(&town, 200, Method::PATCH, &follower, json!({ "rejected": true })).await;
    refused(&town, 409, "buyer_blocked", Method::POST, &path, trade("T1", 1)).await;
    assert_eq!(paid_until(&town).await, 0);
    assert!(receiver.told().is_empty());
    town.close().await;
}

#[tokio::test]
async fn a_product_names_what_it_pays_for() {
    let town = Town::demo().await;
    let body = |topics: Value, app: bool| json!({ "name": "x", "contact": "x", "summary": "x", "description": "x", "app": app, "topics": topics });
    let path = "/admin/apps/1/products";
    assert_eq!(
        refused(&town, 422, "invalid_field", Method::POST, path, body(json!([]), false)).await["field"],
        "topics"
    );
    assert_eq!(
        refused(&town, 422, "invalid_field", Method::POST, path, body(json!([1, 2]), false)).await["field"],
        "topics[1]"
    );
    let created = done(&town, 201, Method::POST, path, body(json!([1]), true)).await;
    assert_eq!(done(&town, 200, Method::GET, path, Value::Null).await["items"], json!([created]));
    assert_eq!(done(&town, 200, Method::GET, "/admin/apps/1", Value::Null).await["in_product"], true);
    town.close().await;
}
