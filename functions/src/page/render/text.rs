//! Plain text as HTML, and the one question asked of every address: is it a web address?

use ammonia::Url;
use linkify::{LinkFinder, LinkKind};
use maud::{Markup, html};

/// `rel` of every link that leads out: the target learns nothing about the page and gets no handle on it.
pub(super) const LINK_REL: &str = "noopener noreferrer nofollow";

/// A piece of text, cut where web addresses begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Ordinary text.
    Plain(&'a str),
    /// A web address, as written.
    Address(&'a str),
}

/// The text escaped, its web addresses linked. Line breaks and spaces are kept as they are; the style sheet shows them.
pub(super) fn linked(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Plain(text) => (text),
                Piece::Address(url) => a href=(url) target="_blank" rel=(LINK_REL) { (url) },
            }
        }
    }
}

/// Cuts `text` into plain text and web addresses. The pieces joined are the text.
///
/// An address ends at the first character outside ASCII: Chinese follows an address without a space far more often
/// than it is part of one. It also keeps the search linear, as no address is looked at twice.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(true);
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let ascii = first.is_ascii();
        let length = rest.find(|c: char| c.is_ascii() != ascii).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        if ascii {
            pieces.extend(finder.spans(run).map(|span| match span.kind() {
                Some(_) if web_address(span.as_str()).is_some() => Piece::Address(span.as_str()),
                _ => Piece::Plain(span.as_str()),
            }));
        } else {
            pieces.push(Piece::Plain(run));
        }
        rest = after;
    }
    pieces
}

/// The address, if it is an absolute http or https one, beginning with its scheme and without whitespace or control
/// characters: what a browser would trim or skip before it reads the scheme is refused here, not repaired.
pub(super) fn web_address(address: &str) -> Option<Url> {
    let starts_with =
        |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if !(starts_with("https://") || starts_with("http://")) {
        return None;
    }
    if address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
