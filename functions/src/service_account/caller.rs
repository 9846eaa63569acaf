//! Who is calling, and on which channel.

use gateway::envelope::service::Refusal;
use gateway::limiter;
use gateway::{ApiError, Context, Request};
use model::ids::{Ecode, ServiceChannelId};
use model::secret::Secret;
use store::enterprises::{FoundChannel, ServiceCallers, ServiceChannel};

/// The enterprise in the path, whose `access_token` it is. A token of another enterprise is as good as none.
pub(super) async fn authenticate(callers: &ServiceCallers, request: &Request) -> Result<Ecode, ApiError> {
    let named = request.path_parameter("ecode");
    let unknown = || Refusal::Enterprise.error(format!("there is no enterprise `{}`", shortened(named)));
    let ecode = Ecode::parse(named).ok_or_else(unknown)?;
    let query = request.query();
    let speaks_for = match query.get("access_token") {
        Some(token) => callers.by_token(&Secret::new(token.trim().to_owned())).await?,
        None => None,
    };
    if speaks_for.as_ref() == Some(&ecode) {
        return Ok(ecode);
    }
    if !callers.exists(&ecode).await? {
        return Err(unknown());
    }
    Err(match query.get("access_token") {
        None => Refusal::Token.error("`access_token` is missing from the query"),
        Some(_) => Refusal::Token.error("`access_token` is unknown, was withdrawn, or is not this enterprise's"),
    })
}

/// Counts a call of the enterprise in this instance: 429 when it is one too many.
pub(super) fn admit(context: &Context, ecode: &Ecode) -> Result<(), ApiError> {
    let (most, caller) = (context.config.calls_per_10s, limiter::Caller::Enterprise(ecode.clone()));
    let admitted = context.limiter.admit(caller, most, context.clock.now());
    admitted.map_err(|retry_after| ApiError::TooMany { retry_after })
}

/// The channel that the body names.
pub(super) async fn channel(
    callers: &ServiceCallers,
    ecode: &Ecode,
    id: &ServiceChannelId,
) -> Result<ServiceChannel, ApiError> {
    match callers.channel(ecode, id).await? {
        FoundChannel::Own(channel) => Ok(channel),
        FoundChannel::Anothers => Err(Refusal::OthersChannel.error("`channelId` is another enterprise's channel")),
        FoundChannel::Unknown => Err(Refusal::Channel.error("`channelId`: there is no such channel")),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
