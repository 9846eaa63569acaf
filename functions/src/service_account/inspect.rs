//! What bytes are, by looking at them: names and content types are what somebody says.

use super::{recording, thumb};
use bytes::Bytes;
use gateway::ApiError;
use gateway::envelope::service::Refusal;
use model::service::{Format, MediaKind, THUMB_BYTES, VOICE_LENGTH};
use tokio::sync::Semaphore;

/// Bytes that can be kept.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) format: Format,
    /// As they came, or scaled down.
    pub(super) bytes: Bytes,
}

/// What is looked at at a time: a picture takes hundreds of MB while it is unpacked.
static ONE: Semaphore = Semaphore::const_new(1);

/// Looks at a file that is to be used as `kind`. Beside the executor: scaling takes a while.
pub(super) async fn inspect(kind: MediaKind, bytes: Bytes) -> Result<Inspected, ApiError> {
    let turn = ONE.acquire().await;
    let looked = tokio::task::spawn_blocking(move || {
        // Until it is over, also when nobody waits for it any more.
        let _turn = turn;
        look(kind, bytes)
    })
    .await;
    looked.unwrap_or_else(|error| Err(ApiError::Internal { code: "panicked", source: Box::new(error) }))
}

fn look(kind: MediaKind, bytes: Bytes) -> Result<Inspected, ApiError> {
    let (name, most) = (kind.as_str(), kind.most_bytes());
    if bytes.is_empty() {
        return Err(Refusal::File.error("`file` is empty"));
    }
    if bytes.len() > most {
        return Err(Refusal::TooLarge.error(format!("`file` has more than the {most} bytes of {name} files")));
    }
    let found = infer::get(&bytes).map(|found| found.mime_type());
    let refused = |what: &str| {
        let is = found.map_or_else(String::new, |found| format!(" (it is {found})"));
        Err(Refusal::File.error(format!("`file` must be {what}{is}")))
    };
    let unfit = |why: thumb::Unfit| Refusal::File.error(why.told());
    let picture = match found {
        Some("image/png") => Some(Format::Png),
        Some("image/jpeg") => Some(Format::Jpeg),
        Some("image/gif") => Some(Format::Gif),
        _ => None,
    };
    match (kind, picture) {
        (MediaKind::Image, Some(format)) => {
            thumb::read(&bytes).map_err(unfit)?;
            Ok(Inspected { format, bytes })
        }
        (MediaKind::Image, None) => refused("a PNG, JPEG or GIF picture"),
        (MediaKind::Thumb, Some(Format::Jpeg)) if bytes.len() <= THUMB_BYTES && thumb::read(&bytes).is_ok() => {
            Ok(Inspected { format: Format::Jpeg, bytes })
        }
        (MediaKind::Thumb, Some(Format::Jpeg | Format::Png)) => {
            Ok(Inspected { format: Format::Jpeg, bytes: thumb::scaled(&bytes).map_err(unfit)? })
        }
        (MediaKind::Thumb, _) => refused("a JPEG or PNG picture"),
        (MediaKind::Voice, _) => match recording(&bytes) {
            None => refused("a whole AMR or MP3 recording"),
            Some((_, length)) if length > VOICE_LENGTH => {
                let (seconds, most) = (length.as_secs_f64(), VOICE_LENGTH.as_secs());
                Err(Refusal::File.error(format!("`file` lasts {seconds:.1} s, and a voice at most {most} s")))
            }
            Some((format, _)) => Ok(Inspected { format, bytes }),
        },
        (MediaKind::News, _) => refused("a picture or a recording"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::thumb::tests::{noise, png, promising};
    use super::super::voice::tests::{amr_of, mp3_of};
    use super::*;

    /// The format, or the number and the words of the refusal.
    fn looked(kind: MediaKind, bytes: Vec<u8>) -> Result<Format, (&'static str, String)> {
        match look(kind, bytes.into()) {
            Ok(inspected) => Ok(inspected.format),
            Err(ApiError::Refused { code, message }) => Err((code, message)),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_picture_is_what_its_bytes_are() {
        assert_eq!(looked(MediaKind::Image, png(8, [1, 2, 3, 255])), Ok(Format::Png));
        assert_eq!(looked(MediaKind::Image, noise(16)), Ok(Format::Jpeg));
        let (code, message) = looked(MediaKind::Image, b"PK\x03\x04 a zip file".to_vec()).unwrap_err();
        assert_eq!(code, "service_file");
        assert!(message.contains("application/zip"), "{message}");
        assert!(looked(MediaKind::Image, amr_of(3)).is_err());
        assert!(looked(MediaKind::Image, noise(64)[..400].to_vec()).is_err(), "it breaks off");
        assert_eq!(looked(MediaKind::Image, Vec::new()).unwrap_err().0, "service_file");
    }

    #[test]
    fn a_recording_has_at_most_sixty_seconds() {
        assert_eq!(looked(MediaKind::Voice, amr_of(3_000)), Ok(Format::Amr));
        assert!(looked(MediaKind::Voice, amr_of(3_050)).unwrap_err().1.contains("61.0 s"));
        assert_eq!(looked(MediaKind::Voice, mp3_of(2_400)), Ok(Format::Mp3));
        assert!(looked(MediaKind::Voice, mp3_of(2_600)).unwrap_err().1.contains("62"));
        assert!(looked(MediaKind::Voice, png(8, [0, 0, 0, 255])).unwrap_err().1.contains("image/png"));
    }

    #[test]
    fn sizes_are_those_of_the_kind() {
        let most = MediaKind::Voice.most_bytes();
        assert_eq!(looked(MediaKind::Voice, vec![0; most + 1]).unwrap_err().0, "service_too_large");
        assert_eq!(looked(MediaKind::Image, vec![0; 10 * 1024 * 1024 + 1]).unwrap_err().0, "service_too_large");
    }

    #[test]
    fn a_picture_of_too_many_pixels_is_told_how_many_there_may_be() {
        let wide = promising(7_424, 7_424);
        for kind in [MediaKind::Image, MediaKind::Thumb] {
            let (code, message) = looked(kind, wide.clone()).unwrap_err();
            assert_eq!((code, message.contains("25000000 pixels")), ("service_file", true), "{message}");
            let (_, message) = looked(kind, noise(64)[..400].to_vec()).unwrap_err();
            assert!(message.contains("breaks off"), "{message}");
        }
    }

    #[test]
    fn a_thumb_stays_as_it_is_while_it_fits() {
        let small = noise(64);
        let kept = look(MediaKind::Thumb, small.clone().into()).unwrap();
        assert_eq!(kept.bytes, small);
        let scaled = look(MediaKind::Thumb, noise(1_000).into()).unwrap();
        assert!(scaled.bytes.len() <= THUMB_BYTES);
        assert_eq!(looked(MediaKind::Thumb, png(8, [0, 0, 0, 255])), Ok(Format::Jpeg));
    }
}
