//! Reading an intent URI: Meizu takes the parts of one instead of the whole.
//!
//! The form is Android's: `intent:…#Intent;component=<package>/<class>;S.<name>=<text>;…;end`, values percent-encoded.

use std::borrow::Cow;

/// What Meizu can carry of an intent URI.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Intent<'a> {
    /// The Activity's class in full.
    pub(super) activity: Cow<'a, str>,
    /// The text extras, in their order.
    pub(super) texts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Reads `uri`; `None` when it names no component.
pub(super) fn read(uri: &str) -> Option<Intent<'_>> {
    let (_, parts) = uri.split_once("#Intent;")?;
    let parts = parts.split(';').take_while(|part| *part != "end");
    let (mut activity, mut texts) = (None, Vec::new());
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        if name == "component" {
            activity = class_of(value);
        } else if let Some(name) = name.strip_prefix("S.") {
            texts.push((decoded(name), decoded(value)));
        }
    }
    activity.map(|activity| Intent { activity, texts })
}

/// `com.a/com.a.M` and `com.a/.M` are both `com.a.M`.
fn class_of(component: &str) -> Option<Cow<'_, str>> {
    let (package, class) = component.split_once('/')?;
    match class.strip_prefix('.') {
        Some("") => None,
        _ if class.is_empty() || package.is_empty() => None,
        Some(class) => Some(Cow::Owned(format!("{package}.{class}"))),
        None => Some(Cow::Borrowed(class)),
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_and_texts_are_read() {
        let intent = read("intent:#Intent;action=x;component=com.a/com.a.M;S.p=1;i.n=5;S.q=a%3Bb%20c;end").unwrap();
        assert_eq!(intent.activity, "com.a.M");
        assert_eq!(intent.texts, [("p".into(), "1".into()), ("q".into(), "a;b c".into())]);
    }

    /// Edge case 24 of the mobile family.
    #[test]
    fn a_relative_class_is_made_whole() {
        assert_eq!(read("intent:#Intent;component=com.a/.B;end").unwrap().activity, "com.a.B");
    }

    #[test]
    fn without_a_component_there_is_nothing_to_open() {
        for uri in ["", "https://example.com", "intent:#Intent;action=x;end", "intent:#Intent;component=com.a;end"] {
            assert_eq!(read(uri), None, "{uri}");
        }
        for uri in [
            "intent:#Intent;component=com.a/;end",
            "intent:#Intent;component=/.A;end",
            "intent:#Intent;end;component=a/b",
        ] {
            assert_eq!(read(uri), None, "{uri}");
        }
    }
}
