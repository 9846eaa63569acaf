//! Making a message fit a vendor's limit in bytes.
//!
//! The order is fixed: first the attachment goes, then the long text is cut, then the body. The title, the caller's own
//! data and everything that steers the vendor are never touched; a message that is too large with them alone is
//! too large.

use super::Notification;
use super::text::{cut_json, json_bytes};
use std::borrow::Cow;

/// The parts of a message that may get smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    /// [`Notification::attachment_url`], or nothing.
    pub attachment_url: Option<&'a str>,
    /// [`Notification::big_text`], whole, cut, or gone.
    pub big_text: Option<Cow<'a, str>>,
    /// [`Notification::body`], whole or cut.
    pub body: Cow<'a, str>,
}

impl<'a> Parts<'a> {
    /// All of them, whole.
    pub fn whole(message: &'a Notification) -> Self {
        Self {
            attachment_url: message.attachment_url.as_deref(),
            big_text: message.big_text.as_deref().map(Cow::Borrowed),
            body: Cow::Borrowed(&message.body),
        }
    }

    /// The text that a vendor shows which shows one text only: the long one if there is one.
    pub fn longest_text(&self) -> &str {
        self.big_text.as_deref().unwrap_or(&self.body)
    }
}

/// Renders `message` in at most `most` bytes, smaller by and by; `None` when it cannot be made to fit.
///
/// `render` answers the finished payload of the parts it is given; texts stand in it as JSON strings. It is called once
/// for a message that fits, and four times at most.
pub fn fit<'a>(message: &'a Notification, most: usize, render: impl Fn(&Parts<'a>) -> Vec<u8>) -> Option<Vec<u8>> {
    let mut parts = Parts::whole(message);
    let rendered = |parts: &Parts<'a>| {
        let payload = render(parts);
        let over = payload.len().saturating_sub(most);
        (payload, over)
    };
    let (mut payload, mut over) = rendered(&parts);
    if over > 0 && parts.attachment_url.take().is_some() {
        (payload, over) = rendered(&parts);
    }
    if over > 0
        && let Some(text) = parts.big_text.take()
    {
        // When nothing of it is left, the body stands in its place, and may be too long in its turn.
        parts.big_text = cut_by(&text, over);
        (payload, over) = rendered(&parts);
    }
    if over > 0 {
        parts.body = cut_by(&parts.body, over)?;
        (payload, over) = rendered(&parts);
    }
    (over == 0).then_some(payload)
}

/// `text` shorter by `excess` bytes of JSON; `None` when nothing of it would be left.
fn cut_by<'a>(text: &str, excess: usize) -> Option<Cow<'a, str>> {
    let most = json_bytes(text).checked_sub(excess)?;
    cut_json(text, most).map(|text| Cow::Owned(text.into_owned()))
}
