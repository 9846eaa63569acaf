//! Drafts: articles as a mass message takes them. A draft is gone once it is sent.
//!
//! Facts are from WeChat's page "draft/add", read 2026-11.

use super::client::WechatClient;
use super::error::CallError;
use model::account::WechatAccount;
use model::service::UploadedArticle;
use serde::Serialize;

/// Characters of a title, an author and a digest.
const TITLE_CHARS: usize = 32;
const AUTHOR_CHARS: usize = 16;
const DIGEST_CHARS: usize = 128;

/// An article with what is WeChat's in it.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// The article.
    pub article: &'a UploadedArticle,
    /// WeChat's id of its thumb, a permanent one.
    pub thumb: &'a str,
    /// Where "read on" leads.
    pub link: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    articles: Vec<Wire<'a>>,
}

/// An article as WeChat names it.
#[derive(Serialize)]
struct Wire<'a> {
    article_type: &'static str,
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    digest: String,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_source_url: Option<&'a str>,
    thumb_media_id: &'a str,
    show_cover_pic: u8,
}

/// Makes a draft of `articles`; WeChat's id of it.
pub async fn add(client: &WechatClient, account: &WechatAccount, articles: &[Draft<'_>]) -> Result<String, CallError> {
    let body = Body { articles: articles.iter().map(wire).collect() };
    // Strings into a buffer: this cannot fail, and an empty body would only be refused (44002).
    let body = serde_json::to_vec(&body).unwrap_or_default();
    client.post(account, "/cgi-bin/draft/add", body.into()).await?.text("media_id").map(str::to_owned)
}

fn wire<'a>(draft: &Draft<'a>) -> Wire<'a> {
    let article = draft.article;
    let first = |texts: [&'a str; 3]| texts.into_iter().find(|text| !text.trim().is_empty()).unwrap_or(" ");
    Wire {
        article_type: "news",
        // What the API takes for optional or longer is fitted: a message that was accepted is not to fail for its looks.
        title: fitted(first([&article.title, &article.digest, "图文消息"]), TITLE_CHARS),
        author: fitted(&article.author, AUTHOR_CHARS),
        digest: fitted(&article.digest, DIGEST_CHARS),
        content: first([&article.content, &article.digest, &article.title]),
        content_source_url: draft.link,
        thumb_media_id: draft.thumb,
        show_cover_pic: u8::from(article.show_cover),
    }
}

/// `text`, or as much of it as fits, with a sign that it was cut.
fn fitted(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::MediaId;
    use model::service::Link;
    use serde_json::json;

    #[test]
    fn what_is_missing_or_too_long_is_fitted_to_what_wechat_takes() {
        let mut article = UploadedArticle {
            thumb: MediaId::parse(&"a".repeat(32)).unwrap(),
            title: "题".repeat(40),
            author: String::new(),
            content: String::new(),
            digest: "摘要".to_owned(),
            show_cover: true,
            link: Link::default(),
        };
        let wire = |article: &UploadedArticle| {
            serde_json::to_value(super::wire(&Draft { article, thumb: "T", link: Some("https://x.cn") })).unwrap()
        };
        let expected = json!({
            "article_type": "news", "title": format!("{}…", "题".repeat(31)), "digest": "摘要", "content": "摘要",
            "content_source_url": "https://x.cn", "thumb_media_id": "T", "show_cover_pic": 1,
        });
        assert_eq!(wire(&article), expected);
        article.content = "<p>正文</p>".to_owned();
        assert_eq!(wire(&article)["content"], "<p>正文</p>");
    }
}
