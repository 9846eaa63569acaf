//! POST /api/v4/pushes/wechat: an article or a template message to many openids; GET …/{id}: what became of it.

pub(crate) mod outcome;
mod submission;

use super::accept::{AcceptStore, Acceptance, accept};
use gateway::envelope::push::Refusal;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use http::{HeaderName, StatusCode, header};
use model::ids::AccountId;
use model::limits::REQUEST_BODY_BYTES;
use model::secret::Secret;
use std::time::Duration;
use store::capabilities;
use store::objects::ObjectReader;
use store::push_keys::PushKeys;
use store::records::RecordReader;
use store::tasks::TaskReader;
use submission::Submission;

capabilities! {
    /// What pushing, and telling of it, takes.
    pub struct PushStore {
        keys: PushKeys,
        accepting: AcceptStore,
        tasks: TaskReader,
        objects: ObjectReader,
        records: RecordReader,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Post, "/api/v4/pushes/wechat"), Route::new(Method::Get, "/api/v4/pushes/wechat/{id}")];

/// The function.
pub const FUNCTION: Function = http_function!("wechat-push", Family::Push, ROUTES, PushStore, handle);

/// For how long a repeat with the same `Idempotency-Key` is the same push.
const REPEAT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Most characters of an `Idempotency-Key`.
const REPEAT_CHARS: usize = 64;

/// POST /api/v4/pushes/wechat, and GET /api/v4/pushes/wechat/{id}
///
/// The header `Authorization` holds the account's push key, with or without `Bearer` before it.
///
/// | field | | |
/// | --- | --- | --- |
/// | `openids` | array of text, or one text with commas; required | 1 to 10,000 distinct ones |
/// | `news_entity` | `{"title","description"?,"url","picurl"?}` | an article, tried first |
/// | `template_entity` | `{"template_id","data","url"?,"miniprogram"?}` | tried for whom the article cannot reach |
///
/// One of the two is required. 200 with an empty body, and `X-Push-Id` with the id to ask by; 401 for the key, 413 above
/// 1 MiB, 422 when a field is wrong, 503 when it could not be accepted: nothing is sent then. A repeat with the same
/// `Idempotency-Key` (at most 64 printable characters) within 24 hours is the same push.
///
/// For the answer to GET see [`outcome`].
async fn handle(context: &Context, store: &PushStore, request: Request) -> Result<Reply, ApiError> {
    let account = authenticate(store, &request).await?;
    if request.method == http::Method::GET {
        return outcome::tell(context, store, &account, &request).await;
    }
    if request.body.len() > REQUEST_BODY_BYTES {
        let message = format!("the body has more than {REQUEST_BODY_BYTES} bytes; send fewer openids at a time");
        return Err(Refusal::TooLarge.error(message));
    }
    let repeat = repeat_key(&request)?;
    let Submission { openids, content } = Submission::read(&request.body)?;
    let repeat = repeat.map(|key| (format!("push {key}"), REPEAT_LIFE));
    let id = accept(context, &store.accepting, Acceptance { account, content, openids, repeat }).await?;
    let reply = Reply::new(StatusCode::OK).header(HeaderName::from_static("x-push-id"), &id.to_string());
    Ok(reply.header(header::CONTENT_LENGTH, "0"))
}

/// The account that the key in the header speaks for.
async fn authenticate(store: &PushStore, request: &Request) -> Result<AccountId, ApiError> {
    let refused = |message: &str| Refusal::Key.error(message);
    let given = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.trim();
    let key = match given.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => given,
    };
    if key.is_empty() {
        return Err(refused("the header `Authorization` is missing; put your push key there"));
    }
    let account = store.keys.account(&Secret::new(key.to_owned())).await?;
    account.ok_or_else(|| refused("the push key in `Authorization` is unknown or was withdrawn"))
}

fn repeat_key(request: &Request) -> Result<Option<String>, ApiError> {
    let Some(value) = request.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=REPEAT_CHARS).contains(&key.len()));
    let key = key.filter(|key| key.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    let wrong = || {
        let message = format!("the header `Idempotency-Key` must have 1 to {REPEAT_CHARS} printable ASCII characters");
        Refusal::RepeatKey.error(message)
    };
    key.map(|key| Some(key.to_owned())).ok_or_else(wrong)
}
