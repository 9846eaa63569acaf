//! POST /interface/{ecode}/api/push/mass/send: to everybody who follows.

use super::accept::{self, Acceptance};
use super::caller::{admit, authenticate, channel};
use super::read::{self, Fields, wrong};
use super::shelf::ShelfStore;
use crate::accepting::AcceptStore;
use gateway::envelope::service::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::audience::Recipient;
use model::channel::{Address, Which};
use model::ids::{Ecode, MediaId};
use model::service::{MASS_TEXT_BYTES, MediaKind, ServiceBody, ServiceMessage};
use model::task::Task;
use serde_json::json;
use store::capabilities;
use store::enterprises::ServiceCallers;
use store::repeats::RepeatReader;

capabilities! {
    /// What sending to everybody takes.
    pub struct MassSendStore {
        callers: ServiceCallers,
        shelf: ShelfStore,
        noted: RepeatReader,
        accepting: AcceptStore,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Post, "/interface/{ecode}/api/push/mass/send")];

/// The function.
pub const FUNCTION: Function = http_function!("service-mass-send", Family::Service, ROUTES, MassSendStore, handle);

/// POST /interface/{ecode}/api/push/mass/send?access_token
///
/// | field | | |
/// | --- | --- | --- |
/// | `channelId` | text, required | one of the enterprise's channels |
/// | `filter` | `{"is_to_all"}` | `true`, as a boolean or a text; the same when it is missing; `false` is 400 |
/// | `msgtype` | required | `text`, `image`, `voice`, `mpnews`: the part of that name counts |
/// | `text` | `{"content"}` | at most 2,048 bytes |
/// | `image`, `voice`, `mpnews` | `{"media_id"}` | uploaded by the enterprise, as that; `mpnews`: as articles |
/// | `userinfo`, `clientMsgId` | | as [`super::send`] |
///
/// Answers `data.taskId`. It goes out as one mass message of WeChat's, once; how many people it reached is told by
/// [`super::task`] when WeChat has told us.
///
/// Source: the API's document.
async fn handle(context: &Context, store: &MassSendStore, request: Request) -> Result<Reply, ApiError> {
    let ecode = authenticate(&store.callers, &request).await?;
    let body = read::body(&request)?;
    let fields = Fields::of(&body);
    let channel_id = fields.channel()?;
    if let Some(filter) = fields.object("filter")?
        && filter.boolean("is_to_all")? == Some(false)
    {
        return Err(wrong("`filter.is_to_all` must be true: there is no other audience"));
    }
    let (said, sender) = (said(&fields)?, fields.sender()?);
    let repeat = fields.repeat("mass")?;
    admit(context, &ecode)?;
    if let Some(task) = accept::standing(context, &store.accepting, &store.noted, &ecode, repeat.as_ref()).await? {
        return Ok(accepted(&task));
    }
    let channel = channel(&store.callers, &ecode, &channel_id).await?;
    let what = match said {
        Said::Text(text) => ServiceMessage::Text(text),
        Said::Uploaded(kind, id) => uploaded(context, store, &ecode, kind, &id).await?,
    };
    let body = ServiceBody { what, sender, users: Vec::new(), unbound: Vec::new() };
    let everybody = Recipient { slot: 0, address: Address::Followers(Which::All), quota_uid: None };
    let begun = accept::begin(context, &store.accepting, &ecode, repeat).await?;
    if let Some(task) = &begun.standing {
        return Ok(accepted(task));
    }
    let acceptance = Acceptance { channel, mass: true, body, recipients: vec![everybody] };
    Ok(accepted(&accept::finish(context, &store.accepting, begun, acceptance).await?))
}

fn accepted(task: &Task) -> Reply {
    success(json!({ "taskId": task.id.to_string() }))
}

enum Said {
    Text(String),
    Uploaded(MediaKind, MediaId),
}

fn said(fields: &Fields<'_>) -> Result<Said, ApiError> {
    let name = fields.required("msgtype")?;
    let kind = match name.as_str() {
        "text" => None,
        "image" => Some(MediaKind::Image),
        "voice" => Some(MediaKind::Voice),
        "mpnews" => Some(MediaKind::News),
        _ => return Err(wrong("`msgtype` must be `text`, `image`, `voice` or `mpnews`")),
    };
    // The document's example of articles holds another part; it is the one of the name that counts.
    let part = fields.object(&name)?.ok_or_else(|| wrong(format!("`{name}` is required for this `msgtype`")))?;
    if let Some(kind) = kind {
        return Ok(Said::Uploaded(kind, part.media_id("media_id")?));
    }
    let content = part.required("content")?;
    if content.len() > MASS_TEXT_BYTES {
        let bytes = content.len();
        return Err(wrong(format!("`text.content` has {bytes} bytes, and at most {MASS_TEXT_BYTES} are taken")));
    }
    Ok(Said::Text(content))
}

async fn uploaded(
    context: &Context,
    store: &MassSendStore,
    ecode: &Ecode,
    kind: MediaKind,
    id: &MediaId,
) -> Result<ServiceMessage, ApiError> {
    if kind != MediaKind::News {
        let field = format!("{}.media_id", kind.as_str());
        return Ok(ServiceMessage::Media(store.shelf.take_as(context, ecode, id, kind, &field).await?));
    }
    let (media, articles) = store.shelf.articles(context, ecode, id, "mpnews.media_id").await?;
    for article in &articles {
        // Their thumbs must outlive the message.
        store.shelf.take_as(context, ecode, &article.thumb, MediaKind::Thumb, "mpnews.media_id").await?;
    }
    Ok(ServiceMessage::Mpnews(media, articles.into_iter().map(|article| article.link).collect()))
}
