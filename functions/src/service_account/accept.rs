//! Accepting what an enterprise says.

use crate::accepting::{self, AcceptStore, Begun};
use gateway::{ApiError, Context};
use model::audience::Recipient;
use model::channel::ChannelKind;
use model::ids::{Ecode, Owner};
use model::service::{ServiceBody, ServiceContent};
use model::task::{Content, Task};
use std::time::Duration;
use store::enterprises::ServiceChannel;
use store::objects::ObjectReader;
use store::repeats::RepeatReader;

/// The task that the same call made before.
pub(super) async fn standing(
    context: &Context,
    store: &AcceptStore,
    noted: &RepeatReader,
    ecode: &Ecode,
    repeat: Option<&(String, Duration)>,
) -> Result<Option<Task>, ApiError> {
    store.standing(context, noted, &Owner::Enterprise(ecode.clone()), repeat).await
}

/// Fixes what the call makes: nothing is refused any more.
pub(super) async fn begin(
    context: &Context,
    store: &AcceptStore,
    ecode: &Ecode,
    repeat: Option<(String, Duration)>,
) -> Result<Begun, ApiError> {
    store.begin(context, &Owner::Enterprise(ecode.clone()), repeat).await
}

/// What is to be accepted.
pub(super) struct Acceptance {
    pub(super) channel: ServiceChannel,
    pub(super) mass: bool,
    pub(super) body: ServiceBody,
    pub(super) recipients: Vec<Recipient>,
}

/// Writes the task.
pub(super) async fn finish(
    context: &Context,
    store: &AcceptStore,
    begun: Begun,
    Acceptance { channel, mass, body, recipients }: Acceptance,
) -> Result<Task, ApiError> {
    // Strings into a text: this cannot fail.
    let body = serde_json::to_string(&body).unwrap_or_default();
    let content = ServiceContent { channel: channel.id, mass, body: store.keep_body(&begun, body).await? };
    let leg = if mass { ChannelKind::WechatMass } else { ChannelKind::WechatCustom };
    let acceptance = accepting::Acceptance {
        family: "service",
        owner: Owner::Enterprise(channel.ecode),
        account: channel.account,
        legs: vec![leg],
        content: Content::Service(Box::new(content)),
        recipients,
    };
    store.finish(context, begun, acceptance).await
}

/// What a task says, and to whom; `None` when it is no enterprise's, or its text is gone.
pub(crate) async fn body_of(objects: &ObjectReader, task: &Task) -> Result<Option<ServiceBody>, store::StoreError> {
    let Content::Service(content) = &task.content else { return Ok(None) };
    let Some(body) = objects.body(content.body.clone()).await? else { return Ok(None) };
    let corrupt =
        |error: serde_json::Error| store::StoreError::Corrupt { what: "service body", why: error.to_string() };
    serde_json::from_str(&body).map(Some).map_err(corrupt)
}
