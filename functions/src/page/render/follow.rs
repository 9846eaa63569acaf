//! The page that leads from a link to following, and the page of a code that is closed. Nothing on them is a stranger's
//! markup, so their policy allows our own picture and needs no sandbox.

use super::Page;
use super::policy::{FOLLOW_STYLE, FOLLOW_STYLE_SHA256};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What a follow page shows. All of it is plain text.
#[derive(Debug, Clone, Copy)]
pub struct FollowView<'a> {
    /// Name of the app.
    pub app_name: &'a str,
    /// Name of the topic, when the code is of one.
    pub topic: Option<&'a str>,
    /// What the app pushes.
    pub description: Option<&'a str>,
    /// Path of the code's picture.
    pub picture: &'a str,
    /// The app's number, when `#<number>` follows as well.
    pub command: Option<u64>,
    /// Until when the code holds, ready to be shown; `None`: for ever.
    pub until: Option<&'a str>,
}

/// The page that tells a phone what to do. WeChat's own browser recognises a code in a picture that is pressed for long;
/// anywhere else the code is to be scanned.
pub fn follow_page(view: &FollowView<'_>) -> Page {
    let name = view.topic.unwrap_or(view.app_name);
    let content = html! {
        p class="kind" { @if view.topic.is_some() { "主题 · " (view.app_name) } @else { "应用" } }
        h1 { (name) }
        @if let Some(description) = view.description { p class="about" { (description) } }
        img src=(view.picture) width="260" height="260" alt="二维码 QR code";
        ol {
            li { b { "在微信中：" } "长按上面的二维码，选择“识别图中二维码”。" span lang="en" { "In WeChat: press the picture for long and choose to recognise the code." } }
            li { b { "在其他地方：" } "用微信扫一扫。" span lang="en" { "Anywhere else: scan it with WeChat." } }
            li { "关注公众号后，消息会发送到你的微信。" span lang="en" { "Once you follow the account, messages arrive in WeChat." } }
        }
        @if let Some(number) = view.command {
            p class="hint" { "已经关注公众号？也可以直接发送 " code { "#" (number) } }
        }
        @if let Some(until) = view.until { p class="hint" { "有效期至 " time { (until) } "（北京时间）" } }
    };
    page(name, &content)
}

/// The page in place of a code that has expired or never was.
pub fn closed_code_page() -> Page {
    let content = html! {
        h1 { "二维码已失效" }
        p class="about" { "这个二维码已过期或不存在，请联系提供者重新生成。" }
        p class="about" lang="en" { "This QR code has expired or does not exist. Ask whoever gave it to you for a new one." }
    };
    page("二维码已失效", &content)
}

fn page(title: &str, content: &Markup) -> Page {
    let document = html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex, nofollow";
                title { (title) }
                style { (PreEscaped(FOLLOW_STYLE)) }
            }
            body { main { (content) } }
        }
    };
    Page {
        html: document.into_string(),
        content_security_policy: format!(
            "default-src 'none'; img-src 'self'; style-src 'sha256-{FOLLOW_STYLE_SHA256}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        ),
    }
}
