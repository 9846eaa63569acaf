//! The allow-list: which elements and attributes survive, and how an element behaves when others are nested in it.

/// How an element takes part in nesting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Has no content and no end tag.
    Void,
    /// Runs inside a line; browsers carry it over into the next block when it is left open.
    Formatting,
    /// Runs inside a line, is not carried over.
    Inline,
    /// Starts a block, and so ends an open paragraph.
    Block,
    /// Lives in a table only.
    TablePart,
}

/// One element of the allow-list.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// Attributes it may have besides [`GENERAL_ATTRIBUTES`].
    pub(super) attributes: &'static [&'static str],
}

/// Attributes that every element may have. No `id`, `class` or `name`: those are ours.
pub(super) const GENERAL_ATTRIBUTES: &[&str] = &["align", "dir", "lang", "style"];

const fn tag(name: &'static str, role: Role, attributes: &'static [&'static str]) -> Tag {
    Tag { name, role, attributes }
}

/// The allow-list, in the order of names. `button` is what a `<copy>` element becomes; a stranger's own buttons are
/// dropped before.
pub(super) const TAGS: &[Tag] = &[
    tag("a", Role::Formatting, &["href"]),
    tag("abbr", Role::Inline, &["title"]),
    tag("address", Role::Block, &[]),
    tag("article", Role::Block, &[]),
    tag("aside", Role::Block, &[]),
    tag("b", Role::Formatting, &[]),
    tag("bdi", Role::Inline, &[]),
    tag("bdo", Role::Inline, &[]),
    tag("big", Role::Formatting, &[]),
    tag("blockquote", Role::Block, &[]),
    tag("br", Role::Void, &[]),
    tag("button", Role::Inline, &["data-copy"]),
    tag("caption", Role::TablePart, &[]),
    tag("center", Role::Block, &[]),
    tag("cite", Role::Inline, &[]),
    tag("code", Role::Formatting, &[]),
    tag("col", Role::Void, &["span", "width"]),
    tag("colgroup", Role::TablePart, &["span", "width"]),
    tag("dd", Role::Block, &[]),
    tag("del", Role::Inline, &[]),
    tag("details", Role::Block, &["open"]),
    tag("dfn", Role::Inline, &[]),
    tag("div", Role::Block, &[]),
    tag("dl", Role::Block, &[]),
    tag("dt", Role::Block, &[]),
    tag("em", Role::Formatting, &[]),
    tag("figcaption", Role::Block, &[]),
    tag("figure", Role::Block, &[]),
    tag("font", Role::Formatting, &["color", "face", "size"]),
    tag("footer", Role::Block, &[]),
    tag("h1", Role::Block, &[]),
    tag("h2", Role::Block, &[]),
    tag("h3", Role::Block, &[]),
    tag("h4", Role::Block, &[]),
    tag("h5", Role::Block, &[]),
    tag("h6", Role::Block, &[]),
    tag("header", Role::Block, &[]),
    tag("hr", Role::Void, &[]),
    tag("i", Role::Formatting, &[]),
    tag("img", Role::Void, &["alt", "height", "src", "title", "width"]),
    tag("ins", Role::Inline, &[]),
    tag("kbd", Role::Inline, &[]),
    tag("li", Role::Block, &["value"]),
    tag("main", Role::Block, &[]),
    tag("mark", Role::Inline, &[]),
    tag("nav", Role::Block, &[]),
    tag("ol", Role::Block, &["reversed", "start", "type"]),
    tag("p", Role::Block, &[]),
    tag("pre", Role::Block, &[]),
    tag("q", Role::Inline, &[]),
    tag("s", Role::Formatting, &[]),
    tag("samp", Role::Inline, &[]),
    tag("section", Role::Block, &[]),
    tag("small", Role::Formatting, &[]),
    tag("span", Role::Inline, &[]),
    tag("strike", Role::Formatting, &[]),
    tag("strong", Role::Formatting, &[]),
    tag("sub", Role::Inline, &[]),
    tag("summary", Role::Block, &[]),
    tag("sup", Role::Inline, &[]),
    tag("table", Role::Block, &["bgcolor", "border", "cellpadding", "cellspacing", "width"]),
    tag("tbody", Role::TablePart, &["valign"]),
    tag("td", Role::TablePart, &["bgcolor", "colspan", "height", "nowrap", "rowspan", "valign", "width"]),
    tag("tfoot", Role::TablePart, &["valign"]),
    tag("th", Role::TablePart, &["bgcolor", "colspan", "height", "nowrap", "rowspan", "valign", "width"]),
    tag("thead", Role::TablePart, &["valign"]),
    tag("time", Role::Inline, &[]),
    tag("tr", Role::TablePart, &["bgcolor", "height", "valign"]),
    tag("tt", Role::Formatting, &[]),
    tag("u", Role::Formatting, &[]),
    tag("ul", Role::Block, &["type"]),
    tag("var", Role::Inline, &[]),
    tag("wbr", Role::Void, &[]),
];

/// The allow-list's entry for a lower-case name.
pub(super) fn find(name: &str) -> Option<&'static Tag> {
    TAGS.binary_search_by(|tag| tag.name.cmp(name)).ok().and_then(|index| TAGS.get(index))
}

impl Tag {
    /// Whether this element may have an attribute of this lower-case name.
    pub(super) fn allows(&self, attribute: &str) -> bool {
        GENERAL_ATTRIBUTES.contains(&attribute) || self.attributes.contains(&attribute)
    }
}

/// Whether an address carries a picture in itself, base64-encoded. SVG is left out: it is a document, not only a
/// picture.
pub(super) fn is_picture_data(address: &str) -> bool {
    const KINDS: [&str; 5] = ["gif", "jpeg", "jpg", "png", "webp"];
    let Some((head, data)) = address.split_once(',') else { return false };
    let head = head.to_ascii_lowercase();
    let Some(kind) = head.strip_prefix("data:image/").and_then(|rest| rest.strip_suffix(";base64")) else {
        return false;
    };
    // Percent signs and white space are tolerated: some programs write them, and browsers read them.
    let plain = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '+' | '/' | '=' | '%');
    KINDS.contains(&kind) && data.chars().all(plain)
}
