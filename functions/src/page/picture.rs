//! QR codes as pictures.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use qrcode::{Color, EcLevel, QrCode};

/// Pixels of the side of one module, and modules of the quiet zone around the code (ISO/IEC 18004: at least 4).
const MODULE_PIXELS: usize = 8;
const QUIET_MODULES: usize = 4;
/// JPEG blurs edges; at this quality the modules stay black and white, and the picture below 40 KB.
const QUALITY: u8 = 80;

/// A JPEG of a QR code that says `text`; `None` when it is more than a QR code holds (about 2,300 bytes).
pub fn qr_code(text: &str) -> Option<Vec<u8>> {
    // A fifth of the code may be covered by a thumb or a logo.
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let side = (width + 2 * QUIET_MODULES) * MODULE_PIXELS;
    let colors = code.into_colors();
    let pixel = |at: usize| {
        let (row, column) = (at / side / MODULE_PIXELS, at % side / MODULE_PIXELS);
        let inside = |place: usize| place.checked_sub(QUIET_MODULES).filter(|&place| place < width);
        match (inside(row), inside(column)) {
            (Some(row), Some(column)) if colors[row * width + column] == Color::Dark => 0,
            _ => 255,
        }
    };
    let pixels: Vec<u8> = (0..side * side).map(pixel).collect();
    let mut jpeg = Vec::new();
    let side = u32::try_from(side).ok()?;
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).write_image(&pixels, side, side, ExtendedColorType::L8).ok()?;
    Some(jpeg)
}
