//! The form that a file comes in, read piece by piece and with caps.

use bytes::{Bytes, BytesMut};
use futures::stream;
use gateway::ApiError;
use gateway::envelope::service::Refusal;
use model::service::DIRECT_BYTES;
use multer::{Constraints, Field, Multipart, SizeLimit, parse_boundary};

/// Bytes of a text field.
const TEXT_BYTES: u64 = 64;
/// What a form may have beside its file.
const AROUND: u64 = 64 * 1024;

/// A form.
pub(super) struct Form {
    /// `type`, if it is there.
    pub(super) kind: Option<String>,
    /// `file`.
    pub(super) file: Bytes,
}

impl Form {
    /// Reads `body`. Fields that nobody knows are passed over.
    pub(super) async fn read(content_type: &str, body: Bytes) -> Result<Self, ApiError> {
        let boundary = parse_boundary(content_type).map_err(|error| unreadable(&error))?;
        let limits = SizeLimit::new()
            .whole_stream(DIRECT_BYTES as u64 + AROUND)
            .for_field("file", DIRECT_BYTES as u64)
            .for_field("type", TEXT_BYTES);
        let pieces = stream::iter([Ok::<Bytes, std::convert::Infallible>(body)]);
        let mut form = Multipart::with_constraints(pieces, boundary, Constraints::new().size_limit(limits));
        let (mut kind, mut file) = (None, None);
        while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error))? {
            match field.name() {
                Some("type") => kind = Some(field.text().await.map_err(|error| unreadable(&error))?),
                Some("file") if file.is_some() => return Err(Refusal::Body.error("`file` stands there twice")),
                Some("file") => file = Some(whole(field).await?),
                // Even so it has to be read to its end.
                _ => drop(whole(field).await?),
            }
        }
        let file =
            file.ok_or_else(|| Refusal::Field.error("`file` is required: the file itself, as a part of the form"))?;
        Ok(Self { kind: kind.filter(|kind| !kind.trim().is_empty()), file })
    }
}

async fn whole(mut field: Field<'_>) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = field.chunk().await.map_err(|error| unreadable(&error))? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn unreadable(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::FieldSizeExceeded { field_name: Some(name), .. } if name == "type" => {
            Refusal::Field.error("`type` must be `image`, `voice` or `thumb`")
        }
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Refusal::TooLarge.error(format!(
                "`file` has more than {DIRECT_BYTES} bytes: ask for a link to upload it by, POST …/uploadMedia?presign=1&type=…"
            ))
        }
        multer::Error::NoBoundary => Refusal::Body.error("`Content-Type` names no boundary"),
        error => Refusal::Body.error(format!("the form cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=B";

    fn part(name: &str, content: &str) -> String {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    async fn read(parts: &[String], end: &str) -> Result<(Option<String>, Bytes), (&'static str, String)> {
        let body = parts.concat() + end;
        match Form::read(TYPE, body.into()).await {
            Ok(form) => Ok((form.kind, form.file)),
            Err(ApiError::Refused { code, message }) => Err((code, message)),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn fields_come_in_any_order_and_with_others_between() {
        let parts = [part("file", "\u{1}bytes\r\nof it"), part("comment", "x"), part("type", "image")];
        let (kind, file) = read(&parts, "--B--\r\n").await.unwrap();
        assert_eq!((kind.as_deref(), &file[..]), (Some("image"), &b"\x01bytes\r\nof it"[..]));
        assert_eq!(read(&[part("file", "x")], "--B--").await.unwrap().0, None);
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_is_refused() {
        let whole = [part("type", "image"), part("file", "0123456789")].concat() + "--B--";
        for cut in [0, 3, 40, whole.len() / 2, whole.len() - 12, whole.len() - 5] {
            let refused = Form::read(TYPE, whole[..cut].to_owned().into()).await.err();
            assert!(matches!(refused, Some(ApiError::Refused { code: "service_body", .. })), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_too_large_is_named() {
        assert!(read(&[part("type", "image")], "--B--").await.unwrap_err().1.contains("`file`"));
        let twice = [part("file", "x"), part("file", "y")];
        assert!(read(&twice, "--B--").await.unwrap_err().1.contains("twice"));
        let (code, message) = read(&[part("file", &"x".repeat(DIRECT_BYTES + 1))], "--B--").await.unwrap_err();
        assert_eq!(code, "service_too_large");
        assert!(message.contains("presign=1"), "{message}");
        assert!(read(&[part("file", &"x".repeat(DIRECT_BYTES))], "--B--").await.is_ok());
        let boundless = Form::read("multipart/form-data", Bytes::new()).await.err();
        assert!(matches!(boundless, Some(ApiError::Refused { code: "service_body", .. })));
    }
}
