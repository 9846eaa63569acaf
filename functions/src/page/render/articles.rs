//! The page that lists the articles of a message, of which WeChat's card shows the first. All of it is escaped text.

use super::layout::{document, foot};
use super::policy::{Needs, content_security_policy};
use super::{Page, text};
use maud::html;

/// An article of the list. All of it is plain text.
#[derive(Debug, Clone, Copy)]
pub struct ArticleView<'a> {
    /// Its title.
    pub title: &'a str,
    /// What it is about.
    pub description: &'a str,
    /// Where it leads.
    pub url: &'a str,
    /// Its picture. Left out unless it is an absolute http or https address.
    pub picture: Option<&'a str>,
}

/// The page, in the order of `articles`.
pub fn articles_page(articles: &[ArticleView<'_>], sent_at: &str) -> Page {
    let title = articles.first().map_or("", |article| article.title);
    let content = html! {
        header class="head" {
            h1 { (title) }
            p { time { (sent_at) } }
        }
        div class="body" {
            @for article in articles {
                h2 { a href=(article.url) target="_blank" rel=(text::LINK_REL) { (article.title) } }
                @if let Some(picture) = article.picture.and_then(text::web_address) {
                    p { a href=(article.url) target="_blank" rel=(text::LINK_REL) { img src=(picture.as_str()) alt=""; } }
                }
                @if !article.description.trim().is_empty() { p { (article.description) } }
            }
        }
        (foot())
    };
    Page { html: document(title, &content, false), content_security_policy: content_security_policy(Needs::Pictures) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article<'a>(title: &'a str, picture: Option<&'a str>) -> ArticleView<'a> {
        ArticleView { title, description: "<i>关于</i>", url: "https://x.cn/m/1-a/0", picture }
    }

    #[test]
    fn every_article_is_there_in_its_order_and_nothing_of_it_is_markup() {
        let articles = [article("一<script>", Some("https://x.cn/a.jpg")), article("二", Some("javascript:alert(1)"))];
        let page = articles_page(&articles, "2026-11-25 08:30:00");
        let at = |text: &str| page.html.find(text).unwrap_or_else(|| panic!("{text} in {}", page.html));
        assert!(at("一&lt;script&gt;</a>") < at("二</a>"));
        assert!(!page.html.contains("<script>") && !page.html.contains("<i>") && !page.html.contains("javascript:"));
        assert_eq!(page.html.matches("<img").count(), 1);
        assert!(page.content_security_policy.contains("img-src https: http:"));
        assert!(!page.content_security_policy.contains("script-src"));
    }
}
