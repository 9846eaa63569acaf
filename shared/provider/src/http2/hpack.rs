//! Compressed headers (RFC 7541): what both sides of a connection remember, and how numbers and texts are written.

mod decoder;
mod encoder;

pub(super) use decoder::{Decoder, Malformed};
pub(super) use encoder::Encoder;

/// How large a table is unless its reader has said otherwise: its entries, and [`ENTRY_BYTES`] more for each.
const TABLE_BYTES: usize = 4096;
/// What an entry costs beside its name and value.
const ENTRY_BYTES: usize = 32;

/// How a header's field is written (section 6): the bits before the number, and how many bits of the first byte it has.
#[derive(Clone, Copy)]
struct Form {
    bits: u8,
    prefix: u32,
}

/// A field that is in a table.
const INDEXED: Form = Form { bits: 0x80, prefix: 7 };
/// A field that goes into the table.
const REMEMBERED: Form = Form { bits: 0x40, prefix: 6 };
/// The table's size.
const RESIZED: Form = Form { bits: 0x20, prefix: 5 };
/// A field that goes into no table, wherever it is passed on to.
const SECRET: Form = Form { bits: 0x10, prefix: 4 };
/// A field that does not go into the table.
const PASSING: Form = Form { bits: 0, prefix: 4 };
/// A text that is encoded ([`super::huffman`]).
const SHORTENED: Form = Form { bits: 0x80, prefix: 7 };
/// A text as it stands.
const PLAIN: Form = Form { bits: 0, prefix: 7 };

impl Form {
    /// Writes the form with its number (section 5.1).
    fn write(self, number: usize, output: &mut Vec<u8>) {
        let most = (1 << self.prefix) - 1;
        if number < most {
            output.push(self.bits | low(number));
            return;
        }
        output.push(self.bits | low(most));
        let mut rest = number - most;
        while rest >= 0x80 {
            output.push(low(rest) | 0x80);
            rest >>= 7;
        }
        output.push(low(rest));
    }

    /// Whether a field that begins with `byte` has this form, of those that have a bit.
    const fn is(self, byte: u8) -> bool {
        byte & self.bits == self.bits
    }

    /// Reads its number off `input`. One of more than 28 bits is refused: nothing that is counted here can be so many.
    fn read(self, input: &mut &[u8]) -> Option<usize> {
        let most = (1 << self.prefix) - 1;
        let number = usize::from(next(input)?) & most;
        if number < most {
            return Some(number);
        }
        let mut number = number;
        for shift in [0, 7, 14, 21] {
            let byte = next(input)?;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

fn next(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}

#[expect(clippy::cast_possible_truncation, reason = "the upper bits are written by themselves")]
const fn low(number: usize) -> u8 {
    number as u8
}

/// The table that everybody has (appendix A), from number 1.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 5.1, and appendix C.1 for the first two.
    #[test]
    fn numbers_are_written_as_in_the_rfc() {
        for (number, bytes) in [
            (10, &[0x2a][..]),
            (1337, &[0x3f, 0x9a, 0x0a]),
            (31, &[0x3f, 0x00]),
            (30, &[0x3e]),
            ((1 << 28) + 30, &[0x3f, 0xff, 0xff, 0xff, 0x7f]),
        ] {
            let mut written = Vec::new();
            RESIZED.write(number, &mut written);
            assert_eq!((&written[..], RESIZED.read(&mut &written[..])), (bytes, Some(number)), "{number}");
        }
        for unreadable in [&[][..], &[0x3f], &[0x3f, 0x80], &[0x3f, 0xff, 0xff, 0xff, 0xff, 0x00]] {
            assert_eq!(RESIZED.read(&mut &unreadable[..]), None, "{unreadable:x?}");
        }
    }
}
