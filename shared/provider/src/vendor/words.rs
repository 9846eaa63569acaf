//! Title and text for vendors that need both, and what else they share of rendering.

use model::notification::Notification;

/// A text with something on it that leaves a mark; vendors refuse blank ones.
pub(crate) fn not_blank(text: &str) -> Option<&str> {
    (!text.chars().all(|c| c.is_whitespace() || c.is_control())).then_some(text)
}

/// The title and the text: the app's name stands for a missing title, the title for a missing text.
pub(crate) fn title_and_text<'a>(message: &'a Notification, text: &'a str, app_name: &'a str) -> (&'a str, &'a str) {
    let title = not_blank(&message.title).unwrap_or(app_name);
    (title, not_blank(text).unwrap_or(title))
}
