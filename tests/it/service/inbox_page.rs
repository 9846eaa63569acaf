//! The sandbox's inbox page, in a real browser: what an enterprise sent is seen and heard there.

use super::Portal;
use super::files::{amr, jpeg, mp3};
use crate::page::driver::Browser;
use image::{ImageFormat, Rgb, RgbImage};
use local::seed;
use serde_json::json;
use std::io::Cursor;
use std::time::Duration;
use support::until;

/// What the page shows of pictures: how many there are, and how many of them the browser could draw.
const PICTURES: &str = "const all = [...document.querySelectorAll('.media img')]; \
                        return [all.length, all.filter((one) => one.complete && one.naturalWidth > 0).length]";
const WORDS: &str = "return document.body.innerText";

/// A picture that a person tells from others.
fn painted() -> Vec<u8> {
    let picture = RgbImage::from_fn(320, 200, |x, y| {
        let stripes = [[7, 163, 90], [255, 196, 0], [217, 84, 30], [40, 110, 220]];
        Rgb(stripes[((x + y) / 40 % 4) as usize])
    });
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).expect("a PNG");
    png.into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_recordings_and_articles_are_shown_in_the_inbox() {
    if !Browser::is_there("the inbox with media") {
        return;
    }
    let portal = Portal::open().await;
    portal.everybody_talks();
    let picture = painted();
    let image = portal.uploaded("image", &picture).await;
    let (spoken, song) = (portal.uploaded("voice", &amr(5)).await, portal.uploaded("voice", &mp3(500)).await);
    let (cover, second) = (portal.uploaded("thumb", &picture).await, portal.uploaded("thumb", &jpeg(80)).await);
    let news = portal
        .articles(json!([
            { "thumb_media_id": cover, "title": "九月公告", "author": "行政部", "content": "<p>x</p>", "digest": "节日安排", "appUrl": "https://example.com/1" },
            { "thumb_media_id": second, "title": "食堂菜单", "content": "x", "appUrl": "https://example.com/2" },
        ]))
        .await;
    let card = json!({ "title": "体检通知", "description": "请按时参加", "appUrl": "https://example.com/3", "picUrl": "https://example.com/a.jpg" });
    for (kind, part) in [
        ("text", json!({ "content": "你好 <img src=x>" })),
        ("image", json!({ "media_id": image })),
        ("voice", json!({ "media_id": spoken })),
        ("voice", json!({ "media_id": song })),
        ("news", json!({ "articles": [card] })),
    ] {
        portal.done(&portal.send("user1", kind, part).await).await;
    }
    portal.done(&portal.mass("mpnews", json!({ "media_id": news })).await).await;
    portal.town.inbox_of(6).await;

    let browser = Browser::start(460, 1_500).await;
    browser.open(&format!("{}/", portal.town.stack.sandbox_url()), Duration::from_millis(300)).await;
    let shows = async |words: &str| {
        until(words, || async { browser.run(WORDS).await.as_str().is_some_and(|text| text.contains(words)) }).await;
    };
    for words in ["你好 <img src=x>", "5″", "12″", "audio/amr", "九月公告", "行政部 · 节日安排", "食堂菜单", "体检通知"]
    {
        shows(words).await;
    }
    until("three pictures, drawn", || async {
        // What is further down is loaded when somebody gets there.
        browser.run("document.querySelectorAll('.media img').forEach((one) => { one.loading = 'eager' })").await;
        browser.run(PICTURES).await == json!([3, 3])
    })
    .await;
    // One of the recordings can be played here; the other one is a file to take away.
    assert_eq!(browser.run("return document.querySelectorAll('.media audio').length").await, 1);
    let plays = "return document.querySelector('.media audio').canPlayType('audio/mpeg') !== ''";
    assert_eq!(browser.run(plays).await, true);
    let links = "return [...document.querySelectorAll('.media a.article')].map((one) => one.href)";
    assert_eq!(
        browser.run(links).await,
        json!(["https://example.com/3", "https://example.com/1", "https://example.com/2"])
    );
    assert_eq!(browser.run("return document.documentElement.scrollWidth > innerWidth").await, false);
    browser.photograph("inbox-media.png").await;

    // The person's own page shows the same; and what WeChat has forgotten is said to be gone.
    portal.account().forget_media();
    browser.open(&format!("{}/chat", portal.town.stack.sandbox_url()), Duration::from_millis(300)).await;
    let me = format!("sessionStorage.setItem('openid', '{}'); location.reload()", seed::openid(1).as_str());
    browser.run(&me).await;
    shows("体检通知").await;
    shows("no longer kept").await;
    browser.photograph("chat-media.png").await;
    browser.close().await;
    portal.town.close().await;
}
