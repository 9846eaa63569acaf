//! POST …/uploadMedia.

use super::files::{amr, form, jpeg, large_png, mp3, png};
use super::{BASE, OTHER, OTHER_TOKEN, Portal, at, code, data, refusal, upload_to};
use http::Method;
use local::seed;
use model::ids::{Ecode, MediaId};
use model::service::MediaKind;
use serde_json::{Value, json};
use std::time::Duration;
use store::Capability;
use store::media::MediaWriter;
use support::Client;

#[tokio::test]
async fn every_kind_of_file_is_taken_by_its_bytes() {
    let portal = Portal::open().await;
    for (kind, bytes) in [
        ("image", png(1)),
        ("image", jpeg(32)),
        ("voice", amr(60)),
        ("voice", mp3(100)),
        ("thumb", jpeg(32)),
        ("thumb", png(2)),
    ] {
        portal.uploaded(kind, &bytes).await;
    }
    portal.town.close().await;
}

#[tokio::test]
async fn must_1_the_same_bytes_are_one_id_and_one_object() {
    let portal = Portal::open().await;
    let first = portal.uploaded("image", &png(1)).await;
    portal.reset();
    assert_eq!(portal.uploaded("image", &png(1)).await, first);
    assert_eq!(portal.kept(), [""; 0], "nothing is written to the bucket");
    assert_ne!(portal.uploaded("thumb", &jpeg(16)).await, first);
    assert_ne!(portal.uploaded("image", &png(2)).await, first);
    portal.town.close().await;
}

#[tokio::test]
async fn must_2_a_png_named_jpg_is_a_png() {
    let portal = Portal::open().await;
    let id = data(&portal.upload("image", "photo.jpg", &png(1)).await)["media_id"].clone();
    let listed = crate::admin::done(&portal.town, 200, Method::GET, "/admin/enterprises/demo/media", Value::Null).await;
    let item = listed["items"].as_array().expect("items").iter().find(|item| item["media_id"] == id).expect("listed");
    assert_eq!((&item["media_type"], &item["bytes"]), (&json!("image/png"), &json!(png(1).len())));
    portal.town.close().await;
}

#[tokio::test]
async fn must_3_what_is_not_what_it_says_is_refused_and_nothing_is_kept() {
    let portal = Portal::open().await;
    let zip = b"PK\x03\x04\x14\x00\x00\x00\x08\x00 and so on".to_vec();
    let cut = png(7)[..60].to_vec();
    portal.reset();
    for (kind, bytes, says) in [
        ("image", zip, "application/zip"),
        ("image", amr(1), "`file`"),
        ("image", cut, "breaks off"),
        ("voice", amr(61), "61.0 s"),
        ("voice", png(1), "image/png"),
        ("thumb", b"GIF89a".to_vec(), "`file`"),
        ("image", Vec::new(), "empty"),
        ("video", png(1), "`type`"),
        ("", png(1), "`type`"),
    ] {
        let (code, message) = refusal(&portal.upload(kind, "a.png", &bytes).await);
        assert_eq!(code, 400, "{kind}: {message}");
        assert!(message.contains(says), "{kind}: {message}");
    }
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn must_4_a_form_that_breaks_off_is_refused() {
    let portal = Portal::open().await;
    portal.reset();
    let (boundary, whole) = form("image", "a.png", &png(1));
    let content_type = format!("multipart/form-data; boundary={boundary}");
    for cut in [0, whole.len() / 2, whole.len() - 8] {
        let headers = [("content-type", content_type.as_str())];
        let answer = portal.town.api.send(Method::POST, &at("uploadMedia"), &headers, whole[..cut].to_vec()).await;
        assert_eq!(code(&answer), 400, "{}", answer.text);
    }
    let strange = [("content-type", "text/plain")];
    assert_eq!(code(&portal.town.api.send(Method::POST, &at("uploadMedia"), &strange, "x").await), 400);
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

/// What API Gateway does not pass on, it answers itself; what we do not take names the way out.
#[tokio::test]
async fn must_5_a_file_that_is_too_large_is_told_the_way_out() {
    let portal = Portal::open().await;
    portal.reset();
    let (code, message) = refusal(&portal.upload("image", "a.png", &large_png(4 << 20)).await);
    assert_eq!(code, 413);
    assert!(message.contains("presign=1"), "{message}");
    let whole = portal.upload("image", "a.png", &vec![0; (10 << 20) + 1]).await;
    assert_eq!((whole.status.as_u16(), whole.text.as_str()), (413, r#"{"message":"Request Entity Too Large"}"#));
    let (code, message) = refusal(&portal.upload("voice", "a.amr", &amr(1_400)).await);
    assert_eq!((code, message.contains("2097152")), (413, true), "{message}");
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn must_6_a_large_file_goes_into_the_bucket_by_a_link_and_is_looked_at_there() {
    let portal = Portal::open().await;
    let presigned = async |kind: &str| {
        let path = format!("{}&presign=1&type={kind}", at("uploadMedia"));
        let data = data(&portal.town.api.send(Method::POST, &path, &[], "").await);
        let id = data["media_id"].as_str().expect("an id").to_owned();
        (id, data["upload_url"].as_str().expect("a link").to_owned())
    };
    let put =
        async |link: &str, bytes: Vec<u8>| Client::new("").send(Method::PUT, link, &[], bytes).await.status.as_u16();
    let look = async |id: &str| {
        portal.town.api.send(Method::POST, &format!("{}&media_id={id}", at("uploadMedia")), &[], "").await
    };
    let (id, link) = presigned("image").await;
    assert_eq!(refusal(&look(&id).await).0, 404, "nothing is there yet");
    let picture = large_png(5 << 20);
    assert_eq!(put(&link, picture.clone()).await, 200);
    assert_eq!(data(&look(&id).await)["media_id"], id);
    // And once more, when it is settled.
    assert_eq!(data(&look(&id).await)["media_id"], id);
    portal.everybody_talks();
    let sent = portal.send("user1", "image", json!({ "media_id": id })).await;
    assert_eq!(portal.done(&sent).await["users"][0]["state"], "sent");
    assert_eq!(shown(&portal, 0).await, picture);

    let (id, link) = presigned("image").await;
    assert_eq!(put(&link, vec![0; (10 << 20) + 1]).await, 200, "the bucket takes anything");
    assert_eq!(refusal(&look(&id).await).0, 413);
    let (id, link) = presigned("voice").await;
    put(&link, png(1)).await;
    assert_eq!(refusal(&portal.send("user1", "voice", json!({ "media_id": id })).await).0, 400);
    // A link is for its place alone.
    let elsewhere = link.replace(&id, &"0".repeat(32));
    assert_eq!(put(&elsewhere, png(1)).await, 403);
    assert_eq!(
        code(&portal.town.api.send(Method::POST, &format!("{}&presign=1", at("uploadMedia")), &[], "").await),
        400
    );
    portal.town.close().await;
}

/// Nobody has to look twice at what cannot be used, however often it is named.
#[tokio::test]
async fn what_was_refused_behind_a_link_is_refused_for_good() {
    let portal = Portal::open().await;
    let path = |query: &str| format!("{}&{query}", at("uploadMedia"));
    for (kind, bytes, expected, says) in
        [("image", png(7)[..60].to_vec(), 400, "breaks off"), ("voice", vec![0; (2 << 20) + 1], 413, "2097152")]
    {
        let query = format!("presign=1&type={kind}");
        let link = data(&portal.town.api.send(Method::POST, &path(&query), &[], "").await);
        let (id, url) = (link["media_id"].as_str().expect("an id"), link["upload_url"].as_str().expect("a link"));
        Client::new("").send(Method::PUT, url, &[], bytes).await;
        let look =
            async || refusal(&portal.town.api.send(Method::POST, &path(&format!("media_id={id}")), &[], "").await);
        let first = look().await;
        assert_eq!((first.0, first.1.contains(says)), (expected, true), "{first:?}");
        // Not even when better bytes come by the same link.
        Client::new("").send(Method::PUT, url, &[], png(8)).await;
        portal.reset();
        assert_eq!(look().await, first);
        assert_eq!(refusal(&portal.send("user1", kind, json!({ "media_id": id })).await), first);
        let calls = crate::wxpusher::aws_calls(&portal.town);
        assert!(!calls.iter().any(|call| call.contains("GetObject")), "{calls:?}");
    }
    portal.town.close().await;
}

#[tokio::test]
async fn a_link_with_a_size_is_for_exactly_so_many_bytes() {
    let portal = Portal::open().await;
    let picture = png(9);
    let presigned = async |size: &str| {
        let path = format!("{}&presign=1&type=image&size={size}", at("uploadMedia"));
        portal.town.api.send(Method::POST, &path, &[], "").await
    };
    let link = data(&presigned(&picture.len().to_string()).await)["upload_url"].as_str().expect("a link").to_owned();
    let signed = link.split('&').find_map(|part| part.strip_prefix("X-Amz-SignedHeaders=")).expect("signed headers");
    assert_eq!(signed, "content-length%3Bhost");
    let put = async |bytes: Vec<u8>| Client::new("").send(Method::PUT, &link, &[], bytes).await.status.as_u16();
    assert_eq!(put([picture.as_slice(), b"x"].concat()).await, 403);
    assert_eq!(put(picture).await, 200);
    for wrong in ["0", "x", "10485761"] {
        let (code, message) = refusal(&presigned(wrong).await);
        assert_eq!((code, message.contains("`size`")), (400, true), "{message}");
    }
    portal.town.close().await;
}

/// TTL takes days to remove what has expired; until then it is in the range that a page is read from.
#[tokio::test]
async fn a_list_goes_on_behind_what_has_expired() {
    let portal = Portal::open().await;
    let writer = MediaWriter::open(portal.town.stack.store());
    let ecode = Ecode::parse(seed::ENTERPRISE).expect("a code");
    let id = |n: u32| MediaId::parse(&format!("{n:032x}")).expect("an id");
    let awaited = async |n: u32| {
        writer.await_upload(&ecode, id(n), MediaKind::Image, None, portal.town.now()).await.expect("a link");
    };
    for n in [0, 1, 2, 3, 5, 6] {
        awaited(n).await;
    }
    portal.town.stack.advance(Duration::from_secs(3 * 86_400));
    for n in [4, 7, 8] {
        awaited(n).await;
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/admin/enterprises/demo/media?limit=2{cursor}");
        let page = crate::admin::done(&portal.town, 200, Method::GET, &path, Value::Null).await;
        let items = page["items"].as_array().expect("items");
        found.extend(items.iter().map(|item| item["media_id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert_eq!(items.len(), 2, "{page}");
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, [4, 7, 8].map(|n| id(n).to_string()));
    portal.town.close().await;
}

/// The bytes at WeChat of what message `place` of the inbox shows.
pub(super) async fn shown(portal: &Portal, place: usize) -> Vec<u8> {
    let message = &portal.town.inbox()[place];
    let kind = message.raw["msgtype"].as_str().expect("a type");
    let id = message.raw[kind]["media_id"].as_str().expect("an id");
    let path = format!("/sandbox/wechat/{}/media/{id}", seed::ACCOUNT);
    portal.town.sandbox.bytes(Method::GET, &path).await.2.to_vec()
}

#[tokio::test]
async fn must_7_anothers_token_is_none_and_an_unknown_enterprise_is_not_there() {
    let portal = Portal::open().await;
    portal.reset();
    let file = png(1);
    for (path, expected) in [
        (format!("{BASE}/uploadMedia"), 401),
        (format!("{BASE}/uploadMedia?access_token=wrong"), 401),
        (format!("{BASE}/uploadMedia?access_token={OTHER_TOKEN}"), 401),
        (format!("/interface/{OTHER}/api/push/uploadMedia?access_token={}", seed::ACCESS_TOKEN), 401),
        (format!("/interface/nobody/api/push/uploadMedia?access_token={}", seed::ACCESS_TOKEN), 404),
        (format!("/interface/a%23b/api/push/uploadMedia?access_token={}", seed::ACCESS_TOKEN), 404),
    ] {
        let answer = upload_to(&portal.town.api, &path, "image", "a.png", &file).await;
        assert_eq!(code(&answer), expected, "{path}: {}", answer.text);
    }
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}

#[tokio::test]
async fn articles_are_taken_with_thumbs_of_the_same_enterprise() {
    let portal = Portal::open().await;
    let thumb = portal.uploaded("thumb", &jpeg(400)).await;
    let article = |thumb: &str| json!({ "thumb_media_id": thumb, "title": "标题", "content": "<p>正文</p>", "show_cover_pic": "1", "pcUrl": "http://p.cn", "appUrl": "http://a.cn" });
    let id = portal.articles(json!([article(&thumb)])).await;
    assert_eq!(portal.articles(json!([article(&thumb)])).await, id, "the same articles are the same id");
    let picture = portal.uploaded("image", &png(1)).await;
    let path = format!("/interface/{OTHER}/api/push/uploadMedia?access_token={OTHER_TOKEN}");
    let foreign = data(&upload_to(&portal.town.api, &path, "thumb", "a.jpg", &jpeg(40)).await)["media_id"].clone();
    portal.reset();
    let foreign = foreign.as_str().expect("an id");
    for (articles, expected, says) in [
        (json!([article(foreign)]), 404, "`articles[0].thumb_media_id`"),
        (json!([article(&picture)]), 400, "`articles[0].thumb_media_id`"),
        (json!([{ "title": "x" }]), 400, "`articles[0].thumb_media_id`"),
        (
            json!([article(&thumb), { "thumb_media_id": thumb, "content": "x".repeat(20_001) }]),
            400,
            "`articles[1].content`",
        ),
        (json!(vec![article(&thumb); 11]), 400, "11 articles"),
        (json!([]), 400, "`articles`"),
        (Value::Null, 400, "`articles`"),
    ] {
        let answer = portal.town.api.post(&at("uploadMedia"), &json!({ "articles": articles })).await;
        let (code, message) = refusal(&answer);
        assert_eq!((code, message.contains(says)), (expected, true), "{message}");
    }
    assert_eq!(portal.kept(), [""; 0]);
    portal.town.close().await;
}
