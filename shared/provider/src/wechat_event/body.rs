//! Bodies as WeChat writes them: XML, or JSON when the account's console says so. Both become one JSON value, so
//! everything after this reads one form.

use super::MAX_BODY_BYTES;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// The deepest nesting that is read. WeChat's deepest is 5.
const MAX_DEPTH: usize = 16;

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than [`MAX_BODY_BYTES`].
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    TooLarge,
    /// It is neither XML nor JSON as WeChat writes it.
    #[error("the body is neither XML nor JSON: {0}")]
    Malformed(&'static str),
}

/// How a body was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `<xml>…</xml>`
    Xml,
    /// `{…}`
    Json,
}

/// Reads a body by its first character: WeChat's `Content-Type` is not to be relied on.
pub(super) fn parse(body: &[u8]) -> Result<(Format, Value), BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|_| BodyError::Malformed("it is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.as_bytes().first() {
        Some(b'<') => Ok((Format::Xml, parse_xml(text)?)),
        Some(b'{') => {
            let value = serde_json::from_str(text).map_err(|_| BodyError::Malformed("it is no JSON object"))?;
            Ok((Format::Json, value))
        }
        _ => Err(BodyError::Malformed("it begins with neither `<` nor `{`")),
    }
}

/// An element that is not closed yet.
#[derive(Default)]
struct Open {
    text: String,
    children: Map<String, Value>,
}

impl Open {
    /// An element with children is an object; one without is its text.
    fn close(self) -> Value {
        if self.children.is_empty() { Value::String(self.text) } else { Value::Object(self.children) }
    }

    /// A second child of the same name makes a list.
    fn add(&mut self, name: String, value: Value) {
        match self.children.get_mut(&name) {
            None => {
                self.children.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}

/// Reads XML without a document type: nothing is defined, so nothing can be expanded, and nothing outside is looked at.
fn parse_xml(text: &str) -> Result<Value, BodyError> {
    const MALFORMED: BodyError = BodyError::Malformed("it is no well-formed XML");
    let mut reader = Reader::from_str(text);
    let mut open: Vec<(String, Open)> = Vec::new();
    let mut root = None;
    loop {
        let (name, element) = match reader.read_event().map_err(|_| MALFORMED)? {
            Event::Start(tag) => {
                if open.len() >= MAX_DEPTH || root.is_some() {
                    return Err(BodyError::Malformed("it is nested too deep, or has more than one root"));
                }
                open.push((String::from_utf8_lossy(tag.name().as_ref()).into_owned(), Open::default()));
                continue;
            }
            Event::Empty(tag) => (String::from_utf8_lossy(tag.name().as_ref()).into_owned(), Open::default()),
            Event::End(_) => open.pop().ok_or(MALFORMED)?,
            Event::Text(part) => {
                let part = part.decode().map_err(|_| MALFORMED)?;
                match open.last_mut() {
                    Some((_, element)) => element.text.push_str(&part),
                    None if part.trim().is_empty() => {}
                    None => return Err(MALFORMED),
                }
                continue;
            }
            Event::CData(part) => {
                let (_, element) = open.last_mut().ok_or(MALFORMED)?;
                element.text.push_str(&part.decode().map_err(|_| MALFORMED)?);
                continue;
            }
            Event::GeneralRef(reference) => {
                let (_, element) = open.last_mut().ok_or(MALFORMED)?;
                match reference.resolve_char_ref().map_err(|_| MALFORMED)? {
                    Some(character) => element.text.push(character),
                    None => {
                        let name = reference.decode().map_err(|_| MALFORMED)?;
                        let known = resolve_predefined_entity(&name);
                        element.text.push_str(known.ok_or(BodyError::Malformed("it names an unknown entity"))?);
                    }
                }
                continue;
            }
            Event::DocType(_) => return Err(BodyError::Malformed("it has a document type, which is not read")),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => continue,
            Event::Eof => break,
        };
        match open.last_mut() {
            Some((_, parent)) => parent.add(name, element.close()),
            None if root.is_none() => root = Some(element.close()),
            None => return Err(MALFORMED),
        }
    }
    if !open.is_empty() {
        return Err(MALFORMED);
    }
    root.ok_or(MALFORMED)
}

/// The text of a field; numbers of JSON bodies become text. Empty when it is missing.
pub(super) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
