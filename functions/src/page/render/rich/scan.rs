//! Cuts HTML into tags and text in one pass, the way the standard's tokenizer does, as far as that matters here.
//! Source: <https://html.spec.whatwg.org/multipage/parsing.html#tokenization>.

/// Elements whose content a browser does not show as text, or that open a language of their own: skipped with all
/// they hold.
const SKIPPED: &[&str] =
    &["iframe", "math", "noembed", "noframes", "script", "style", "svg", "template", "textarea", "title", "xmp"];

/// A piece of the source. Comments, declarations and skipped elements yield nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text, its entities not decoded.
    Text(&'a str),
    /// A start tag: the name in lower case, and the attributes in order (names in lower case, values not decoded).
    Start(String, Vec<(String, &'a str)>),
    /// An end tag.
    End(String),
}

/// Reads tokens from front to back; every byte is looked at a bounded number of times.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(source: &'a str) -> Self {
        Self { rest: source }
    }

    /// Takes the first `length` bytes, or everything if there are fewer. `length` is always the offset of an ASCII
    /// character or just behind one.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len()))
    }

    /// Skips to just behind `end`, or to the end of the source.
    fn skip_past(&mut self, end: &str) {
        let length = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.take(length);
    }

    /// Reads attributes up to the closing `>`. `None` when the source ends first: such a tag does not exist.
    fn attributes(&mut self) -> Option<(Vec<(String, &'a str)>, bool)> {
        let mut attributes = Vec::new();
        loop {
            let between = self.take_while(|c| is_space(c) || c == '/');
            if self.rest.is_empty() {
                return None;
            }
            if self.rest.starts_with('>') {
                self.take(1);
                return Some((attributes, between.ends_with('/')));
            }
            // An equals sign in first place belongs to the name.
            let first = usize::from(self.rest.starts_with('='));
            let tail = self.rest.get(first..).unwrap_or_default();
            let length = tail.find(|c| is_space(c) || matches!(c, '/' | '>' | '=')).unwrap_or(tail.len());
            let name = self.take(first + length).to_ascii_lowercase();
            self.take_while(is_space);
            let value = if self.rest.starts_with('=') {
                self.take(1);
                self.take_while(is_space);
                self.value()?
            } else {
                ""
            };
            attributes.push((name, value));
        }
    }

    fn value(&mut self) -> Option<&'a str> {
        let quote = match self.rest.chars().next()? {
            quote @ ('"' | '\'') => quote,
            _ => return Some(self.take_while(|c| !is_space(c) && c != '>')),
        };
        self.take(1);
        let length = self.rest.find(quote)?;
        let value = self.take(length);
        self.take(1);
        Some(value)
    }

    /// Skips to behind the end tag of `name`, or to the end of the source.
    fn skip_element(&mut self, name: &str) {
        loop {
            self.skip_past("</");
            if self.rest.is_empty() {
                return;
            }
            let ends = self.rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
                && self
                    .rest
                    .get(name.len()..)
                    .and_then(|tail| tail.chars().next())
                    .is_none_or(|c| !c.is_alphanumeric());
            if ends {
                self.skip_past(">");
                return;
            }
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if !self.rest.starts_with('<') {
                return Some(Token::Text(self.take_while(|c| c != '<')));
            }
            let mut ahead = self.rest.chars().skip(1);
            match (ahead.next(), ahead.next()) {
                (Some(c), _) if c.is_ascii_alphabetic() => {
                    self.take(1);
                    let name = self.take_while(|c| !is_space(c) && !matches!(c, '/' | '>')).to_ascii_lowercase();
                    // A tag that never closes is the end of the source.
                    let Some((attributes, closes_itself)) = self.attributes() else {
                        self.rest = "";
                        return None;
                    };
                    if SKIPPED.contains(&name.as_str()) {
                        if !(closes_itself && matches!(name.as_str(), "svg" | "math")) {
                            self.skip_element(&name);
                        }
                        continue;
                    }
                    return Some(Token::Start(name, attributes));
                }
                (Some('/'), Some(c)) if c.is_ascii_alphabetic() => {
                    self.take(2);
                    let name = self.take_while(|c| !is_space(c) && !matches!(c, '/' | '>')).to_ascii_lowercase();
                    if self.attributes().is_none() {
                        self.rest = "";
                        return None;
                    }
                    return Some(Token::End(name));
                }
                (Some('!'), _) if self.rest.starts_with("<!--") => {
                    // `<!-->` is a whole comment: its dashes count for both ends.
                    self.take(2);
                    if self.rest.starts_with("-->") || self.rest.starts_with("--->") {
                        self.skip_past(">");
                    } else {
                        self.take(2);
                        self.skip_past("-->");
                    }
                }
                (Some('/'), Some(_)) | (Some('!' | '?'), _) => self.skip_past(">"),
                // A lone `<` is text.
                _ => return Some(Token::Text(self.take(1))),
            }
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}
