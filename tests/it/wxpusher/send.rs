//! POST /api/send/message.

use serde_json::json;
use support::Town;

/// One UID: accepted, delivered, status 3.
#[tokio::test]
async fn a_message_to_one_uid_arrives() {
    let town = Town::demo().await;
    let answer = town.send(json!({ "content": "hello", "uids": ["UID_demo000000000000000000000001"] })).await;
    let id = answer.message_id();
    let inbox = town.inbox_of(1).await;
    assert_eq!(inbox[0].recipient, "odemo00000000000000000000001");
    town.status_of(id, 3).await;
    town.close().await;
}
