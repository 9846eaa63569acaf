//! Writing headers.

use super::{
    ENTRY_BYTES, Form, INDEXED, PASSING, PLAIN, REMEMBERED, RESIZED, SECRET, SHORTENED, STATIC, TABLE_BYTES, low,
};
use crate::http2::huffman;
use crate::http2::stream::Outgoing;
use http::{HeaderName, Method, header};
use std::io::Write;

/// What we have the other side remember.
///
/// The first value of a name goes into the table, and nothing ever leaves it: a header that changes with each request would
/// only push out what stays. That is also what Apple asks for (`apns-id` and its like once into the table, `:path` and
/// `authorization` never).
pub(in super::super) struct Encoder {
    names: Vec<Known>,
    /// Where among them the next one is that is written, if requests have the same ones in the same order.
    next: usize,
    /// How many are in the table, and what they take.
    entries: usize,
    used: usize,
    /// How large it may be, and whether the other side has yet to be told that it was emptied.
    size: usize,
    emptied: bool,
    /// The last secret, and how it was written. They are long, and the same one goes with thousands of requests.
    secret: (Vec<u8>, Vec<u8>),
    /// What is put together for one request.
    scratch: Vec<u8>,
}

/// A name that was written before.
struct Known {
    name: HeaderName,
    /// Its number in the static table; 0 when it is not there.
    number: usize,
    entry: Option<Entry>,
}

/// A name and value in the table.
struct Entry {
    /// How many were there before.
    place: usize,
    value: Box<[u8]>,
}

const GET: usize = 2;
const POST: usize = 3;
const PATH: usize = 4;
const HTTP: usize = 6;
const HTTPS: usize = 7;

impl Encoder {
    pub(in super::super) fn new() -> Self {
        Self {
            names: Vec::new(),
            next: 0,
            entries: 0,
            used: 0,
            size: TABLE_BYTES,
            emptied: false,
            secret: (Vec::new(), Vec::new()),
            scratch: Vec::new(),
        }
    }

    /// The other side says how large a table it has.
    pub(in super::super) fn resize(&mut self, size: usize) {
        let size = size.min(TABLE_BYTES);
        if size != self.size {
            (self.size, self.emptied) = (size, true);
            (self.entries, self.used) = (0, 0);
            self.names.clear();
        }
    }

    /// Writes the headers of a request.
    pub(in super::super) fn write(&mut self, request: Outgoing<'_>, output: &mut Vec<u8>) {
        if std::mem::take(&mut self.emptied) {
            RESIZED.write(0, output);
            RESIZED.write(self.size, output);
        }
        match *request.method {
            Method::GET => INDEXED.write(GET, output),
            Method::POST => INDEXED.write(POST, output),
            ref method => {
                PASSING.write(GET, output);
                text(method.as_str().as_bytes(), output);
            }
        }
        INDEXED.write(if request.scheme == "http" { HTTP } else { HTTPS }, output);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        for part in request.path {
            scratch.extend_from_slice(part.as_bytes());
        }
        PASSING.write(PATH, output);
        text(&scratch, output);
        self.next = 0;
        self.field(&header::HOST, request.authority.as_bytes(), output);
        for (name, value) in request.headers {
            if value.is_sensitive() || *name == header::AUTHORIZATION {
                self.secret(name, value.as_bytes(), output);
            } else {
                self.field(name, value.as_bytes(), output);
            }
        }
        for (name, value) in request.more {
            self.field(name, value.as_bytes(), output);
        }
        if !request.body.is_empty() {
            scratch.clear();
            // Into memory: this cannot fail.
            let _ = write!(scratch, "{}", request.body.len());
            self.field(&header::CONTENT_LENGTH, &scratch, output);
        }
        self.scratch = scratch;
    }

    fn field(&mut self, name: &HeaderName, value: &[u8], output: &mut Vec<u8>) {
        let at = self.place_of(name);
        let known = &self.names[at];
        let size = written(name).len() + value.len() + ENTRY_BYTES;
        if let Some(entry) = &known.entry {
            let number = STATIC.len() + self.entries - entry.place;
            if *entry.value == *value {
                INDEXED.write(number, output);
                return;
            }
            PASSING.write(number, output);
        } else if self.used + size <= self.size {
            known.begin(REMEMBERED, output);
            self.names[at].entry = Some(Entry { place: self.entries, value: value.into() });
            self.entries += 1;
            self.used += size;
        } else {
            known.begin(PASSING, output);
        }
        text(value, output);
    }

    fn secret(&mut self, name: &HeaderName, value: &[u8], output: &mut Vec<u8>) {
        let at = self.place_of(name);
        self.names[at].begin(SECRET, output);
        let (last, written) = &mut self.secret;
        if last != value {
            value.clone_into(last);
            written.clear();
            text(value, written);
        }
        output.extend_from_slice(written);
    }

    /// Where among the names that one is; at their end when it is new.
    fn place_of(&mut self, name: &HeaderName) -> usize {
        let is_next = self.names.get(self.next).is_some_and(|known| known.name == *name);
        let known = if is_next { Some(self.next) } else { self.names.iter().position(|known| known.name == *name) };
        if let Some(at) = known {
            self.next = at + 1;
            return at;
        }
        let number = STATIC.iter().position(|(other, _)| *other == written(name)).map_or(0, |place| place + 1);
        self.names.push(Known { name: name.clone(), number, entry: None });
        self.next = self.names.len();
        self.next - 1
    }
}

impl Known {
    /// Begins a field of this name whose value is not in the table.
    fn begin(&self, form: Form, output: &mut Vec<u8>) {
        form.write(self.number, output);
        if self.number == 0 {
            text(self.name.as_str().as_bytes(), output);
        }
    }
}

/// A name as it is written. Where a request goes is kept under its older name, of which `http` has a constant.
fn written(name: &HeaderName) -> &str {
    if *name == header::HOST { ":authority" } else { name.as_str() }
}

/// Writes a text, as short as it gets.
fn text(text: &[u8], output: &mut Vec<u8>) {
    /// Up to here a length is one byte.
    const SHORT: usize = 127;
    let at = output.len();
    output.push(0);
    huffman::encode(text, output);
    let length = output.len() - at - 1;
    if length < SHORT && length < text.len() {
        output[at] = SHORTENED.bits | low(length);
        return;
    }
    output.truncate(at);
    if length < text.len() {
        SHORTENED.write(length, output);
        huffman::encode(text, output);
    } else {
        PLAIN.write(text.len(), output);
        output.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    /// Both ends of a connection.
    struct Ends {
        encoder: Encoder,
        decoder: Decoder,
    }

    impl Ends {
        fn new() -> Self {
            Self { encoder: Encoder::new(), decoder: Decoder::default() }
        }

        /// What arrives of a request with these headers, and how many bytes it took.
        fn send(&mut self, headers: &HeaderMap, more: &[(HeaderName, &str)]) -> (Vec<String>, usize) {
            let request = Outgoing {
                method: &Method::POST,
                scheme: "https",
                authority: "push.example.com",
                path: ["/3/device/", "00ff?a=b"],
                headers,
                more,
                body: &Bytes::from_static(b"{}"),
            };
            self.arrives(request)
        }

        fn arrives(&mut self, request: Outgoing<'_>) -> (Vec<String>, usize) {
            let (mut written, mut read) = (Vec::new(), Vec::new());
            self.encoder.write(request, &mut written);
            let take = |name: &[u8], value: &[u8]| {
                read.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
            };
            self.decoder.read(&written, take).unwrap();
            (read, written.len())
        }
    }

    const ID: HeaderName = HeaderName::from_static("apns-id");

    fn headers(authorization: &str) -> HeaderMap {
        let mut authorization = HeaderValue::from_str(authorization).unwrap();
        authorization.set_sensitive(true);
        let topic = HeaderValue::from_static("com.example.demo");
        [(HeaderName::from_static("apns-topic"), topic), (header::AUTHORIZATION, authorization)].into_iter().collect()
    }

    #[test]
    fn what_stays_the_same_is_written_once() {
        let mut ends = Ends::new();
        let token = "bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQyJ9";
        let fields = |id: &str, token: &str| {
            [
                ":method=POST",
                ":scheme=https",
                ":path=/3/device/00ff?a=b",
                ":authority=push.example.com",
                "apns-topic=com.example.demo",
                &format!("authorization={token}"),
                &format!("apns-id={id}"),
                "content-length=2",
            ]
            .map(str::to_owned)
            .to_vec()
        };
        let sizes = [("1", token), ("2", token), ("3", "bearer other"), ("1", token)].map(|(id, token)| {
            let (read, size) = ends.send(&headers(token), &[(ID, id)]);
            assert_eq!(read, fields(id, token));
            size
        });
        // Of the second one the path, the id and the token are new; of the last one not even the id.
        assert_eq!(sizes, [103, 62, 37, 59]);
        assert_eq!(ends.encoder.entries, 4, "neither the path nor the token");
    }

    /// The other end has a smaller table from now on; then one of the usual size again, which is empty.
    #[test]
    fn a_table_that_shrinks_is_emptied() {
        let mut ends = Ends::new();
        let (fields, first) = ends.send(&headers("t"), &[(ID, "1")]);
        for (size, entries) in [(60, 1), (0, 0), (100_000, 4), (4096, 4)] {
            ends.encoder.resize(size);
            let (read, _) = ends.send(&headers("t"), &[(ID, "1")]);
            assert_eq!((&read, ends.encoder.entries), (&fields, entries), "{size}");
        }
        // Whatever fits in just so, the other end must not have forgotten.
        for size in 0..300 {
            ends.encoder.resize(size);
            for _ in 0..2 {
                assert_eq!(ends.send(&headers("t"), &[(ID, "1")]).0, fields, "{size}");
            }
        }
        ends.encoder.resize(4096);
        ends.send(&headers("t"), &[(ID, "1")]);
        assert!(ends.send(&headers("t"), &[(ID, "1")]).1 < first / 2);
    }

    #[test]
    fn what_has_no_room_in_the_table_is_written_each_time() {
        let mut ends = Ends::new();
        for n in 0..100 {
            let name = HeaderName::try_from(format!("x-{n}")).unwrap();
            let (method, value) = (if n % 2 == 0 { Method::GET } else { Method::HEAD }, "v".repeat(100));
            let (read, _) = ends.arrives(Outgoing {
                method: &method,
                scheme: "http",
                authority: "127.0.0.1:80",
                path: ["/", ""],
                headers: &HeaderMap::new(),
                more: &[(name.clone(), &value)],
                body: &Bytes::new(),
            });
            let start = [&format!(":method={method}"), ":scheme=http", ":path=/", ":authority=127.0.0.1:80"];
            assert_eq!(read[..4], start);
            assert_eq!(read[4..], [format!("{name}={value}")]);
        }
        assert!(ends.encoder.used <= TABLE_BYTES && ends.encoder.entries < 40, "{}", ends.encoder.used);
    }
}
