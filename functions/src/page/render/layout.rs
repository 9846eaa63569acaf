//! The documents themselves: head, heading, container, footer.

use super::policy::{SCRIPT, STYLE};
use super::rich::Rich;
use super::{PageView, text};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What stands in the container of a page.
pub(super) enum Body {
    /// Escaped and linked text.
    Text(Markup),
    /// Sanitised HTML.
    Rich(Rich),
}

impl Body {
    fn is_blank(&self) -> bool {
        match self {
            Self::Text(markup) => markup.0.trim().is_empty(),
            Self::Rich(rich) => rich.blank,
        }
    }

    fn has_copy_button(&self) -> bool {
        matches!(self, Self::Rich(rich) if rich.has_copy_button)
    }
}

/// The document of a message.
pub(super) fn message(view: &PageView<'_>, body: &Body) -> String {
    let app_name = view.app_name.trim();
    let title = match view.title.trim() {
        "" => app_name,
        title => title,
    };
    let content = html! {
        header class="head" {
            h1 { (title) }
            p {
                @if !app_name.is_empty() && app_name != title { (app_name) " · " }
                time { (view.sent_at) }
            }
        }
        @match body {
            _ if body.is_blank() => {
                div class="body blank" { "这条消息没有正文。" br; span lang="en" { "This message has no text." } }
            }
            Body::Text(markup) => { div class="body text" { (markup) } }
            Body::Rich(rich) if rich.coloured => { div class="body coloured" { (PreEscaped(&rich.html)) } }
            Body::Rich(rich) => { div class="body" { (PreEscaped(&rich.html)) } }
        }
        @if let Some(url) = view.original_url.and_then(text::web_address) {
            p class="original" {
                a href=(url.as_str()) target="_blank" rel=(text::LINK_REL) { "阅读原文" }
                @if let Some(host) = url.host_str() { span { (host) } }
            }
        }
        (foot())
    };
    document(title, &content, body.has_copy_button())
}

/// What every page of a stranger's words ends in.
pub(super) fn foot() -> Markup {
    html! {
        footer class="foot" {
            p { "内容由发送方提供，请勿轻信索要密码、验证码或转账的消息。页面保留 7 天。" }
            p lang="en" { "Written by the sender; never give away passwords or codes. Kept for 7 days." }
        }
    }
}

/// The document in place of a message that is not there.
pub(super) fn gone() -> String {
    let content = html! {
        div class="gone" {
            h1 { "消息已不存在" }
            p { "消息页面保留 7 天，也可能已被发送方删除。" }
            p lang="en" { "This message is no longer available: pages are kept for 7 days, or the sender has deleted it." }
        }
    };
    document("消息已不存在", &content, false)
}

/// The frame of every page. The address of a page is its key, so it is told to nobody: no referrer, no search engine.
pub(super) fn document(title: &str, content: &Markup, with_script: bool) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex, nofollow";
                meta name="format-detection" content="telephone=no";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (content) }
                @if with_script { script { (PreEscaped(SCRIPT)) } }
            }
        }
    };
    page.into_string()
}
