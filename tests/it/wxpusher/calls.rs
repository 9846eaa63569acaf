//! Every other call as programs written for the original service make it, and what holds for all of `/api`.

use super::{FIRST, SECOND, fresh};
use functions::routes;
use gateway::{Kind, Method as RouteMethod};
use http::Method;
use local::seed;
use model::app::Product;
use model::follow::Followed;
use model::ids::{AppId, ProductId, TopicId};
use serde_json::{Value, json};
use store::Capability;
use store::apps::AppWriter;
use support::{Answer, Town};

const TOKEN: &str = seed::APP_TOKEN;
const JSON: (&str, &str) = ("content-type", "application/json");

async fn call(town: &Town, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = town.api.send(method, path, headers, body.to_owned()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (200, 1000), "{path}: {}", answer.text);
    assert_eq!(answer.msg(), "处理成功", "{path}");
    answer
}

/// Python: `requests.post(json=…)`, `requests.get(params=…)`; its own tests ask for pages of 1 to 99.
#[tokio::test]
async fn the_python_sdk_makes_codes_and_lists() {
    let town = fresh().await;
    let agent = [("user-agent", "python-requests/2.32.3"), ("accept", "*/*"), JSON];
    let body = format!(r#"{{"appToken": "{TOKEN}", "extra": "\u6d4b\u8bd5", "validTime": 1800}}"#);
    let answer = call(&town, Method::POST, "/api/fun/create/qrcode", &agent, &body).await;
    assert_eq!(answer.json()["data"]["extra"], "测试");
    for size in [1, 50, 99] {
        let path = format!("/api/fun/wxuser?appToken={TOKEN}&page=1&pageSize={size}");
        let answer = call(&town, Method::GET, &path, &agent[..2], "").await;
        assert_eq!(answer.json()["data"]["total"], 3);
    }
    town.close().await;
}

/// Java 2.x and 3.x: `Charset` header, JSON content type on requests without a body, a query that is not encoded, and the
/// types that its beans want: `Result<String>` for a scan, a removal and a block, `Result<Boolean>` for a deletion.
#[tokio::test]
async fn the_java_sdk_makes_every_call() {
    let town = fresh().await;
    let headers = [JSON, ("charset", "UTF-8"), ("connection", "Keep-Alive")];
    let body = format!(r#"{{"appToken":"{TOKEN}","extra":"ext","validTime":3600}}"#);
    let code = call(&town, Method::POST, "/api/fun/create/qrcode", &headers, &body).await.json()["data"].clone();
    assert!(code["url"].as_str().expect("an address").contains(".jpg"));
    assert!(code["expires"].as_i64().expect("a time") > town.now().millis());

    let path = format!("/api/fun/wxuser/v2?appToken={TOKEN}&page=1&pageSize=10&uid={FIRST}&isBlock=false&type=0");
    let record = call(&town, Method::GET, &path, &headers, "").await.json()["data"]["records"][0].clone();
    assert_eq!(record["appOrTopicId"], 1, "asserted by its test");
    let id = record["id"].as_i64().expect("an integer");

    let path = format!("/api/fun/reject?appToken={TOKEN}&id={id}&reject=true");
    assert!(call(&town, Method::PUT, &path, &headers, "").await.json()["data"].is_string());
    let path = format!("/api/fun/remove?appToken={TOKEN}&id={id}");
    assert!(call(&town, Method::DELETE, &path, &headers, "").await.json()["data"].is_string());

    let sent = town.send(json!({ "content": "x", "uids": [SECOND] })).await.message_id();
    let path = format!("/api/send/message?messageContentId={sent}&appToken={TOKEN}");
    assert_eq!(call(&town, Method::DELETE, &path, &headers, "").await.json()["data"], true);

    let code = code["code"].as_str().unwrap();
    let path = format!("/api/fun/scan-qrcode-uid?code={code}&appToken={TOKEN}");
    let answer = town.api.send(Method::GET, &path, &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.code(), answer.msg()), (200, 1001, "暂无用户扫描二维码".to_owned()));
    town.close().await;
}

/// Java 2.1.4: GET without a content type, the older list inside the envelope.
#[tokio::test]
async fn the_older_java_sdk_lists() {
    let town = fresh().await;
    let path = format!("/api/fun/wxuser?appToken={TOKEN}&page=1&pageSize=10");
    let headers =
        [("user-agent", "Java/1.8.0_211"), ("accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")];
    let data = call(&town, Method::GET, &path, &headers, "").await.json()["data"].clone();
    assert!(data["records"].is_array() && data["total"].is_i64());
    town.close().await;
}

/// Go: trims `extra` and sends a positive time; decodes `data` through floats.
#[tokio::test]
async fn the_go_sdk_makes_codes_and_lists() {
    let town = fresh().await;
    let headers = [("user-agent", "Go-http-client/1.1"), ("accept-encoding", "gzip"), JSON];
    let body = format!(r#"{{"appToken":"{TOKEN}","extra":"x","validTime":1800}}"#);
    let data = call(&town, Method::POST, "/api/fun/create/qrcode", &headers, &body).await.json()["data"].clone();
    assert!(data["expires"].as_f64().is_some_and(|expires| expires < 9.0e15));
    let path = format!("/api/fun/wxuser?appToken={TOKEN}&page=1&pageSize=20");
    assert_eq!(call(&town, Method::GET, &path, &headers[..2], "").await.json()["data"]["pageSize"], 20);
    town.close().await;
}

/// PHP: a slash before the question mark, empty parameters, `file_get_contents` and `curl`.
#[tokio::test]
async fn the_php_sdk_makes_codes_and_lists() {
    let town = fresh().await;
    let path = format!("/api/fun/wxuser/?appToken={TOKEN}&page=1&pageSize=100&uid=");
    let answer = call(&town, Method::GET, &path, &[("connection", "close")], "").await;
    assert_eq!(answer.json()["data"]["total"], 3);
    let body = format!(r#"{{"appToken":"{TOKEN}","extra":"a\/b","validTime":"1800"}}"#);
    let headers = [("content-type", "application/json; charset=utf-8")];
    let answer = call(&town, Method::POST, "/api/fun/create/qrcode", &headers, &body).await;
    assert_eq!(answer.json()["data"]["extra"], "a/b");
    town.close().await;
}

/// Node: axios with its accept header (yoplus, woolson), bare `http.request` (yichengxian). One sends the parameters of
/// remove and reject as a JSON body.
#[tokio::test]
async fn the_node_sdks_make_every_call() {
    let town = fresh().await;
    let axios = [("accept", "application/json, text/plain, */*"), ("user-agent", "axios/1.7.9")];
    let body = format!(r#"{{"appToken":"{TOKEN}","extra":"x","validTime":1800}}"#);
    let with_body = [axios[0], axios[1], JSON];
    call(&town, Method::POST, "/api/fun/create/qrcode", &with_body, &body).await;
    for path in [
        format!("/api/fun/wxuser?appToken={TOKEN}&page=1&pageSize=20"),
        format!("/api/fun/wxuser/v2?appToken={TOKEN}&page=1&pageSize=20&uid={FIRST}&type=0"),
        format!("/api/fun/wxuser/v2?appToken={TOKEN}&page=1&pageSize=20&uid=&isBlock=&type="),
    ] {
        assert!(!call(&town, Method::GET, &path, &axios, "").await.text.is_empty());
    }
    let body = format!(r#"{{"appToken":"{TOKEN}","id":1,"reject":true}}"#);
    assert_eq!(call(&town, Method::PUT, "/api/fun/reject", &with_body, &body).await.json()["data"], "删除成功");
    let listed = format!("/api/fun/wxuser/v2?appToken={TOKEN}&isBlock=true");
    assert_eq!(call(&town, Method::GET, &listed, &axios, "").await.json()["data"]["records"][0]["id"], 1);
    let body = format!(r#"{{"appToken":"{TOKEN}","id":"1"}}"#);
    assert_eq!(call(&town, Method::DELETE, "/api/fun/remove", &with_body, &body).await.json()["data"], "删除成功");
    let sent = town.send(json!({ "content": "x", "uids": [SECOND] })).await.message_id();
    let path = format!("/api/send/message?messageContentId={sent}&appToken={TOKEN}");
    assert_eq!(call(&town, Method::DELETE, &path, &axios, "").await.json()["data"], true);
    town.close().await;
}

/// .NET: zero for what is not set, a byte order mark, a parameter glued to the one before, numbers and booleans as texts,
/// ids that fit 32 bits.
#[tokio::test]
async fn the_dotnet_sdks_make_every_call() {
    let town = fresh().await;
    let headers = [("content-type", "application/json; charset=utf-8")];
    let body = format!("\u{feff}{{\"appToken\":\"{TOKEN}\",\"extra\":\"x\",\"validTime\":0}}");
    call(&town, Method::POST, "/api/fun/create/qrcode", &headers, &body).await;
    let glued = format!("/api/fun/wxuser?appToken={TOKEN}&page=1&pageSize=1uid={FIRST}");
    let data = call(&town, Method::GET, &glued, &[], "").await.json()["data"].clone();
    assert_eq!((&data["pageSize"], &data["total"]), (&json!(1), &json!(3)));
    let path = format!("/api/fun/wxuser/v2?appToken={TOKEN}&page=1&pageSize=100&uid=&isBlock=False&type=0");
    let data = call(&town, Method::GET, &path, &[], "").await.json()["data"].clone();
    for record in data["records"].as_array().expect("records") {
        assert!(i32::try_from(record["id"].as_i64().unwrap()).is_ok());
    }
    let path = format!("/api/fun/reject?appToken={TOKEN}&id=2&reject=True");
    call(&town, Method::PUT, &path, &[("content-length", "0")], "").await;
    town.close().await;
}

/// Browsers poll from pages of other origins.
#[tokio::test]
async fn browsers_of_any_origin_may_call() {
    let town = fresh().await;
    let headers = [("origin", "https://forum.example"), ("access-control-request-method", "POST")];
    let answer = town.api.send(Method::OPTIONS, "/api/fun/create/qrcode", &headers, "").await;
    assert_eq!((answer.status.as_u16(), &answer.headers["access-control-allow-origin"]), (204, &"*".parse().unwrap()));
    let answer = town.api.send(Method::GET, "/api/fun/scan-qrcode-uid?code=x", &headers[..1], "").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    town.close().await;
}

#[tokio::test]
async fn a_products_buyers_ask_until_when_they_paid() {
    let town = fresh().await;
    let product = Product {
        id: ProductId::new(12),
        app_id: AppId::new(1),
        name: "早报".to_owned(),
        contact: "x".to_owned(),
        summary: "x".to_owned(),
        description: "x".to_owned(),
        resources: vec![Followed::App, Followed::Topic(TopicId::new(1))],
    };
    assert!(AppWriter::open(town.stack.store()).create_product(&product).await.unwrap());
    super::change_follow(&town, 1, |follower| {
        follower.pay_end_ms = model::clock::Timestamp::from_millis(1_700_000_000_000)
    })
    .await;
    let path = format!("/api/product/query-pay-end-time?uid={FIRST}&prodId=12");
    let expected = json!([
        { "resourceType": 1, "resourceID": 1, "payEndTime": 1_700_000_000_000_i64 },
        { "resourceType": 2, "resourceID": 1, "payEndTime": 0 },
    ]);
    assert_eq!(call(&town, Method::GET, &path, &[], "").await.json()["data"], expected);
    for (query, code) in [
        (format!("uid={FIRST}&prodId=99"), 1001),
        (format!("uid={FIRST}&prodId=-1"), 1001),
        ("uid=x&prodId=12".to_owned(), 1001),
        (format!("uid={FIRST}"), 1005),
        (format!("uid={FIRST}&prodId=x"), 1005),
    ] {
        let answer = town.api.get(&format!("/api/product/query-pay-end-time?{query}")).await;
        assert_eq!((answer.code(), &answer.json()["data"]), (code, &Value::Null), "{query}");
    }
    town.close().await;
}

/// Whatever is called, and however wrongly: no redirect, which would turn a POST into a GET, and always the four keys.
#[tokio::test]
async fn row_81_nothing_under_api_redirects_and_every_answer_has_four_keys() {
    let town = fresh().await;
    let mut paths: Vec<String> =
        vec!["/api".to_owned(), "/api/".to_owned(), "/api/nowhere".to_owned(), "/api//send//message".to_owned()];
    for function in routes::ALL {
        let Kind::Http { routes, .. } = function.kind else { continue };
        let of_api = routes.iter().filter(|route| route.path.starts_with("/api/") && route.method != RouteMethod::Any);
        // Pictures are no JSON.
        let of_api =
            of_api.filter(|route| !route.path.starts_with("/api/qrcode/") && !route.path.starts_with("/api/v4/"));
        paths.extend(of_api.map(|route| {
            route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { "1" } else { part })
                .collect::<Vec<_>>()
                .join("/")
        }));
    }
    for path in paths {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = town.api.send(method.clone(), &path, &[], "").await;
            assert!([200, 404, 405].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.status);
            assert!(!answer.headers.contains_key("location"));
            if path.starts_with("/api/") {
                answer.code();
                assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(4), "{method} {path}");
            }
        }
    }
    town.close().await;
}
