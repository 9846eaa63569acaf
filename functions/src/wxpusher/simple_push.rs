//! POST /api/send/message/simple-push and GET /api/send/message/{spt}/{content}: send with a user's own token.

use super::accept::{AcceptStore, accept_simple};
use gateway::function::Family;
use gateway::{ApiError, Context, Fields, Function, Method, Reply, Request, Route, http_function};
use model::wxpusher::Submission;
use store::capabilities;
use store::people::PeopleReader;

capabilities! {
    /// What a simple push needs.
    pub struct SimplePushStore {
        accept: AcceptStore,
        people: PeopleReader,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[
    Route::new(Method::Post, "/api/send/message/simple-push"),
    Route::new(Method::Post, "/api/send/message/simple-push/"),
    Route::new(Method::Get, "/api/send/message/{spt}/{content+}"),
];

/// The function.
pub const FUNCTION: Function =
    http_function!("wxpusher-simple-push", Family::Wxpusher, ROUTES, SimplePushStore, handle);

/// POST /api/send/message/simple-push, GET /api/send/message/{spt}/{content}
///
/// | field | | |
/// | --- | --- | --- |
/// | `spt`, `sptList` | text, array | simple push tokens, at most 10 distinct; both given count together |
/// | `content`, `contentType`, `summary`, `url` | | as for POST /api/send/message |
///
/// No app token: whoever has a user's simple push token may send to that user. The GET sends the rest of its path as
/// text, slashes and all. Code 1000 with one object per distinct token, as POST /api/send/message answers, `uid` and
/// `topicId` null and the token in `spt`; a token that is nobody's has code 1001. The fields' first names,
/// `simplePushToken` and `simplePushTokenList`, are read as well.
///
/// Source: the WxPusher documentation of today; what names a target in the answer is a decision of ours.
async fn handle(context: &Context, store: &SimplePushStore, request: Request) -> Result<Reply, ApiError> {
    let (spts, submission) = if request.method == http::Method::GET {
        let content = request.path_parameter("content").to_owned();
        let spts = vec![request.path_parameter("spt").to_owned()];
        (spts, Submission { content: Some(content), ..Submission::default() })
    } else {
        let fields = request.json_object()?;
        (tokens(&fields)?, read(&fields)?)
    };
    accept_simple(context, &store.accept, &store.people, spts, submission).await
}

/// Every token that the call names, in order.
fn tokens(fields: &Fields) -> Result<Vec<String>, ApiError> {
    let mut spts = Vec::new();
    for name in ["spt", "simplePushToken"] {
        spts.extend(fields.text(name)?.filter(|spt| !spt.trim().is_empty()));
    }
    for name in ["sptList", "simplePushTokenList"] {
        spts.extend(fields.texts(name)?);
    }
    Ok(spts)
}

fn read(fields: &Fields) -> Result<Submission, ApiError> {
    Ok(Submission {
        content: fields.text("content")?,
        content_type: fields.integer("contentType")?,
        summary: fields.text("summary")?,
        url: fields.text("url")?,
        ..Submission::default()
    })
}
