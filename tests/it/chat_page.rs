//! `/chat`, the page on which one acts as a person in WeChat, in a real browser.

use crate::page::driver::Browser;
use crate::wechat_event::uid_of;
use crate::wxpusher::fresh;
use serde_json::json;
use std::time::Duration;
use support::until;

/// The words on the page.
const WORDS: &str = "return document.body.innerText";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_follows_types_and_taps() {
    if !Browser::is_there("the page of a person in WeChat") {
        return;
    }
    let (town, browser) = (fresh().await, Browser::start(460, 900).await);
    let shows = async |words: &str| {
        until(words, || async { browser.run(WORDS).await.as_str().is_some_and(|text| text.contains(words)) }).await;
    };
    browser.open(&format!("{}/chat", town.stack.sandbox_url()), Duration::from_millis(300)).await;
    shows("Unfollow").await;
    assert!(browser.click("#newcomer").await);
    shows("关注").await;
    until("a person who does not follow yet", || async {
        browser.run("return document.querySelector('#follow').getAttribute('aria-pressed')").await == "false"
    })
    .await;
    let disabled = browser.run("return document.querySelector('#text').disabled").await;
    assert_eq!(disabled, json!(true), "who does not follow cannot type");
    assert!(browser.click("#follow").await);
    shows("欢迎关注").await;
    browser.run("document.querySelector('#text').value = '#1'; document.querySelector('#say').requestSubmit()").await;
    shows("你已关注「演示应用」").await;
    assert!(browser.click("[data-key=MY_UID]").await);
    shows("你的UID").await;
    assert!(browser.click("[data-key=MY_SUBSCRIPTIONS]").await);
    shows("我的订阅：").await;

    // A message to the person arrives on the page by itself.
    let openid = browser.run("return document.querySelector('#person').value").await;
    let uid = uid_of(&town, openid.as_str().expect("an openid")).await.expect("a person");
    let sent = town.send(json!({ "content": "磁盘已用 91%", "summary": "磁盘告警", "uids": [uid.as_str()] })).await;
    assert_eq!(sent.targets()[0]["code"], 1000, "{}", sent.text);
    shows("磁盘告警").await;
    let overflow = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(overflow, json!(false), "nothing is wider than the window");
    browser.photograph("chat.png").await;
    browser.close().await;
    town.close().await;
}
