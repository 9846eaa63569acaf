//! The headers of an answer.

use http::{HeaderMap, HeaderName};

/// Headers as they came, in one piece of memory: of most answers nobody looks at any.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Before each name and value stands how long both are, in two bytes each.
    bytes: Vec<u8>,
}

/// Two lengths.
const LENGTHS: usize = 4;
/// Room for what a vendor sends with most answers: an id, a date.
const USUAL: usize = 128;

impl Fields {
    /// Adds a header. What is longer than any that is read is left out.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let lengths = (u16::try_from(name.len()), u16::try_from(value.len()));
        if let (Ok(name_length), Ok(value_length)) = lengths {
            if self.bytes.is_empty() {
                self.bytes.reserve(USUAL);
            }
            for part in [&name_length.to_be_bytes(), &value_length.to_be_bytes(), name, value] {
                self.bytes.extend_from_slice(part);
            }
        }
    }

    /// The first one of that name, if it is text.
    pub fn get(&self, name: &HeaderName) -> Option<&str> {
        let (_, value) = self.iter().find(|(other, _)| *other == name.as_str().as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Names and values.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let ([a, b, c, d], texts) = rest.split_first_chunk::<LENGTHS>()?;
            let (name, texts) = texts.split_at_checked(usize::from(u16::from_be_bytes([*a, *b])))?;
            let (value, after) = texts.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
            rest = after;
            Some((name, value))
        })
    }
}

impl From<&HeaderMap> for Fields {
    fn from(headers: &HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            fields.push(name.as_str().as_bytes(), value.as_bytes());
        }
        fields
    }
}

/// Names alone: values may be secrets.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn a_header_is_found_by_its_name() {
        let mut fields = Fields::default();
        assert!(fields.is_empty() && fields.get(&header::AGE).is_none());
        for (name, value) in [("age", "1"), ("server", ""), ("age", "2"), ("etag", "\u{fc}")] {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        fields.push(b"date", &[0xff]);
        fields.push(b"via", &[b'x'; 1 << 16]);
        let found = [header::AGE, header::SERVER, header::ETAG, header::DATE, header::VIA]
            .map(|name| fields.get(&name).map(str::to_owned));
        assert_eq!(found, [Some("1".into()), Some(String::new()), Some("\u{fc}".into()), None, None]);
        assert_eq!(format!("{fields:?}"), r#"{"age", "server", "age", "etag", "date"}"#);
    }
}
