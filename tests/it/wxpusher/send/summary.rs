//! What the card shows when the sender says nothing about it.

use crate::wxpusher::{FIRST, fresh, only_page};
use serde_json::{Value, json};

/// Sends `body` to one user and returns what the card shows first, and the page.
async fn card_and_page(mut body: Value) -> (String, String) {
    let town = fresh().await;
    body["uids"] = json!([FIRST]);
    town.send(body).await.message_id();
    let page = only_page(&town).await;
    let title = town.inbox()[0].title.clone();
    town.close().await;
    (title, page.text)
}

#[tokio::test]
async fn row_19_a_card_of_html_shows_text_without_tags() {
    let html = "<h1>磁盘&amp;内存</h1>\n<p>已用 <b>95%</b></p><style>b{}</style><script>x()</script>";
    let (card, _) = card_and_page(json!({ "content": html, "contentType": 2 })).await;
    assert_eq!(card, "磁盘&内存 已用 95%");
}

#[tokio::test]
async fn a_card_of_markdown_shows_text_without_markup() {
    let (card, _) =
        card_and_page(json!({ "content": "# 标题\n\n**粗体** [链接](https://a.example)", "contentType": 3 })).await;
    assert_eq!(card, "标题 粗体 链接");
}

#[tokio::test]
async fn a_card_of_a_picture_shows_the_name_of_the_app() {
    let picture = "<img src=\"https://a.example/x.png\">";
    let (card, _) = card_and_page(json!({ "content": picture, "contentType": 2, "summary": " " })).await;
    assert_eq!(card, "演示应用");
}

#[tokio::test]
async fn a_long_text_is_cut_for_the_heading_and_whole_on_the_page() {
    let content = "字".repeat(300);
    let (card, page) = card_and_page(json!({ "content": content, "summary": "" })).await;
    assert!(!card.is_empty() && card.trim_end_matches('…').chars().all(|c| c == '字'), "{card}");
    assert!(page.contains(&format!("<h1>{}</h1>", "字".repeat(100))), "the heading has 100 characters");
    assert!(page.contains(&content));
}

#[tokio::test]
async fn row_24_without_a_content_type_the_content_is_text() {
    for content_type in [json!(null), json!(""), json!(1), json!("1")] {
        let (card, page) = card_and_page(json!({ "content": "<b>a</b>\nb", "contentType": content_type })).await;
        assert_eq!(card, "<b>a</b> b", "{content_type}");
        assert!(page.contains("&lt;b&gt;a&lt;/b&gt;\nb"), "{content_type}");
    }
    let (card, _) = card_and_page(json!({ "content": "<b>a</b>" })).await;
    assert_eq!(card, "<b>a</b>");
}
