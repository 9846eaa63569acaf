//! `/device`, the sandbox's page of a device whose app is open, with the client that apps use, in a real browser.

use super::{becomes, counted, counters, notify, phones, town};
use crate::page::driver::Browser;
use crate::template::project::text;
use axum::response::Html;
use axum::routing::get;
use local::sandbox::Message;
use local::seed::mobile;
use model::channel::ChannelKind;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Town, until};

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
    assert_eq!(town.arrived(), 0, "no vendor was called");
    let bubbles = "return document.querySelectorAll('.bubble').length";
    assert_eq!(browser.run(bubbles).await, json!(1));

    assert!(browser.click("#disconnect").await);
    is("stopped").await;
    becomes(&town, 1, false).await;
    let offline = notify(&town, phones(&[1]), Value::Null, "离线的消息").await;
    by_vendor_alone(&town, offline, 1, "离线的消息").await;
    assert_eq!(browser.run(bubbles).await, json!(1), "the page did not get it");
    let overflow = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(overflow, json!(false), "nothing is wider than the window");

    // Online again, and then the page is gone without having said so.
    assert!(browser.click("#connect").await);
    is("online").await;
    becomes(&town, 1, true).await;
    browser.open("about:blank", Duration::from_millis(100)).await;
    becomes(&town, 1, false).await;
    let closed = notify(&town, phones(&[1]), Value::Null, "页面已关").await;
    by_vendor_alone(&town, closed, 2, "页面已关").await;
    // The counters tell which went which way.
    assert_eq!(counters(&town, online, "mxpush").await, [1, 1, 1]);
    assert_eq!(counters(&town, online, "huawei").await, [0, 0, 0]);
    browser.close().await;
    town.close().await;
}

/// Waits until the vendor has accepted a message, which is the `count`-th that it has, and nobody else has it.
async fn by_vendor_alone(town: &Town, task: u64, count: usize, body: &str) {
    let Message { channel, recipient, body: shown, .. } = town.inbox_of(count).await.pop().expect("a message");
    let token = mobile::device_token(ChannelKind::Huawei, 1);
    assert_eq!((channel.as_str(), recipient.as_str(), shown.as_str()), ("huawei", token.as_str(), body));
    until("the vendor's turn", || async { counters(town, task, "huawei").await[..2] == [1, 1] }).await;
    assert_eq!(counters(town, task, "mxpush").await, [0, 0, 0]);
}

/// The page of `docs/own-channel.md`, as somebody pastes it who tries it out.
fn page_of_the_docs(socket_url: &str) -> String {
    let docs = text("docs/own-channel.md");
    let page = docs.split("```html\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a page in the docs");
    assert!(page.contains("ws://127.0.0.1:8080/live"), "it connects to what `cargo run` serves");
    page.replace("ws://127.0.0.1:8080/live", socket_url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_docs_works_as_it_stands() {
    if !Browser::is_there("the page of the docs") {
        return;
    }
    let (town, browser) = (town().await, Browser::start(460, 900).await);
    let (page, client) = (page_of_the_docs(&town.stack.socket_url()), text("clients/javascript/tuisong.js"));
    let script = ([("content-type", "text/javascript")], client);
    let pages =
        axum::Router::new().route("/", get(|| async { Html(page) })).route("/tuisong.js", get(|| async { script }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move { axum::serve(listener, pages).await });
    browser.open(&url, Duration::from_millis(300)).await;
    becomes(&town, 1, true).await;
    let task = notify(&town, phones(&[1]), Value::Null, "照抄的页面").await;
    let shows = || async { browser.run(WORDS).await.as_str().is_some_and(|text| text.contains("照抄的页面")) };
    until("the message on the page", shows).await;
    counted(&town, task, "mxpush", [1, 1, 1]).await;
    assert_eq!(town.arrived(), 0, "no vendor was called");
    browser.close().await;
    server.abort();
    town.close().await;
}
