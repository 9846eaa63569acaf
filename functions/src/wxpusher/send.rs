//! POST /api/send/message: send to UIDs and topics.

use super::accept::{AcceptStore, accept};
use gateway::function::Family;
use gateway::{ApiError, Context, Fields, Function, Method, Reply, Request, Route, http_function};
use model::wxpusher::Submission;

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Post, "/api/send/message"), Route::new(Method::Post, "/api/send/message/")];

/// The function.
pub const FUNCTION: Function = http_function!("wxpusher-send", Family::Wxpusher, ROUTES, AcceptStore, handle);

/// POST /api/send/message
///
/// | field | | |
/// | --- | --- | --- |
/// | `appToken` | text, required | `AT_` and 32 letters or digits |
/// | `content` | text, required | 1 to 40,000 characters, not blank |
/// | `contentType` | 1, 2, 3 | text (default), HTML, Markdown |
/// | `summary` | text | at most 100 characters; default: the beginning of the content |
/// | `uids`, `topicIds` | arrays | at most 2,000 and 5, distinct; one of them must name somebody |
/// | `url` | text | the original article, at most 1,000 characters |
/// | `verifyPay`, `verifyPayType` | boolean; 0, 1, 2 | everyone, only paying, only not paying |
///
/// Code 1000 with one object per distinct target (`uid`, `topicId`, `messageId`, `messageContentId`, `sendRecordId`,
/// `code`, `status`), uids first; a target that gets nothing has code 1001 and says why. Code 1001 when a rule is
/// broken, 1005 when the request cannot be read: nothing is sent then. Two equal calls are two messages.
///
/// Source: the WxPusher documentation; leniency as its Java server has it.
async fn handle(context: &Context, store: &AcceptStore, request: Request) -> Result<Reply, ApiError> {
    let fields = request.json_object()?;
    let token = fields.text("appToken")?;
    let submission = read(&fields)?;
    accept(context, store, token, submission).await
}

fn read(fields: &Fields) -> Result<Submission, ApiError> {
    Ok(Submission {
        content: fields.text("content")?,
        content_type: fields.integer("contentType")?,
        summary: fields.text("summary")?,
        url: fields.text("url")?,
        uids: fields.texts("uids")?,
        topic_ids: fields.integers("topicIds")?,
        verify_pay: fields.boolean("verifyPay")?,
        verify_pay_type: fields.integer("verifyPayType")?,
    })
}
