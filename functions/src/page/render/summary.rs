//! The summary of a message whose sender gave none.

use super::{markdown, rich};
use model::message::ContentType;

/// Longest default summary, in Unicode scalar values. Source: WxPusher, `summary`, at most 100 characters.
pub const SUMMARY_CHARS: usize = 100;

/// The beginning of the content as one line of plain text, at most [`SUMMARY_CHARS`] Unicode scalar values.
///
/// Markup is removed, entities are decoded, scripts and style sheets left out, and every run of whitespace or control
/// characters is one space. Empty when the content holds no text, a picture for example. The result is plain text, not
/// HTML: whoever shows it escapes it.
pub fn default_summary(content: &str, content_type: ContentType) -> String {
    match content_type {
        ContentType::Text => one_line(content),
        ContentType::Html => one_line(&rich::leading_text(content)),
        ContentType::Markdown => one_line(&rich::leading_text(&markdown::to_html(content))),
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = count > 0;
            continue;
        }
        // A space is worth its place only if a character follows it.
        if count + usize::from(gap) >= SUMMARY_CHARS {
            break;
        }
        if gap {
            line.push(' ');
            count += 1;
            gap = false;
        }
        line.push(c);
        count += 1;
    }
    line
}
