//! Who is asking: what every call with an app token begins with.

use gateway::limiter::Caller;
use gateway::{ApiError, Context};
use model::app::App;
use model::secret::Secret;
use store::apps::Senders;

/// The app that `token` belongs to, within its rate of calls.
pub(super) async fn authenticate(context: &Context, senders: &Senders, token: Option<String>) -> Result<App, ApiError> {
    let token = token.filter(|token| !token.trim().is_empty());
    let token = token.ok_or_else(|| ApiError::refused("token_missing", "appToken不能为空"))?;
    let app = senders.by_token(&Secret::new(token)).await?;
    let app = app.ok_or_else(|| ApiError::refused("token_wrong", "appToken不正确"))?;
    let most = app.calls_per_10s.unwrap_or(context.config.calls_per_10s);
    match context.limiter.admit(Caller::App(app.id), most, context.clock.now()) {
        Ok(()) => Ok(app),
        Err(retry_after) => Err(ApiError::TooMany { retry_after }),
    }
}
