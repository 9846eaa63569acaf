//! The pages as a whole, and the default summary.

use super::policy::{FOLLOW_STYLE, FOLLOW_STYLE_SHA256, SCRIPT, SCRIPT_SHA256, STYLE, STYLE_SHA256};
use super::*;
use std::time::{Duration, Instant};

mod sha256;

fn view(content: &str, content_type: ContentType) -> PageView<'_> {
    PageView {
        title: "磁盘告警",
        app_name: "监控",
        content,
        content_type,
        original_url: None,
        sent_at: "2025-03-01 08:30:00",
    }
}

fn html_of(content: &str, content_type: ContentType) -> String {
    message_page(&view(content, content_type)).html
}

/// What stands in the container.
fn body_of(page: &str) -> &str {
    let (_, rest) = page.split_once("<div class=\"body").expect("a container");
    let (_, rest) = rest.split_once('>').expect("its tag ends");
    rest.split_once("<footer").expect("a footer").0.strip_suffix("</div>").expect("the container ends")
}

#[test]
fn policy_names_exactly_our_style_sheet_and_script() {
    assert_eq!(sha256::base64(STYLE.as_bytes()), STYLE_SHA256, "of page.css");
    assert_eq!(sha256::base64(SCRIPT.as_bytes()), SCRIPT_SHA256, "of copy.js");
    assert_eq!(sha256::base64(FOLLOW_STYLE.as_bytes()), FOLLOW_STYLE_SHA256, "of follow.css");
    let page = message_page(&view("<copy data-clipboard-text=1>复制</copy>", ContentType::Html));
    // What the browser hashes is what stands between the tags, to the byte.
    for (open, close, directive) in [("<style>", "</style>", "style-src-elem"), ("<script>", "</script>", "script-src")]
    {
        let (_, rest) = page.html.split_once(open).expect("the element is there");
        let (content, _) = rest.split_once(close).expect("and ends");
        let expected = format!("{directive} 'sha256-{}'", sha256::base64(content.as_bytes()));
        assert!(page.content_security_policy.contains(&expected), "{}", page.content_security_policy);
    }
}

#[test]
fn sha256_agrees_with_the_standard() {
    // FIPS 180-2, appendix B.1, and the empty message.
    assert_eq!(sha256::base64(b"abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    assert_eq!(sha256::base64(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[test]
fn every_page_forbids_what_it_does_not_need() {
    let pages = [
        message_page(&view("x", ContentType::Text)),
        message_page(&view("<p>x", ContentType::Html)),
        message_page(&view("x", ContentType::Markdown)),
        message_page(&view("<copy>x</copy>", ContentType::Html)),
        gone_page(),
    ];
    for page in &pages {
        let policy = &page.content_security_policy;
        for directive in [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "; sandbox allow-popups",
        ] {
            assert!(policy.contains(directive), "{directive} in {policy}");
        }
        assert!(!policy.contains("allow-same-origin"), "{policy}");
        assert!(!policy.contains("unsafe-eval"), "{policy}");
        assert_eq!(policy.contains("script-src"), page.html.contains("<script>"), "{policy}");
        assert_eq!(policy.contains("allow-scripts"), page.html.contains("<script>"), "{policy}");
        assert!(page.html.contains("<meta name=\"referrer\" content=\"no-referrer\">"));
    }
    assert!(pages.iter().filter(|page| page.html.contains("<script>")).count() == 1);
    assert!(!pages[0].content_security_policy.contains("unsafe-inline"));
    assert!(!pages[0].content_security_policy.contains("img-src"));
}

#[test]
fn text_is_escaped_and_keeps_its_breaks() {
    let source = "a  b\n\tc <script>alert(1)</script> & \"quoted\"";
    assert_eq!(
        body_of(&html_of(source, ContentType::Text)),
        "a  b\n\tc &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;"
    );
}

#[test]
fn addresses_in_text_are_linked_and_end_where_chinese_begins() {
    let link = |url: &str| {
        let url = url.replace('&', "&amp;");
        format!("<a href=\"{url}\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">{url}</a>")
    };
    for (source, expected) in [
        ("见https://a.example/x?a=1&b=2，谢谢", format!("见{}，谢谢", link("https://a.example/x?a=1&b=2"))),
        ("(http://a.example/).", format!("({}).", link("http://a.example/"))),
        (
            "https://a.example、https://b.example",
            format!("{}、{}", link("https://a.example"), link("https://b.example")),
        ),
        ("ftp://a.example javascript:alert(1) mailto:a@b.example a.example", String::new()),
    ] {
        let expected = if expected.is_empty() { source.to_owned() } else { expected };
        assert_eq!(body_of(&html_of(source, ContentType::Text)), expected);
    }
}

#[test]
fn heading_and_app_name_are_escaped() {
    let mut view = view("x", ContentType::Text);
    view.title = "</title><script>alert(1)</script>";
    view.app_name = "<img src=x onerror=alert(1)>";
    view.sent_at = "<b>";
    let html = message_page(&view).html;
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<b>"), "{html}");
    assert_eq!(html.matches("</title>").count(), 1);
}

#[test]
fn a_blank_title_shows_the_app_name_once() {
    let mut view = view("x", ContentType::Text);
    view.title = " ";
    assert!(message_page(&view).html.contains("<h1>监控</h1><p><time>"));
}

#[test]
fn original_article_is_linked_only_on_the_web() {
    let linked = |url: &str| {
        let mut view = view("x", ContentType::Text);
        view.original_url = Some(url);
        message_page(&view).html.contains("阅读原文")
    };
    for url in ["https://a.example/x", "http://a.example", "HTTPS://a.example/?q=%22", "https://例子.example/"] {
        assert!(linked(url), "{url}");
    }
    for url in [
        "",
        "/x",
        "//a.example/",
        "a.example",
        "https:",
        "https://",
        "https:a.example",
        "ftp://a.example/",
        "jAvAsCrIpT:alert(1)",
        "javascript://a.example/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        " https://a.example/",
        "\u{1}https://a.example/",
        "\thttps://a.example/",
        "https://a.example/\njavascript:x",
        "ht\ttps://a.example/",
        "\u{feff}https://a.example/",
        "blob:https://a.example/x",
        "view-source:https://a.example/",
        "https://a.example/ x",
    ] {
        assert!(!linked(url), "{url:?}");
    }
    let mut view = view("x", ContentType::Text);
    view.original_url = Some("https://a.example/\"><script>alert(1)</script>");
    assert!(!message_page(&view).html.contains("<script>"));
}

#[test]
fn markdown_is_rendered_and_its_html_sanitised() {
    let source = "# 标题\n\n**粗** ~~旧~~ `a<b`\n\n- [x] 完成\n- [ ] 待办\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n<img src=x onerror=alert(1)>\
                  <script>alert(1)</script>\n\n[x](javascript:alert(1)) [y](https://y.example) https://z.example/a_b_c，好\n\n`https://q.example`";
    let html = html_of(source, ContentType::Markdown);
    let body = body_of(&html);
    for part in [
        "<h1>标题</h1>",
        "<strong>粗</strong>",
        "<del>旧</del>",
        "<code>a&lt;b</code>",
        "☑ 完成",
        "☐ 待办",
        "<th>a</th>",
        "style=\"text-align:right\"",
        "href=\"https://y.example/\"",
        "href=\"https://z.example/a_b_c\"",
        "<code>https://q.example</code>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    for part in ["onerror", "<script", "javascript:", "<input"] {
        assert!(!body.contains(part), "{part} in {body}");
    }
}

#[test]
fn nothing_to_show_says_so() {
    for content_type in [ContentType::Text, ContentType::Html, ContentType::Markdown] {
        for content in ["", " \n", "\u{3000}"] {
            assert!(html_of(content, content_type).contains("没有正文"), "{content_type:?} {content:?}");
        }
    }
    assert!(!html_of("<img src=https://a.example/x.png>", ContentType::Html).contains("没有正文"));
}

#[test]
fn forty_thousand_emoji_arrive() {
    let content = "😀".repeat(40_000);
    for content_type in [ContentType::Text, ContentType::Html, ContentType::Markdown] {
        assert_eq!(html_of(&content, content_type).matches('😀').count(), 40_000, "{content_type:?}");
        assert_eq!(default_summary(&content, content_type), "😀".repeat(SUMMARY_CHARS), "{content_type:?}");
    }
}

#[test]
fn summary_is_one_line_of_what_a_reader_sees() {
    use ContentType::{Html, Markdown, Text};
    for (content, content_type, expected) in [
        ("  a\r\n\tb\u{3000}c  ", Text, "a b c"),
        ("<b>a</b>", Text, "<b>a</b>"),
        (
            "<h1>告警</h1><p>磁盘 &gt; 90%<br>主机&nbsp;web-1</p><script>x()</script><style>p{}</style>",
            Html,
            "告警 磁盘 > 90% 主机 web-1",
        ),
        ("<p>a &lt;script&gt;", Html, "a <script>"),
        ("<table><tr><td>a<td>b</table>", Html, "a b"),
        ("<img src=https://a.example/x.png alt=x>", Html, ""),
        (
            "# 标题\n\n- **a** [b](https://c.example)\n- `d`\n\n> e &amp; <u>f</u>\n\n![g](h.png)",
            Markdown,
            "标题 a b d e & f",
        ),
        ("![g](h.png)", Markdown, ""),
        ("", Text, ""),
        ("\u{7}\n", Text, ""),
    ] {
        assert_eq!(default_summary(content, content_type), expected, "{content}");
    }
}

#[test]
fn summary_ends_at_its_limit_without_a_trailing_space() {
    assert_eq!(default_summary(&"字".repeat(101), ContentType::Text), "字".repeat(100));
    let spaced = format!("{} b", "a".repeat(99));
    assert_eq!(default_summary(&spaced, ContentType::Text), "a".repeat(99));
    let fits = format!("{} b", "a".repeat(98));
    assert_eq!(default_summary(&fits, ContentType::Text), fits);
}

#[test]
fn hostile_text_and_markdown_take_little_time() {
    for unit in [
        "a:",
        "http://",
        "https://a.",
        "https://a.example，",
        "https://a/(",
        "://",
        "*",
        "_",
        "**a",
        "`",
        "[",
        "![",
        "[a](",
        "[a][",
        "> ",
        ">",
        "- ",
        "1. ",
        "|",
        "|a\n|-",
        "<",
        "<a ",
        "&",
        "\\",
        "# ",
        "~",
        "~~a",
        "[a]: b\n",
        "[a]",
        "*a_",
        "\n> a",
        "- a\n ",
        "![[[",
        "<!--",
        "<b>",
        "<?",
        "<!A",
        "a\n",
        "[x]() ",
        "**x** ",
    ] {
        let content = unit.repeat(40_000 / unit.len());
        for content_type in [ContentType::Text, ContentType::Markdown] {
            let before = Instant::now();
            let page = html_of(&content, content_type);
            default_summary(&content, content_type);
            let took = before.elapsed();
            assert!(took < Duration::from_secs(5), "{unit:?} as {content_type:?} took {took:?}");
            assert!(page.len() < 4_000_000, "{unit:?} as {content_type:?}: {} bytes", page.len());
        }
    }
    let nested: String = (0..280).map(|depth| format!("{}- a\n", " ".repeat(depth))).collect();
    let quoted = format!("{}{}", ">".repeat(20_000), "\na".repeat(10_000));
    let references = format!("[a]: https://a.example/{}\n\n{}", "x".repeat(20_000), "[a]".repeat(6_000));
    for content in [nested, quoted, references] {
        let before = Instant::now();
        let page = html_of(&content, ContentType::Markdown);
        assert!(before.elapsed() < Duration::from_secs(5), "{:.20}… took {:?}", content, before.elapsed());
        assert!(page.len() < 4_000_000, "{:.20}…: {} bytes", content, page.len());
    }
}

#[test]
fn gone_page_is_friendly_in_both_languages() {
    let page = gone_page();
    assert!(page.html.contains("消息已不存在") && page.html.contains("no longer available"));
    assert!(page.html.starts_with("<!DOCTYPE html><html lang=\"zh-CN\">"));
}

#[test]
fn a_follow_page_shows_owners_words_as_text_and_only_our_picture() {
    let page = follow_page(&FollowView {
        app_name: "<script>1</script>",
        topic: Some("\"onload=2"),
        description: Some("</p><img src=//evil.example/x onerror=3>"),
        picture: "/q/abc.jpg",
        command: None,
        until: Some("2025-03-01 08:30:00"),
    });
    assert!(!page.html.contains("<script") && page.html.matches("<img").count() == 1, "{}", page.html);
    assert!(page.html.contains("&lt;script&gt;1") && page.html.contains("2025-03-01 08:30:00"));
    assert!(page.html.contains("src=\"/q/abc.jpg\""));
    let policy = &page.content_security_policy;
    assert!(policy.contains("default-src 'none'") && policy.contains("img-src 'self'"), "{policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert!(closed_code_page().html.contains("已失效"));
}
