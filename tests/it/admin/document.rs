//! `/admin/openapi.json` is true: every operation it names is served, and answers as it says.

use super::{FIRST, ask, done, town_with};
use functions::admin::table::TABLE;
use http::Method;
use local::seed;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::receiver::Receiver;
use support::{Answer, Town, until};

/// What every operation is tried with: a path that exists in the world below, and a body that is accepted.
fn samples(world: &World) -> Vec<(Method, &'static str, String, Value)> {
    let World { product, follower, callback, message, push_key, push } = world;
    let account = seed::ACCOUNT;
    let get = |path: &'static str, real: String| (Method::GET, path, real, Value::Null);
    let template = json!({ "template_id": "demo-keyword", "fields": [{ "key": "first", "shows": "summary" }, { "key": "keyword1", "shows": "summary" }, { "key": "keyword2", "shows": "reference" }, { "key": "keyword3", "shows": "time" }, { "key": "remark", "shows": "hint" }] });
    let trade = |number: &str| json!({ "uid": FIRST, "trade_no": number, "add_time_ms": 1000, "amount_fen": 1, "create_time_ms": 1_700_000_000_000_i64 });
    vec![
        get("/admin/apps", "/admin/apps?limit=1".to_owned()),
        (
            Method::POST,
            "/admin/apps",
            "/admin/apps".to_owned(),
            json!({ "name": "x", "account": account, "contact": "x", "calls_per_10s": 5 }),
        ),
        get("/admin/apps/{app}", "/admin/apps/1".to_owned()),
        (
            Method::PATCH,
            "/admin/apps/{app}",
            "/admin/apps/1".to_owned(),
            json!({ "description": "x", "calls_per_10s": null }),
        ),
        (Method::POST, "/admin/apps/{app}/token", "/admin/apps/2/token".to_owned(), Value::Null),
        (Method::POST, "/admin/apps/{app}/callback-secret", "/admin/apps/1/callback-secret".to_owned(), Value::Null),
        get("/admin/apps/{app}/qrcode", "/admin/apps/1/qrcode".to_owned()),
        get("/admin/apps/{app}/topics", "/admin/apps/1/topics".to_owned()),
        (Method::POST, "/admin/apps/{app}/topics", "/admin/apps/1/topics".to_owned(), json!({ "name": "x" })),
        (
            Method::PATCH,
            "/admin/apps/{app}/topics/{topic}",
            "/admin/apps/1/topics/1".to_owned(),
            json!({ "name": "x" }),
        ),
        get("/admin/apps/{app}/topics/{topic}/qrcode", "/admin/apps/1/topics/1/qrcode".to_owned()),
        get("/admin/apps/{app}/followers", "/admin/apps/1/followers?limit=2&rejected=false".to_owned()),
        get("/admin/apps/{app}/followers/{follower}", format!("/admin/apps/1/followers/{follower}")),
        (
            Method::PATCH,
            "/admin/apps/{app}/followers/{follower}",
            format!("/admin/apps/1/followers/{follower}"),
            json!({ "remark": "x" }),
        ),
        get("/admin/apps/{app}/users/{uid}", format!("/admin/apps/1/users/{FIRST}")),
        (
            Method::PATCH,
            "/admin/apps/{app}/users/{uid}",
            format!("/admin/apps/1/users/{FIRST}"),
            json!({ "topic": 1, "rejected": true }),
        ),
        get("/admin/apps/{app}/products", "/admin/apps/1/products".to_owned()),
        (
            Method::POST,
            "/admin/apps/{app}/products",
            "/admin/apps/1/products".to_owned(),
            json!({ "name": "x", "contact": "x", "summary": "x", "description": "x", "topics": [1] }),
        ),
        (
            Method::POST,
            "/admin/apps/{app}/products/{product}/purchases",
            format!("/admin/apps/1/products/{product}/purchases"),
            trade("T2"),
        ),
        (
            Method::POST,
            "/admin/apps/{app}/products/{product}/refunds",
            format!("/admin/apps/1/products/{product}/refunds"),
            trade("T2"),
        ),
        get("/admin/apps/{app}/callbacks", "/admin/apps/1/callbacks?limit=5".to_owned()),
        get("/admin/apps/{app}/callbacks/{callback}", format!("/admin/apps/1/callbacks/{callback}")),
        (
            Method::POST,
            "/admin/apps/{app}/callbacks/{callback}/replay",
            format!("/admin/apps/1/callbacks/{callback}/replay"),
            Value::Null,
        ),
        get("/admin/messages", "/admin/messages?app=1".to_owned()),
        get("/admin/messages/{message}", format!("/admin/messages/{message}")),
        get("/admin/accounts", "/admin/accounts".to_owned()),
        (
            Method::POST,
            "/admin/accounts",
            "/admin/accounts".to_owned(),
            json!({ "appid": "wx00000000000000e1", "secret": "x", "notice_template": template, "callback": { "token": "abc", "mode": "plain" } }),
        ),
        get("/admin/accounts/{appid}", format!("/admin/accounts/{account}")),
        (
            Method::PATCH,
            "/admin/accounts/{appid}",
            format!("/admin/accounts/{account}"),
            json!({ "notice_template": template }),
        ),
        (
            Method::POST,
            "/admin/accounts/{appid}/test",
            format!("/admin/accounts/{account}/test"),
            json!({ "openid": seed::openid(1).as_str() }),
        ),
        get("/admin/accounts/{appid}/access", format!("/admin/accounts/{account}/access")),
        (
            Method::PATCH,
            "/admin/accounts/{appid}/access",
            format!("/admin/accounts/{account}/access"),
            json!({ "templates": ["demo-keyword"], "mappings": { "demo-form": { "template_id": "demo-subscribe", "keys": { "keyword1": "thing1" } } } }),
        ),
        (
            Method::POST,
            "/admin/accounts/{appid}/access",
            format!("/admin/accounts/{account}/access"),
            json!({ "calls_per_day": 5 }),
        ),
        get("/admin/accounts/{appid}/push-keys", format!("/admin/accounts/{account}/push-keys")),
        (
            Method::POST,
            "/admin/accounts/{appid}/push-keys",
            format!("/admin/accounts/{account}/push-keys"),
            json!({ "name": "shop" }),
        ),
        (
            Method::DELETE,
            "/admin/accounts/{appid}/push-keys/{key}",
            format!("/admin/accounts/{account}/push-keys/{push_key}"),
            Value::Null,
        ),
        get("/admin/enterprises", "/admin/enterprises".to_owned()),
        (
            Method::POST,
            "/admin/enterprises",
            "/admin/enterprises".to_owned(),
            json!({ "ecode": "fingersoft", "name": "指尖" }),
        ),
        get("/admin/enterprises/{ecode}", "/admin/enterprises/demo".to_owned()),
        get("/admin/enterprises/{ecode}/channels", "/admin/enterprises/demo/channels".to_owned()),
        (
            Method::POST,
            "/admin/enterprises/{ecode}/channels",
            "/admin/enterprises/demo/channels".to_owned(),
            json!({ "channel": "second", "account": account, "name": "x" }),
        ),
        get("/admin/enterprises/{ecode}/tokens", "/admin/enterprises/demo/tokens".to_owned()),
        (
            Method::POST,
            "/admin/enterprises/{ecode}/tokens",
            "/admin/enterprises/demo/tokens".to_owned(),
            json!({ "name": "x" }),
        ),
        (
            Method::DELETE,
            "/admin/enterprises/{ecode}/tokens/{token}",
            "/admin/enterprises/demo/tokens/demo".to_owned(),
            Value::Null,
        ),
        get("/admin/enterprises/{ecode}/media", "/admin/enterprises/demo/media?limit=2".to_owned()),
        get(
            "/admin/enterprises/{ecode}/channels/{channel}/bindings",
            "/admin/enterprises/demo/channels/demo/bindings?limit=2".to_owned(),
        ),
        (
            Method::POST,
            "/admin/enterprises/{ecode}/channels/{channel}/bindings",
            "/admin/enterprises/demo/channels/demo/bindings".to_owned(),
            json!({ "rows": [{ "user_id": "user9", "openid": seed::openid(1).as_str() }] }),
        ),
        (
            Method::DELETE,
            "/admin/enterprises/{ecode}/channels/{channel}/bindings/{user}",
            "/admin/enterprises/demo/channels/demo/bindings/user3".to_owned(),
            Value::Null,
        ),
        (
            Method::POST,
            "/admin/enterprises/{ecode}/channels/{channel}/invitations",
            "/admin/enterprises/demo/channels/demo/invitations".to_owned(),
            json!({ "user_id": "user7", "life_s": 600 }),
        ),
        get("/admin/mobile", "/admin/mobile?limit=1".to_owned()),
        (
            Method::POST,
            "/admin/mobile",
            "/admin/mobile".to_owned(),
            json!({ "app": "second", "name": "x", "shards": 4, "utc_offset_min": 0 }),
        ),
        get("/admin/mobile/{app}", "/admin/mobile/demo".to_owned()),
        (Method::PATCH, "/admin/mobile/{app}", "/admin/mobile/demo".to_owned(), json!({ "name": "x", "shards": 2 })),
        (
            Method::POST,
            "/admin/mobile/{app}/token",
            "/admin/mobile/demo/token".to_owned(),
            json!({ "keep_previous": true }),
        ),
        (
            Method::DELETE,
            "/admin/mobile/{app}/previous-token",
            "/admin/mobile/demo/previous-token".to_owned(),
            Value::Null,
        ),
        get("/admin/mobile/{app}/receipt-addresses", "/admin/mobile/demo/receipt-addresses".to_owned()),
        get("/admin/mobile/{app}/users", "/admin/mobile/demo/users?alias=alias1".to_owned()),
        get("/admin/mobile/{app}/users/{user}", "/admin/mobile/demo/users/1".to_owned()),
        (
            Method::DELETE,
            "/admin/mobile/{app}/users/{user}/devices/{device_sn}",
            "/admin/mobile/demo/users/3/devices/7".to_owned(),
            Value::Null,
        ),
        get("/admin/mobile/{app}/devices", "/admin/mobile/demo/devices?limit=2&tag=demo".to_owned()),
        get("/admin/mobile/{app}/tags", "/admin/mobile/demo/tags?limit=1".to_owned()),
        get("/admin/mobile/{app}/tasks", "/admin/mobile/demo/tasks?limit=1".to_owned()),
        get("/admin/mobile/{app}/tasks/{task}", format!("/admin/mobile/demo/tasks/{push}")),
        get("/admin/mobile/{app}/certificates", "/admin/mobile/demo/certificates".to_owned()),
        (
            Method::POST,
            "/admin/mobile/{app}/certificates/{provider}/{environment}/test",
            "/admin/mobile/demo/certificates/meizu/production/test".to_owned(),
            json!({ "token": "x", "title": "x", "body": "x" }),
        ),
        (
            Method::PUT,
            "/admin/mobile/{app}/certificates/{provider}/{environment}",
            "/admin/mobile/demo/certificates/meizu/production".to_owned(),
            json!({ "name": "x", "fields": { "app_id": "1", "app_key": "k", "app_secret": "s", "app_name": "x" } }),
        ),
        (
            Method::DELETE,
            "/admin/mobile/{app}/certificates/{provider}/{environment}",
            "/admin/mobile/demo/certificates/meizu/production".to_owned(),
            Value::Null,
        ),
        get("/admin/audit", "/admin/audit?limit=3".to_owned()),
    ]
}

/// What the samples refer to.
struct World {
    product: u64,
    follower: u64,
    callback: String,
    message: u64,
    push_key: String,
    push: u64,
}

async fn world(town: &Town, receiver: &Receiver) -> World {
    done(town, 200, Method::PATCH, "/admin/apps/1", json!({ "callback_url": receiver.url("/") })).await;
    let body = json!({ "name": "x", "contact": "x", "summary": "x", "description": "x", "app": true });
    let product = done(town, 201, Method::POST, "/admin/apps/1/products", body).await["id"].as_u64().expect("an id");
    let trade = json!({ "uid": FIRST, "trade_no": "T1", "add_time_ms": 1000, "amount_fen": 1 });
    done(town, 200, Method::POST, &format!("/admin/apps/1/products/{product}/purchases"), trade).await;
    receiver.told_times(1).await;
    let callbacks = async || done(town, 200, Method::GET, "/admin/apps/1/callbacks", Value::Null).await;
    until("a delivered callback", || async { callbacks().await["items"][0]["state"] == "delivered" }).await;
    let callback = callbacks().await["items"][0]["id"].as_str().expect("an id").to_owned();
    let followers = done(town, 200, Method::GET, "/admin/apps/1/followers", Value::Null).await;
    let follower = followers["items"][0]["id"].as_u64().expect("an id");
    let message = town.send(json!({ "content": "x", "uids": [FIRST] })).await.message_id();
    let keys = done(town, 200, Method::GET, &format!("/admin/accounts/{}/push-keys", seed::ACCOUNT), Value::Null).await;
    let push_key = keys["items"][0]["id"].as_str().expect("the demo key").to_owned();
    let shown = json!({ "audience": "all", "message": { "title": "x" } });
    let push = crate::mobile::accepted(town, &shown).await;
    World { product, follower, callback, message, push_key, push }
}

/// Says what of `value` is not as `schema` says.
fn differs(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    let validator = jsonschema::draft202012::new(&whole).expect("a schema");
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path)).collect()
}

fn answer_schema<'a>(operation: &'a Value, status: &str) -> &'a Value {
    &operation["responses"][status]["content"]["application/json"]["schema"]
}

#[tokio::test]
async fn every_operation_is_served_and_answers_as_it_says() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    let document = town.api.get("/admin/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut named = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            named.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served: BTreeSet<_> = TABLE.iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    assert_eq!(named, served);

    let world = world(&town, &receiver).await;
    let samples = samples(&world);
    let tried: BTreeSet<_> =
        samples.iter().map(|(method, path, ..)| (method.to_string(), (*path).to_owned())).collect();
    assert_eq!(tried, named, "an operation is tried with nothing");
    for (method, path, real, body) in samples {
        let operation = &document["paths"][path][method.as_str().to_lowercase()];
        let expected = operation["responses"]
            .as_object()
            .expect("responses")
            .keys()
            .find(|key| *key != "default")
            .expect("a success")
            .clone();
        if !body.is_null() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(differs(&document, schema, &body), Vec::<String>::new(), "{method} {path}, request");
        }
        // So that these do not count as guesses.
        town.stack.advance(std::time::Duration::from_secs(1));
        let nobody = town.api.send(method.clone(), &real, &[], "").await;
        check_error(&document, operation, &nobody, 401);
        if method != Method::GET && operation.get("requestBody").is_some() {
            let nonsense = ask(&town, method.clone(), &real, json!({ "nonsense": 1 })).await;
            check_error(&document, operation, &nonsense, 422);
        }
        let answer = ask(&town, method.clone(), &real, body).await;
        assert_eq!(answer.status.as_str(), expected, "{method} {real}: {}", answer.text);
        let wrong = differs(&document, answer_schema(operation, &expected), &answer.json());
        assert!(wrong.is_empty(), "{method} {path}: {wrong:#?} in {}", answer.text);
    }
    town.close().await;
}

fn check_error(document: &Value, operation: &Value, answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let wrong = differs(document, answer_schema(operation, "default"), &answer.json());
    assert!(wrong.is_empty(), "{wrong:#?} in {}", answer.text);
}

/// That the comparison can fail.
#[test]
fn a_field_too_many_or_too_few_is_noticed() {
    let document = functions::admin::openapi::document();
    let schema = answer_schema(&document["paths"]["/admin/apps/{app}/token"]["post"], "200").clone();
    assert!(differs(&document, &schema, &json!({ "token": "AT_" })).is_empty());
    assert!(!differs(&document, &schema, &json!({})).is_empty());
    assert!(!differs(&document, &schema, &json!({ "token": "AT_", "secret": "x" })).is_empty());
    assert!(!differs(&document, &schema, &json!({ "token": 1 })).is_empty());
}
