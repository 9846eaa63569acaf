//! Apps, topics and followers.

use super::{FIRST, app, ask, done, refused};
use http::Method;
use local::seed;
use serde_json::{Value, json};
use support::Town;

#[tokio::test]
async fn an_app_sends_as_soon_as_it_is_created_and_a_reset_token_is_dead_at_once() {
    let town = Town::demo().await;
    let created = app(&town, "告警").await;
    let (id, token) = (created["app"]["id"].as_u64().expect("an id"), created["token"].as_str().expect("a token"));
    assert!(token.starts_with("AT_") && token.len() == 35);
    assert!(created["callback_secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    let send = async |token: &str| {
        let body = json!({ "appToken": token, "content": "x", "uids": [FIRST] });
        town.api.post("/api/send/message", &body).await
    };
    let first = send(token).await;
    assert_eq!(first.code(), 1000);
    assert!(first.text.contains("未关注应用"), "{}", first.text);
    let path = format!("/admin/apps/{id}/token");
    let renewed = done(&town, 200, Method::POST, &path, Value::Null).await;
    assert_eq!((send(token).await.code(), send(token).await.msg()), (1001, "appToken不正确".to_owned()));
    assert_eq!(send(renewed["token"].as_str().expect("a token")).await.code(), 1000);

    let shown = done(&town, 200, Method::GET, &format!("/admin/apps/{id}"), Value::Null).await;
    assert_eq!(shown, created["app"], "and nothing secret");
    refused(&town, 404, "not_found", Method::POST, "/admin/apps/999/token", Value::Null).await;
    town.close().await;
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_clears_what_is_null() {
    let town = Town::demo().await;
    let path = "/admin/apps/1";
    let edit = json!({ "name": "新名字", "callback_url": "https://198.200.1.1/hook", "settings_url": "https://example.com/set", "follow_prompt": "欢迎" });
    let edited = done(&town, 200, Method::PATCH, path, edit).await;
    assert_eq!((&edited["name"], &edited["follow_prompt"]), (&json!("新名字"), &json!("欢迎")));
    let edited = done(&town, 200, Method::PATCH, path, json!({ "follow_prompt": null })).await;
    assert_eq!(edited["follow_prompt"], Value::Null);
    assert_eq!(edited["callback_url"], "https://198.200.1.1/hook", "what is left out stays");
    assert_eq!(done(&town, 200, Method::GET, path, Value::Null).await, edited);
    town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert!(town.inbox_of(1).await[0].raw.to_string().contains("新名字"), "senders see it with the next call");
    town.close().await;
}

/// Edge case 51, the saving side: closed addresses in all their disguises, and names that resolve to them.
#[tokio::test]
async fn row_51_a_callback_url_that_leads_to_a_closed_address_is_refused_when_saved() {
    let town = Town::demo().await;
    let own_name =
        std::fs::read_to_string("/etc/hostname").map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned());
    for host in [
        "127.0.0.1",
        "localhost",
        &own_name,
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "224.0.0.1",
        "[::1]",
        "[fe80::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
    ] {
        let body = json!({ "callback_url": format!("http://{host}/hook") });
        let error = refused(&town, 422, "invalid_field", Method::PATCH, "/admin/apps/1", body).await;
        assert_eq!(error["field"], "callback_url", "{host}");
        let body = json!({ "name": "x", "account": seed::ACCOUNT, "callback_url": format!("https://{host}/hook") });
        refused(&town, 422, "invalid_field", Method::POST, "/admin/apps", body).await;
    }
    for url in [
        "hook",
        "ftp://198.200.1.1/",
        "https://me:secret@198.200.1.1/",
        &format!("https://198.200.1.1/{}", "x".repeat(1000)),
    ] {
        let body = json!({ "callback_url": url });
        assert_eq!(
            refused(&town, 422, "invalid_field", Method::PATCH, "/admin/apps/1", body).await["field"],
            "callback_url"
        );
    }
    assert_eq!(done(&town, 200, Method::GET, "/admin/apps/1", Value::Null).await["callback_url"], Value::Null);
    town.close().await;
}

#[tokio::test]
async fn apps_are_listed_in_pages() {
    let town = Town::demo().await;
    for n in 0..3 {
        app(&town, &format!("应用{n}")).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = done(&town, 200, Method::GET, &format!("/admin/apps?limit=2{cursor}"), Value::Null).await;
        names.extend(page["items"].as_array().expect("a list").iter().map(|app| app["name"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["演示应用", "另一个应用", "应用0", "应用1", "应用2"]);
    town.close().await;
}

#[tokio::test]
async fn topics_are_created_renamed_and_found_by_their_code() {
    let town = Town::demo().await;
    let created = done(&town, 201, Method::POST, "/admin/apps/1/topics", json!({ "name": "周报" })).await;
    let path = format!("/admin/apps/1/topics/{}", created["id"]);
    let renamed = done(&town, 200, Method::PATCH, &path, json!({ "name": "月报" })).await;
    assert_eq!(renamed, json!({ "id": created["id"], "name": "月报", "in_product": false }));
    let listed = done(&town, 200, Method::GET, "/admin/apps/1/topics", Value::Null).await;
    assert!(listed["items"].as_array().expect("a list").contains(&renamed));
    let code = done(&town, 200, Method::GET, &format!("{path}/qrcode"), Value::Null).await;
    assert_eq!(code, done(&town, 200, Method::GET, &format!("{path}/qrcode"), Value::Null).await, "it is permanent");
    let picture = code["picture_url"].as_str().expect("a URL");
    assert!(picture.starts_with(town.stack.url()) && picture.ends_with(".jpg"), "{picture}");
    let body = json!({ "content": "x", "topicIds": [created["id"]] });
    assert_eq!(town.send(body).await.targets()[0]["code"], 1000);
    let foreign = path.replace("/apps/1/", "/apps/2/");
    refused(&town, 404, "not_found", Method::PATCH, &foreign, json!({ "name": "x" })).await;
    refused(&town, 404, "not_found", Method::GET, &format!("{foreign}/qrcode"), Value::Null).await;
    town.close().await;
}

#[tokio::test]
async fn followers_are_listed_noted_and_blocked() {
    let town = Town::demo().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = done(
            &town,
            200,
            Method::GET,
            &format!("/admin/apps/1/followers?topics=false&limit=2{cursor}"),
            Value::Null,
        )
        .await;
        seen.extend(page["items"].as_array().expect("a list").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 3);
    let mine =
        done(&town, 200, Method::GET, &format!("/admin/apps/1/followers?topics=false&uid={FIRST}"), Value::Null).await;
    let path = format!("/admin/apps/1/followers/{}", mine["items"][0]["id"]);
    let noted = done(&town, 200, Method::PATCH, &path, json!({ "remark": "张工", "rejected": true })).await;
    assert_eq!((&noted["remark"], &noted["rejected"]), (&json!("张工"), &json!(true)));
    let send = town.send(json!({ "content": "x", "uids": [FIRST] })).await;
    assert_eq!(send.targets()[0]["code"], 1001, "a blocked user gets nothing");
    let cleared = done(&town, 200, Method::PATCH, &path, json!({ "remark": null, "rejected": false })).await;
    assert_eq!((&cleared["remark"], &cleared["rejected"]), (&Value::Null, &json!(false)));
    refused(&town, 404, "not_found", Method::PATCH, &path.replace("/apps/1/", "/apps/2/"), json!({ "remark": "x" }))
        .await;
    town.close().await;
}

#[tokio::test]
async fn a_call_is_found_with_its_outcome() {
    let town = Town::demo().await;
    let sent = town.send(json!({ "content": "hunter2", "summary": "摘要", "uids": [FIRST], "topicIds": [1] })).await;
    let targets = sent.targets();
    town.inbox_of(4).await;
    for target in &targets {
        town.status_of(target["messageId"].as_u64().expect("an id"), 3).await;
    }
    let path = format!("/admin/messages/{}", targets[0]["messageId"]);
    let shown = done(&town, 200, Method::GET, &path, Value::Null).await;
    assert_eq!(
        (&shown["id"], &shown["owner"], &shown["summary"]),
        (&targets[0]["messageContentId"], &json!("app:1"), &json!("摘要"))
    );
    assert_eq!((&shown["finished"], &shown["outcomes"]), (&json!(true), &json!({ "sent": 4 })));
    assert!(!shown.to_string().contains("hunter2"), "the content is the recipients' alone");
    let listed = done(&town, 200, Method::GET, "/admin/messages?app=1", Value::Null).await;
    assert_eq!(listed["items"], json!([shown]));
    assert_eq!(done(&town, 200, Method::GET, "/admin/messages?app=2", Value::Null).await["items"], json!([]));
    assert_eq!(ask(&town, Method::GET, "/admin/messages/999999", Value::Null).await.status.as_u16(), 404);
    town.close().await;
}

/// A block outlives its follow, and can be lifted all the same, by nobody but the app that made it.
#[tokio::test]
async fn the_block_of_a_follow_that_is_gone_can_be_lifted() {
    let town = Town::demo().await;
    let path = format!("/admin/apps/1/users/{FIRST}");
    let bonds = done(&town, 200, Method::GET, &path, Value::Null).await;
    let follower = bonds["items"][0]["follower"].as_u64().expect("follows the app");
    assert_eq!(bonds["items"].as_array().map(Vec::len), Some(2), "the app and its topic: {bonds}");
    let call = async |method: Method, path: &str, query: String| {
        let path = format!("{path}?appToken={}&{query}", local::seed::APP_TOKEN);
        assert_eq!(town.api.send(method, &path, &[], "").await.code(), 1000);
    };
    call(Method::PUT, "/api/fun/reject", format!("id={follower}&reject=true")).await;
    call(Method::DELETE, "/api/fun/remove", format!("id={follower}")).await;
    let app = async || done(&town, 200, Method::GET, &path, Value::Null).await["items"][0].clone();
    assert_eq!(app().await, json!({ "topic": null, "follower": null, "rejected": true, "paid_until_ms": 0 }));
    let types = async || {
        let act = json!({ "openid": local::seed::openid(1).as_str(), "event": "text", "content": "#1" });
        let path = format!("/sandbox/wechat/{}/events", local::seed::ACCOUNT);
        town.sandbox.post(&path, &act).await.json()["reply"]["text"].as_str().unwrap_or_default().to_owned()
    };
    assert!(types().await.contains("拉黑"));
    let other = format!("/admin/apps/2/users/{FIRST}");
    refused(&town, 404, "not_found", Method::PATCH, &other, json!({ "rejected": false })).await;
    refused(&town, 404, "not_found", Method::GET, &other, Value::Null).await;
    refused(&town, 404, "not_found", Method::PATCH, &path, json!({ "topic": 99, "rejected": false })).await;
    assert!(types().await.contains("拉黑"), "another app lifts nothing");
    done(&town, 200, Method::PATCH, &path, json!({ "rejected": false })).await;
    types().await;
    let after = app().await;
    assert_eq!(after["rejected"], false);
    assert!(after["follower"].as_u64().is_some_and(|id| id != follower), "{after}");
    town.close().await;
}
