//! What a message's page looks like: text in, HTML out, no I/O.
//!
//! The content comes from strangers, and the reader trusts our address. Three walls stand between the two, and each
//! holds alone: `rich` rebuilds the content from an allow-list, the content security policy forbids every script but
//! our own by its hash, and the `sandbox` directive gives the page an origin of its own, so that it could not reach
//! anything of ours even if a script ran.

mod articles;
mod follow;
mod layout;
mod markdown;
mod policy;
mod rich;
mod summary;
mod text;

pub use articles::{ArticleView, articles_page};
pub use follow::{FollowView, closed_code_page, follow_page};
pub use summary::{SUMMARY_CHARS, default_summary};

use model::message::ContentType;

/// What the page of one message shows.
#[derive(Debug, Clone, Copy)]
pub struct PageView<'a> {
    /// Heading, plain text: the summary of the message. Blank: the app's name takes its place.
    pub title: &'a str,
    /// Name of the app that sent the message, plain text.
    pub app_name: &'a str,
    /// The content as the app sent it, trusted in nothing.
    pub content: &'a str,
    /// How `content` is to be read.
    pub content_type: ContentType,
    /// Where the original article is. Linked when it is an absolute http or https address, left out otherwise.
    pub original_url: Option<&'a str>,
    /// When the message was accepted, Beijing time, ready to be shown: `2025-03-01 08:30:00`.
    pub sent_at: &'a str,
}

/// A finished page. The two parts belong together: the policy allows exactly what this page contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The whole document, UTF-8.
    pub html: String,
    /// Value of the `Content-Security-Policy` header.
    pub content_security_policy: String,
}

/// The page of a message.
pub fn message_page(view: &PageView<'_>) -> Page {
    let body = match view.content_type {
        ContentType::Text => layout::Body::Text(text::linked(view.content)),
        ContentType::Html => layout::Body::Rich(rich::sanitise(view.content)),
        ContentType::Markdown => layout::Body::Rich(rich::sanitise(&markdown::to_html(view.content))),
    };
    let content_security_policy = match &body {
        layout::Body::Text(_) => policy::content_security_policy(policy::Needs::Nothing),
        layout::Body::Rich(rich) if rich.has_copy_button => policy::content_security_policy(policy::Needs::Copying),
        layout::Body::Rich(_) => policy::content_security_policy(policy::Needs::Pictures),
    };
    Page { html: layout::message(view, &body), content_security_policy }
}

/// The page in place of a message that was deleted, has expired or never was: the caller answers 404 with it. It does
/// not tell these apart, so that a guessed address teaches nothing.
pub fn gone_page() -> Page {
    Page { html: layout::gone(), content_security_policy: policy::content_security_policy(policy::Needs::Nothing) }
}

#[cfg(test)]
mod tests;
