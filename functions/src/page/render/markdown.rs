//! Markdown to HTML. The result is as untrusted as the source, raw HTML included: it goes through the sanitiser next.

use super::text::{Piece, pieces};
use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html};

/// Renders CommonMark with tables, strikethrough and task lists. Bare web addresses become links, as they do in text.
pub(super) fn to_html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    // Inside these, text stays text: a link holds no link, and code is quoted as it is.
    let mut closed_to_links = 0_usize;
    let mut events = Vec::new();
    for event in TextMergeStream::new(Parser::new_ext(markdown, options)) {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_)) => closed_to_links += 1,
            Event::End(TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock) => {
                closed_to_links = closed_to_links.saturating_sub(1);
            }
            // A box to look at; the sanitiser would take a form control away.
            Event::TaskListMarker(done) => {
                events.push(Event::Text(CowStr::Borrowed(if *done { "☑ " } else { "☐ " })));
                continue;
            }
            Event::Text(text) if closed_to_links == 0 => {
                push_linked(&mut events, text);
                continue;
            }
            _ => {}
        }
        events.push(event);
    }
    let mut out = String::with_capacity(markdown.len() + markdown.len() / 2);
    html::push_html(&mut out, events.into_iter());
    out
}

fn push_linked(events: &mut Vec<Event<'_>>, text: &str) {
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => events.push(Event::Text(text.to_owned().into())),
            Piece::Address(url) => {
                events.push(Event::Start(Tag::Link {
                    link_type: LinkType::Autolink,
                    dest_url: url.to_owned().into(),
                    title: "".into(),
                    id: "".into(),
                }));
                events.push(Event::Text(url.to_owned().into()));
                events.push(Event::End(TagEnd::Link));
            }
        }
    }
}
