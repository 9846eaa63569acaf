//! GET /m/{key}: the page that a card opens.

mod browser;
pub(crate) mod driver;
mod inert;
mod payloads;

use crate::wxpusher::{FIRST, aws_calls, fresh, only_page, page_path};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Town};

/// Sends `content` to one user and returns the page that its card opens.
async fn page_of(town: &Town, content: &str, content_type: i64) -> Answer {
    page_with(town, json!({ "content": content, "contentType": content_type })).await
}

async fn page_with(town: &Town, mut body: Value) -> Answer {
    body["uids"] = json!([FIRST]);
    town.send(body).await.message_id();
    only_page(town).await
}

/// Headers that every page has, whatever it shows.
fn assert_sealed(page: &Answer) {
    let header = |name: &str| {
        let value = page.headers.get(name).unwrap_or_else(|| panic!("`{name}` is missing"));
        value.to_str().expect("a text").to_owned()
    };
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "private, no-store");
    assert!(header("x-robots-tag").contains("noindex"));
    let policy = header("content-security-policy");
    for rule in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "sandbox"] {
        assert!(policy.split(';').any(|part| part.trim().starts_with(rule)), "{rule} in {policy}");
    }
    assert!(!policy.contains("allow-same-origin"), "{policy}");
    for loose in ["unsafe-eval", "script-src 'unsafe-inline'", "script-src *", "connect-src"] {
        assert!(!policy.contains(loose), "{loose} in {policy}");
    }
    assert!(!page.headers.contains_key("set-cookie"));
    assert!(!page.headers.contains_key("access-control-allow-origin"), "other pages may not read it");
}

#[tokio::test]
async fn text_keeps_its_lines_and_its_addresses_are_links() {
    let town = fresh().await;
    let page = page_of(&town, "第一行\n  <第二行> https://a.example/x?a=1&b=2，完", 1).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_sealed(&page);
    assert!(
        page.text.contains("第一行\n  &lt;第二行&gt; <a href=\"https://a.example/x?a=1&amp;b=2\""),
        "{}",
        page.text
    );
    assert!(page.text.contains("演示应用"));
    assert!(!page.headers["content-security-policy"].to_str().expect("a text").contains("script-src"));
    town.close().await;
}

#[tokio::test]
async fn html_is_shown_as_html() {
    let town = fresh().await;
    let html = "<h2>标题</h2><p style=\"color:red\">一段<br>文字</p><table><tr><td>格</td></tr></table>\
        <img src=\"https://a.example/x.png\"><a href=\"https://a.example\">链接</a>";
    let page = page_of(&town, html, 2).await;
    assert_sealed(&page);
    for part in ["<h2>标题</h2>", "color:red", "一段<br>文字", "<td>格</td>", "https://a.example/x.png", "链接</a>"]
    {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    town.close().await;
}

#[tokio::test]
async fn markdown_is_rendered() {
    let town = fresh().await;
    let page = page_of(&town, "# 标题\n\n- **粗**\n\n[链接](https://a.example) <script>alert(1)</script>", 3).await;
    assert_sealed(&page);
    for part in ["<h1>标题</h1>", "<strong>粗</strong>", "href=\"https://a.example"] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    assert!(!page.text.contains("<script"));
    town.close().await;
}

#[tokio::test]
async fn row_79_a_script_in_the_content_is_not_in_the_page() {
    let town = fresh().await;
    let html = "<p>before</p><script>document.title='owned'</script><img src=x onerror=alert(1)>\
        <a href=\"javascript:alert(1)\">click</a><p>after</p>";
    let page = page_of(&town, html, 2).await;
    assert_sealed(&page);
    for part in ["<script", "owned", "onerror", "javascript:", "alert("] {
        assert!(!page.text.contains(part), "{part} in {}", page.text);
    }
    assert!(page.text.contains("before") && page.text.contains("after") && page.text.contains("click"));
    let policy = page.headers["content-security-policy"].to_str().expect("a text");
    assert!(!policy.contains("script-src") && !policy.contains("allow-scripts"), "no script may run: {policy}");
    town.close().await;
}

/// Title, app name and link are the sender's, too.
#[tokio::test]
async fn nothing_of_the_senders_is_markup_where_text_is_meant() {
    let town = fresh().await;
    let body = json!({
        "content": "\"'><script>1</script>", "contentType": 1, "summary": "</title><script>2</script>",
        "url": "https://a.example/\"onmouseover=\"3",
    });
    let page = page_with(&town, body).await;
    assert!(!page.text.contains("<script") && !page.text.contains("\"onmouseover"), "{}", page.text);
    assert!(page.text.contains("&lt;/title&gt;&lt;script&gt;2"));
    town.close().await;
}

#[tokio::test]
async fn a_copy_button_brings_our_own_script_and_no_other() {
    let town = fresh().await;
    let page = page_of(&town, "<copy data-clipboard-text=\"1234\">复制</copy><script>owned</script>", 2).await;
    assert_sealed(&page);
    let policy = page.headers["content-security-policy"].to_str().expect("a text");
    assert!(policy.contains("script-src 'sha256-") && policy.contains("allow-scripts"), "{policy}");
    assert_eq!(page.text.matches("<script").count(), 1);
    assert!(page.text.contains("1234") && !page.text.contains("owned"));
    town.close().await;
}

#[tokio::test]
async fn the_original_article_is_linked_for_every_type_of_content() {
    for content_type in 1..=3 {
        let town = fresh().await;
        let body = json!({ "content": "x", "contentType": content_type, "url": "https://a.example/原文?a=1&b=2" });
        let page = page_with(&town, body).await.text;
        let link = page.split("class=\"original\"").nth(1).unwrap_or_else(|| panic!("no link in {page}"));
        assert!(link.contains("href=\"https://a.example/") && link.contains("阅读原文"), "{link}");
        assert!(link.contains("noreferrer"), "{link}");
        town.close().await;
    }
}

#[tokio::test]
async fn what_is_no_web_address_is_not_linked() {
    let town = fresh().await;
    let mut paths = Vec::new();
    let urls = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/admin/",
    ];
    for url in urls {
        town.send(json!({ "content": "x", "url": url, "uids": [FIRST] })).await.message_id();
    }
    for message in town.inbox_of(urls.len()).await {
        paths.push(page_path(&town, &message));
    }
    for path in paths {
        let page = town.api.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text.contains("阅读原文") && !page.text.contains("href="), "{}", page.text);
    }
    town.close().await;
}

#[tokio::test]
async fn a_wrong_key_and_an_unknown_one_look_the_same() {
    let town = fresh().await;
    let page = page_of(&town, "a secret", 1).await;
    assert_eq!(page.status, StatusCode::OK);
    let path = page_path(&town, &town.inbox()[0]);
    let (id, nonce) = path.trim_start_matches("/m/").split_once('-').expect("id and nonce");
    assert_eq!(nonce.len(), 22, "131 bits");
    let swapped: String = nonce.chars().map(|c| if c == 'z' { 'a' } else { 'z' }).collect();
    let next = id.parse::<u64>().expect("a number") + 1;
    let keys = [
        format!("{id}-{}", "x".repeat(22)),
        format!("{id}-{swapped}"),
        format!("{id}-{}{}", &nonce[..21], &swapped[21..]),
        format!("{id}-{}{}", &swapped[..1], &nonce[1..]),
        format!("{id}-{}", &nonce[..21]),
        format!("{id}-{nonce}0"),
        format!("{next}-{nonce}"),
        format!("999999-{nonce}"),
        format!("{id}-"),
        id.to_owned(),
        "x".to_owned(),
        "..%2f..%2fadmin".to_owned(),
        "%00".to_owned(),
    ];
    let gone = town.api.get("/m/1-nothing").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_sealed(&gone);
    assert!(gone.text.contains("消息已不存在"));
    for key in keys {
        let answer = town.api.get(&format!("/m/{key}")).await;
        assert_eq!((answer.status, &answer.text), (gone.status, &gone.text), "{key}");
        assert_eq!(answer.headers["content-security-policy"], gone.headers["content-security-policy"]);
        assert!(!answer.text.contains("secret"));
    }
    town.close().await;
}

#[tokio::test]
async fn after_seven_days_a_page_is_gone() {
    let town = fresh().await;
    let content = "字".repeat(40_000);
    assert_eq!(page_of(&town, &content, 1).await.status, StatusCode::OK);
    let path = page_path(&town, &town.inbox()[0]);
    town.stack.advance(Duration::from_secs(7 * 86_400 - 60));
    assert_eq!(town.api.get(&path).await.status, StatusCode::OK, "a minute before");
    town.stack.advance(Duration::from_secs(60));
    let page = town.api.get(&path).await;
    let unknown = town.api.get("/m/1-nothing").await;
    assert_eq!((page.status, page.text), (StatusCode::NOT_FOUND, unknown.text));
    town.close().await;
}

/// No two characters alike, so that it cannot be kept in the task's own item.
#[tokio::test]
async fn a_long_content_is_kept_apart_and_shown_whole() {
    let town = fresh().await;
    let mut state = 1_u32;
    let content: String = (0..40_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x4e00 + (state >> 16) % 20_000).expect("a character")
        })
        .collect();
    let page = page_of(&town, &content, 1).await;
    assert_sealed(&page);
    assert!(page.text.contains(&content));
    assert!(aws_calls(&town).iter().any(|call| call.starts_with("s3 Put")), "{:?}", aws_calls(&town));
    assert!(aws_calls(&town).iter().any(|call| call.starts_with("s3 Get")));
    town.close().await;
}

#[tokio::test]
async fn a_page_reads_and_sets_no_cookie() {
    let town = fresh().await;
    let plain = page_of(&town, "x", 1).await;
    let path = page_path(&town, &town.inbox()[0]);
    let answer = town.api.send(Method::GET, &path, &[("cookie", "session=1; admin=1")], "").await;
    assert_eq!((answer.status, &answer.text), (plain.status, &plain.text));
    assert!(!answer.headers.contains_key("set-cookie"));
    town.close().await;
}
