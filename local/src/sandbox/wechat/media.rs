//! Uploads: `POST /cgi-bin/media/upload?access_token=&type=`, whose ids live for three days, and
//! `POST /cgi-bin/material/add_material?access_token=&type=`, whose ids live for good.
//!
//! A form with one part named `media` that has a file name. Answers `{"type","media_id","created_at"}`, for a thumb
//! `thumb_media_id`; material `{"media_id","url"?}`.
//!
//! Checks, first failure answers: token 41001, 40014, 40001, 42001; method 43002; type 40004; the part 41005 missing or without
//! a file name, 44001 empty; size 45001 (image 10 MB, voice 2 MB, thumb 64 KB); format 40137 image (PNG, JPEG, GIF), 40005
//! voice (AMR, MP3) and thumb (JPEG); 45007 a voice above 60 s; quota 45009. A message with an id that is unknown, expired, of
//! another account or of another type is answered 40007. Uploads are forgotten by a restart, as after their three days.
//!
//! `GET /sandbox/wechat/{account}/media/{media_id}` shows what was uploaded; of a recording `x-audio-seconds` says how
//! long it is. Source: WeChat's pages "new temporary media" and "new permanent material", read 2026-11.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::stream;
use serde_json::{Value, json};

use super::account::Quota;
use super::refusal::Refusal;
use super::token::ordered;
use super::{CHANNELS, SERVICE, json_reply, parameter};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::FaultOperation;
use crate::sandbox::reply::Arrival;

/// The life of an upload, in milliseconds.
const LIFE_MS: i64 = 3 * 86_400_000;
/// Bytes by type.
const IMAGE_BYTES: usize = 10 << 20;
const VOICE_BYTES: usize = 2 << 20;
const THUMB_BYTES: usize = 64 << 10;
/// How long a recording is, rounded up, in the answer that shows it.
const AUDIO_SECONDS: HeaderName = HeaderName::from_static("x-audio-seconds");
/// The longest voice.
const VOICE_LENGTH: Duration = Duration::from_secs(60);
/// Uploads per day.
const UPLOADS_PER_DAY: u64 = 100_000;
/// Bytes of a body: a picture and its form.
pub(super) const BODY_BYTES: usize = IMAGE_BYTES + (64 << 10);

/// Something that was uploaded.
#[derive(Debug)]
struct Upload {
    kind: Box<str>,
    format: &'static str,
    bytes: Bytes,
    /// `None`: for good.
    until_ms: Option<i64>,
}

/// What was uploaded to an account.
pub(super) struct Library {
    uploads: HashMap<Box<str>, Upload>,
    quota: Quota,
    /// How many uploads and materials were made.
    made: (u64, u64),
}

impl Default for Library {
    fn default() -> Self {
        Self { uploads: HashMap::new(), quota: Quota::of(UPLOADS_PER_DAY), made: (0, 0) }
    }
}

impl Library {
    /// Whether a message of type `kind` may show `id`.
    pub(super) fn check(&self, id: &str, kind: &str, now_ms: i64) -> Result<(), Refusal> {
        let alive = |upload: &&Upload| upload.until_ms.is_none_or(|until_ms| now_ms < until_ms);
        let found = self.uploads.get(id).filter(alive).filter(|upload| &*upload.kind == kind);
        found.map(|_| ()).ok_or(Refusal::MediaId)
    }

    /// Whether an article may have `id` as its thumb: material only.
    pub(super) fn check_thumb(&self, id: &str) -> Result<(), Refusal> {
        let found = self
            .uploads
            .get(id)
            .filter(|upload| upload.until_ms.is_none() && matches!(&*upload.kind, "thumb" | "image"));
        found.map(|_| ()).ok_or(Refusal::MediaId)
    }

    /// How many uploads and materials were made.
    pub(super) fn made(&self) -> (u64, u64) {
        self.made
    }

    /// Forgets everything, as WeChat does of uploads after three days.
    pub(super) fn forget(&mut self) {
        self.uploads.clear();
    }
}

/// `POST /cgi-bin/media/upload`
pub(super) async fn upload(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    take(&sandbox, "media/upload", true, &method, query.as_deref(), &headers, body).await
}

/// `POST /cgi-bin/material/add_material`
pub(super) async fn add_material(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    take(&sandbox, "material/add_material", false, &method, query.as_deref(), &headers, body).await
}

/// `GET /sandbox/wechat/{account}/media/{media_id}`
pub(super) async fn show(State(sandbox): State<Arc<Sandbox>>, Path((appid, id)): Path<(String, String)>) -> Response {
    let found = sandbox.wechat.account(&appid).and_then(|account| {
        account.state().library.uploads.get(&*id).map(|upload| (upload.format, upload.bytes.clone()))
    });
    let Some((format, bytes)) = found else { return StatusCode::NOT_FOUND.into_response() };
    // Somebody else's bytes, on the address of the pages: they are what they are said to be, and nothing in them runs.
    let headers = [
        (CONTENT_TYPE, format),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    match functions::service_account::recording(&bytes).filter(|_| format.starts_with("audio/")) {
        Some((_, length)) => {
            let seconds = length.as_secs_f64().ceil().to_string();
            (headers, [(AUDIO_SECONDS, seconds)], bytes).into_response()
        }
        None => (headers, bytes).into_response(),
    }
}

async fn take(
    sandbox: &Sandbox,
    operation: &'static str,
    temporary: bool,
    method: &Method,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let request_bytes = body.len();
    let file = part(headers, body).await;
    let arrival = Arrival {
        service: SERVICE,
        operation,
        channels: CHANNELS,
        kind: FaultOperation::Upload,
        recipient: None,
        request_bytes,
    };
    sandbox
        .answer(arrival, ordered, || match sandbox.keep_upload(temporary, method, query, file) {
            Ok(answer) => json_reply(&answer),
            Err(refusal) => refusal.reply(),
        })
        .await
}

/// The part named `media` that has a file name.
async fn part(headers: &HeaderMap, body: Bytes) -> Option<Bytes> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let boundary = multer::parse_boundary(content_type).ok()?;
    let pieces = stream::iter([Ok::<Bytes, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(pieces, boundary);
    while let Some(field) = form.next_field().await.ok()? {
        if field.name() == Some("media") && field.file_name().is_some_and(|name| !name.is_empty()) {
            return field.bytes().await.ok();
        }
    }
    None
}

impl Sandbox {
    fn keep_upload(
        &self,
        temporary: bool,
        method: &Method,
        query: Option<&str>,
        file: Option<Bytes>,
    ) -> Result<Value, Refusal> {
        let now_ms = self.clock.now_ms();
        let account = self.wechat.authorised(&parameter(query, "access_token"), now_ms)?;
        if *method != Method::POST {
            return Err(Refusal::NeedsPost);
        }
        let kind = parameter(query, "type");
        let most = match kind.as_str() {
            "image" => IMAGE_BYTES,
            "voice" => VOICE_BYTES,
            "thumb" => THUMB_BYTES,
            _ => return Err(Refusal::MediaType),
        };
        let bytes = file.ok_or(Refusal::MediaDataMissing)?;
        if bytes.is_empty() {
            return Err(Refusal::MediaEmpty);
        }
        if bytes.len() > most {
            return Err(Refusal::MediaSize);
        }
        let format = format(&kind, &bytes)?;
        let library = &mut account.state().library;
        library.quota.check(now_ms)?;
        library.quota.count();
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 48]>());
        let (uploads, materials) = library.made;
        library.made = if temporary { (uploads + 1, materials) } else { (uploads, materials + 1) };
        let until_ms = temporary.then_some(now_ms + LIFE_MS);
        library
            .uploads
            .insert(Box::from(id.as_str()), Upload { kind: Box::from(kind.as_str()), format, bytes, until_ms });
        Ok(match (temporary, kind.as_str()) {
            (true, "thumb") => json!({ "type": kind, "thumb_media_id": id, "created_at": now_ms / 1000 }),
            (true, _) => json!({ "type": kind, "media_id": id, "created_at": now_ms / 1000 }),
            (false, "voice") => json!({ "media_id": id }),
            (false, _) => json!({ "media_id": id, "url": format!("http://mmbiz.qpic.cn/sandbox/{id}") }),
        })
    }
}

/// What the bytes are, if a file of this type may be that.
fn format(kind: &str, bytes: &[u8]) -> Result<&'static str, Refusal> {
    let found = infer::get(bytes).map(|found| found.mime_type());
    match (kind, found) {
        ("image", Some(format @ ("image/png" | "image/jpeg" | "image/gif"))) => Ok(format),
        ("image", _) => Err(Refusal::ImageFormat),
        ("thumb", Some(format @ "image/jpeg")) => Ok(format),
        ("voice", _) => match functions::service_account::recording(bytes) {
            None => Err(Refusal::FileType),
            Some((_, length)) if length > VOICE_LENGTH => Err(Refusal::VoiceLength),
            Some((format, _)) => Ok(format.media_type()),
        },
        _ => Err(Refusal::FileType),
    }
}
