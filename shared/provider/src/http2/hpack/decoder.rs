//! Reading headers.

use super::{ENTRY_BYTES, INDEXED, PASSING, PLAIN, REMEMBERED, RESIZED, SHORTENED, STATIC, TABLE_BYTES};
use crate::http2::huffman;
use std::collections::VecDeque;

/// What the other side has us remember. Its table has at most [`TABLE_BYTES`]; we never ask for another size.
#[derive(Default)]
pub(in super::super) struct Decoder {
    /// The newest one first.
    entries: VecDeque<Entry>,
    used: usize,
    /// What the other side wants less than there may be.
    given_up: usize,
    /// The name and the value of a field that is being read.
    text: Vec<u8>,
}

struct Entry {
    text: Box<[u8]>,
    /// Where in it the value begins.
    name: usize,
}

/// The headers cannot be read, so nothing that follows on the connection can.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Malformed;

impl Decoder {
    /// Reads the fields of `block`; `take` gets the name and value of each.
    pub(in super::super) fn read(&mut self, block: &[u8], mut take: impl FnMut(&[u8], &[u8])) -> Result<(), Malformed> {
        let mut rest = block;
        while let Some(first) = rest.first().copied() {
            self.field(first, &mut rest, &mut take).ok_or(Malformed)?;
        }
        Ok(())
    }

    fn field(&mut self, first: u8, rest: &mut &[u8], take: &mut impl FnMut(&[u8], &[u8])) -> Option<()> {
        if INDEXED.is(first) {
            let (name, value) = self.entry(INDEXED.read(rest)?)?;
            take(name, value);
            return Some(());
        }
        if !REMEMBERED.is(first) && RESIZED.is(first) {
            let size = RESIZED.read(rest)?;
            self.given_up = TABLE_BYTES.checked_sub(size)?;
            self.make_room(0);
            return Some(());
        }
        let form = if REMEMBERED.is(first) { REMEMBERED } else { PASSING };
        let number = form.read(rest)?;
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        match number {
            0 => string(rest, &mut text)?,
            number => text.extend_from_slice(self.entry(number)?.0),
        }
        let name = text.len();
        string(rest, &mut text)?;
        take(&text[..name], &text[name..]);
        if REMEMBERED.is(first) {
            self.remember(&text, name);
        }
        self.text = text;
        Some(())
    }

    /// The field with that number: the static ones first, then ours.
    fn entry(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let place = number.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(place) {
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let entry = self.entries.get(place - STATIC.len())?;
        Some(entry.text.split_at(entry.name))
    }

    /// A field that is larger than the whole table empties it, and that is no error (section 4.4).
    fn remember(&mut self, text: &[u8], name: usize) {
        let size = text.len() + ENTRY_BYTES;
        self.make_room(size);
        if self.used + size <= TABLE_BYTES - self.given_up {
            self.used += size;
            self.entries.push_front(Entry { text: text.into(), name });
        }
    }

    fn make_room(&mut self, size: usize) {
        while self.used + size > TABLE_BYTES - self.given_up
            && let Some(oldest) = self.entries.pop_back()
        {
            self.used -= oldest.text.len() + ENTRY_BYTES;
        }
    }
}

/// Appends a text to `output`.
fn string(rest: &mut &[u8], output: &mut Vec<u8>) -> Option<()> {
    let is_shortened = SHORTENED.is(*rest.first()?);
    let length = PLAIN.read(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    if is_shortened {
        return huffman::decode(text, output);
    }
    output.extend_from_slice(text);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decoder: &mut Decoder, block: &str) -> Result<String, Malformed> {
        let block = block.replace(' ', "");
        let block: Vec<u8> =
            (0..block.len()).step_by(2).map(|at| u8::from_str_radix(&block[at..at + 2], 16).unwrap()).collect();
        let mut fields = Vec::new();
        let mut take = |name: &[u8], value: &[u8]| {
            fields.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        };
        decoder.read(&block, &mut take)?;
        Ok(fields.join(" "))
    }

    /// RFC 7541, appendix C.4, and C.3 with plain texts.
    #[test]
    fn fields_are_read_as_in_the_rfc() {
        for blocks in [
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ],
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ],
        ] {
            let mut decoder = Decoder::default();
            let read = blocks.map(|block| read(&mut decoder, block).unwrap());
            assert_eq!(
                read,
                [
                    ":method=GET :scheme=http :path=/ :authority=www.example.com",
                    ":method=GET :scheme=http :path=/ :authority=www.example.com cache-control=no-cache",
                    ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value",
                ]
            );
            assert_eq!((decoder.entries.len(), decoder.used), (3, 164));
        }
    }

    /// RFC 7541, appendix C.6: a table of 256 bytes, from which the oldest have to go.
    #[test]
    fn what_has_no_room_is_forgotten_as_in_the_rfc() {
        let mut decoder = Decoder::default();
        assert_eq!(read(&mut decoder, "3f e1 01").as_deref(), Ok(""));
        let blocks = [
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
             63c7 8f0b 97c8 e9ae 82ae 43d3",
            "4883 640e ffc1 c0bf",
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
             b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ];
        let read = blocks.map(|block| read(&mut decoder, block).unwrap());
        assert_eq!(
            read,
            [
                ":status=302 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT location=https://www.example.com",
                ":status=307 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT location=https://www.example.com",
                ":status=200 cache-control=private date=Mon, 21 Oct 2013 20:13:22 GMT location=https://www.example.com \
                 content-encoding=gzip set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ]
        );
        assert_eq!((decoder.entries.len(), decoder.used), (3, 215));
    }

    #[test]
    fn what_cannot_be_read_is_malformed() {
        for block in [
            // Number 0; one that nobody has; a size that we did not allow; a text that ends too soon; no value; a name
            // that is no text.
            "80",
            "be",
            "ff 80 80 80 80 01",
            "3f e2 1f",
            "40 0a 63",
            "40 01 61",
            "00 81 ff 00",
            "7f",
        ] {
            assert_eq!(read(&mut Decoder::default(), block), Err(Malformed), "{block}");
        }
    }

    #[test]
    fn a_field_that_is_larger_than_the_table_empties_it() {
        let mut decoder = Decoder::default();
        read(&mut decoder, "40 01 61 01 62").unwrap();
        assert_eq!(read(&mut decoder, "be").as_deref(), Ok("a=b"));
        let large = format!("40 01 61 7f 81 1f {}", "62".repeat(4096));
        assert_eq!(read(&mut decoder, &large).map(|field| field.len()), Ok(4098));
        assert_eq!((read(&mut decoder, "be"), decoder.used), (Err(Malformed), 0));
    }
}
