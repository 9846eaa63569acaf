//! What WeChat told us and `wechat-event` could not do in time.
//!
//! At least once. `wechat-event` puts every event on the queue before it is done, so nearly every copy that arrives here
//! finds its event done and costs one read. An event that is done twice changes nothing that stands: follows, scans and
//! callbacks carry the event's name. Order is not kept; what a person does later stands, since each change is made only
//! when nothing newer was.

use crate::wechat::inbound::{InboundStore, act};
use gateway::{Context, Function, Invocation, WorkerError, queue_function};
use store::inbound::InboundMessage;

/// The function.
pub const FUNCTION: Function = queue_function!("inbound", InboundStore, handle);

async fn handle(
    context: &Context,
    store: &InboundStore,
    _invocation: &Invocation,
    body: String,
) -> Result<(), WorkerError> {
    let message = serde_json::from_str(&body).map_err(|error| WorkerError::Unreadable(error.to_string()))?;
    let InboundMessage::InboundV1 { account, inbound } = message;
    // The person has been answered without us, or sees no answer: WeChat takes one only in its own call.
    act(context, store, &account, &inbound).await?;
    Ok(())
}
