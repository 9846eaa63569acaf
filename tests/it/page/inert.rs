//! The collections of attacks, each opened by a real browser: nothing of a message runs, and nothing leaves.

use super::browser::{Canary, OWNED};
use super::driver::Browser;
use super::payloads::{HTML, MARKDOWN};
use crate::wxpusher::{FIRST, fresh, page_path};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

/// What stands at the end of each page, to see that it was rendered.
const HARMLESS: &str = "harmless words";
/// How long an attack has to act. On loopback the ones that work take some milliseconds.
const MOMENT: Duration = Duration::from_millis(120);

fn armed(payload: &str, base: &str) -> String {
    payload.replace("RUN", &format!("document.title=/{OWNED}/.source")).replace("BASE", base)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_79_the_collections_of_attacks_run_nothing_and_reach_nobody() {
    if !Browser::is_there("the collections of attacks") {
        return;
    }
    assert!(HTML.len() + MARKDOWN.len() >= 80, "{} and {}", HTML.len(), MARKDOWN.len());
    let canary = Canary::start().await;
    let browser = Browser::start(500, 800).await;
    let all: Vec<(&str, i64)> =
        HTML.iter().map(|payload| (*payload, 2)).chain(MARKDOWN.iter().map(|payload| (*payload, 3))).collect();

    // They are real: without our walls most of them act by themselves. Those that need a reader's hand do not.
    let mut acted = 0;
    for payload in HTML {
        canary.show(&format!("<!doctype html><title>calm</title><body>{}", armed(payload, canary.base())));
        browser.open(&format!("{}/control", canary.base()), MOMENT).await;
        let owned = browser.title().await == OWNED;
        acted += usize::from(owned | canary.take().iter().any(|head| !head.starts_with("GET /control")));
    }
    assert!(acted * 100 >= HTML.len() * 70, "only {acted} of {} attacks work at all", HTML.len());

    let town = fresh().await;
    for (payload, content_type) in &all {
        let content = format!("{}\n\n{HARMLESS}", armed(payload, canary.base()));
        let sent =
            town.send(json!({ "content": content, "contentType": content_type, "uids": [FIRST], "summary": "calm" }));
        sent.await.message_id();
    }
    let inbox = town.inbox_of(all.len()).await;
    canary.take();
    for message in &inbox {
        let path = page_path(&town, message);
        let page = town.api.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        browser.open(&format!("{}{path}", town.stack.url()), MOMENT).await;
        assert_eq!(browser.title().await, "calm", "{}", page.text);
        assert_eq!(browser.dialog().await, None, "{}", page.text);
        let left = canary.take();
        assert!(left.is_empty(), "{left:?} by {}", page.text);
    }
    browser.close().await;
    town.close().await;
}
