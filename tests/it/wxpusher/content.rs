//! DELETE /api/send/message.

use super::{FIRST, fresh, page_path};
use http::Method;
use local::seed;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Town};

async fn delete(town: &Town, token: &str, id: &str) -> Answer {
    let path = format!("/api/send/message?messageContentId={id}&appToken={token}");
    town.api.send(Method::DELETE, &path, &[("content-type", "application/json")], "").await
}

/// Sends one message; its target, and the path of its page.
async fn sent(town: &Town, content: &str) -> (Value, String) {
    let target = town.send(json!({ "content": content, "uids": [FIRST] })).await.targets().remove(0);
    let message = town.inbox_of(1).await.remove(0);
    (target, page_path(town, &message))
}

const DONE: &str = r#"{"code":1000,"msg":"处理成功","data":true,"success":true}"#;

#[tokio::test]
async fn row_76_deleted_content_is_gone_from_its_page_and_the_card_stays() {
    // In the item, and as an object of its own.
    let noise: String =
        (0..30_000_u32).filter_map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7_919) % 20_000)).collect();
    for content in ["short".to_owned(), noise] {
        let town = fresh().await;
        let (target, page) = sent(&town, &content).await;
        let id = target["messageContentId"].to_string();
        assert_eq!(town.api.get(&page).await.status, 200);
        assert_eq!(delete(&town, seed::APP_TOKEN, &id).await.text, DONE);
        let gone = town.api.get(&page).await;
        assert_eq!(gone.status, 404);
        let beginning: String = content.chars().take(30).collect();
        assert!(!gone.text.contains(&beginning));
        assert_eq!(delete(&town, seed::APP_TOKEN, &id).await.text, DONE, "twice is once");
        assert_eq!(town.status(target["messageId"].as_u64().unwrap()).await, 3, "what became of it is still told");
        assert_eq!(town.arrived(), 1);
        town.close().await;
    }
}

#[tokio::test]
async fn row_77_the_id_of_a_target_does_as_well() {
    let town = fresh().await;
    let (target, page) = sent(&town, "x").await;
    assert_eq!(delete(&town, seed::APP_TOKEN, &target["messageId"].to_string()).await.text, DONE);
    assert_eq!(town.api.get(&page).await.status, 404);
    town.close().await;
}

#[tokio::test]
async fn row_78_another_apps_message_is_refused_and_stays() {
    let town = fresh().await;
    let (target, page) = sent(&town, "x").await;
    let id = target["messageContentId"].to_string();
    let foreign = delete(&town, seed::OTHER_TOKEN, &id).await;
    assert_eq!((foreign.code(), &foreign.json()["data"]), (1001, &Value::Null));
    assert_eq!(delete(&town, seed::OTHER_TOKEN, "123456").await.text, foreign.text, "nobody can probe");
    assert_eq!(delete(&town, "AT_wrong", &id).await.msg(), "appToken不正确");
    for unknown in ["0", "-5"] {
        assert_eq!(delete(&town, seed::APP_TOKEN, unknown).await.code(), 1001);
    }
    for unreadable in ["", "abc"] {
        assert_eq!(delete(&town, seed::APP_TOKEN, unreadable).await.code(), 1005);
    }
    assert_eq!(town.api.get(&page).await.status, 200);
    town.stack.advance(Duration::from_secs(7 * 86_400));
    assert_eq!(delete(&town, seed::APP_TOKEN, &id).await.code(), 1001, "nothing is left to delete");
    town.close().await;
}

/// What is under way arrives all the same: only the page is gone.
#[tokio::test]
async fn content_deleted_before_delivery_leaves_the_card() {
    let town = super::fresh_with(super::by_hand()).await;
    let target = town.send(json!({ "content": "x", "uids": [FIRST] })).await.targets().remove(0);
    assert_eq!(delete(&town, seed::APP_TOKEN, &target["messageContentId"].to_string()).await.text, DONE);
    super::work_all(&town).await;
    let message = town.inbox_of(1).await.remove(0);
    assert_eq!(town.api.get(&page_path(&town, &message)).await.status, 404);
    town.close().await;
}
