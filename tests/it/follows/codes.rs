//! QR codes, scans, and tokens that are reset.

use super::*;
use crate::wxpusher::fresh;
use model::app::AppProfile;
use model::follow::Followed;
use model::qrcode::{Code, CodeKey, QrCode, Way};
use model::secret::Secret;
use std::time::Duration;
use store::apps::{AppWriter, Apps, DefaultCodes, Senders};
use store::qrcodes::{QrCodes, QrMaker, QrScans};

async fn code(town: &Town, valid: Duration) -> Code {
    let code = Code::draw(&mut rand::rng());
    let expires = Some(town.now().plus(valid));
    let qr = QrCode { code: code.clone(), app_id: APP, followed: Followed::App, extra: Some("x".to_owned()), expires };
    QrMaker::open(town.stack.store()).create(&qr).await.expect("a code");
    code
}

async fn scanned_by(town: &Town, key: &CodeKey) -> Option<Option<Uid>> {
    let state = QrCodes::open(town.stack.store()).get(key, town.now()).await.expect("an answer");
    state.map(|state| state.scanned_by)
}

#[tokio::test]
async fn the_last_scan_counts_and_can_be_read_for_a_day_after_the_code_expired() {
    let town = fresh().await;
    let code = code(&town, Duration::from_secs(60)).await;
    let (whole, short) = (CodeKey::Whole(code.clone()), CodeKey::Short(code.short().to_owned()));
    let scans = QrScans::open(town.stack.store());
    let (first, second) = (seed::uid(1).unwrap(), seed::uid(2).unwrap());
    assert_eq!(scanned_by(&town, &whole).await, Some(None));
    let before = town.now();
    town.stack.advance(Duration::from_secs(1));
    assert!(scans.note(&code, &second, town.now()).await.unwrap());
    assert!(scans.note(&code, &first, before).await.unwrap(), "it was scanned in time, but not last");
    assert_eq!(scanned_by(&town, &whole).await, Some(Some(second.clone())));
    assert_eq!(scanned_by(&town, &short).await, Some(Some(second.clone())), "found by its beginning");

    town.stack.advance(Duration::from_secs(60));
    assert!(!scans.note(&code, &first, town.now()).await.unwrap(), "expired");
    assert_eq!(scanned_by(&town, &whole).await, Some(Some(second)), "still to be read");
    town.stack.advance(Duration::from_secs(86_400));
    assert_eq!(scanned_by(&town, &whole).await, None);
    let unknown = Code::draw(&mut rand::rng());
    assert!(!scans.note(&unknown, &first, town.now()).await.unwrap());
    assert_eq!(scanned_by(&town, &CodeKey::Whole(unknown)).await, None, "a scan makes no code");
    town.close().await;
}

#[tokio::test]
async fn an_app_and_a_topic_have_one_permanent_code_each() {
    let town = fresh().await;
    let codes = DefaultCodes::open(town.stack.store());
    let calls = (0..4).map(|_| async { codes.of(APP, Followed::App).await.unwrap().expect("a code") });
    let found = futures::future::join_all(calls).await;
    assert!(found.iter().all(|code| *code == found[0]));
    let topic = codes.of(APP, Followed::Topic(TOPIC)).await.unwrap().expect("a code");
    assert_ne!(topic, found[0]);
    assert_eq!(codes.of(AppId::new(99), Followed::App).await.unwrap(), None);
    assert_eq!(codes.of(OTHER, Followed::Topic(TOPIC)).await.unwrap(), None, "another app's topic");
    town.stack.advance(Duration::from_secs(400 * 86_400));
    let state = QrCodes::open(town.stack.store()).get(&CodeKey::Whole(topic), town.now()).await.unwrap();
    let state = state.expect("for ever").code;
    assert_eq!((state.followed, state.extra, state.expires), (Followed::Topic(TOPIC), None, None));
    town.close().await;
}

#[tokio::test]
async fn what_its_picture_shows_is_kept_once() {
    let town = fresh().await;
    let code = code(&town, Duration::from_secs(60)).await;
    let scans = QrScans::open(town.stack.store());
    assert_eq!(scans.keep_target(&code, Way::Picture, "http://one").await.unwrap().as_deref(), Some("http://one"));
    assert_eq!(scans.keep_target(&code, Way::Picture, "http://two").await.unwrap().as_deref(), Some("http://one"));
    assert_eq!(scans.keep_target(&Code::draw(&mut rand::rng()), Way::Picture, "http://x").await.unwrap(), None);
    town.close().await;
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_reset_token_is_dead_at_once_and_the_new_one_speaks() {
    let town = fresh().await;
    let (writer, senders) = (AppWriter::open(town.stack.store()), Senders::open(town.stack.store()));
    let old = secret(seed::APP_TOKEN);
    assert!(writer.reset_token(APP, &secret("AT_one")).await.unwrap());
    assert!(senders.by_token(&old).await.unwrap().is_none());
    assert_eq!(senders.by_token(&secret("AT_one")).await.unwrap().map(|app| app.id), Some(APP));
    assert!(!writer.reset_token(AppId::new(99), &secret("AT_x")).await.unwrap());
    assert!(senders.by_token(&secret("AT_x")).await.unwrap().is_none());

    let tokens: Vec<String> = (0..6).map(|n| format!("AT_at_once_{n}")).collect();
    let resets = tokens.iter().map(|token| async { writer.reset_token(APP, &secret(token)).await.unwrap() });
    futures::future::join_all(resets).await;
    let mut alive = Vec::new();
    for token in tokens.iter().map(String::as_str).chain(["AT_one", seed::APP_TOKEN]) {
        if senders.by_token(&secret(token)).await.unwrap().is_some() {
            alive.push(token.to_owned());
        }
    }
    assert_eq!(alive.len(), 1, "one token speaks for an app: {alive:?}");
    town.close().await;
}

#[tokio::test]
async fn an_edit_is_seen_by_the_next_call_and_creates_nothing() {
    let town = fresh().await;
    let (writer, senders) = (AppWriter::open(town.stack.store()), Senders::open(town.stack.store()));
    let edits = (0..6).map(|n| {
        let writer = &writer;
        async move {
            let edit = move |profile: &mut AppProfile| {
                profile.app.name.push_str(&n.to_string());
                profile.callback_url = Some("https://example.com/hook".to_owned());
            };
            writer.edit(APP, edit).await.unwrap().expect("the app")
        }
    });
    futures::future::join_all(edits).await;
    let profile = Apps::open(town.stack.store()).get(APP).await.unwrap().expect("the app");
    assert_eq!(profile.app.name.len(), "演示应用".len() + 6, "no edit is lost: {}", profile.app.name);
    assert_eq!(senders.by_token(&secret(seed::APP_TOKEN)).await.unwrap(), Some(profile.app));
    assert!(writer.edit(AppId::new(99), |_| {}).await.unwrap().is_none());
    assert!(Apps::open(town.stack.store()).get(AppId::new(99)).await.unwrap().is_none());
    town.close().await;
}
