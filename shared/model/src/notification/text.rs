//! Cutting texts. Vendors count Unicode scalar values; nothing is ever cut inside one.

use std::borrow::Cow;

/// At most `most` scalar values, the last of them `…` when some are missing.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    // Each scalar value takes a byte at least.
    if text.len() <= most || text.chars().count() <= most {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).take(most).collect())
}

/// The longest beginning of `text` that, with `…` behind it, takes at most `most` bytes inside a JSON string; `None` when
/// not even one scalar value fits. The text itself when all of it fits.
pub fn cut_json(text: &str, most: usize) -> Option<Cow<'_, str>> {
    if json_bytes(text) <= most {
        return Some(Cow::Borrowed(text));
    }
    let room = most.checked_sub('…'.len_utf8())?;
    let mut used = 0;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        used += json_bytes_of(c);
        if used > room {
            break;
        }
        end = at + c.len_utf8();
    }
    (end > 0).then(|| Cow::Owned(format!("{}…", &text[..end])))
}

/// How many bytes `text` takes inside a JSON string, without the quotes, the way `serde_json` writes it.
pub fn json_bytes(text: &str) -> usize {
    text.chars().map(json_bytes_of).sum()
}

const fn json_bytes_of(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}
