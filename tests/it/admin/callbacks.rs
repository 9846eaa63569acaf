//! The callback log and replays, as the operator and an app's owner see them.

use super::{ask_as, done, refused, town_with};
use http::Method;
use local::seed;
use model::callback::{CallbackEvent, SendUpCmd};
use model::ids::{AppId, Uid};
use serde_json::{Value, json};
use store::Capability;
use store::callbacks::CallbackWriter;
use support::receiver::{Answer, Receiver};
use support::{Town, until};

async fn tell(town: &Town, content: &str) {
    let at = town.now();
    let event = CallbackEvent::SendUpCmd(SendUpCmd {
        uid: Uid::parse(super::FIRST).expect("a UID"),
        app_id: AppId::new(1),
        app_key: None,
        app_name: "演示应用".to_owned(),
        user_name: String::new(),
        user_head_img: String::new(),
        time: at,
        content: content.to_owned(),
    });
    let callbacks = CallbackWriter::open(town.stack.store());
    let told = functions::workers::callback::tell(town.stack.context(), &callbacks, AppId::new(1), &event, at, content);
    told.await.expect("a callback");
}

/// A URL and a secret by the API, a failure, a look at the log and a replay by the app's own token.
#[tokio::test]
async fn an_owner_reads_the_log_and_replays_what_failed() {
    let receiver = Receiver::start().await;
    let town = town_with(&receiver).await;
    let secret = done(&town, 200, Method::POST, "/admin/apps/1/callback-secret", Value::Null).await;
    done(&town, 200, Method::PATCH, "/admin/apps/1", json!({ "callback_url": receiver.url("/hook") })).await;
    receiver.will(std::iter::repeat_n(Answer::Status(500), 5));
    tell(&town, "开灯").await;
    let list =
        async || ask_as(&town.api, seed::APP_TOKEN, Method::GET, "/admin/apps/1/callbacks", Value::Null).await.json();
    for (attempts, minutes) in [(1, 3), (2, 3), (3, 8), (4, 33)] {
        until("the attempt", || async {
            list().await["items"][0]["attempts"].as_array().map(Vec::len) == Some(attempts)
        })
        .await;
        town.stack.advance(std::time::Duration::from_secs(minutes * 60));
        town.stack.run_schedule("release-due", json!({})).await.expect("a run");
    }
    until("the end", || async { list().await["items"][0]["state"] == "failed" }).await;
    let failed = list().await["items"][0].clone();
    assert_eq!(failed["attempts"].as_array().map(Vec::len), Some(5));
    assert_eq!((&failed["attempts"][4]["outcome"], &failed["attempts"][4]["status"]), (&json!("status"), &json!(500)));
    assert_eq!(failed["body"]["data"]["content"], "开灯");
    let path = format!("/admin/apps/1/callbacks/{}", failed["id"].as_str().expect("an id"));
    for stranger in [seed::OTHER_TOKEN] {
        let answer = ask_as(&town.api, stranger, Method::POST, &format!("{path}/replay"), Value::Null).await;
        assert_eq!(answer.status.as_u16(), 404);
        assert_eq!(ask_as(&town.api, stranger, Method::GET, &path, Value::Null).await.status.as_u16(), 404);
    }
    let replayed = ask_as(&town.api, seed::APP_TOKEN, Method::POST, &format!("{path}/replay"), Value::Null).await;
    assert_eq!((replayed.status.as_u16(), &replayed.json()["state"]), (202, &json!("pending")), "{}", replayed.text);
    let told = receiver.told_times(6).await;
    until("the end", || async { list().await["items"][0]["state"] == "delivered" }).await;
    assert!(told.iter().all(|call| call.header("webhook-id") == failed["id"].as_str().expect("an id")));
    assert!(told[5].header("webhook-signature").starts_with("v1,"));
    let all = list().await.to_string();
    assert!(!all.contains(secret["callback_secret"].as_str().expect("a secret")));
    assert_eq!(
        done(&town, 200, Method::GET, "/admin/apps/1/callbacks?state=failed", Value::Null).await["items"],
        json!([])
    );
    refused(&town, 422, "invalid_field", Method::GET, "/admin/apps/1/callbacks?state=lost", Value::Null).await;
    refused(&town, 404, "not_found", Method::GET, "/admin/apps/1/callbacks/cb_1", Value::Null).await;
    town.close().await;
}

/// Edge case 49: an app without a callback URL is told nothing, and nothing breaks.
#[tokio::test]
async fn row_49_without_a_url_nothing_is_sent() {
    let town = Town::demo().await;
    let product = json!({ "name": "会员", "contact": "x", "summary": "x", "description": "x", "app": true });
    let product = done(&town, 201, Method::POST, "/admin/apps/1/products", product).await;
    let trade = json!({ "uid": super::FIRST, "trade_no": "1", "add_time_ms": 1000, "amount_fen": 1 });
    done(&town, 200, Method::POST, &format!("/admin/apps/1/products/{}/purchases", product["id"]), trade).await;
    assert_eq!(done(&town, 200, Method::GET, "/admin/apps/1/callbacks", Value::Null).await["items"], json!([]));
    town.close().await;
}
