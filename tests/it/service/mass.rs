//! POST …/mass/send.

use super::files::{amr, jpeg, png};
use super::upload::shown;
use super::{OTHER_CHANNEL, Portal, at, code, data, refusal, task_id};
use local::sandbox::{MassLimits, World};
use local::{Options, seed};
use serde_json::{Value, json};
use std::time::Duration;
use support::until;

/// What the stand-in for WeChat was sent to everybody.
fn sent(portal: &Portal) -> Vec<Value> {
    let inbox = portal.town.inbox().into_iter().filter(|message| message.channel == "wechat-mass");
    inbox.map(|message| message.raw).collect()
}

async fn finished(portal: &Portal, task: &str) -> Value {
    let over = async || matches!(portal.task(task).await["mass"]["state"].as_str(), Some("finished" | "failed"));
    until("WeChat's word on a mass message", over).await;
    portal.task(task).await["mass"].clone()
}

#[tokio::test]
async fn all_four_kinds_reach_everybody_and_their_counts_come_back() {
    let portal = Portal::open().await;
    let (image, voice) = (portal.uploaded("image", &png(1)).await, portal.uploaded("voice", &amr(2)).await);
    let thumb = portal.uploaded("thumb", &jpeg(60)).await;
    let news = portal
        .articles(json!([
            { "thumb_media_id": thumb, "title": "一", "author": "作者", "content": "<p>正文</p>", "digest": "摘要", "show_cover_pic": 1, "pcUrl": "http://p.cn", "appUrl": "http://a.cn" },
            { "thumb_media_id": thumb, "title": "二", "content": "x", "appUrl": "http://a.cn/2" },
        ]))
        .await;
    let parts = [
        ("text", json!({ "content": "hello mass text" })),
        ("image", json!({ "media_id": image })),
        ("voice", json!({ "media_id": voice })),
        ("mpnews", json!({ "media_id": news })),
    ];
    for (count, (kind, part)) in parts.into_iter().enumerate() {
        let task = task_id(&portal.mass(kind, part).await);
        let mass = finished(&portal, &task).await;
        assert_eq!(mass["state"], "finished", "{mass}");
        assert_eq!(mass["counts"], json!({ "total": 3, "filtered": 3, "sent": 3, "errors": 0 }));
        let sent = sent(&portal);
        assert_eq!((sent.len(), &sent[count]["msgtype"]), (count + 1, &json!(kind)));
        assert_eq!(sent[count]["msgid"], mass["msgId"], "WeChat's own id, as text");
        assert_eq!(portal.task(&task).await["state"], "done");
    }
    assert_eq!((shown(&portal, 1).await, shown(&portal, 2).await), (png(1), amr(2)));
    let articles = sent(&portal)[3]["articles"].as_array().expect("articles").clone();
    assert_eq!((&articles[0]["title"], &articles[1]["title"]), (&json!("一"), &json!("二")));
    let link = articles[0]["content_source_url"].as_str().expect("a link");
    let path = link.strip_prefix(portal.town.stack.url()).expect("on our address");
    assert_eq!(portal.town.api.get(path).await.headers["location"], "http://p.cn");
    assert_eq!(articles[1]["content_source_url"], "http://a.cn/2");
    assert_eq!(portal.account().media_made(), (2, 1, 1), "two uploads, one thumb for both articles, one draft");
    portal.town.close().await;
}

#[tokio::test]
async fn must_12_is_to_all_is_true_however_it_is_written() {
    let portal = Portal::open().await;
    let body = |filter: Value| json!({ "channelId": "demo", "filter": filter, "msgtype": "text", "text": { "content": format!("{filter}") } });
    for filter in [
        json!({ "is_to_all": true }),
        json!({ "is_to_all": "true" }),
        json!({ "is_to_all": 1 }),
        json!({}),
        Value::Null,
    ] {
        let task = task_id(&portal.town.api.post(&at("mass/send"), &body(filter.clone())).await);
        assert_eq!(finished(&portal, &task).await["state"], "finished", "{filter}");
    }
    assert_eq!(sent(&portal).len(), 5);
    portal.reset();
    for filter in
        [json!({ "is_to_all": false }), json!({ "is_to_all": "false" }), json!({ "is_to_all": "x" }), json!("all")]
    {
        let (code, message) = refusal(&portal.town.api.post(&at("mass/send"), &body(filter)).await);
        assert_eq!((code, message.contains("filter")), (400, true), "{message}");
    }
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn must_13_what_is_wrong_or_anothers_is_refused_and_nothing_is_stored() {
    let portal = Portal::open().await;
    let image = portal.uploaded("image", &png(1)).await;
    portal.reset();
    let mass = async |channel: &str, kind: &str, part: Value| {
        let body = json!({ "channelId": channel, "msgtype": kind, kind: part });
        refusal(&portal.town.api.post(&at("mass/send"), &body).await).0
    };
    assert_eq!(mass(OTHER_CHANNEL, "text", json!({ "content": "x" })).await, 403);
    assert_eq!(mass("nowhere", "text", json!({ "content": "x" })).await, 404);
    assert_eq!(mass("demo", "mpnews", json!({ "media_id": image })).await, 400, "a picture is no article");
    assert_eq!(mass("demo", "image", json!({ "media_id": "0".repeat(32) })).await, 404);
    assert_eq!(mass("demo", "news", json!({})).await, 400);
    assert_eq!(mass("demo", "text", json!({ "content": "字".repeat(683) })).await, 400, "2,049 bytes");
    // The document's example: the part is another one than `msgtype` says.
    let example = json!({ "channelId": "demo", "msgtype": "mpnews", "voice": { "media_id": image } });
    assert_eq!(code(&portal.town.api.post(&at("mass/send"), &example).await), 400);
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

/// WeChat took the message, and its answer was lost: the repeat is recognised, and the first one's id stands.
#[tokio::test]
async fn row_37_a_mass_message_whose_answer_was_lost_goes_out_once() {
    let portal = Portal::open().await;
    portal.order(json!({ "channel": "wechat-mass", "drop": "after", "times": 1 })).await;
    let task = task_id(&portal.mass("text", json!({ "content": "一次" })).await);
    until("the message", || async { sent(&portal).len() == 1 }).await;
    // Within a minute WeChat says "too fast" (45066); after it, that it knows the message (45065).
    until("an attempt that failed", || async { portal.task(&task).await["counts"]["retrying"] == 1 }).await;
    let is_done = || async { portal.task(&task).await["state"] == "done" };
    portal.town.recovered(Duration::from_secs(130), "the end", is_done).await;
    let told = portal.task(&task).await;
    assert_eq!(told["counts"]["sent"], 1, "{told}");
    assert_eq!(told["mass"]["msgId"], sent(&portal)[0]["msgid"]);
    assert_eq!(sent(&portal).len(), 1, "never two");
    portal.town.close().await;
}

/// The draft was sent and is gone, the record was not written: a new draft is made, and WeChat still recognises the repeat.
#[tokio::test]
async fn must_14_a_draft_that_is_gone_is_made_anew_and_the_message_goes_out_once() {
    let portal = Portal::open().await;
    let thumb = portal.uploaded("thumb", &jpeg(60)).await;
    let news = portal.articles(json!([{ "thumb_media_id": thumb, "title": "一", "content": "x" }])).await;
    portal.order(json!({ "channel": "wechat-mass", "errcode": 40007, "times": 1 })).await;
    let answer = portal.mass("mpnews", json!({ "media_id": news })).await;
    let told = portal.done(&answer).await;
    assert_eq!((&told["counts"]["sent"], sent(&portal).len()), (&json!(1), 1), "{told}");
    portal.town.close().await;
}

#[tokio::test]
async fn row_38_an_administrator_who_says_nothing_or_no_ends_it() {
    let portal = Portal::open().await;
    let control = async |body: Value| {
        let path = format!("/sandbox/wechat/{}/mass", seed::ACCOUNT);
        portal.town.sandbox.post(&path, &body).await.json()["answered"].clone()
    };
    control(json!({ "protected": true })).await;
    for (answer, state, status) in [
        ("silence", "failed", json!("err(40002)")),
        ("refuse", "failed", json!("err(40001)")),
        ("confirm", "finished", Value::Null),
    ] {
        let accepted = portal.mass("text", json!({ "content": answer })).await;
        let task = task_id(&accepted);
        let told = portal.done(&accepted).await;
        assert_eq!(told["mass"]["state"], "sent", "accepted is all that is known: {told}");
        assert_eq!(control(json!({ "answer": answer })).await, 1);
        let mass = finished(&portal, &task).await;
        assert_eq!((&mass["state"], &mass["status"]), (&json!(state), &status), "{mass}");
    }
    assert_eq!(sent(&portal).len(), 1, "only the one that was confirmed went out");
    portal.town.close().await;
}

#[tokio::test]
async fn must_15_an_account_that_may_send_no_more_today_waits_for_tomorrow() {
    let mut world = World::demo();
    world.wechat[0] = world.wechat[0].clone().with_mass_limits(MassLimits::default());
    let portal = Portal::with(Options { world: Some(world), ..Options::for_tests() }).await;
    let first = portal.mass("text", json!({ "content": "一" })).await;
    portal.done(&first).await;
    let second = task_id(&portal.mass("text", json!({ "content": "二" })).await);
    until("a message that waits", || async { portal.task(&second).await["counts"]["retrying"] == 1 }).await;
    assert_eq!(sent(&portal).len(), 1);
    let is_sent = || async { sent(&portal).len() == 2 };
    portal.town.recovered(Duration::from_secs(23 * 3600), "the second one", is_sent).await;
    portal.town.close().await;
}

#[tokio::test]
async fn a_repeat_with_the_same_client_msg_id_is_one_message() {
    let portal = Portal::open().await;
    let body = json!({ "channelId": "demo", "msgtype": "text", "text": { "content": "x" }, "clientMsgId": "m-1" });
    let path = at("mass/send");
    let all = futures::future::join_all((0..5).map(|_| portal.town.api.post(&path, &body))).await;
    let first = data(&all[0]);
    assert!(all.iter().all(|answer| data(answer) == first));
    until("the message", || async { !sent(&portal).is_empty() }).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(sent(&portal).len(), 1);
    // The task is found before the channel is.
    let mut elsewhere = body.clone();
    elsewhere["channelId"] = json!("nowhere");
    assert_eq!(data(&portal.town.api.post(&path, &elsewhere).await), first);
    // And what is refused is not noted.
    elsewhere["clientMsgId"] = json!("m-2");
    assert_eq!(code(&portal.town.api.post(&path, &elsewhere).await), 404);
    portal.town.stack.advance(Duration::from_secs(3600));
    let now = portal.town.now();
    elsewhere["channelId"] = json!("demo");
    let told = portal.task(&task_id(&portal.town.api.post(&path, &elsewhere).await)).await;
    assert!(told["accepted_ms"].as_i64().is_some_and(|at| at >= now.millis()), "{told}");
    portal.town.close().await;
}
