//! Many at once.

use super::files::png;
use super::{Portal, data};
use futures::future::join_all;
use model::audience::Recipient;
use model::channel::Address;
use model::ids::OpenId;
use model::task::Stored;
use serde_json::json;
use std::collections::HashSet;
use store::Capability;
use store::objects::{ObjectReader, ObjectWriter};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn must_16_the_same_upload_from_twenty_callers_is_one_object_one_id_and_one_upload_to_wechat() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let file = png(42);
    let answers = join_all((0..20).map(|_| portal.upload("image", "a.png", &file))).await;
    let ids: HashSet<String> =
        answers.iter().map(|answer| data(answer)["media_id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let listed = crate::admin::done(
        &portal.town,
        200,
        http::Method::GET,
        "/admin/enterprises/demo/media",
        serde_json::Value::Null,
    )
    .await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let id = ids.into_iter().next().expect("an id");
    // Twenty messages that show it, at once.
    let users = ["user1", "user2", "user3"];
    let sends = (0..12).map(|n| {
        let (portal, id) = (&portal, &id);
        async move { portal.send(users[n % 3], "image", json!({ "media_id": id })).await }
    });
    for answer in join_all(sends).await {
        data(&answer);
    }
    portal.town.inbox_of(12).await;
    assert_eq!(portal.account().media_made().0, 1, "one upload to WeChat");
    portal.town.close().await;
}

/// Two calls that repeat one another share a nonce: what the one keeps does not overwrite what the other one's task names.
#[tokio::test]
async fn a_list_under_the_nonce_of_another_leaves_it_as_it_is() {
    let portal = Portal::open().await;
    let store = portal.town.stack.store();
    let (writer, reader) = (ObjectWriter::open(store), ObjectReader::open(store));
    let list = |from: u64| -> Vec<Recipient> {
        let one = |slot| (slot, Address::Wechat(OpenId::new(format!("o{}", (from + slot) * 7_919 % 104_729))));
        (0..5_000).map(one).map(|(slot, address)| Recipient { slot, address, quota_uid: None }).collect()
    };
    let first = writer.keep_recipients("nonce", list(1)).await.expect("kept");
    let second = writer.keep_recipients("nonce", list(2)).await.expect("kept");
    assert!(matches!((&first, &second), (Stored::Object(_), Stored::Object(_))), "too large for an item");
    assert_eq!(reader.recipients(first).await.expect("the list"), list(1));
    assert_eq!(reader.recipients(second).await.expect("the list"), list(2));
    let body = |from: u64| (0..4_000).map(|n| format!("{}-", (n * 7_919 + from) * 31 % 1_000_003)).collect::<String>();
    let first = writer.keep_body("nonce", body(1)).await.expect("kept");
    let second = writer.keep_body("nonce", body(2)).await.expect("kept");
    assert!(matches!((&first, &second), (Stored::Object(_), Stored::Object(_))), "too large for an item");
    assert_eq!(reader.body(first).await.expect("the text"), Some(body(1)));
    assert_eq!(reader.body(second).await.expect("the text"), Some(body(2)));
    portal.town.close().await;
}
