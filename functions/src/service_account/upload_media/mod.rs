//! POST /interface/{ecode}/api/push/uploadMedia: files, and articles, told apart by the content type.

mod form;

use super::caller::{admit, authenticate};
use super::inspect::inspect;
use super::read::{self, Fields, wrong};
use super::shelf::ShelfStore;
use form::Form;
use gateway::envelope::service::{Refusal, success};
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::header;
use model::ids::{Ecode, MediaId};
use model::service::{Format, MOST_ARTICLES, MediaKind, TITLE_CHARS, UPLOAD_LINK_LIFE, UploadedArticle};
use rand::Rng;
use serde_json::json;
use store::capabilities;
use store::enterprises::ServiceCallers;
use store::media::MediaWriter;

capabilities! {
    /// What uploading takes.
    pub struct UploadStore {
        callers: ServiceCallers,
        shelf: ShelfStore,
        writer: MediaWriter,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Post, "/interface/{ecode}/api/push/uploadMedia")];

/// The function.
pub const FUNCTION: Function = http_function!("service-upload-media", Family::Service, ROUTES, UploadStore, handle);

/// Characters of an article's text, an author and a digest. WeChat's page "draft/add", read 2026-11.
const CONTENT_CHARS: usize = 20_000;
const AUTHOR_CHARS: usize = 64;
const DIGEST_CHARS: usize = 512;

/// POST /interface/{ecode}/api/push/uploadMedia?access_token
///
/// | body | means |
/// | --- | --- |
/// | `multipart/form-data` with `type` and `file` | a file: `image` (PNG, JPEG, GIF), `voice` (AMR, MP3, 2 MB, 60 s), `thumb` (JPEG or PNG, scaled to 64 KB); at most 4 MB |
/// | JSON with `articles` | 1 to 10 of `thumb_media_id`, `title`, `author`, `content`, `digest`, `show_cover_pic` (0, 1), `pcUrl`, `appUrl`; the first is required |
/// | any, with `presign=1` and `type` in the query | a link for a file of up to 10 MB: `upload_url`, to be PUT to within 15 minutes; with `size` in the query it takes exactly so many bytes |
/// | any, with `media_id` in the query | looks at what was put there; without this call, the first message does. What is refused then ends the id: ask for another link |
///
/// Answers `data.media_id`, 32 hexadecimal digits. The same file uploaded again, by however many callers, is the same id.
/// Kind and size are those of the bytes. 400 names what is wrong, 413 is too large; nothing is kept then. What was uploaded
/// is kept for 30 days after its last use.
///
/// Source: the API's document; sizes are WeChat's.
async fn handle(context: &Context, store: &UploadStore, request: Request) -> Result<Reply, ApiError> {
    let ecode = authenticate(&store.callers, &request).await?;
    admit(context, &ecode)?;
    let query = request.query();
    let now = context.clock.now();
    if let Some(id) = query.get("media_id") {
        let unknown = || Refusal::Media.error("`media_id`: there is no such media");
        let id = MediaId::parse(id.trim()).ok_or_else(unknown)?;
        let record = store.shelf.take(context, &ecode, &id, "media_id").await?;
        return Ok(success(json!({ "media_id": record.id })));
    }
    if query.get("presign").is_some_and(|given| given == "1" || given == "true") {
        let kind = kind_of(query.get("type"))?;
        let (id, size) = (drawn(), size_of(query.get("size"), kind)?);
        let url = store.writer.await_upload(&ecode, id.clone(), kind, size, now).await?;
        let expires = now.plus(UPLOAD_LINK_LIFE);
        return Ok(success(json!({ "media_id": id, "upload_url": url, "expires_ms": expires })));
    }
    let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let (kind, format, bytes) = if media_type.eq_ignore_ascii_case("multipart/form-data") {
        let form = Form::read(content_type.unwrap_or_default(), request.body.clone()).await?;
        let kind = kind_of(form.kind.as_deref().or(query.get("type")))?;
        let inspected = inspect(kind, form.file).await?;
        (kind, inspected.format, inspected.bytes)
    } else if media_type.is_empty() || media_type.eq_ignore_ascii_case("application/json") {
        let articles = articles(context, store, &ecode, &request).await?;
        // Strings into a buffer: this cannot fail.
        (MediaKind::News, Format::Json, serde_json::to_vec(&articles).unwrap_or_default().into())
    } else {
        return Err(ApiError::ContentType { sent: media_type.to_owned() });
    };
    let record = store.writer.keep(&ecode, kind, format, bytes, now).await?;
    Ok(success(json!({ "media_id": record.id })))
}

fn kind_of(name: Option<&str>) -> Result<MediaKind, ApiError> {
    let name = name.ok_or_else(|| wrong("`type` is required: `image`, `voice` or `thumb`"))?;
    MediaKind::of_file(name.trim()).ok_or_else(|| wrong("`type` must be `image`, `voice` or `thumb`"))
}

/// How many bytes a link is for.
fn size_of(given: Option<&str>, kind: MediaKind) -> Result<Option<u32>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    let (name, most) = (kind.as_str(), kind.most_bytes());
    let size = given.trim().parse().ok().filter(|size| (1..=most).contains(&(*size as usize)));
    size.map(Some)
        .ok_or_else(|| wrong(format!("`size` must be a number of bytes, from 1 to the {most} of {name} files")))
}

/// An id that nobody has.
fn drawn() -> MediaId {
    let number: u128 = rand::rng().random();
    // 32 digits make an id.
    MediaId::parse(&format!("{number:032x}")).unwrap_or_else(|| unreachable!("{number:032x}"))
}

/// The articles of the body, whose thumbs are there.
async fn articles(
    context: &Context,
    store: &UploadStore,
    ecode: &Ecode,
    request: &Request,
) -> Result<Vec<UploadedArticle>, ApiError> {
    let body = read::body(request)?;
    let fields = Fields::of(&body);
    let mut articles = Vec::new();
    for article in fields.objects("articles", MOST_ARTICLES)? {
        articles.push(UploadedArticle {
            thumb: article.media_id("thumb_media_id")?,
            title: article.text_of("title", TITLE_CHARS)?.unwrap_or_default(),
            author: article.text_of("author", AUTHOR_CHARS)?.unwrap_or_default(),
            content: article.text_of("content", CONTENT_CHARS)?.unwrap_or_default(),
            digest: article.text_of("digest", DIGEST_CHARS)?.unwrap_or_default(),
            show_cover: article.boolean("show_cover_pic")?.unwrap_or_default(),
            link: article.link()?,
        });
    }
    for (at, article) in articles.iter().enumerate() {
        let field = format!("articles[{at}].thumb_media_id");
        store.shelf.take_as(context, ecode, &article.thumb, MediaKind::Thumb, &field).await?;
    }
    Ok(articles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_id_has_the_form_of_one() {
        assert_eq!(drawn().as_str().len(), MediaId::CHARS);
        assert_ne!(drawn(), drawn());
    }

    #[test]
    fn a_size_is_within_what_the_kind_may_have() {
        let most = MediaKind::Voice.most_bytes();
        assert_eq!(size_of(None, MediaKind::Voice).ok(), Some(None));
        assert_eq!(size_of(Some(" 1 "), MediaKind::Voice).ok(), Some(Some(1)));
        assert_eq!(
            size_of(Some(&most.to_string()), MediaKind::Voice).ok().flatten().map(|size| size as usize),
            Some(most)
        );
        for bad in ["", "0", "-1", "1.5", "x", "99999999999", &(most + 1).to_string()] {
            let Err(ApiError::Refused { message, .. }) = size_of(Some(bad), MediaKind::Voice) else {
                panic!("{bad:?}")
            };
            assert!(message.contains("`size`"), "{message}");
        }
    }

    #[test]
    fn a_file_is_one_of_three_kinds() {
        assert_eq!(kind_of(Some(" image ")).ok(), Some(MediaKind::Image));
        for bad in [None, Some("news"), Some("video"), Some("")] {
            assert!(kind_of(bad).is_err(), "{bad:?}");
        }
    }
}
