//! Users' bindings: QR codes, imports, leaving, removal.

use super::{Portal, code, data};
use crate::admin::{ask, done};
use http::Method;
use local::seed;
use local::stack::TEST_ADMIN_TOKEN;
use serde_json::{Value, json};
use support::{Answer, Town};

const BINDINGS: &str = "/admin/enterprises/demo/channels/demo/bindings";
const INVITATIONS: &str = "/admin/enterprises/demo/channels/demo/invitations";
/// Somebody who follows nothing yet.
const STRANGER: &str = "ostranger0000000000000000001";

async fn acts(town: &Town, openid: &str, mut what: Value) -> Value {
    what["openid"] = json!(openid);
    let answer = town.sandbox.post(&format!("/sandbox/wechat/{}/events", seed::ACCOUNT), &what).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json()
}

async fn invitation(portal: &Portal, user: &str) -> String {
    let made = done(&portal.town, 201, Method::POST, INVITATIONS, json!({ "user_id": user })).await;
    made["url"].as_str().expect("a link").to_owned()
}

/// The openid that a user is bound to, as the list says.
async fn bound(portal: &Portal, user: &str) -> Option<Value> {
    let listed = done(&portal.town, 200, Method::GET, &format!("{BINDINGS}?limit=100"), Value::Null).await;
    let items = listed["items"].as_array().expect("items").clone();
    items.into_iter().find(|item| item["user_id"] == user).map(|item| item["openid"].clone())
}

async fn csv(portal: &Portal, query: &str, rows: &str) -> Answer {
    let authorization = format!("Bearer {TEST_ADMIN_TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "text/csv; charset=utf-8")];
    portal.town.api.send(Method::POST, &format!("{BINDINGS}{query}"), &headers, rows.to_owned()).await
}

#[tokio::test]
async fn must_18_a_scan_of_a_users_code_binds_whoever_scans_it_first() {
    let portal = Portal::open().await;
    let url = invitation(&portal, "598d79f4c0e90bcc340ca3b5").await;
    // Who does not follow yet follows by the scan, and is bound.
    let scan = json!({ "event": "SCAN", "scene": url });
    let reply = acts(&portal.town, STRANGER, scan.clone()).await["reply"]["text"].clone();
    assert!(reply.as_str().is_some_and(|text| text.contains("绑定成功")), "{reply}");
    assert_eq!(bound(&portal, "598d79f4c0e90bcc340ca3b5").await, Some(json!(STRANGER)));
    let sent = portal.send("598d79f4c0e90bcc340ca3b5", "text", json!({ "content": "欢迎" })).await;
    assert_eq!(portal.done(&sent).await["users"][0]["state"], "sent");
    // Scanned again by the same person: the same. By another: too late, and nothing changes.
    acts(&portal.town, STRANGER, scan.clone()).await;
    let other = acts(&portal.town, seed::openid(1).as_str(), scan).await["reply"]["text"].clone();
    assert!(other.as_str().is_some_and(|text| text.contains("已过期")), "{other}");
    assert_eq!(bound(&portal, "598d79f4c0e90bcc340ca3b5").await, Some(json!(STRANGER)));
    // A scene that nobody was invited by binds nobody.
    acts(&portal.town, seed::openid(2).as_str(), json!({ "event": "SCAN", "scene": "user77" })).await;
    assert_eq!(bound(&portal, "user77").await, None);
    portal.town.close().await;
}

#[tokio::test]
async fn an_invitation_ends_with_its_time() {
    let portal = Portal::open().await;
    let made = done(&portal.town, 201, Method::POST, INVITATIONS, json!({ "user_id": "late", "life_s": 60 })).await;
    assert!(made["expires_ms"].as_i64().is_some_and(|at| at <= portal.town.now().millis() + 60_000));
    portal.town.stack.advance(std::time::Duration::from_secs(61));
    acts(&portal.town, seed::openid(1).as_str(), json!({ "event": "SCAN", "scene": "late" })).await;
    assert_eq!(bound(&portal, "late").await, None);
    for (body, field) in [
        (json!({ "user_id": "a,b" }), "user_id"),
        (json!({ "user_id": "x".repeat(64) }), "user_id"),
        (json!({ "user_id": "a", "life_s": 59 }), "life_s"),
    ] {
        let refused = done(&portal.town, 422, Method::POST, INVITATIONS, body).await;
        assert_eq!(refused["error"]["field"], field, "{refused}");
    }
    portal.town.close().await;
}

/// WeChat wants the data of who leaves deleted; who comes back is the same user again.
#[tokio::test]
async fn must_19_who_leaves_the_account_is_erased_and_is_found_again_when_they_return() {
    let portal = Portal::open().await;
    let openid = seed::openid(1);
    acts(&portal.town, openid.as_str(), json!({ "event": "unsubscribe" })).await;
    assert_eq!(bound(&portal, "user1").await, Some(Value::Null));
    assert_eq!(code(&portal.send("user1", "text", json!({ "content": "x" })).await), 404);
    acts(&portal.town, openid.as_str(), json!({ "event": "subscribe" })).await;
    assert_eq!(bound(&portal, "user1").await, Some(json!(openid.as_str())));
    // Who was bound to somebody else meanwhile stays there.
    acts(&portal.town, openid.as_str(), json!({ "event": "unsubscribe" })).await;
    let row = json!({ "rows": [{ "user_id": "user1", "openid": STRANGER }] });
    done(&portal.town, 200, Method::POST, BINDINGS, row).await;
    acts(&portal.town, openid.as_str(), json!({ "event": "subscribe" })).await;
    assert_eq!(bound(&portal, "user1").await, Some(json!(STRANGER)));
    portal.town.close().await;
}

#[tokio::test]
async fn must_20_an_import_names_the_lines_that_are_wrong_and_binds_nobody_then() {
    let portal = Portal::open().await;
    let wrong = "user_id,openid\nu1,oA000000000000000000000001\nu 2,oA000000000000000000000002\nu3\n";
    let answer = csv(&portal, "", wrong).await.json();
    assert_eq!((&answer["rows"], &answer["bound"], &answer["wrong"]), (&json!(3), &json!(0), &json!(2)), "{answer}");
    assert_eq!((&answer["errors"][0]["line"], &answer["errors"][1]["line"]), (&json!(3), &json!(4)));
    assert_eq!(bound(&portal, "u1").await, None);
    let right = "u1,oA000000000000000000000001\n张三,oA000000000000000000000002\n";
    let answer = csv(&portal, "", right).await.json();
    assert_eq!((&answer["bound"], &answer["next_row"]), (&json!(2), &Value::Null), "{answer}");
    assert_eq!(bound(&portal, "张三").await, Some(json!("oA000000000000000000000002")));
    // From the second row on, as an import that ran out of time goes on.
    let answer =
        csv(&portal, "?from_row=2", "u8,oA000000000000000000000008\nu9,oA000000000000000000000009\n").await.json();
    assert_eq!(answer["bound"], 1, "{answer}");
    assert_eq!((bound(&portal, "u8").await, bound(&portal, "u9").await.is_some()), (None, true));
    let many: String = (0..100_001).map(|n| format!("u{n},oA{n:026}\n")).collect();
    assert_eq!(csv(&portal, "", &many).await.status.as_u16(), 422);
    assert_eq!(csv(&portal, "?from=2", "u1,oA").await.status.as_u16(), 422, "a parameter that nobody knows");
    portal.town.close().await;
}

#[tokio::test]
async fn lists_come_in_pages_and_removal_is_at_once() {
    let portal = Portal::open().await;
    let rows: String = (0..2_500).map(|n| format!("m{n:04},oM{n:026}\n")).collect();
    // A slow machine binds them in several calls, as a caller would.
    let (mut bound, mut from) = (0, json!(1));
    while let Some(row) = from.as_u64() {
        let answer = csv(&portal, &format!("?from_row={row}"), &rows).await.json();
        bound += answer["bound"].as_u64().expect("a number");
        from = answer["next_row"].clone();
    }
    assert_eq!(bound, 2_500);
    let first = done(&portal.town, 200, Method::GET, &format!("{BINDINGS}?limit=2"), Value::Null).await;
    assert_eq!((&first["items"][0]["user_id"], &first["items"][1]["user_id"]), (&json!("m0000"), &json!("m0001")));
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second =
        done(&portal.town, 200, Method::GET, &format!("{BINDINGS}?limit=2&cursor={cursor}"), Value::Null).await;
    assert_eq!(second["items"][0]["user_id"], "m0002");
    let path = format!("{BINDINGS}/user1");
    done(&portal.town, 200, Method::DELETE, &path, Value::Null).await;
    assert_eq!(code(&portal.send("user1", "text", json!({ "content": "x" })).await), 404);
    assert_eq!(ask(&portal.town, Method::DELETE, &path, Value::Null).await.status.as_u16(), 404);
    let foreign = "/admin/enterprises/demo/channels/other-channel/bindings";
    assert_eq!(ask(&portal.town, Method::GET, foreign, Value::Null).await.status.as_u16(), 404);
    portal.town.close().await;
}

/// From an enterprise that is not there to a message: everything over the operator's API.
#[tokio::test]
async fn an_enterprise_is_made_and_its_token_withdrawn_at_once() {
    let portal = Portal::open().await;
    let town = &portal.town;
    let enterprises = "/admin/enterprises";
    done(town, 201, Method::POST, enterprises, json!({ "ecode": "finger", "name": "指尖" })).await;
    let again = ask(town, Method::POST, enterprises, json!({ "ecode": "finger", "name": "x" })).await;
    assert_eq!(again.status.as_u16(), 409);
    let channels = format!("{enterprises}/finger/channels");
    let channel = |id: &str, account: &str| json!({ "channel": id, "account": account, "name": "x" });
    assert_eq!(ask(town, Method::POST, &channels, channel("demo", seed::ACCOUNT)).await.status.as_u16(), 409);
    assert_eq!(ask(town, Method::POST, &channels, channel("fs", "wx-nowhere")).await.status.as_u16(), 422);
    // Twice is once.
    for _ in 0..2 {
        done(town, 201, Method::POST, &channels, channel("fs", seed::ACCOUNT)).await;
    }
    let tokens = format!("{enterprises}/finger/tokens");
    let issued = done(town, 201, Method::POST, &tokens, json!({ "name": "portal" })).await;
    let token = issued["access_token"].as_str().expect("a token").to_owned();
    let listed = done(town, 200, Method::GET, &tokens, Value::Null).await;
    assert_eq!((&listed["items"][0]["name"], listed.to_string().contains(&token)), (&json!("portal"), false));
    let bindings = format!("{channels}/fs/bindings");
    let row = json!({ "rows": [{ "user_id": "u1", "openid": seed::openid(1).as_str() }] });
    done(town, 200, Method::POST, &bindings, row).await;
    portal.everybody_talks();
    let body = json!({ "channelId": "fs", "toUserId": "u1", "msgtype": "text", "text": { "content": "你好" } });
    let path = format!("/interface/finger/api/push/send?access_token={token}");
    data(&town.api.post(&path, &body).await);
    town.inbox_of(1).await;
    let id = issued["id"].as_str().expect("an id");
    done(town, 200, Method::DELETE, &format!("{tokens}/{id}"), Value::Null).await;
    assert_eq!(code(&town.api.post(&path, &body).await), 401, "dead with the next call");
    assert_eq!(ask(town, Method::DELETE, &format!("{tokens}/{id}"), Value::Null).await.status.as_u16(), 404);
    portal.town.close().await;
}
