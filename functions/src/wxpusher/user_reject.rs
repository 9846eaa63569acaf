//! PUT /api/fun/reject: block a user, or lift the block.

use super::record::{DELETED, Parameters, no_such_record};
use super::sender::authenticate;
use gateway::envelope::wxpusher::success;
use gateway::function::Family;
use gateway::{ApiError, Context, Function, Method, Reply, Request, Route, http_function};
use store::apps::Senders;
use store::capabilities;
use store::following::Following;

capabilities! {
    /// What blocking needs.
    pub struct UserRejectStore {
        senders: Senders,
        following: Following,
    }
}

/// Where it is found.
pub const ROUTES: &[Route] = &[Route::new(Method::Put, "/api/fun/reject"), Route::new(Method::Put, "/api/fun/reject/")];

/// The function.
pub const FUNCTION: Function =
    http_function!("wxpusher-user-reject", Family::Wxpusher, ROUTES, UserRejectStore, handle);

/// PUT /api/fun/reject?appToken&id&reject
///
/// `reject` true blocks the user of the record: nothing reaches them through this follow, from the next page of a running
/// fan-out on, and they cannot follow anew. False lifts the block; they receive at once. Other follows of the user are
/// left alone. Twice is once. Code 1000 with `data` a text; 1001 when the record is gone, never was, or is another app's;
/// 1005 when `id` or `reject` is missing or cannot be read. A JSON body with the same names is read when the query has
/// none of them.
async fn handle(context: &Context, store: &UserRejectStore, request: Request) -> Result<Reply, ApiError> {
    let parameters = Parameters::read(&request)?;
    let (id, reject, token) = (parameters.id()?, parameters.reject()?, parameters.token()?);
    let app = authenticate(context, &store.senders, token).await?;
    let id = id.ok_or_else(no_such_record)?;
    match store.following.reject(app.id, id, reject, context.clock.now()).await? {
        true => Ok(success(DELETED)),
        false => Err(no_such_record()),
    }
}
