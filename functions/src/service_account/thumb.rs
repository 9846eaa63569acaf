//! Pictures as thumbs: JPEG of at most 64 KB, whatever size they came in.

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageReader, Limits, Rgb, RgbImage};
use model::service::THUMB_BYTES;
use std::io::Cursor;

/// The most pixels that are decoded, and the longest side: a picture of a few KB may unpack to gigabytes. A progressive
/// JPEG takes up to 11 bytes a pixel, whatever its decoder is told.
const MOST_PIXELS: u64 = 25_000_000;
const MOST_SIDE: u32 = 10_000;
/// The most memory of what is decoded.
const MOST_MEMORY: u64 = 160 * 1024 * 1024;
/// Longest sides that are tried, in pixels, and qualities: a card shows a thumb 900 pixels wide at most.
const SIDES: [u32; 5] = [900, 640, 400, 240, 120];
const QUALITIES: [u8; 3] = [85, 70, 50];

/// Why a picture is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It cannot be read to its end.
    Broken,
    /// It unpacks to more than is decoded.
    TooLarge,
}

impl From<ImageError> for Unfit {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            _ => Self::Broken,
        }
    }
}

impl Unfit {
    /// What callers are told.
    pub(super) fn told(self) -> String {
        match self {
            Self::Broken => "`file` breaks off, or cannot be read".to_owned(),
            Self::TooLarge => {
                format!("`file` is too large a picture: it may have {MOST_PIXELS} pixels, and {MOST_SIDE} on a side")
            }
        }
    }
}

/// A JPEG of the picture that fits.
pub(super) fn scaled(bytes: &[u8]) -> Result<Bytes, Unfit> {
    let picture = decode(bytes)?;
    for side in SIDES {
        let smaller = if picture.width().max(picture.height()) > side {
            picture.resize(side, side, FilterType::Triangle)
        } else {
            picture.clone()
        };
        let pixels = on_white(&smaller);
        for quality in QUALITIES {
            let mut jpeg = Vec::new();
            pixels.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, quality))?;
            if jpeg.len() <= THUMB_BYTES {
                return Ok(jpeg.into());
            }
        }
    }
    Err(Unfit::TooLarge)
}

/// Reads the picture to its end.
pub(super) fn read(bytes: &[u8]) -> Result<(), Unfit> {
    decode(bytes).map(drop)
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, Unfit> {
    let reader = || ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(ImageError::IoError);
    // What the header says is asked first, since `max_alloc` bounds the pixels alone, and not what is taken on the way.
    let (width, height) = reader()?.into_dimensions()?;
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Unfit::TooLarge);
    }
    let mut reader = reader()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    Ok(reader.decode()?)
}

/// JPEG knows no transparency: what shines through is white, as on a card.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let pixels = picture.to_rgba8();
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [r, g, b, alpha] = pixels.get_pixel(x, y).0;
        let over = |colour: u8| {
            let mixed = u32::from(colour) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        };
        Rgb([over(r), over(g), over(b)])
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder, Rgba, RgbaImage};

    /// A JPEG of noise, which does not compress.
    pub(in crate::service_account) fn noise(side: u32) -> Vec<u8> {
        let mut state = 1u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let picture = RgbImage::from_fn(side, side, |_, _| Rgb([byte(), byte(), byte()]));
        let mut jpeg = Vec::new();
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 90)).unwrap();
        jpeg
    }

    /// A PNG of one colour.
    pub(in crate::service_account) fn png(side: u32, colour: [u8; 4]) -> Vec<u8> {
        let mut png = Vec::new();
        let picture = RgbaImage::from_pixel(side, side, Rgba(colour));
        let encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.write_image(picture.as_raw(), side, side, ExtendedColorType::Rgba8).unwrap();
        png
    }

    /// A small PNG whose header promises another size, with a checksum that vouches for it.
    pub(in crate::service_account) fn promising(width: u32, height: u32) -> Vec<u8> {
        let mut bomb = png(8, [1, 2, 3, 255]);
        bomb[16..20].copy_from_slice(&width.to_be_bytes());
        bomb[20..24].copy_from_slice(&height.to_be_bytes());
        // CRC-32 of the chunk's name and content, bit by bit.
        let crc = bomb[12..29].iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
        });
        bomb[29..33].copy_from_slice(&(!crc).to_be_bytes());
        bomb
    }

    #[test]
    fn a_large_picture_is_scaled_down_until_it_fits() {
        let large = noise(1_200);
        assert!(large.len() > THUMB_BYTES * 8);
        let thumb = scaled(&large).unwrap();
        assert!(thumb.len() <= THUMB_BYTES);
        assert!(thumb.starts_with(b"\xff\xd8\xff"));
        assert!(decode(&thumb).unwrap().width() <= 900);
    }

    #[test]
    fn what_shines_through_is_white() {
        let thumb = scaled(&png(64, [0, 0, 0, 0])).unwrap();
        let pixel = decode(&thumb).unwrap().to_rgb8().get_pixel(10, 10).0;
        assert!(pixel.iter().all(|colour| *colour > 250), "{pixel:?}");
    }

    #[test]
    fn what_cannot_be_read_or_is_too_large_is_refused() {
        assert_eq!(scaled(b"no picture"), Err(Unfit::Broken));
        let mut cut = noise(200);
        cut.truncate(300);
        assert_eq!(read(&cut), Err(Unfit::Broken));
        assert_eq!(scaled(&promising(60_000, 60_000)), Err(Unfit::TooLarge));
        assert_eq!(scaled(&promising(10_001, 1)), Err(Unfit::TooLarge), "long, though of few pixels");
        assert_eq!(scaled(&promising(10_000, 1)), Err(Unfit::Broken), "the checksum is right");
    }

    /// 55 megapixels of a progressive JPEG fit into `MOST_MEMORY`; what decoding them takes beside does not.
    #[test]
    fn pixels_are_counted_before_any_is_decoded() {
        let sized = |width: u16, height: u16| {
            let mut jpeg = noise(16);
            let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
            jpeg[frame + 1] = 0xc2;
            jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
            jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
            jpeg
        };
        assert_eq!(read(&sized(7_420, 7_420)), Err(Unfit::TooLarge));
        assert_eq!(read(&sized(5_001, 5_000)), Err(Unfit::TooLarge));
        assert_ne!(read(&sized(320, 160)), Err(Unfit::TooLarge));
    }
}
