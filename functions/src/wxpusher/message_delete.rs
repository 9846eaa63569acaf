//! DELETE /api/send/message: delete the content of a message.

use super::sender::authenticate;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use model::ids::{MessageId, Owner};
use store::apps::Senders;
use store::capabilities;
use store::tasks::{ContentEraser, TaskReader};

capabilities! {
    /// What deleting needs.
    pub struct MessageDeleteStore {
        senders: Senders,
        tasks: TaskReader,
        eraser: ContentEraser,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Delete, "/api/send/message"), Route::new(Method::Delete, "/api/send/message/")];

/// The function.
pub const FUNCTION: Function =
    http_function!("wxpusher-message-delete", Family::Wxpusher, ROUTES, MessageDeleteStore, handle);

/// DELETE /api/send/message?messageContentId&appToken
///
/// `messageContentId` as a send answered it; the id of any target of that call does as well, because Java SDKs send that.
/// The page that the card opens is gone from then on. Cards that were delivered stay, and what is under way arrives. Code
/// 1000 with `data` true, also the second time; 1001 when the id is unknown, older than seven days or another app's;
/// 1005 when it is missing or no number.
async fn handle(context: &Context, store: &MessageDeleteStore, request: Request) -> Result<Reply, ApiError> {
    let query = request.query();
    let number = query.integer("messageContentId")?;
    let number = number.ok_or_else(|| ApiError::unreadable("缺少参数messageContentId"))?;
    let app = authenticate(context, &store.senders, query.get("appToken").map(str::to_owned)).await?;
    let unknown = || ApiError::refused("message_unknown", "消息不存在");
    let id = u64::try_from(number).ok().filter(|&number| number > 0).map(MessageId::new).ok_or_else(unknown)?;
    let task = store.tasks.of_any_id(id, context.clock.now()).await?.filter(|task| task.owner == Owner::App(app.id));
    let task = task.ok_or_else(unknown)?;
    if !task.is_erased() && !store.eraser.erase(&task).await? {
        return Err(unknown());
    }
    Ok(success(true))
}
