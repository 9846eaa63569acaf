//! The words of a log: runs of letters, digits, `-`, `_` and `.`, of which a token is made.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A shorter word is no secret.
const LEAST_CHARS: usize = 10;

/// The words of a text.
pub(super) fn whole(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(text).map(|(word, _)| word).filter(is_long)
}

/// The words of what is logged: each as it stands and again without what a `-`, `_` or `.` divides from its beginning, for a
/// secret may follow something else. Where a backslash stands before a word, its first letter may belong to that: `\n`.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(text).flat_map(|(word, is_escaped)| {
        let starts = word.iter().enumerate().filter(|(_, byte)| is_divider(**byte)).map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(is_escaped.then_some(1)).chain(starts);
        starts.map(|start| &word[start..]).filter(is_long)
    })
}

/// Words of any length, and whether a backslash stands before.
fn pieces(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut before = 0;
    text.split(|byte| !(byte.is_ascii_alphanumeric() || is_divider(*byte))).map(move |word| {
        let start = before;
        before += word.len() + 1;
        let is_escaped = start > 0 && text[start - 1] == b'\\' && !word.is_empty();
        // A full stop at the end is the sentence's.
        (word.strip_suffix(b".").unwrap_or(word), is_escaped && word.len() > 1)
    })
}

fn is_divider(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

fn is_long(word: &&[u8]) -> bool {
    word.len() >= LEAST_CHARS
}

pub(super) fn hash(word: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

/// Whether a word has the form of something that only its owner knows: what we issue, a key, what is signed, and what stand-ins
/// for Huawei, Google and WeChat issue to us.
pub(super) fn is_issued(word: &[u8]) -> bool {
    /// A sentence may speak of `SPT_...`.
    const OURS_CHARS: usize = 35;
    const OURS: [&[u8]; 5] = [b"AT_", b"SPT_", b"AD_", b"PK_", b"MA_"];
    const OTHERS: [&[u8]; 5] = [b"whsec_", b"-----BEGIN", b"eyJhbGci", b"CgB6e3x9", b"ya29.c."];
    let begins = |begin: &&[u8]| word.starts_with(begin);
    let is_wechats = word.len() == 139 && word[2] == b'_' && word[..2].iter().all(u8::is_ascii_digit);
    is_wechats || OTHERS.iter().any(begins) || (word.len() >= OURS_CHARS && OURS.iter().any(begins))
}
