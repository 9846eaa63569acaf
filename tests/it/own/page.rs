//! `/device`, the sandbox's page of a device whose app is open, with the client that apps use, in a real browser.

use super::{becomes, counted, counters, notify, phones, town};
use crate::page::driver::Browser;
use serde_json::{Value, json};
use std::time::Duration;
use support::until;

const WORDS: &str = "return document.body.innerText";
const STATE: &str = "return document.querySelector('#state').textContent";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_gets_the_message_while_it_is_connected_and_the_vendor_does_afterwards() {
    if !Browser::is_there("the page of a device") {
        return;
    }
    let (town, browser) = (town().await, Browser::start(460, 900).await);
    let shows = async |words: &str| {
        until(words, || async { browser.run(WORDS).await.as_str().is_some_and(|text| text.contains(words)) }).await;
    };
    let is = async |state: &str| until(state, || async { browser.run(STATE).await == state }).await;
    let page = format!("{}/device?url={}", town.stack.sandbox_url(), town.stack.socket_url());
    browser.open(&page, Duration::from_millis(300)).await;
    is("stopped").await;

    // A token that is nobody's is told, and not tried again.
    browser.run("document.querySelector('#token').value = 'forged'").await;
    assert!(browser.click("#connect").await);
    shows("own_push_token").await;
    is("stopped").await;

    browser.run("document.querySelector('#token').value = 'demo-huawei-1'").await;
    assert!(browser.click("#connect").await);
    is("online").await;
    let online = notify(&town, phones(&[1]), Value::Null, "<b>在线</b>的消息").await;
    shows("<b>在线</b>的消息").await;
    counted(&town, online, "mxpush", [1, 1, 1]).await;
    assert_eq!(town.inbox().len(), 0, "no vendor was called");
    let bubbles = "return document.querySelectorAll('.bubble').length";
    assert_eq!(browser.run(bubbles).await, json!(1));

    assert!(browser.click("#disconnect").await);
    is("stopped").await;
    becomes(&town, 1, false).await;
    let offline = notify(&town, phones(&[1]), Value::Null, "离线的消息").await;
    until("the vendor's turn", || async { counters(&town, offline, "huawei").await[0] == 1 }).await;
    assert_eq!(counters(&town, offline, "mxpush").await, [0, 0, 0]);
    assert_eq!(browser.run(bubbles).await, json!(1), "the page did not get it");
    let overflow = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(overflow, json!(false), "nothing is wider than the window");
    browser.close().await;
    town.close().await;
}
