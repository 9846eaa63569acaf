//! A portal's way from the first upload to WeChat's counts, over HTTP, against what `cargo run` starts. Read it from top to
//! bottom.

use super::files::{amr, jpeg, png};
use super::{Portal, code, data, task_id};
use crate::admin::done;
use http::Method;
use local::seed;
use serde_json::{Value, json};
use support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upload_bind_send_to_one_to_three_to_nobody_and_to_all() {
    let portal = Portal::open().await;
    let town = &portal.town;

    // The portal uploads a picture, a recording, a thumb and articles.
    let (picture, recording) = (png(200), amr(5));
    let (image, voice) = (portal.uploaded("image", &picture).await, portal.uploaded("voice", &recording).await);
    let thumb = portal.uploaded("thumb", &jpeg(300)).await;
    let news = portal.articles(json!([{ "thumb_media_id": thumb, "title": "公告", "content": "<p>全文</p>" }])).await;

    // A new colleague binds by a QR code, whose scene is the portal's own user id, and by that follows the account.
    let invitation = "/admin/enterprises/demo/channels/demo/invitations";
    let code_url =
        done(town, 201, Method::POST, invitation, json!({ "user_id": "new-colleague" })).await["url"].clone();
    let scan = json!({ "openid": "ocolleague000000000000000001", "event": "SCAN", "scene": code_url });
    town.sandbox.post(&format!("/sandbox/wechat/{}/events", seed::ACCOUNT), &scan).await;

    // Everybody has written to the account lately. All four kinds go to one, to three, and to somebody without a binding.
    portal.everybody_talks();
    let card = json!({ "title": "通知", "pcUrl": "http://p.cn", "appUrl": "http://a.cn" });
    let parts = [
        ("text", json!({ "content": "你好" })),
        ("image", json!({ "media_id": image })),
        ("voice", json!({ "media_id": voice })),
        ("news", json!({ "articles": [card] })),
    ];
    let mut arrived = town.arrived();
    for (kind, part) in &parts {
        for (to, reached) in [("user1", 1), ("user1,user2,user3", 3), ("user1,nobody", 1)] {
            let sent = portal.send(to, kind, part.clone()).await;
            assert_eq!(portal.done(&sent).await["counts"]["sent"], reached, "{kind} to {to}");
            arrived += reached as usize;
            portal.everybody_talks();
        }
        assert_eq!(code(&portal.send("nobody", kind, part.clone()).await), 404);
    }
    let to_colleague = portal.send("new-colleague", "text", json!({ "content": "欢迎" })).await;
    assert_eq!(data(&to_colleague)["unbound"], json!([]));
    assert_eq!(portal.done(&to_colleague).await["counts"]["sent"], 1);
    let inbox = town.inbox_of(arrived + 1).await;

    // What people see is what was uploaded.
    for message in inbox.iter().filter(|message| message.channel == "wechat-custom") {
        let expected = match message.raw["msgtype"].as_str() {
            Some("image") => &picture,
            Some("voice") => &recording,
            _ => continue,
        };
        let kind = message.raw["msgtype"].as_str().expect("a type");
        let id = message.raw[kind]["media_id"].as_str().expect("an id");
        let shown = town.sandbox.bytes(Method::GET, &format!("/sandbox/wechat/{}/media/{id}", seed::ACCOUNT)).await;
        assert_eq!(shown.2, expected.as_slice());
    }
    assert_eq!(portal.account().media_made().0, 2, "one upload for all who saw the picture, and one for the recording");

    // All four kinds go to everybody, and WeChat's counts come back.
    for (kind, part) in [
        ("text", json!({ "content": "大家好" })),
        ("image", json!({ "media_id": image })),
        ("voice", json!({ "media_id": voice })),
        ("mpnews", json!({ "media_id": news })),
    ] {
        let task = task_id(&portal.mass(kind, part).await);
        until("WeChat's counts", || async { portal.task(&task).await["mass"]["counts"]["sent"].as_u64() > Some(0) })
            .await;
        assert_eq!(portal.task(&task).await["mass"]["state"], Value::from("finished"), "{kind}");
    }
    let to_all = town.inbox().iter().filter(|message| message.channel == "wechat-mass").count();
    assert_eq!(to_all, 4);
    portal.town.close().await;
}
