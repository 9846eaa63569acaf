//! Which inline styles a stranger may use: colour, type and boxes, as alarm mails do. Nothing that fetches, covers
//! anything outside its own place, or moves.

/// Properties that are kept. Position, display of overlays, transforms, filters, animations and generated content are
/// not among them. In the order of names.
pub(super) const PROPERTIES: &[&str] = &[
    "background",
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "clear",
    "color",
    "display",
    "float",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "overflow-wrap",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-wrap",
];

/// Functions a value may call.
const FUNCTIONS: &[&str] = &["rgb", "rgba", "hsl", "hsla"];

/// The declarations worth keeping, written plainly; `None` if there are none.
pub(super) fn keep(style: &str) -> Option<String> {
    let mut kept = String::new();
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let property = property.trim().to_ascii_lowercase();
        let value = value.trim();
        if PROPERTIES.binary_search(&property.as_str()).is_ok() && is_plain(value) {
            if !kept.is_empty() {
                kept.push(';');
            }
            kept.push_str(&property);
            kept.push(':');
            kept.push_str(value);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

/// Words, numbers and colours. No escapes, comments, strings, brackets or addresses, so there is nothing in it that one
/// reader of CSS could take for something else; and nothing negative, which would pull content over its neighbours.
fn is_plain(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " #%.,+-!/()".contains(c);
    if value.is_empty() || !value.chars().all(allowed) {
        return false;
    }
    let bytes = value.as_bytes();
    let negative = bytes.windows(2).any(|pair| pair[0] == b'-' && (pair[1].is_ascii_digit() || pair[1] == b'.'));
    let mut parts: Vec<&str> = value.split('(').collect();
    parts.pop();
    let functions_known = parts.iter().all(|before| {
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        FUNCTIONS.iter().any(|function| name.eq_ignore_ascii_case(function))
    });
    !negative && functions_known && value.matches('(').count() == value.matches(')').count()
}
