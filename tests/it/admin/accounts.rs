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

/// Secret and tokens outlive every change but a new secret, which in turn leaves all else as it is.
#[tokio::test]
async fn what_back_ends_may_do_is_changed_without_a_new_secret() {
    let town = Town::demo().await;
    let path = format!("/admin/accounts/{}/access", seed::MINI_PROGRAM);
    let query = |secret: &str| {
        format!("/cgi-bin/token?grant_type=client_credential&appid={}&secret={secret}", seed::MINI_PROGRAM)
    };
    let answer = town.api.get(&query(seed::SECRET)).await.json();
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    let before = done(&town, 200, Method::GET, &path, Value::Null).await;
    let mapping = json!({ "template_id": "demo-subscribe", "keys": { "keyword1": "thing1" } });
    let change = json!({ "suspended": true, "mappings": { "other-form": mapping } });
    let changed = done(&town, 200, Method::PATCH, &path, change).await;
    assert_eq!(changed["mappings"], json!({ "other-form": mapping }));
    assert_eq!((&changed["version"], &changed["templates"]), (&before["version"], &before["templates"]));
    let form = json!({ "touser": seed::openid(1).as_str(), "template_id": "other-form", "form_id": "f1",
        "data": { "keyword1": { "value": "x" }, "time2": { "value": "12:00" }, "thing3": { "value": "y" }, "thing4": { "value": "z" } } });
    let send = async || {
        let path = format!("/cgi-bin/message/wxopen/template/send?access_token={token}");
        town.api.post(&path, &form).await.json()["errcode"].as_i64()
    };
    assert_eq!(send().await, Some(48004), "suspended");
    done(&town, 200, Method::PATCH, &path, json!({ "suspended": false })).await;
    assert_eq!(send().await, Some(0), "the token lives, and the new mapping is asked");
    assert!(town.inbox_of(1).await[0].body.contains("thing1: x"));
    let issued = done(&town, 200, Method::POST, &path, json!({})).await;
    let after = done(&town, 200, Method::GET, &path, Value::Null).await;
    assert_eq!((&after["version"], &issued["version"]), (&json!(2), &json!(2)));
    assert_eq!(after["mappings"], changed["mappings"], "a new secret changes nothing else");
    assert_eq!(send().await, Some(40001), "tokens of the old secret are dead");
    for (field, body) in [
        ("templates[0]", json!({ "templates": [" "] })),
        ("mappings.x.template_id", json!({ "mappings": { "x": { "template_id": "" } } })),
        ("templates", json!({ "templates": vec!["t"; 201] })),
    ] {
        assert_eq!(refused(&town, 422, "invalid_field", Method::PATCH, &path, body).await["field"], field);
    }
    done(&town, 201, Method::POST, "/admin/accounts", account()).await;
    let none = "/admin/accounts/wx00000000000000e1/access";
    refused(&town, 404, "not_found", Method::PATCH, none, json!({})).await;
    town.inbox_of(1).await;
    town.close().await;
}

#[tokio::test]
async fn a_push_key_is_listed_shortened_and_dead_once_withdrawn() {
    let town = Town::demo().await;
    let path = format!("/admin/accounts/{}/push-keys", seed::ACCOUNT);
    let made = done(&town, 201, Method::POST, &path, json!({ "name": "shop" })).await;
    let (key, id) = (made["key"].as_str().expect("a key").to_owned(), made["id"].as_str().expect("an id").to_owned());
    let listed = done(&town, 200, Method::GET, &path, Value::Null).await;
    let names: Vec<&Value> = listed["items"].as_array().expect("keys").iter().map(|item| &item["name"]).collect();
    assert_eq!(names, [&Value::Null, &json!("shop")], "the demo seed's is there, too");
    assert_eq!(listed["items"][1]["begins"], key[..7]);
    assert!(!listed.to_string().contains(&key), "shortened");
    let push = async || {
        let body = json!({ "openids": [seed::openid(1).as_str()], "news_entity": { "title": "t", "url": "https://example.com" } });
        let headers = [("authorization", key.as_str())];
        town.api.send(Method::POST, "/api/v4/pushes/wechat", &headers, body.to_string()).await.status.as_u16()
    };
    assert_eq!(push().await, 200);
    let foreign = format!("/admin/accounts/{}/push-keys/{id}", seed::MINI_PROGRAM);
    refused(&town, 404, "not_found", Method::DELETE, &foreign, Value::Null).await;
    assert_eq!(push().await, 200, "another account's path withdraws nothing");
    done(&town, 200, Method::DELETE, &format!("{path}/{id}"), Value::Null).await;
    assert_eq!(push().await, 401, "dead with the next call");
    refused(&town, 404, "not_found", Method::DELETE, &format!("{path}/{id}"), Value::Null).await;
    let left = done(&town, 200, Method::GET, &path, Value::Null).await;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    town.close().await;
}

/// Two operators change different things of one account at once: both changes stand.
#[tokio::test]
async fn changes_at_once_are_all_made() {
    let town = Town::demo().await;
    let path = format!("/admin/accounts/{}", seed::ACCOUNT);
    let change = async |body: Value| done(&town, 200, Method::PATCH, &path, body).await;
    let template = json!({ "template_id": "T2", "fields": [{ "key": "first", "shows": "app_name" }] });
    futures::join!(
        change(json!({ "callback": { "original_id": "gh_new" } })),
        change(json!({ "notice_template": template })),
        change(json!({ "callback": { "aes_key": NEXT_KEY } })),
    );
    let after = done(&town, 200, Method::GET, &path, Value::Null).await;
    assert_eq!((&after["callback"]["original_id"], &after["notice_template"]), (&json!("gh_new"), &template));
    assert_eq!(after["callback"]["has_previous_aes_key"], true);
    // The same key once more changes nothing: a repeat after a lost answer must not push the right one out.
    change(json!({ "callback": { "aes_key": NEXT_KEY } })).await;
    let accounts = <store::accounts::Accounts as store::Capability>::open(town.stack.store());
    let account = accounts.get(&model::ids::AccountId::new(seed::ACCOUNT)).await.expect("a store").expect("an account");
    let callback = account.callback.expect("a callback");
    let previous = callback.previous_aes_key.map(|key| key.expose().clone());
    assert_eq!(previous.as_deref(), Some(seed::AES_KEY));
    assert_eq!(callback.aes_key.map(|key| key.expose().clone()).as_deref(), Some(NEXT_KEY));
    town.close().await;
}

/// Secrets that were sealed under a key that is gone are written anew; what is no secret is still there.
#[tokio::test]
async fn an_account_whose_secrets_cannot_be_opened_is_mended() {
    let town = Town::demo().await;
    done(&town, 201, Method::POST, "/admin/accounts", account()).await;
    let path = "/admin/accounts/wx00000000000000e1";
    let spoil = json!({
        "TableName": "AppsTable",
        "Key": { "pk": { "S": "ACCOUNTS" }, "sk": { "S": "wx00000000000000e1" } },
        "UpdateExpression": "SET secret = :spoilt",
        "ExpressionAttributeValues": { ":spoilt": { "S": "nonsense" } },
    });
    crate::wxpusher::dynamodb(&town, "UpdateItem", &spoil).await;
    let listed = done(&town, 200, Method::GET, "/admin/accounts", Value::Null).await;
    let broken = listed["items"].as_array().expect("accounts").iter().find(|item| item["broken"] == true);
    assert_eq!(broken.expect("one that is broken")["appid"], "wx00000000000000e1");
    let half = json!({ "callback": { "original_id": "gh_2" } });
    refused(&town, 409, "account_broken", Method::PATCH, path, half).await;
    let anew = json!({ "secret": "hunter4", "callback": { "token": "hunter5", "aes_key": KEY } });
    let mended = done(&town, 200, Method::PATCH, path, anew).await;
    assert_eq!((&mended["broken"], &mended["notice_template"]), (&json!(false), &account()["notice_template"]));
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
