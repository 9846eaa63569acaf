//! DELETE /api/fun/remove: end a follow.

use super::record::{DELETED, Parameters, no_such_record};
use super::sender::authenticate;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use store::apps::Senders;
use store::capabilities;
use store::following::Following;

capabilities! {
    /// What ending a follow needs.
    pub struct UserRemoveStore {
        senders: Senders,
        following: Following,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] =
    &[Route::new(Method::Delete, "/api/fun/remove"), Route::new(Method::Delete, "/api/fun/remove/")];

/// The function.
pub const FUNCTION: Function =
    http_function!("wxpusher-user-remove", Family::Wxpusher, ROUTES, UserRemoveStore, handle);

/// DELETE /api/fun/remove?appToken&id
///
/// Ends the follow with the record id `id`. The user may follow again at once, under a new id, unless they are blocked:
/// a block stays, and so does what is paid. Code 1000 with `data` a text; 1001 when the record is gone, never was, or is
/// another app's; 1005 when `id` is missing or no number. A JSON body with the same names is read when the query has
/// none of them.
async fn handle(context: &Context, store: &UserRemoveStore, request: Request) -> Result<Reply, ApiError> {
    let parameters = Parameters::read(&request)?;
    let (id, token) = (parameters.id()?, parameters.token()?);
    let app = authenticate(context, &store.senders, token).await?;
    let id = id.ok_or_else(no_such_record)?;
    match store.following.remove(app.id, id, context.clock.now()).await? {
        true => Ok(success(DELETED)),
        false => Err(no_such_record()),
    }
}
