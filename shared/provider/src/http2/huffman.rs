//! HPACK's code for text (RFC 7541, section 5.2 and appendix B).
//!
//! It is a canonical one: codes of a length count upwards with the bytes they stand for, and shorter ones come first. So the
//! lengths are all there is to know, and the codes follow from them.

/// How many bits stand for a byte.
#[rustfmt::skip]
const BITS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// The longest code. All ones of that length end a text, and must not be in one.
const MOST_BITS: u32 = 30;

const TABLES: Tables = Tables::new();

struct Tables {
    /// The code of each byte, and how many bits it has.
    codes: [(u32, u8); 256],
    /// By the next eight bits: the byte that they begin with, and how many of them stand for it; 0 when they do not suffice.
    short: [(u8, u8); 256],
    /// The bytes, those with the smallest codes first.
    bytes: [u8; 256],
    /// By length: what comes after its last code, with zeros after it up to 32 bits.
    ends: [u64; MOST_BITS as usize + 1],
    /// By length: what its code is larger than the place in `bytes`.
    ahead: [u32; MOST_BITS as usize + 1],
}

impl Tables {
    const fn new() -> Self {
        let mut tables = Self {
            codes: [(0, 0); 256],
            short: [(0, 0); 256],
            bytes: [0; 256],
            ends: [0; MOST_BITS as usize + 1],
            ahead: [0; MOST_BITS as usize + 1],
        };
        let (mut code, mut place, mut bits) = (0, 0, 1);
        while bits <= MOST_BITS as usize {
            tables.ahead[bits] = code - place;
            let mut byte = 0;
            while byte < 256 {
                if BITS[byte] as usize == bits {
                    tables.codes[byte] = (code, BITS[byte]);
                    if bits <= 8 {
                        let (mut window, end) = (code << (8 - bits), (code + 1) << (8 - bits));
                        while window < end {
                            tables.short[window as usize] = (byte as u8, BITS[byte]);
                            window += 1;
                        }
                    }
                    tables.bytes[place as usize] = byte as u8;
                    code += 1;
                    place += 1;
                }
                byte += 1;
            }
            tables.ends[bits] = (code as u64) << (32 - bits);
            code <<= 1;
            bits += 1;
        }
        tables
    }
}

/// Writes `text`.
pub(super) fn encode(text: &[u8], output: &mut Vec<u8>) {
    // The last `pending` bits of `bits` are not written yet.
    let (mut bits, mut pending) = (0_u64, 0_u32);
    for byte in text {
        let (code, length) = TABLES.codes[usize::from(*byte)];
        bits = bits << length | u64::from(code);
        pending += u32::from(length);
        if pending >= 32 {
            pending -= 32;
            output.extend_from_slice(&low(bits >> pending).to_be_bytes());
        }
    }
    // Filled up with ones, as the end of a text begins.
    let filled = low((bits << 32 | u64::from(u32::MAX)) >> pending).to_be_bytes();
    output.extend_from_slice(&filled[..pending.div_ceil(8) as usize]);
}

/// Appends to `output` what `text` stands for. `None` when it is not one.
pub(super) fn decode(text: &[u8], output: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    // The first `pending` bits of `bits` are not read yet; ones follow them.
    let (mut bits, mut pending) = (u64::MAX, 0_u32);
    output.reserve(text.len() * 8 / 5);
    loop {
        if pending < MOST_BITS {
            if let Some((four, after)) = rest.split_first_chunk::<4>() {
                bits = bits & !(u64::from(u32::MAX) << (32 - pending))
                    | u64::from(u32::from_be_bytes(*four)) << (32 - pending);
                (pending, rest) = (pending + 32, after);
            } else if let Some((byte, after)) = rest.split_first() {
                bits = bits & !(0xff << (56 - pending)) | u64::from(*byte) << (56 - pending);
                (pending, rest) = (pending + 8, after);
            }
        }
        let (byte, length) = TABLES.short[(bits >> 56) as usize];
        if length > 0 && u32::from(length) <= pending {
            output.push(byte);
            bits = bits << length | ((1 << length) - 1);
            pending -= u32::from(length);
            continue;
        }
        if pending < MOST_BITS && !rest.is_empty() {
            // A long one, of which not all is here.
            continue;
        }
        let window = bits >> 32;
        let Some(length) = (5..=MOST_BITS).find(|length| window < TABLES.ends[*length as usize]) else {
            // Nothing but ones: the end, if they are what fills up the last byte.
            return (pending < 8).then_some(());
        };
        if length > pending {
            return (pending < 8 && bits == u64::MAX).then_some(());
        }
        let place = low(window >> (32 - length)) - TABLES.ahead[length as usize];
        output.push(TABLES.bytes[place as usize]);
        bits = bits << length | ((1 << length) - 1);
        pending -= length;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the upper half was taken care of")]
const fn low(bits: u64) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        encode(text, &mut output);
        output
    }

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut output = Vec::new();
        decode(text, &mut output).map(|()| output)
    }

    /// The examples of RFC 7541, appendix C.
    #[test]
    fn texts_are_encoded_as_in_the_rfc() {
        for (text, bytes) in [
            ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
            ("no-cache", "a8eb10649cbf"),
            ("custom-key", "25a849e95ba97d7f"),
            ("302", "6402"),
            ("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
            ("https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"),
            ("", ""),
        ] {
            let bytes = hex(bytes);
            assert_eq!((encoded(text.as_bytes()), decoded(&bytes)), (bytes, Some(text.as_bytes().to_vec())), "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        for from in 0..all.len() {
            let text = &all[from..];
            assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_no_text_can_be_is_refused() {
        // The end within a text; more than seven bits to fill up; zeros to fill up; half a code.
        for bytes in ["ffffffff", "fffffffffc", "1fff", "18", "f1e3c2e5f23a6ba0ab90f4ffff", "fe"] {
            assert_eq!(decoded(&hex(bytes)), None, "{bytes}");
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
