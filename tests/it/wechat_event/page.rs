//! The page and the picture of a QR code.

use super::scan::{code, default_code};
use super::{NEWCOMER, acts, follows_of, told, town};
use http::{HeaderMap, Method, StatusCode};
use local::seed;
use model::follow::Followed;
use model::ids::{AccountId, TopicId};
use model::qrcode::Code;
use serde_json::json;
use std::time::Duration;
use store::Capability;
use store::accounts::AccountWriter;
use support::Town;

/// The picture at `path`: status, headers, and what the QR code on it says.
async fn scan_picture(town: &Town, path: &str) -> (StatusCode, HeaderMap, String) {
    let (status, headers, bytes) = town.api.bytes(Method::GET, path).await;
    if status != StatusCode::OK {
        return (status, headers, String::new());
    }
    assert_eq!(headers["content-type"], "image/jpeg");
    assert!(bytes.starts_with(&[0xff, 0xd8, 0xff]), "a JPEG");
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).expect("a JPEG").to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(picture);
    let grids = prepared.detect_grids();
    assert_eq!(grids.len(), 1, "one code on the picture");
    (status, headers, grids[0].decode().expect("a readable code").1)
}

fn created(town: &Town) -> u64 {
    town.stack.sandbox().wechat(seed::ACCOUNT).expect("the account").codes_created()
}

#[tokio::test]
async fn the_picture_says_wechats_own_address_and_scanning_it_follows() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 1800).await;
    let (status, headers, says) = scan_picture(&town, &code.code.picture_path()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(says.starts_with("http://weixin.qq.com/q/"), "{says}");
    let cached = headers["cache-control"].to_str().expect("a text").to_owned();
    let seconds: u64 = cached.strip_prefix("public, max-age=").expect("cached").parse().expect("seconds");
    assert!((1_700..=1_800).contains(&seconds), "until it expires: {cached}");
    // The same picture by its short path, and WeChat is not asked again.
    assert_eq!(scan_picture(&town, &code.code.short_picture_path()).await.2, says);
    assert_eq!(created(&town), 1);

    acts(&town, NEWCOMER, json!({ "event": "SCAN", "scene": says })).await;
    assert_eq!(follows_of(&town, NEWCOMER).await.len(), 1);
    assert_eq!(told(&town, 1).await[0]["data"]["extra"], "x");
    town.close().await;
}

#[tokio::test]
async fn an_expired_picture_is_410_and_an_unknown_one_404() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 60).await;
    assert_eq!(scan_picture(&town, &code.code.picture_path()).await.0, StatusCode::OK);
    town.stack.advance(Duration::from_secs(61));
    for path in [code.code.picture_path(), code.code.short_picture_path(), code.code.page_path()] {
        let answer = town.api.get(&path).await;
        assert_eq!(answer.status, StatusCode::GONE, "{path}");
    }
    let page = town.api.get(&code.code.page_path()).await;
    assert!(page.text.contains("二维码已失效") && page.headers.contains_key("content-security-policy"));
    let unknown = Code::draw(&mut rand::rng());
    for path in [unknown.picture_path(), unknown.page_path(), "/q/x".to_owned(), "/api/qrcode/..%2f..%2fx".to_owned()] {
        assert_eq!(town.api.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_looks_at_once_costs_one_call_of_wechat() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 1800).await;
    let path = code.code.picture_path();
    let pictures = futures::future::join_all((0..6).map(|_| scan_picture(&town, &path))).await;
    let said: std::collections::BTreeSet<String> = pictures.into_iter().map(|(_, _, says)| says).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(created(&town), 1);
    town.close().await;
}

#[tokio::test]
async fn an_account_without_such_codes_shows_our_own_page() {
    let town = town().await;
    let code = code(&town, Followed::App, Some("x"), 1800).await;
    // WeChat refuses now: the picture works all the same, and is not kept.
    town.sandbox.post("/sandbox/faults", &json!({ "channel": "wechat", "errcode": 48001, "times": 1 })).await;
    let ours = format!("{}{}", town.stack.url(), code.code.page_path());
    let (_, headers, says) = scan_picture(&town, &code.code.picture_path()).await;
    assert_eq!((says, headers["cache-control"].to_str().expect("a text")), (ours.clone(), "no-store"));
    // Nobody would tell us of a scan: WeChat is not asked at all.
    let mut account = seed::account();
    account.callback = None;
    AccountWriter::open(town.stack.store()).put(&account).await.expect("a store");
    town.stack.context().accounts.forget(&AccountId::new(seed::ACCOUNT));
    assert_eq!(scan_picture(&town, &code.code.picture_path()).await.2, ours);
    assert_eq!(created(&town), 0);
    town.close().await;
}

#[tokio::test]
async fn the_page_of_an_app_tells_a_phone_what_to_do() {
    let town = town().await;
    let code = default_code(&town, Followed::App).await;
    let page = town.api.get(&code.page_path()).await;
    assert_eq!(page.status, StatusCode::OK);
    for part in ["演示应用", "长按", "扫一扫", "#1", "in WeChat", "Anywhere else"] {
        assert!(page.text.to_lowercase().contains(&part.to_lowercase()), "{part} in {}", page.text);
    }
    assert!(!page.text.contains("<script"));
    // Its picture is another than the code's own, so that a scan of it is known as a follow by link.
    let picture = page.text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a picture");
    let by_link = scan_picture(&town, picture).await.2;
    assert_ne!(by_link, scan_picture(&town, &code.picture_path()).await.2);
    acts(&town, NEWCOMER, json!({ "event": "SCAN", "scene": by_link })).await;
    assert_eq!(told(&town, 1).await[0]["data"]["source"], "link");
    town.close().await;
}

#[tokio::test]
async fn the_page_of_a_topic_names_it_and_a_developers_code_has_one_picture() {
    let town = town().await;
    let topic = default_code(&town, Followed::Topic(TopicId::new(1))).await;
    let page = town.api.get(&topic.page_path()).await;
    assert!(page.text.contains("演示主题") && page.text.contains("演示应用"), "{}", page.text);
    assert!(!page.text.contains("直接发送"), "a topic has no number to type");
    let own = code(&town, Followed::App, Some("x"), 1800).await;
    let page = town.api.get(&own.code.page_path()).await;
    assert!(page.text.contains(&format!("src=\"{}\"", own.code.short_picture_path())), "{}", page.text);
    assert!(page.text.contains("有效期至"));
    town.close().await;
}
