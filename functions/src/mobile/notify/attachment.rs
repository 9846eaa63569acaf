//! `message.attachment_url`: looked at before a push is accepted, where the deployment asks for it.

use gateway::ApiError;
use gateway::envelope::mobile::Refusal;
use http::{HeaderName, HeaderValue, Method, header};
use model::notification::Notification;
use model::notification::check::names_picture;
use provider::http::{Fields, HttpClient, HttpError, HttpRequest};
use std::time::Duration;

/// A picture has fewer bytes: 1 MB, by the family's documentation.
const MOST_BYTES: u64 = 1 << 20;
/// The range that a server is asked for which did not say a size: all that a picture may have.
const FIRST_MEGABYTE: &str = "bytes=0-1048575";
/// How long it may take in all; the call itself is answered within ten seconds.
const LOOKING: Duration = Duration::from_secs(6);

/// 12004 unless the picture that a message shows can be fetched from the public internet, 12002 when it is too large.
///
/// Its head is asked for, and where that says no size, its first megabyte. `http` is a guarded client: private addresses are
/// refused before anything is sent, and redirects, which could lead there, are not followed. What is no picture by its name
/// has no size that the documentation speaks of, and is not looked at.
pub(super) async fn look(http: &HttpClient, message: &Notification) -> Result<(), ApiError> {
    let Some(url) = message.attachment_url.as_deref().filter(|url| names_picture(url)) else { return Ok(()) };
    match tokio::time::timeout(LOOKING, size(http, url)).await {
        Ok(Ok(bytes)) if bytes < MOST_BYTES => Ok(()),
        Ok(Ok(_)) => Err(too_large()),
        Ok(Err(refused)) => Err(refused),
        Err(_) => Err(unreachable("the answer took too long")),
    }
}

/// How many bytes it has; at least [`MOST_BYTES`] stands for anything larger.
async fn size(http: &HttpClient, url: &str) -> Result<u64, ApiError> {
    match http.send(HttpRequest { method: Method::HEAD, ..HttpRequest::get(url) }).await {
        Ok(head) if head.status.is_success() => {
            if let Some(bytes) = number(&head.headers, &header::CONTENT_LENGTH) {
                return Ok(bytes);
            }
        }
        Err(error) if error.is_unsent() => return Err(unreachable(&error.cause())),
        // Some servers know no HEAD.
        Ok(_) | Err(_) => {}
    }
    let some = HttpRequest::get(url).header(header::RANGE, HeaderValue::from_static(FIRST_MEGABYTE));
    match http.send(some).await {
        Ok(answer) if answer.status.is_success() => {
            Ok(number(&answer.headers, &header::CONTENT_RANGE).unwrap_or(answer.body.len() as u64))
        }
        Ok(answer) => Err(unreachable(&format!("the answer was {}", answer.status.as_u16()))),
        Err(HttpError::TooLarge { .. }) => Ok(MOST_BYTES),
        Err(error) => Err(unreachable(&error.cause())),
    }
}

/// The number of `Content-Length`, or of the whole in `Content-Range: bytes 0-99/1234`.
fn number(headers: &Fields, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.rsplit('/').next()?.trim().parse().ok()
}

fn too_large() -> ApiError {
    Refusal::AttachmentTooLarge.error("`message.attachment_url` is a picture of 1 MB or more; send a smaller one")
}

fn unreachable(why: &str) -> ApiError {
    Refusal::AttachmentUnreachable.error(format!("`message.attachment_url` cannot be fetched: {why}"))
}
