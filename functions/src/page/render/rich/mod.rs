//! A stranger's HTML, made safe to stand in our page.
//!
//! Two steps. [`balance`] reads the source once and writes it again as a shallow, well-nested equivalent: it bounds
//! what the parser of the next step has to do, because an HTML parser needs time that grows with the square of its input
//! when tags are nested by the thousand. The sanitiser (ammonia) then parses the result as a browser would and rebuilds
//! it from the allow-list in [`vocabulary`]: safety rests on this step alone.

mod balance;
mod scan;
mod style;
mod vocabulary;

use super::text::LINK_REL;
use ammonia::{Builder, Url, UrlRelative};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Sanitised HTML, and what the page around it has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rich {
    /// A well-formed fragment.
    pub(super) html: String,
    /// It brings its own colours, chosen for a white ground.
    pub(super) coloured: bool,
    /// It has a copy button, so the page needs our script.
    pub(super) has_copy_button: bool,
    /// There is nothing to see.
    pub(super) blank: bool,
}

/// Built on first use: a page of plain text never pays for it.
static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut attributes: HashMap<&str, HashSet<&str>> = HashMap::new();
    for entry in vocabulary::TAGS {
        attributes.entry(entry.name).or_default().extend(entry.attributes);
    }
    let mut builder = Builder::default();
    builder
        .tags(vocabulary::TAGS.iter().map(|entry| entry.name).collect())
        .tag_attributes(attributes)
        .generic_attributes(vocabulary::GENERAL_ATTRIBUTES.iter().copied().collect())
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "data"]))
        // Relative to us: whatever a stranger points to here is not his.
        .url_relative(UrlRelative::Deny)
        .link_rel(Some(LINK_REL))
        .set_tag_attribute_value("a", "target", "_blank")
        .set_tag_attribute_value("button", "type", "button")
        .set_tag_attribute_value("img", "loading", "lazy")
        .set_tag_attribute_value("img", "referrerpolicy", "no-referrer")
        .filter_style_properties(style::PROPERTIES.iter().copied().collect())
        .attribute_filter(keep_attribute)
        .strip_comments(true);
    builder
});

/// Keeps text, drops every tag; what a browser would not show is dropped with its content.
static TEXT_ONLY: LazyLock<Builder<'static>> = LazyLock::new(Builder::empty);

/// The content as a fragment of our page.
pub(super) fn sanitise(source: &str) -> Rich {
    let balanced = balance::balance(source);
    let html = SANITISER.clean(&balanced.html).to_string();
    // Tags are written in lower case with no space before the name, so a button cannot be missed. Were it found where
    // none is, in a quoted value, the page would carry a script that has nothing to do.
    let has_copy_button = html.contains("<button ");
    Rich { coloured: balanced.coloured, has_copy_button, blank: is_blank(&html), html }
}

/// Whether sanitised HTML shows neither text nor anything else. Its attribute values hold no `<` and no `>`.
fn is_blank(html: &str) -> bool {
    let text_is_blank = |part: &str| {
        let text = part.split_once('>').map_or(part, |(_, text)| text);
        text.replace("&nbsp;", " ").trim().is_empty()
    };
    !html.contains("<img ") && !html.contains("<hr") && html.split('<').all(text_is_blank)
}

/// The first text a reader would see, entities decoded, block boundaries being at least one space: enough of it for a
/// summary, not all.
pub(super) fn leading_text(source: &str) -> String {
    // With the tags gone, the parser has nothing left to do but decode.
    let escaped = TEXT_ONLY.clean(&balance::leading_text(source)).to_string();
    // These are all the entities its writer uses; `&amp;` last, or what it reveals would be decoded twice.
    escaped.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Values that depend on more than the attribute's name: see [`vocabulary`] for the names. An address is written as it
/// was understood here, so that no browser can understand it differently.
fn keep_attribute<'v>(element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let address = |schemes: &[&str]| {
        Url::parse(value).ok().filter(|url| schemes.contains(&url.scheme())).map(|url| Cow::Owned(url.into()))
    };
    match (element, attribute) {
        (_, "style") => style::keep(value).map(Cow::Owned),
        (_, "src") if vocabulary::is_picture_data(value) => Some(Cow::Borrowed(value)),
        (_, "src") => address(&["http", "https"]),
        (_, "href") => address(&["http", "https", "mailto", "tel"]),
        _ => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
mod tests;
