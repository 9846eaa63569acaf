//! WeChat accounts.

use super::{done, refused};
use http::Method;
use local::seed;
use serde_json::{Value, json};
use support::Town;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const NEXT_KEY: &str = "0123456789ABCDEFGabcdefghijklmnopqrstuvwxyz";

fn account() -> Value {
    json!({
        "appid": "wx00000000000000e1", "secret": "hunter2hunter2",
        "notice_template": { "template_id": "T1", "fields": [{ "key": "first", "shows": "app_name" }, { "key": "keyword1", "shows": "summary" }] },
        "callback": { "original_id": "gh_1", "token": "hunter3", "aes_key": KEY, "mode": "safe" },
    })
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    let town = Town::demo().await;
    let created = done(&town, 201, Method::POST, "/admin/accounts", account()).await;
    let path = "/admin/accounts/wx00000000000000e1";
    assert_eq!(
        created["callback"],
        json!({ "original_id": "gh_1", "mode": "safe", "has_aes_key": true, "has_previous_aes_key": false })
    );
    assert_eq!(created["server_url"], format!("{}/wechat/callback/wx00000000000000e1", town.stack.url()));
    let change = json!({ "callback": { "aes_key": NEXT_KEY } });
    let changed = done(&town, 200, Method::PATCH, path, change).await;
    assert_eq!(changed["callback"]["has_previous_aes_key"], true, "both are taken during a change");
    let ended = done(&town, 200, Method::PATCH, path, json!({ "callback": { "previous_aes_key": null } })).await;
    assert_eq!(ended["callback"]["has_previous_aes_key"], false);
    let listed = done(&town, 200, Method::GET, "/admin/accounts", Value::Null).await;
    let audit = done(&town, 200, Method::GET, "/admin/audit", Value::Null).await;
    let all =
        format!("{created}{changed}{ended}{listed}{audit}{}", done(&town, 200, Method::GET, path, Value::Null).await);
    for secret in ["hunter", KEY, NEXT_KEY, seed::SECRET] {
        assert!(!all.contains(secret), "{secret} was shown");
    }
    refused(&town, 409, "account_exists", Method::POST, "/admin/accounts", account()).await;
    town.close().await;
}

#[tokio::test]
async fn what_wechat_would_not_take_is_refused_with_its_field() {
    let town = Town::demo().await;
    for (pointer, value, field) in [
        ("/appid", json!("wx 1"), "appid"),
        ("/secret", json!(" "), "secret"),
        ("/callback/token", json!("ab"), "callback.token"),
        ("/callback/aes_key", json!("short"), "callback.aes_key"),
        ("/callback/aes_key", Value::Null, "callback.aes_key"),
        ("/callback/mode", json!("secret"), "callback.mode"),
        ("/notice_template/fields", json!([]), "notice_template.fields"),
        ("/notice_template/fields/1/key", json!("first"), "notice_template.fields[1].key"),
        ("/notice_template/fields/0/shows", json!("weather"), "notice_template.fields[0].shows"),
    ] {
        let mut body = account();
        *body.pointer_mut(pointer).expect("a field") = value;
        let error = refused(&town, 422, "invalid_field", Method::POST, "/admin/accounts", body).await;
        assert_eq!(error["field"], field, "{error}");
    }
    refused(&town, 404, "not_found", Method::GET, "/admin/accounts/wx00000000000000e1", Value::Null).await;
    town.close().await;
}

/// What the operator hands to an account's back ends: a secret for tokens and a key for pushes; an earlier secret is dead.
#[tokio::test]
async fn back_ends_get_a_secret_and_a_key() {
    let town = Town::demo().await;
    let path = format!("/admin/accounts/{}", seed::ACCOUNT);
    let issued = done(&town, 200, Method::POST, &format!("{path}/access"), json!({})).await;
    assert_eq!(issued["version"], 2, "the demo seed's was the first");
    let token = async |secret: &str| {
        let query = format!("grant_type=client_credential&appid={}&secret={secret}", seed::ACCOUNT);
        town.api.get(&format!("/cgi-bin/token?{query}")).await.json()
    };
    assert!(token(issued["secret"].as_str().expect("a secret")).await["access_token"].is_string());
    assert!(token(seed::SECRET).await["errcode"].is_number(), "the secret before is dead");
    let key = done(&town, 201, Method::POST, &format!("{path}/push-keys"), Value::Null).await;
    assert!(key["key"].as_str().is_some_and(|key| key.starts_with("PK_")));
    refused(&town, 404, "not_found", Method::POST, "/admin/accounts/wxnone/push-keys", Value::Null).await;
    town.close().await;
}

#[tokio::test]
async fn a_test_notice_is_sent_and_says_what_wechat_said() {
    let town = Town::demo().await;
    let path = format!("/admin/accounts/{}/test", seed::ACCOUNT);
    let openid = seed::openid(1);
    let sent = done(&town, 200, Method::POST, &path, json!({ "openid": openid.as_str(), "summary": "试一下" })).await;
    assert_eq!(sent["outcome"], "ok");
    assert!(town.inbox_of(1).await[0].raw.to_string().contains("试一下"));
    let stranger = done(&town, 200, Method::POST, &path, json!({ "openid": "onobody" })).await;
    assert_ne!(stranger["outcome"], "ok");
    assert!(stranger["vendor_code"].is_number(), "{stranger}");
    // A wrong secret is what a test is for.
    done(&town, 201, Method::POST, "/admin/accounts", account()).await;
    let wrong =
        done(&town, 200, Method::POST, "/admin/accounts/wx00000000000000e1/test", json!({ "openid": "o1" })).await;
    assert_ne!(wrong["outcome"], "ok", "{wrong}");
    town.close().await;
}
