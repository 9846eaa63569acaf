//! SHA-256 for the tests alone, so that the two hashes in the policy are compared with something that is not a copy of
//! them. Source: FIPS 180-4, section 6.2.

/// The digest of `message`, in base64 as a content security policy writes it.
pub(super) fn base64(message: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = digest(message);
    let mut out = String::new();
    for group in digest.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= group.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    out
}

fn digest(message: &[u8]) -> [u8; 32] {
    let primes: Vec<u32> = (2..).filter(|n| (2..*n).all(|d| n % d != 0)).take(64).collect();
    // The constants are the first 32 bits of the fractions of these roots; integer arithmetic keeps them exact.
    let constants: Vec<u32> = primes.iter().map(|prime| fraction(*prime, 3)).collect();
    let mut state: Vec<u32> = primes.iter().take(8).map(|prime| fraction(*prime, 2)).collect();

    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());

    for block in padded.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|bytes| bytes.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte))).collect();
        for t in 16..64 {
            let (early, late) = (words[t - 15], words[t - 2]);
            let small0 = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
            let small1 = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
            words.push(small1.wrapping_add(words[t - 7]).wrapping_add(small0).wrapping_add(words[t - 16]));
        }
        let mut v = state.clone();
        for t in 0..64 {
            let big1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let first = v[7].wrapping_add(big1).wrapping_add(choice).wrapping_add(constants[t]).wrapping_add(words[t]);
            let big0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(first);
            v[0] = first.wrapping_add(big0).wrapping_add(majority);
        }
        for (sum, word) in state.iter_mut().zip(v) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// First 32 bits of the fractional part of the square or cube root of `number`.
fn fraction(number: u32, degree: u32) -> u32 {
    // floor(root(number) * 2^32), found bit by bit; two words of 128 bits do not overflow because a root is below 20.
    let exceeds = |root: u128| match degree {
        2 => root * root > u128::from(number) << 64,
        // root^3 > number * 2^96, in steps that fit: root < 2^35, so root^3 < 2^105.
        _ => root * root * root > u128::from(number) << 96,
    };
    let mut root = 0_u128;
    for bit in (0..37).rev() {
        let next = root | (1 << bit);
        if !exceeds(next) {
            root = next;
        }
    }
    (root & 0xffff_ffff) as u32
}
