//! Bodies of `application/x-www-form-urlencoded`.
//!
//! Percent-encoding works byte by byte, so the encoding of a text is the encodings of its parts in a row. What all
//! recipients have in common is encoded once, and only tokens in between.

use super::Target;
use url::form_urlencoded::byte_serialize;

/// Appends `text` encoded.
pub(crate) fn push_encoded(body: &mut String, text: &str) {
    body.extend(byte_serialize(text.as_bytes()));
}

/// `text` encoded.
pub(crate) fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// Appends `name=value` encoded, with a `&` in front unless it is the first.
pub(crate) fn push_pair(body: &mut String, name: &str, value: &str) {
    if !body.is_empty() {
        body.push('&');
    }
    push_encoded(body, name);
    body.push('=');
    push_encoded(body, value);
}

/// The tokens as a comma list.
pub(crate) fn joined(targets: &[&Target]) -> String {
    let mut list = String::with_capacity(targets.iter().map(|target| target.token.as_str().len() + 1).sum());
    for target in targets {
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(target.token.as_str());
    }
    list
}
