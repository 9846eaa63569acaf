//! How long a recording is, from its bytes.

use std::io::Cursor;
use std::time::Duration;
use symphonia_bundle_mp3::MpaReader;
use symphonia_core::formats::{FormatOptions, FormatReader};
use symphonia_core::io::MediaSourceStream;

/// What an AMR file begins with (RFC 4867, section 5.1), narrow and wide band.
const NARROW: &[u8] = b"#!AMR\n";
const WIDE: &[u8] = b"#!AMR-WB\n";

/// Bytes of a frame behind its head, by type (3GPP TS 26.101, 26.201); the types without a figure are not used.
const NARROW_BYTES: [Option<usize>; 16] = [
    Some(12),
    Some(13),
    Some(15),
    Some(17),
    Some(19),
    Some(20),
    Some(26),
    Some(31),
    Some(5),
    None,
    None,
    None,
    None,
    None,
    None,
    Some(0),
];
const WIDE_BYTES: [Option<usize>; 16] = [
    Some(17),
    Some(23),
    Some(32),
    Some(36),
    Some(40),
    Some(46),
    Some(50),
    Some(58),
    Some(60),
    Some(5),
    None,
    None,
    None,
    None,
    Some(0),
    Some(0),
];
/// What a frame holds.
const FRAME: Duration = Duration::from_millis(20);

/// The length of an AMR file; `None` when it is none, or breaks off.
pub(super) fn amr(bytes: &[u8]) -> Option<Duration> {
    let (sizes, mut rest) = match (bytes.strip_prefix(WIDE), bytes.strip_prefix(NARROW)) {
        (Some(frames), _) => (WIDE_BYTES, frames),
        (None, Some(frames)) => (NARROW_BYTES, frames),
        (None, None) => return None,
    };
    let mut frames = 0;
    while let Some((head, behind)) = rest.split_first() {
        let size = sizes[usize::from(head >> 3 & 0x0f)]?;
        rest = behind.get(size..)?;
        frames += 1;
    }
    (frames > 0).then(|| FRAME * frames)
}

/// The length of an MP3 file, counted frame by frame: what its tags say of it anybody can write. `None` when it is none.
pub(super) fn mp3(bytes: &[u8]) -> Option<Duration> {
    let frames = without_tag(bytes);
    // A frame begins with eleven bits set.
    if !matches!(frames, [0xff, second, ..] if second & 0xe0 == 0xe0) {
        return None;
    }
    let source = MediaSourceStream::new(Box::new(Cursor::new(frames.to_vec())), Default::default());
    let mut reader = MpaReader::try_new(source, &FormatOptions::default()).ok()?;
    let rate = u64::from(reader.tracks().first()?.codec_params.sample_rate?);
    let mut samples = 0;
    // Whatever ends it: what came before is its length.
    while let Ok(packet) = reader.next_packet() {
        samples += packet.dur;
    }
    (samples > 0 && rate > 0).then(|| Duration::from_millis(samples * 1000 / rate))
}

/// What follows an ID3v2 tag at the beginning: ten bytes, the last four of which are its size, seven bits each.
fn without_tag(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] => {
            let size = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | usize::from(**byte & 0x7f));
            let footer = if flags & 0x10 == 0 { 0 } else { 10 };
            bytes.get(10 + size + footer..).unwrap_or_default()
        }
        _ => bytes,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An AMR file of that many frames of 12.2 kbit/s.
    pub(in crate::service_account) fn amr_of(frames: usize) -> Vec<u8> {
        let frame = [vec![7 << 3 | 4], vec![0; 31]].concat();
        [NARROW.to_vec(), frame.repeat(frames)].concat()
    }

    /// An MP3 file of that many frames of MPEG 1, layer III, 32 kbit/s, 48 kHz: 24 ms and 96 bytes each.
    pub(in crate::service_account) fn mp3_of(frames: usize) -> Vec<u8> {
        let frame = [vec![0xff, 0xfb, 0x14, 0xc4], vec![0; 92]].concat();
        frame.repeat(frames)
    }

    #[test]
    fn the_length_of_an_amr_file_is_that_of_its_frames() {
        assert_eq!(amr(&amr_of(3_000)), Some(Duration::from_secs(60)));
        assert_eq!(amr(&amr_of(0)), None, "a file without a frame");
        let mut cut = amr_of(10);
        cut.pop();
        assert_eq!(amr(&cut), None, "it breaks off");
        let wide = [WIDE.to_vec(), [vec![8 << 3], vec![0; 60]].concat().repeat(50)].concat();
        assert_eq!(amr(&wide), Some(Duration::from_secs(1)));
        assert_eq!(amr(b"#!AMR\n\x48"), None, "a type that is not used");
        assert_eq!(amr(b"\x89PNG"), None);
    }

    #[test]
    fn the_length_of_an_mp3_file_is_that_of_its_frames_whatever_stands_before_them() {
        let second = mp3(&mp3_of(250)).unwrap();
        assert!(second.abs_diff(Duration::from_secs(6)) < Duration::from_millis(60), "{second:?}");
        let tag = [b"ID3\x04\x00\x00\x00\x00\x01\x00".to_vec(), vec![0xff; 128]].concat();
        assert_eq!(mp3(&[tag, mp3_of(250)].concat()), Some(second));
        for no_mp3 in [&b""[..], b"ID3", b"\xff", b"PK\x03\x04", &[0xff; 300]] {
            assert_eq!(mp3(no_mp3), None, "{no_mp3:?}");
        }
    }
}
