//! POST …/send.

use super::files::{amr, jpeg, png};
use super::upload::shown;
use super::{BASE, OTHER, OTHER_CHANNEL, OTHER_TOKEN, Portal, at, code, data, refusal, task_id, upload_to};
use http::header;
use http::{Method, StatusCode};
use local::seed;
use model::ids::{AccountId, ServiceChannelId};
use model::outcome::BREAKER_OPEN;
use serde_json::{Value, json};
use store::Capability;
use store::bindings::BindingImporter;
use support::until;

fn article(title: &str, pc: &str, app: &str) -> Value {
    json!({ "title": title, "description": "关于", "pcUrl": pc, "appUrl": app, "picurl": "http://x.cn/a.jpg" })
}

#[tokio::test]
async fn all_four_kinds_reach_one_and_three() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let (picture, recording) = (png(9), amr(3));
    let (image, voice) = (portal.uploaded("image", &picture).await, portal.uploaded("voice", &recording).await);
    let parts = [
        ("text", json!({ "content": "hello Public sign" })),
        ("image", json!({ "media_id": image })),
        ("voice", json!({ "media_id": voice })),
        ("news", json!({ "articles": [article("一", "http://www.qq.com", "http://www.qq.com")] })),
    ];
    let mut count = 0;
    for (kind, part) in parts {
        let sent = portal.send("user1", kind, part).await;
        assert_eq!(data(&sent)["unbound"], json!([]));
        count += 1;
        portal.town.inbox_of(count).await;
        let told = portal.done(&sent).await;
        assert_eq!(
            (&told["users"][0]["userId"], &told["users"][0]["state"]),
            (&json!("user1"), &json!("sent")),
            "{told}"
        );
        let message = &portal.town.inbox()[count - 1];
        assert_eq!((message.channel.as_str(), message.raw["msgtype"].as_str()), ("wechat-custom", Some(kind)));
        assert_eq!(message.recipient, seed::openid(1).as_str());
    }
    assert_eq!((shown(&portal, 1).await, shown(&portal, 2).await), (picture, recording));
    assert_eq!(portal.town.inbox()[3].raw["news"]["articles"][0]["url"], "http://www.qq.com");
    let sent = portal.send(" user1 ,user2,, user3,user2", "image", json!({ "media_id": image })).await;
    portal.town.inbox_of(count + 3).await;
    assert_eq!(portal.done(&sent).await["counts"]["sent"], 3);
    assert_eq!(portal.account().media_made(), (2, 0, 0), "each file was uploaded once");
    portal.town.close().await;
}

#[tokio::test]
async fn who_is_not_bound_is_named_and_nobody_bound_is_404() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let sent = portal.send("user1,a,b", "text", json!({ "content": "x" })).await;
    assert_eq!(data(&sent)["unbound"], json!(["a", "b"]));
    portal.town.inbox_of(1).await;
    let told = portal.done(&sent).await;
    assert_eq!((&told["unbound"], &told["counts"]["total"]), (&json!(["a", "b"]), &json!(1)));
    portal.reset();
    let (code, message) = refusal(&portal.send("a,b", "text", json!({ "content": "x" })).await);
    assert_eq!((code, message.contains("`toUserId`")), (404, true), "{message}");
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

/// Userinfo, the part that `msgtype` names among others, and numbers where texts should be.
#[tokio::test]
async fn must_8_bodies_as_the_documents_examples_write_them_are_taken() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let body = json!({
        "channelId": "demo", "toUserId": "user1", "msgtype": "news",
        "voice": { "media_id": "123dsdajkasd231jhksad" },
        "news": { "articles": [
            article("你可以忘记我", "http://www.qq.com", "http://www.baidu.com"),
            { "title": "第二条", "description": " 描述", "pcUrl": "http://www.baidu.com", "appUrl": "", "picUrl": "http://x.cn/b.png" },
        ] },
        "userinfo": { "id": 1, "name": "xiaomei", "headimgurl": "http://aa.com/a.jpg" },
    });
    let sent = portal.send_body(body).await;
    assert_eq!(portal.done(&sent).await["counts"]["sent"], 1);
    portal.town.close().await;
}

/// A card shows the first article and opens our page, which lists all; each link goes its own way on phones and desktops.
#[tokio::test]
async fn row_20_of_several_articles_none_is_lost() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let articles: Vec<Value> = (0..10)
        .map(|n| article(&format!("第{n}条"), &format!("http://pc.cn/{n}"), &format!("http://app.cn/{n}")))
        .collect();
    portal.send("user1", "news", json!({ "articles": articles })).await;
    let card = portal.town.inbox_of(1).await.remove(0);
    let shown = card.raw["news"]["articles"].as_array().expect("an array").clone();
    assert_eq!((shown.len(), &shown[0]["title"]), (1, &json!("第0条")));
    let page = shown[0]["url"].as_str().and_then(|url| url.strip_prefix(portal.town.stack.url())).expect("our page");
    let listed = portal.town.api.get(page).await;
    assert_eq!(listed.status, StatusCode::OK);
    let places: Vec<usize> = (0..10).map(|n| listed.text.find(&format!("第{n}条</a>")).expect("listed")).collect();
    assert!(places.is_sorted(), "in their order");
    assert!(listed.headers.contains_key(header::CONTENT_SECURITY_POLICY));
    let lead =
        async |agent: &str, path: String| portal.town.api.send(Method::GET, &path, &[("user-agent", agent)], "").await;
    for (agent, expected) in [
        ("Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0", "http://app.cn/3"),
        ("Mozilla/5.0 (Windows NT 10.0) WindowsWechat", "http://pc.cn/3"),
    ] {
        let answer = lead(agent, format!("{page}/3")).await;
        assert_eq!(
            (answer.status, &answer.headers[header::LOCATION]),
            (StatusCode::FOUND, &expected.parse().expect("a value"))
        );
    }
    for nowhere in [format!("{page}/10"), format!("{page}/x"), format!("{page}x/0"), "/m/1-abc/0".to_owned()] {
        assert_eq!(lead("", nowhere).await.status, StatusCode::NOT_FOUND);
    }
    portal.town.close().await;
}

#[tokio::test]
async fn must_9_one_article_with_two_links_goes_by_the_short_one() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    portal.send("user1", "news", json!({ "articles": [article("一", "http://pc.cn/文章", "http://app.cn")] })).await;
    let card = portal.town.inbox_of(1).await.remove(0);
    let url = card.raw["news"]["articles"][0]["url"].as_str().expect("a link").to_owned();
    let path = url.strip_prefix(portal.town.stack.url()).expect("on our address");
    assert!(path.starts_with("/m/") && path.ends_with("/0"), "{path}");
    let answer = portal.town.api.get(path).await;
    assert_eq!(answer.headers[header::LOCATION], "http://pc.cn/%E6%96%87%E7%AB%A0");
    portal.town.close().await;
}

#[tokio::test]
async fn row_22_two_thousand_bytes_are_taken_and_two_thousand_characters_are_not() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    assert_eq!(code(&portal.send("user1", "text", json!({ "content": "x".repeat(2_000) })).await), 200);
    portal.town.inbox_of(1).await;
    portal.reset();
    for content in ["x".repeat(2_001), "字".repeat(667), "字".repeat(2_000)] {
        let (code, message) = refusal(&portal.send("user1", "text", json!({ "content": content })).await);
        assert_eq!((code, message.contains("`text.content`")), (400, true), "{message}");
    }
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn row_71_both_spellings_of_a_picture_are_read_and_one_link_must_be_there() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    for (count, name) in ["picurl", "picUrl"].into_iter().enumerate() {
        let mut article = json!({ "title": "t", "appUrl": "http://a.cn" });
        article[name] = json!("http://x.cn/a.jpg");
        portal.send("user1", "news", json!({ "articles": [article] })).await;
        let inbox = portal.town.inbox_of(count + 1).await;
        assert_eq!(inbox[count].raw["news"]["articles"][0]["picurl"], "http://x.cn/a.jpg", "{name}");
    }
    portal.reset();
    let nowhere = portal.send("user1", "news", json!({ "articles": [article("t", "", "")] })).await;
    let (code, message) = refusal(&nowhere);
    assert_eq!((code, message.contains("`news.articles[0].pcUrl`")), (400, true), "{message}");
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn must_10_what_is_anothers_cannot_be_used_and_nothing_is_stored() {
    let portal = Portal::open().await;
    let path = format!("/interface/{OTHER}/api/push/uploadMedia?access_token={OTHER_TOKEN}");
    let theirs = data(&upload_to(&portal.town.api, &path, "image", "a.png", &png(1)).await)["media_id"].clone();
    let ours = portal.uploaded("voice", &amr(1)).await;
    portal.reset();
    let text = json!({ "content": "x" });
    let body = |channel: &str| json!({ "channelId": channel, "toUserId": "user1", "msgtype": "text", "text": text });
    assert_eq!(refusal(&portal.send_body(body(OTHER_CHANNEL)).await).0, 403);
    assert_eq!(refusal(&portal.send_body(body("nowhere")).await).0, 404);
    assert_eq!(refusal(&portal.send_body(body("a/b")).await).0, 404);
    assert_eq!(refusal(&portal.send("user1", "image", json!({ "media_id": theirs })).await).0, 404);
    assert_eq!(
        refusal(&portal.send("user1", "image", json!({ "media_id": ours })).await).0,
        400,
        "a voice is no image"
    );
    let as_other = format!("{BASE}/send?access_token={OTHER_TOKEN}");
    assert_eq!(code(&portal.town.api.post(&as_other, &body("demo")).await), 401);
    assert_eq!(portal.kept(), [""; 0]);
    // Nor is a task told of to anybody else.
    portal.everybody_talks();
    let task = task_id(&portal.send("user1", "text", text.clone()).await);
    let path = format!("/interface/{OTHER}/api/push/task/{task}?access_token={OTHER_TOKEN}");
    assert_eq!(code(&portal.town.api.get(&path).await), 404);
    assert_eq!(code(&portal.town.api.get(&at("task/nonsense")).await), 404);
    portal.town.close().await;
}

#[tokio::test]
async fn must_11_a_repeat_with_the_same_client_msg_id_is_answered_alike_and_sent_once() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let body = json!({
        "channelId": "demo", "toUserId": "user1,a", "msgtype": "text", "text": { "content": "一次" }, "clientMsgId": "order-7",
    });
    let first = data(&portal.send_body(body.clone()).await);
    portal.town.inbox_of(1).await;
    for _ in 0..3 {
        assert_eq!(data(&portal.send_body(body.clone()).await), first);
    }
    let all = futures::future::join_all((0..10).map(|_| portal.send_body(body.clone()))).await;
    assert!(all.iter().all(|answer| data(answer) == first));
    portal.town.inbox_of(1).await;
    portal.town.stack.advance(std::time::Duration::from_secs(24 * 3600 + 60));
    portal.everybody_talks();
    assert_ne!(data(&portal.send_body(body.clone()).await)["taskId"], first["taskId"]);
    portal.town.inbox_of(2).await;
    let mut long = body;
    long["clientMsgId"] = json!("x".repeat(65));
    assert_eq!(refusal(&portal.send_body(long).await).0, 400);
    portal.town.close().await;
}

/// What is refused is not noted: the call that is mended and repeated makes a message of its own time.
#[tokio::test]
async fn a_call_that_was_refused_is_made_anew_when_it_is_repeated() {
    let portal = Portal::open().await;
    let text = json!({ "content": "x" });
    let body = |channel: &str, to: &str| json!({ "channelId": channel, "toUserId": to, "msgtype": "text", "text": text, "clientMsgId": "order-8" });
    assert_eq!(code(&portal.send_body(body("demo", "nobody")).await), 404);
    assert_eq!(code(&portal.send_body(body("nowhere", "user1")).await), 404);
    let picture = json!({ "channelId": "demo", "toUserId": "user1", "msgtype": "image", "clientMsgId": "order-8",
        "image": { "media_id": "0".repeat(32) } });
    assert_eq!(code(&portal.send_body(picture).await), 404);
    // A message lives for a day: one that was as old as the refused calls would be over before it is sent.
    portal.town.stack.advance(std::time::Duration::from_secs(23 * 3600));
    portal.everybody_talks();
    let now = portal.town.now();
    let sent = portal.send_body(body("demo", "user1")).await;
    let told = portal.done(&sent).await;
    assert_eq!(told["counts"]["sent"], 1, "{told}");
    assert!(told["accepted_ms"].as_i64().is_some_and(|at| at >= now.millis()), "{told}");
    // It stands from now on, whatever becomes of what it was checked by.
    assert_eq!(data(&portal.send_body(body("nowhere", "nobody")).await), data(&sent));
    portal.town.close().await;
}

#[tokio::test]
async fn two_users_who_are_one_person_get_one_message() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let importer = <BindingImporter as Capability>::open(portal.town.stack.store());
    let channel = ServiceChannelId::parse(seed::SERVICE_CHANNEL).expect("an id");
    let again = [("again".to_owned(), seed::openid(1))];
    importer.bind_all(&AccountId::new(seed::ACCOUNT), &channel, &again, portal.town.now()).await.expect("a binding");
    let sent = portal.send("again,user1,user2,nobody", "text", json!({ "content": "x" })).await;
    assert_eq!(data(&sent)["unbound"], json!(["nobody"]));
    let told = portal.done(&sent).await;
    let users: Vec<_> = told["users"].as_array().expect("users").iter().map(|user| user["userId"].clone()).collect();
    assert_eq!((json!(users), &told["counts"]["total"]), (json!(["again", "user2"]), &json!(2)), "{told}");
    let mut openids: Vec<_> = portal.town.inbox_of(2).await.into_iter().map(|message| message.recipient).collect();
    openids.sort();
    assert_eq!(openids, [seed::openid(1).as_str(), seed::openid(2).as_str()]);
    portal.town.close().await;
}

/// The account may not upload, or WeChat says of an upload what it says of openids: that is no word on texts or recipients.
#[tokio::test]
async fn what_wechat_says_of_an_upload_is_held_against_no_channel_and_no_recipient() {
    for errcode in [48001, 40003, 43101] {
        let portal = Portal::open().await;
        portal.everybody_talks();
        let image = portal.uploaded("image", &png(4)).await;
        let fault = json!({ "channel": "wechat-custom", "operation": "upload", "errcode": errcode, "times": 1 });
        portal.order(fault).await;
        let refused = portal.send("user1", "image", json!({ "media_id": image })).await;
        let task = task_id(&refused);
        let told_of = |state: &'static str| {
            let (portal, task) = (&portal, &task);
            until("the refusal", move || async move { portal.task(task).await["counts"][state] == 1 })
        };
        told_of(if errcode == 48001 { "retrying" } else { "content" }).await;
        let told = portal.task(&task).await;
        assert_eq!(told["users"][0]["code"], errcode, "{told}");
        // The channel is open, and the recipient is still known.
        let text = portal.send("user1", "text", json!({ "content": "x" })).await;
        assert_eq!(portal.done(&text).await["counts"]["sent"], 1, "{errcode}");
        assert_eq!(portal.town.stack.context().metrics.counted_under("BreakerOpened"), 0);
        if errcode == 48001 {
            // It waits as long as an open breaker would have had it wait, and up to a tenth longer.
            portal.town.stack.advance(BREAKER_OPEN.mul_f64(1.1));
            portal.town.stack.run_schedule("release-due", json!({ "recover": true })).await.expect("a run");
            assert_eq!(portal.done(&refused).await["counts"]["sent"], 1);
        }
        portal.town.close().await;
    }
}

/// WeChat's id of an upload is used for two and a half days, then got anew from our bytes.
#[tokio::test]
async fn row_34_an_id_that_wechat_does_not_know_is_got_anew_once() {
    let portal = Portal::open().await;
    portal.everybody_talks();
    let image = portal.uploaded("image", &png(3)).await;
    let send = async |count: usize| {
        let sent = portal.send("user1,user2", "image", json!({ "media_id": image })).await;
        portal.town.inbox_of(count).await;
        assert_eq!(portal.done(&sent).await["counts"]["sent"], 2);
        portal.account().media_made().0
    };
    assert_eq!(send(2).await, 1);
    assert_eq!(send(4).await, 1);
    // WeChat has lost it, whatever its time.
    portal.account().forget_media();
    portal.everybody_talks();
    assert_eq!(send(6).await, 2, "once, for both of them");
    // After two and a half days it is renewed before WeChat forgets it.
    portal.town.stack.advance(std::time::Duration::from_secs(61 * 3600));
    portal.everybody_talks();
    assert_eq!(send(8).await, 3);
    assert_eq!(shown(&portal, 7).await, png(3));
    portal.town.close().await;
}

#[tokio::test]
async fn what_wechat_refuses_is_told_with_its_code() {
    let portal = Portal::open().await;
    // Nobody has written to the account.
    let sent = portal.send("user1", "text", json!({ "content": "x" })).await;
    let told = portal.done(&sent).await;
    assert_eq!((&told["users"][0]["state"], &told["users"][0]["code"]), (&json!("content"), &json!(45015)), "{told}");
    portal.town.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let portal = Portal::open().await;
    portal.reset();
    for (body, says) in [
        ("", "JSON"),
        ("[]", "JSON object"),
        ("{", "line 1"),
        (r#"{"toUserId":"user1","msgtype":"text","text":{"content":"x"}}"#, "`channelId`"),
        (r#"{"channelId":"demo","msgtype":"text","text":{"content":"x"}}"#, "`toUserId`"),
        (r#"{"channelId":"demo","toUserId":" , ","msgtype":"text","text":{"content":"x"}}"#, "`toUserId`"),
        (r#"{"channelId":"demo","toUserId":"user1","text":{"content":"x"}}"#, "`msgtype`"),
        (r#"{"channelId":"demo","toUserId":"user1","msgtype":"text"}"#, "`text`"),
        (r#"{"channelId":"demo","toUserId":"user1","msgtype":"text","text":{"content":" "}}"#, "`text.content`"),
        (r#"{"channelId":"demo","toUserId":"user1","msgtype":"video","video":{}}"#, "`msgtype`"),
        (
            r#"{"channelId":"demo","toUserId":"user1","msgtype":"text","text":{"content":"x"},"userinfo":[]}"#,
            "`userinfo`",
        ),
    ] {
        let answer = portal.town.api.send(Method::POST, &at("send"), &[], body).await;
        let (code, message) = refusal(&answer);
        assert_eq!((code, message.contains(says)), (400, true), "{body}: {message}");
    }
    let large = format!(r#"{{"channelId":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(code(&portal.town.api.send(Method::POST, &at("send"), &[], large).await), 413);
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn an_enterprise_that_is_too_fast_is_told_to_slow_down() {
    let mut options = local::Options::for_tests();
    options.settings.insert("TUISONG_CALLS_PER_10S".to_owned(), "2".to_owned());
    let portal = Portal::with(options).await;
    portal.everybody_talks();
    for expected in [200, 200, 429] {
        let answer = portal.send("user1", "text", json!({ "content": "x" })).await;
        assert_eq!(code(&answer), expected);
        assert_eq!(answer.headers.contains_key("retry-after"), expected == 429);
    }
    portal.town.close().await;
}

#[tokio::test]
async fn a_thumb_that_is_too_large_for_wechat_fits_when_it_gets_there() {
    let portal = Portal::open().await;
    let large = jpeg(900);
    assert!(large.len() > 64 << 10);
    let thumb = portal.uploaded("thumb", &large).await;
    let news = portal.articles(json!([{ "thumb_media_id": thumb, "title": "t", "content": "c" }])).await;
    let sent = portal.mass("mpnews", json!({ "media_id": news })).await;
    assert_eq!(portal.done(&sent).await["counts"]["sent"], 1, "WeChat took the thumb");
    portal.town.close().await;
}
