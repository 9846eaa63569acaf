//! Writes HTML again so that every tag is closed, in order, and nothing is nested deeper than anyone writes by hand.
//!
//! This bounds the work of the parser that comes next; it is no judge of what is safe. The parser looks through its
//! stack of open elements for most tags, and opens formatting elements anew in every block they were left open in: with
//! [`MAX_DEPTH`] and [`MAX_FORMATTING`] both are bounded, and each tag costs a bounded amount of work.

use super::scan::{Scanner, Token};
use super::vocabulary::{self, Role, Tag, is_picture_data};

/// Deepest nesting. Mail programs reach about 60 with tables in tables; a tag beyond this is dropped, its text stays.
const MAX_DEPTH: usize = 128;

/// Most formatting elements (`b`, `font`, …) open at once.
const MAX_FORMATTING: usize = 16;

/// Longest attribute value in bytes; a longer one is dropped. A picture that carries its own data may be as long as the
/// message.
const MAX_VALUE_BYTES: usize = 2048;

/// Longest text that a copy button copies, in bytes; with a longer one it copies its label.
const MAX_COPY_BYTES: usize = 8192;

/// After this many bytes of text in one piece an empty comment is put in. The sanitiser takes it out again, but its
/// writer then meets two shorter texts: it looks ahead to the end of a text for every character it escapes.
const MAX_TEXT_BYTES: usize = 2048;

/// How much text is read for a summary, in bytes. A hundred characters, each written as the longest entity there is,
/// fit into less than half of it.
const LEADING_BYTES: usize = 8192;

/// HTML in which each start tag has its end tag.
#[derive(Debug)]
pub(super) struct Balanced {
    pub(super) html: String,
    /// A colour was set somewhere.
    pub(super) coloured: bool,
}

/// Rewrites the source. Elements and attributes that would not survive the sanitiser are left out already.
pub(super) fn balance(source: &str) -> Balanced {
    let mut writer = Writer::default();
    for token in Scanner::new(source) {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Start(name, attributes) => writer.start(&name, &attributes),
            Token::End(name) => writer.end(&name),
        }
    }
    writer.close_to(0);
    Balanced { html: writer.out, coloured: writer.coloured }
}

/// The first text, still escaped: about [`LEADING_BYTES`] of it, runs of whitespace being one space. Whatever begins or
/// ends a block, and a line break, is a space.
pub(super) fn leading_text(source: &str) -> String {
    let mut out = String::new();
    for token in Scanner::new(source) {
        match token {
            Token::Text(text) => {
                for c in text.chars() {
                    if !c.is_whitespace() {
                        push_char(&mut out, c);
                    } else if !out.ends_with(' ') {
                        out.push(' ');
                    }
                    if out.len() >= LEADING_BYTES {
                        return out;
                    }
                }
            }
            Token::Start(name, _) | Token::End(name) => {
                if vocabulary::find(&name).is_some_and(separates) && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
        }
    }
    out
}

fn separates(tag: &Tag) -> bool {
    match tag.role {
        Role::Block | Role::TablePart => true,
        Role::Void => matches!(tag.name, "br" | "hr"),
        Role::Formatting | Role::Inline => false,
    }
}

fn push_char(out: &mut String, c: char) {
    match c {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        // The parser would drop it, or put a replacement character in its place.
        '\0' => {}
        c => out.push(c),
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    open: Vec<&'static Tag>,
    formatting: usize,
    coloured: bool,
    /// Bytes of text since the last tag or comment.
    text_bytes: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            // Never inside an entity: those are ASCII without spaces, and begin with the ampersand.
            if self.text_bytes >= MAX_TEXT_BYTES && (c == '&' || c.is_whitespace() || !c.is_ascii()) {
                self.out.push_str("<!---->");
                self.text_bytes = 0;
            }
            push_char(&mut self.out, c);
            self.text_bytes += c.len_utf8();
        }
    }

    fn start(&mut self, name: &str, attributes: &[(String, &str)]) {
        let name = match name {
            "copy" => "button",
            // A stranger's button has nothing to do here; its label stays.
            "button" => return,
            "image" => "img",
            name => name,
        };
        let Some(tag) = vocabulary::find(name) else { return };
        self.close_implied(tag);
        let formatting = tag.role == Role::Formatting;
        if tag.role != Role::Void && (self.open.len() >= MAX_DEPTH || (formatting && self.formatting >= MAX_FORMATTING))
        {
            return;
        }
        self.out.push('<');
        self.out.push_str(tag.name);
        let mut written: Vec<&str> = Vec::new();
        for (name, value) in attributes {
            let name = if tag.name == "button" && name == "data-clipboard-text" { "data-copy" } else { name.as_str() };
            if tag.allows(name) && !written.contains(&name) && fits(name, value) {
                self.coloured |= sets_colour(name, value);
                push_attribute(&mut self.out, name, value);
                written.push(name);
            }
        }
        self.out.push('>');
        if tag.role != Role::Void {
            self.open.push(tag);
            self.formatting += usize::from(formatting);
        }
    }

    fn end(&mut self, name: &str) {
        let name = if name == "copy" { "button" } else { name };
        let Some(tag) = vocabulary::find(name) else { return };
        let inside_line = matches!(tag.role, Role::Formatting | Role::Inline);
        for (index, open) in self.open.iter().enumerate().rev() {
            if open.name == tag.name {
                self.close_to(index);
                return;
            }
            let barrier = match tag.role {
                Role::TablePart => open.name == "table",
                _ if tag.name == "table" => false,
                _ => open.role == Role::TablePart || (inside_line && open.role == Role::Block && open.name != "p"),
            };
            if barrier {
                return;
            }
        }
    }

    /// Closes what the standard lets authors leave open before `tag`.
    fn close_implied(&mut self, tag: &Tag) {
        const CELLS: &[&str] = &["caption", "td", "th"];
        if tag.role == Role::Block || tag.name == "hr" {
            self.close_last(&["p"], &["button", "caption", "table", "td", "th"]);
        }
        match tag.name {
            "li" => self.close_last(&["li"], &["ol", "table", "ul"]),
            "dd" | "dt" => self.close_last(&["dd", "dt"], &["dl", "table"]),
            "td" | "th" => self.close_last(CELLS, &["table"]),
            "tr" => self.close_last(&["caption", "colgroup", "tr"], &["table"]),
            "caption" | "colgroup" | "tbody" | "tfoot" | "thead" => {
                self.close_last(&["caption", "colgroup", "tbody", "tfoot", "thead"], &["table"]);
            }
            "a" => self.close_last(&["a"], CELLS),
            "button" => self.close_last(&["button"], &[]),
            _ => {}
        }
    }

    /// Closes the innermost open element among `names`, unless one of `bounds` lies above it.
    fn close_last(&mut self, names: &[&str], bounds: &[&str]) {
        for (index, open) in self.open.iter().enumerate().rev() {
            if names.contains(&open.name) {
                self.close_to(index);
                return;
            }
            if bounds.contains(&open.name) {
                return;
            }
        }
    }

    /// Closes open elements until `length` are left.
    fn close_to(&mut self, length: usize) {
        while self.open.len() > length {
            let Some(tag) = self.open.pop() else { return };
            self.formatting -= usize::from(tag.role == Role::Formatting);
            self.out.push_str("</");
            self.out.push_str(tag.name);
            self.out.push('>');
        }
    }
}

fn fits(name: &str, value: &str) -> bool {
    match name {
        "data-copy" => value.len() <= MAX_COPY_BYTES,
        "src" if is_picture_data(value) => true,
        _ => value.len() <= MAX_VALUE_BYTES,
    }
}

fn sets_colour(name: &str, value: &str) -> bool {
    match name {
        "bgcolor" | "color" => true,
        "style" => {
            let value = value.to_ascii_lowercase();
            value.contains("color") || value.contains("background")
        }
        _ => false,
    }
}

/// Entities stay as they are: the parser decodes them once, as it would have in the source.
fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    let value = value.trim();
    // Mails leave the scheme to the page they stand in; ours is not the one they meant.
    if name == "src" && value.starts_with("//") {
        out.push_str("https:");
    }
    for c in value.chars() {
        match c {
            '"' => out.push_str("&quot;"),
            c => push_char(out, c),
        }
    }
    out.push('"');
}
