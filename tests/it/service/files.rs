//! Files as people upload them.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// A form with a file; its boundary and its bytes.
pub(crate) fn form(kind: &str, name: &str, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    const BOUNDARY: &str = "----tuisong-form";
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\n{kind}\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n"
    );
    (BOUNDARY, [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat())
}

fn noise(count: usize) -> Vec<u8> {
    let mut state = 7u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(next).collect()
}

/// A PNG of `shade`.
pub(crate) fn png(shade: u8) -> Vec<u8> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&[shade; 16 * 16 * 3], 16, 16, ExtendedColorType::Rgb8).expect("a PNG");
    png
}

/// A JPEG of noise, `side` pixels wide.
pub(crate) fn jpeg(side: u32) -> Vec<u8> {
    let (mut jpeg, pixels) = (Vec::new(), noise(side as usize * side as usize * 3));
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, 92);
    encoder.write_image(&pixels, side, side, ExtendedColorType::Rgb8).expect("a JPEG");
    jpeg
}

/// A PNG of more than `bytes` bytes that cannot be packed.
pub(crate) fn large_png(bytes: usize) -> Vec<u8> {
    let side = ((bytes / 3) as f64).sqrt().ceil() as u32;
    let (mut png, pixels) = (Vec::new(), noise(side as usize * side as usize * 3));
    PngEncoder::new(&mut png).write_image(&pixels, side, side, ExtendedColorType::Rgb8).expect("a PNG");
    assert!(png.len() > bytes);
    png
}

/// An AMR recording of so many seconds.
pub(crate) fn amr(seconds: usize) -> Vec<u8> {
    let frame = [vec![0x3c], vec![0; 31]].concat();
    [b"#!AMR\n".to_vec(), frame.repeat(seconds * 50)].concat()
}

/// An MP3 recording of frames of 24 ms.
pub(crate) fn mp3(frames: usize) -> Vec<u8> {
    [vec![0xff, 0xfb, 0x14, 0xc4], vec![0; 92]].concat().repeat(frames)
}
