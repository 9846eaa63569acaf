//! `GET /push/certificate`.

use super::{admin, code, data, sign_in, user};
use http::Method;
use local::Options;
use local::seed::phones::{certificate_fields, certificate_name};
use model::certificate::Provider;
use serde_json::{Value, json};
use support::{Answer, Town};

async fn ask(town: &Town, query: &str) -> Answer {
    admin(town, Method::GET, &format!("/push/certificate?{query}"), &Value::Null).await
}

async fn town() -> Town {
    Town::with(Options { pollers: false, ..Options::for_tests() }).await
}

#[tokio::test]
async fn push_row_53_a_certificate_is_asked_for_by_number() {
    let town = town().await;
    for (query, field) in [
        ("", "provider"),
        ("provider=", "provider"),
        ("provider=0", "provider"),
        ("provider=8", "provider"),
        ("provider=apns", "provider"),
        ("provider=1&environment=2", "environment"),
        ("provider=1&environment=prod", "environment"),
    ] {
        let answer = ask(&town, query).await;
        assert_eq!(code(&answer), 10_002, "{query}");
        assert!(answer.json()["message"].as_str().is_some_and(|text| text.contains(field)), "{query}: {}", answer.text);
    }
    for provider in Provider::ALL {
        let number = provider.number();
        let told = data(&ask(&town, &format!("provider={number}")).await);
        assert_eq!(told["name"], certificate_name(*provider), "the production environment is the default");
        let keys: Vec<&String> = told.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["app_id", "app_key", "app_secret", "certificate", "name"]);
        assert_eq!(told, data(&ask(&town, &format!("provider={number}&environment=1")).await));
        assert_eq!(data(&ask(&town, &format!("provider={number}&environment=0")).await), Value::Null, "there is none");
    }
    town.close().await;
}

#[tokio::test]
async fn push_row_54_a_user_is_told_no_secret_of_the_server() {
    let town = town().await;
    let token = sign_in(&town, 1, "huawei-1").await["token"].as_str().map(str::to_owned);
    let token = token.expect("a token");
    for provider in Provider::ALL {
        let path = format!("/push/certificate?provider={}", provider.number());
        let seen = user(&town, &token, Method::GET, &path, &Value::Null).await;
        assert_eq!(data(&seen)["name"], certificate_name(*provider));
        let all = data(&admin(&town, Method::GET, &path, &Value::Null).await);
        let fields = certificate_fields(*provider);
        for secret in fields.only(*provider, true).names() {
            let value = json!(fields.get(secret));
            let whole = &value.to_string()[1..value.to_string().len() - 1];
            assert!(!seen.text.contains(whole), "{provider:?}: {secret}");
            if secret.starts_with("callback") {
                assert!(!all.to_string().contains(whole), "{provider:?}: an admin and {secret}");
            } else {
                assert!(all.to_string().contains(&whole[..8]), "{provider:?}: an admin and {secret}");
            }
        }
    }
    town.close().await;
}
