//! Certificates of mobile apps.

use super::{ask, done, refused};
use http::Method;
use local::seed::mobile::device_token;
use local::seed::phones::{certificate_fields, certificate_name};
use model::certificate::Provider;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use support::Town;

const LIST: &str = "/admin/mobile/demo/certificates";

fn path(provider: Provider) -> String {
    format!("{LIST}/{}/production", provider.as_str())
}

/// A certificate as an operator enters it, with some fields changed.
fn entered(provider: Provider, changes: &[(&str, &str)]) -> Value {
    let fields = certificate_fields(provider);
    let mut body: Value = fields.names().map(|name| (name.to_owned(), json!(fields.get(name)))).collect();
    for (name, value) in changes {
        body[*name] = json!(value);
    }
    json!({ "name": certificate_name(provider), "fields": body })
}

#[tokio::test]
async fn a_list_shows_no_secret() {
    let town = Town::demo().await;
    let answer = ask(&town, Method::GET, LIST, Value::Null).await;
    let items = answer.json()["items"].as_array().cloned().expect("items");
    assert_eq!(items.len(), Provider::ALL.len());
    for provider in Provider::ALL {
        let fields = certificate_fields(*provider);
        for secret in fields.only(*provider, true).names() {
            let value = json!(fields.get(secret)).to_string();
            assert!(!answer.text.contains(&value), "{provider:?}: {secret}");
        }
    }
    town.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_changed() {
    let town = Town::demo().await;
    let before = done(&town, 200, Method::GET, LIST, Value::Null).await;
    for (provider, name, value, field) in [
        (Provider::Huawei, "app_secret", "", "fields.app_secret"),
        (Provider::Huawei, "importance", "LOUD", "fields.importance"),
        (Provider::Vivo, "app_id", "ten", "fields.app_id"),
        (Provider::Apns, "private_key", "no PEM", "fields.private_key"),
        (Provider::Apns, "team_id", "", "fields.key_id"),
        (Provider::Fcm, "service_account", "{}", "fields.service_account"),
        (Provider::Xiaomi, "colour", "red", "fields.colour"),
    ] {
        let body = entered(provider, &[(name, value)]);
        let error = refused(&town, 422, "invalid_field", Method::PUT, &path(provider), body).await;
        assert_eq!(error["field"], field, "{error}");
    }
    let mut taken = entered(Provider::Huawei, &[]);
    taken["name"] = json!(certificate_name(Provider::Vivo));
    refused(&town, 409, "name_taken", Method::PUT, &path(Provider::Huawei), taken).await;
    for nowhere in ["/admin/mobile/demo/certificates/nokia/production", "/admin/mobile/demo/certificates/apns/staging"]
    {
        assert_eq!(ask(&town, Method::PUT, nowhere, entered(Provider::Apns, &[])).await.status, 404);
    }
    assert_eq!(done(&town, 200, Method::GET, LIST, Value::Null).await, before);
    town.close().await;
}

#[tokio::test]
async fn a_certificate_is_entered_tried_replaced_and_removed() {
    let town = Town::demo().await;
    let (provider, channel) = (Provider::Meizu, ChannelKind::Meizu);
    let test = format!("{}/test", path(provider));
    let push = json!({ "token": device_token(channel, 1).as_str(), "title": "试" });
    assert_eq!(done(&town, 200, Method::POST, &test, push.clone()).await["outcome"], "ok");
    assert_eq!(town.inbox_of(1).await[0].title, "试");
    // A wrong secret shows at once, and mending it too.
    let wrong = entered(provider, &[("app_secret", "another")]);
    done(&town, 200, Method::PUT, &path(provider), wrong).await;
    let outcome = done(&town, 200, Method::POST, &test, push.clone()).await;
    assert_eq!((&outcome["outcome"], &outcome["vendor_code"]), (&json!("config"), &json!(1006)));
    done(&town, 200, Method::PUT, &path(provider), entered(provider, &[])).await;
    assert_eq!(done(&town, 200, Method::POST, &test, push.clone()).await["outcome"], "ok");
    // Another name frees the one before.
    let mut renamed = entered(provider, &[]);
    renamed["name"] = json!("meizu-2");
    assert_eq!(done(&town, 200, Method::PUT, &path(provider), renamed).await["name"], "meizu-2");
    let mut other = entered(Provider::Vivo, &[]);
    other["name"] = json!(certificate_name(provider));
    done(&town, 200, Method::PUT, &path(Provider::Vivo), other).await;
    done(&town, 200, Method::DELETE, &path(provider), Value::Null).await;
    assert_eq!(ask(&town, Method::DELETE, &path(provider), Value::Null).await.status, 404);
    assert_eq!(ask(&town, Method::POST, &test, push).await.status, 404);
    town.close().await;
}
